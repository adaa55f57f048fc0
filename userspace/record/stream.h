/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that depends on the camera's format, made and undone together: capture, encoder, arena, coder,
 * footage. Main thread only.
 */
#ifndef OWNFRAME_RECORD_STREAM_H
#define OWNFRAME_RECORD_STREAM_H

#include "capture.h"
#include "footage.h"

struct stream {
	struct capture capture;
	struct encoder *encoder;
	struct arena arena;
	struct coder coder;
	struct footage footage;
};

struct stream_setup {
	const struct config *cfg;
	struct ring *ring;
	struct mailbox *reply;
	struct spooler *spooler;
	struct status *status;
	struct trigger *trigger;
	uint32_t *clips; /* see struct footage */
	uint32_t block;
};

/*
 * Open the camera and stream. -EINVAL, -ENOMEM: the configuration does not fit this picture (logged);
 * else the camera is not there or does not work now, *@why says what.
 */
int stream_open(struct stream *s, const struct stream_setup *setup, const char **why);
/*
 * Open the camera, tell what the configuration needs with its picture, and let it go again. 0, also
 * when the camera is not there; -EINVAL or -ENOMEM (logged).
 */
int stream_check(const struct config *cfg, uint32_t block);
/* No more frames: the camera is let go, the clip ends, the coder finishes (MAIN_CODER_GONE). */
void stream_drain(struct stream *s);
/* After MAIN_CODER_GONE, when no run is with the writer. */
void stream_close(struct stream *s, struct ring *ring);

#endif
