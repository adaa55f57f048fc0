/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be asked of a running recorder, and what stays of it. Main thread only.
 *
 *	arm, disarm	may motion begin events?
 *	record [TIME]	an event from now on for TIME (one frame, if there is none), armed or not
 *	pause, resume	no streaming at all: the open clip ends, the camera is let go
 *	status		figures, "name value" a line
 *	metrics		the same for Prometheus
 *
 * "disarmed" and "paused" stay in a file, so that a recorder that crashes, is killed or is updated
 * does not look again at what somebody wanted it not to see.
 */
#ifndef OWNFRAME_RECORD_ORDERS_H
#define OWNFRAME_RECORD_ORDERS_H

#include "control.h"
#include "trigger.h"

struct orders {
	struct trigger trigger;
	bool paused;
	char *state_path;
	char why[128]; /* of the last refusal */
	/* The caller's. */
	void (*pause)(struct orders *o, bool paused); /* when it returns the camera is let go */
	const char *(*no_frames)(struct orders *o); /* why none come, or NULL */
	void (*status)(struct orders *o, struct control_reply *reply);
	void (*metrics)(struct orders *o, struct control_reply *reply);
};

/*
 * As it was left: @state_path is read. What cannot be understood is taken for "paused", and so is a
 * file that cannot be read (logged). 0 or -ENOMEM.
 */
int orders_init(struct orders *o, const char *state_path);
void orders_exit(struct orders *o);
/* As struct control's answer(). */
const char *orders_answer(struct orders *o, const char *line, const struct ucred *peer,
			  struct control_reply *reply);

#endif
