/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From frames to clips: motion looks at each frame, events decide, and the frame is held as pre-roll,
 * given to the coder, or let go. A frame is passed on as its slot, never copied. Main thread only.
 */
#ifndef OWNFRAME_RECORD_FOOTAGE_H
#define OWNFRAME_RECORD_FOOTAGE_H

#include "coder.h"
#include "config.h"
#include "spooler.h"
#include "status.h"
#include "trigger.h"

struct footage {
	/* Borrowed, and set by the caller before footage_init(). */
	const struct config *cfg;
	struct config_stream stream;
	struct arena *arena;
	struct coder *coder;
	struct spooler *spooler;
	struct status *status;
	struct trigger *trigger;
	struct h264_params params;
	bool converts; /* the encoder does */
	uint32_t *clips; /* begun and not yet closed by the spooler; counted up here */
	/* Its own. */
	struct motion_config motion_cfg; /* zones, by their bits */
	struct motion *motion;
	struct event event;
	enum event_trigger last_trigger; /* but nothing */
	struct held *held; /* by slot */
	struct held *oldest, *newest; /* pre-roll, linked by letter.next */
	struct clip *clip; /* that frames go to now, or NULL */
	int64_t utc_us; /* UTC minus CLOCK_MONOTONIC when the event began: its clips follow each other */
	bool moving;
	uint64_t begun_us; /* CLOCK_MONOTONIC, of footage_init() */
	uint64_t last_us; /* of the last frame, 0: none */
	uint64_t silence_us; /* longer without a frame is no stream */
	struct log_gate gate;
};

int footage_init(struct footage *f);
void footage_exit(struct footage *f);

/*
 * Go on by @cfg, which is config_same_stream(), from the next frame on; f->cfg will soon be it. An open
 * clip goes on. Other motion settings learn the background anew. -EINVAL: they cannot be used (logged),
 * and nothing has changed.
 */
int footage_configure(struct footage *f, const struct config *cfg);

/* A slot for the driver: a free one, or that of the oldest pre-roll frame; -1: all are at work. */
int footage_spare(struct footage *f);
/*
 * The next frame. @keep: its slot is given away; else the caller keeps the slot and the frame is only
 * looked at, and lost if it belongs to a clip.
 */
void footage_frame(struct footage *f, const struct frame *frame, bool keep);
/* Frames that never came, or came broken. */
void footage_missed(struct footage *f, uint32_t n, enum status_drop where);
/* The coder has done with a frame. */
void footage_return(struct footage *f, struct held *h);
/* End the open clip, if there is one, and forget the pre-roll: the stream pauses or ends. */
void footage_stop(struct footage *f);
/* True if no frame has come for so long that none will. */
bool footage_is_silent(const struct footage *f, uint64_t now_us);

#endif
