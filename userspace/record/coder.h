/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The coder: a thread that turns the frames of events into sealed fragments. It encodes into a run,
 * encrypts each sample there, and hashes it while it is still in the cache. That it seals too, and
 * not main, keeps every payload byte out of the thread that must answer the camera; it costs this one
 * a hundredth of what encoding does.
 */
#ifndef OWNFRAME_RECORD_CODER_H
#define OWNFRAME_RECORD_CODER_H

#include "arena.h"
#include "clip.h"
#include "encoder.h"

struct coder {
	pthread_t thread;
	struct mailbox jobs; /* frames, ends of clips, quit */
	struct mailbox runs; /* free ones; whoever has written a run posts it here */
	struct mailbox *reply; /* main's */
	struct letter quit;
	struct frame_format format;
	struct encoder *encoder;
	uint32_t block;
	uint32_t frame_ticks; /* nominal duration of a frame */
	struct run *memory; /* all runs */
	/* The thread's own. */
	struct clip *clip; /* being coded */
	struct cenc *cipher;
	EVP_MD_CTX *hash;
	struct run *run; /* being filled, or NULL */
	uint64_t sample; /* number of the next, from 1 */
	uint32_t fragment; /* number of the next, from 1 */
	uint64_t last_ticks; /* of the sample before, from the clip's first */
	uint32_t last_duration; /* of the last complete sample */
};

/* @encoder is borrowed. Starts the thread. 0 or -errno. */
int coder_start(struct coder *c, struct arena *arena, struct encoder *encoder,
		const struct frame_format *format, uint32_t fps_num, uint32_t fps_den,
		uint32_t block, struct mailbox *reply);
/* After MAIN_CODER_GONE, when all runs are home. */
void coder_exit(struct coder *c);

/* Encode @h, whose clip is set; it comes back as MAIN_FRAME. Frames of a clip come in order. */
void coder_frame(struct coder *c, struct held *h);
/* The clip's last frame has been given; MAIN_CODED follows its last MAIN_RUN. */
void coder_end(struct coder *c, struct clip *clip);
/* Finish what was given, then MAIN_CODER_GONE. */
void coder_quit(struct coder *c);

#endif
