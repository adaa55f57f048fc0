/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main thread's desk: letters from coder and spooler come in, and each moves its clip one step
 * on: opened, fragments written, closed, gone. Main thread only, but for posting into the box.
 */
#ifndef OWNFRAME_RECORD_DESK_H
#define OWNFRAME_RECORD_DESK_H

#include "clip_writer.h"
#include "footage.h"

struct desk {
	struct mailbox box;
	struct clip_writer writer;
	struct spooler *spooler;
	struct status *status;
	struct footage *footage; /* of the stream that there is */
	uint32_t clips; /* begun and not yet closed by the spooler */
	int open_error; /* of the clip begun last: 0 or -errno, see spooler_open() */
	bool coder_gone;
	uint64_t letters; /* read so far */
};

/* @ring, @mac_key (the spool key) and the others are borrowed. 0 or -errno. */
int desk_init(struct desk *d, struct ring *ring, const uint8_t *mac_key, struct spooler *spooler,
	      struct status *status);
void desk_exit(struct desk *d);

/* A stream began: its frames and runs are what comes back from now on. */
void desk_stream(struct desk *d, struct footage *footage, struct coder *coder);
/* Coder and ring have given back all that they had of the stream's arena. */
bool desk_is_clear(const struct desk *d);
/* Read all letters that are there. */
void desk_read(struct desk *d);

#endif
