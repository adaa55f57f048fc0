/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A clip on its way, and its fragments. Three threads work on it, one after the other; each group
 * below says whose it is. Letters hand it over (mailbox.h), which also orders the accesses.
 *
 *	main     begins the clip, gives the coder its frames, writes its fragments through the ring
 *	coder    encodes, seals, hashes: makes runs
 *	spooler  claims, folder, file, init, signatures, close: all that blocks
 */
#ifndef OWNFRAME_RECORD_CLIP_H
#define OWNFRAME_RECORD_CLIP_H

#include "clip_layout.h"
#include "content_key.h"
#include "frame.h"
#include "mailbox.h"
#include "manifest.h"
#include "ring.h"

#include <stdatomic.h>

/* What main's mailbox gets. */
enum main_letter {
	MAIN_FRAME, /* struct held: the coder has done with the frame */
	MAIN_RUN, /* struct run: a fragment to write */
	MAIN_CODED, /* struct clip, coder_letter: its last fragment has been posted */
	MAIN_CODER_GONE, /* the coder has ended */
	MAIN_OPENED, /* struct clip, letter: clip->error says how it went */
	MAIN_EXTENDED, /* the same: allocated has grown, or not */
	MAIN_CLOSED, /* the same: the spooler has done with it */
	MAIN_CLAIM_ENDED, /* the claim is no longer in force: end the open clip */
};

/* A captured frame that somebody holds: pre-roll or coder. One for each slot. */
struct held {
	struct letter letter;
	struct frame frame;
	struct clip *clip; /* that it belongs to */
	bool thumb; /* make the clip's thumbnail of it */
};

struct clip {
	/* Set by main at the beginning, then read by all. */
	struct content_key key;
	uint32_t width, height;
	struct h264_params params;
	uint32_t block, index_blocks;
	uint64_t preallocate; /* bytes to allocate at a time */
	bool drop_oldest; /* rather clips that were not sent than this one, when the disk is full */
	uint64_t first_us; /* CLOCK_MONOTONIC, of the first frame */
	int64_t start_us; /* UTC, of the same */
	bool clock_synced;
	atomic_bool abandoned; /* nothing more of it will be written: the coder need not work */

	/* Main's until it posts SPOOLER_CLOSE. */
	int64_t end_us; /* UTC, of the last frame */
	uint64_t dropped; /* frames of its time that are not in it */
	uint64_t unwritten; /* of them, those in fragments that were not even tried */
	uint64_t pre_roll; /* frames before the first that triggered it */
	bool moved, asked; /* what triggered it: motion, somebody outside */
	uint32_t zones; /* bits, see struct motion_result */
	uint32_t area_ppm; /* the largest */
	char zone_names[128];
	enum manifest_lost reason; /* why it is cut short or lost, if it is */
	struct clip_ref *refs; /* fragments given to the ring, in order */
	struct manifest_range *ranges; /* of each */
	uint8_t *n_samples; /* of each */
	size_t n_refs, max_refs;
	uint64_t tail; /* bytes, end of the last fragment */
	bool opened, extending, coded, closing;
	uint64_t closing_us; /* CLOCK_MONOTONIC, since when */
	struct run *waiting, **waiting_end; /* for the file to be opened or extended */
	uint32_t writing; /* runs in the ring */
	uint32_t broken; /* number of the first fragment that could not be written, or 0 */

	/* The coder's until MAIN_CODED. */
	struct letter coder_letter;
	uint8_t *jpeg; /* thumbnail */
	size_t jpeg_len;
	uint64_t coder_dropped;

	/* The spooler's, while it has the letter. */
	struct letter letter;
	int error; /* of what was asked, 0 or -errno */
	struct manifest_head head; /* seq 0: none was taken */
	int dir, fd; /* folder, locked; clip.mp4, O_DIRECT */
	uint64_t init_size, index_size; /* bytes; the first fragment comes after both */
	uint64_t allocated; /* bytes of the file on disk */
	struct manifest_range init_range;
	bool open_signed, close_asked, sealed, manifest_signed;
	struct manifest manifest; /* when sealed, but for prev */
	struct clip *next; /* of the clips that wait for signatures */
};

/* The memory of one fragment, and the fragment. */
struct run {
	struct letter letter;
	uint8_t *meta; /* where metadata ends is where payload begins */
	uint8_t *payload;
	size_t capacity; /* bytes of payload */
	int region; /* for ring_write() */

	struct clip *clip;
	struct clip_fragment frag; /* samples: the array below */
	size_t used; /* bytes of payload; with padding when it is posted */
	struct clip_sample samples[CLIP_FRAG_SAMPLES];
	struct cenc_subsample sub[CLIP_FRAG_SAMPLES][4]; /* as many as an encoder_sample has NALs */
	uint8_t sha256[32]; /* of the padded payload */

	/* The writer's. */
	struct clip_writer *writer;
	struct run *next; /* waiting */
	uint64_t off; /* bytes, of the metadata in the file */
	size_t meta_size;
	struct ring_op payload_op, sync_op, meta_op;
	unsigned int under_way; /* of the three */
	unsigned int tries;
	uint64_t submitted_us; /* CLOCK_MONOTONIC, the first time */
	int failed; /* first error */
};

#endif
