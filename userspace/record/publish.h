/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small file for others to read, replaced by rename, so that nobody ever reads half of it. Written
 * through the ring: a file system that hangs delays the next figures, and nothing else. Not durable:
 * it is for the living. Main thread only.
 */
#ifndef OWNFRAME_RECORD_PUBLISH_H
#define OWNFRAME_RECORD_PUBLISH_H

#include "log.h"
#include "ring.h"

struct publish {
	struct ring *ring;
	const char *path; /* borrowed while it is being written */
	/* Its own. */
	struct ring_op op;
	enum publish_step {
		PUBLISH_IDLE,
		PUBLISH_OPENING,
		PUBLISH_WRITING,
		PUBLISH_CLOSING,
		PUBLISH_RENAMING
	} step;
	char path_now[4096], path_new[4096 + 8];
	char text[16384];
	size_t len;
	int fd;
	int error; /* of the file now being written */
	struct log_gate gate;
};

/* Begin to write @text. False: the last one is still being written, this one is not. */
bool publish(struct publish *p, const char *text);
static inline bool publish_is_idle(const struct publish *p)
{
	return p->step == PUBLISH_IDLE;
}

#endif
