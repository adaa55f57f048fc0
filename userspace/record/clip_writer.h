/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fragments to disk, through the ring: payload, then fdatasync, then the metadata block, linked, so
 * that a fragment whose metadata is there is there whole (docs/clip-format.md, commit order).
 * Main thread only.
 */
#ifndef OWNFRAME_RECORD_CLIP_WRITER_H
#define OWNFRAME_RECORD_CLIP_WRITER_H

#include "clip.h"
#include "status.h"

struct clip_writer {
	struct ring *ring;
	struct mailbox *runs; /* the coder's, where a written run goes */
	const uint8_t *mac_key; /* spool key */
	struct status *status;
	uint32_t out; /* runs that are here: waiting or in the ring */
	/* The file needs clip->preallocate bytes more: MAIN_EXTENDED will come. */
	void (*extend)(struct clip_writer *w, struct clip *clip);
	/* Something of the clip ended; look whether it can be closed. */
	void (*progress)(struct clip_writer *w, struct clip *clip);
};

/* A coded fragment. It is written as soon as its clip is open and has room. */
void clip_writer_add(struct clip_writer *w, struct run *run);
/* The clip was opened or extended, clip->error says how it went: write what waits, or drop it. */
void clip_writer_resume(struct clip_writer *w, struct clip *clip);
/* Nothing of the clip waits or is in the ring. */
bool clip_writer_idle(const struct clip *clip);

#endif
