/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may begin an event: motion, unless the recorder is disarmed, and whoever asks from outside.
 * It outlives the streams: a camera that comes back is as armed as it was. Main thread only.
 */
#ifndef OWNFRAME_RECORD_TRIGGER_H
#define OWNFRAME_RECORD_TRIGGER_H

#include "event.h"

struct trigger {
	bool disarmed;
	bool asked; /* by the next frame, however late it comes */
	uint64_t until_us; /* CLOCK_MONOTONIC: frames up to this time are asked for */
};

/* Somebody asks for an event now that lasts @duration_us; 0: one frame. Asking again only prolongs it. */
void trigger_ask(struct trigger *t, uint64_t now_us, uint64_t duration_us);
/* Nobody asks any more. */
void trigger_forget(struct trigger *t);
/* What the frame of @t_us is. */
enum event_trigger trigger_of_frame(struct trigger *t, uint64_t t_us, bool moving);

#endif
