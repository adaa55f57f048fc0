// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may begin an event. Separate from event.c, which asks only whether there is a trigger, and from
 * the control socket, which is one way to ask.
 * The one thing to know: what is asked for is asked for by at least one frame, also if the next one
 * was captured before the request was read.
 */
#include "trigger.h"

void trigger_ask(struct trigger *t, uint64_t now_us, uint64_t duration_us)
{
	uint64_t until = now_us + duration_us;

	t->asked = true;
	if (until > t->until_us)
		t->until_us = until;
}

void trigger_forget(struct trigger *t)
{
	t->asked = false;
	t->until_us = 0;
}

enum event_trigger trigger_of_frame(struct trigger *t, uint64_t t_us, bool moving)
{
	bool asked = t->asked || t_us <= t->until_us;

	t->asked = false;
	if (asked)
		return EVENT_ASKED;
	return moving && !t->disarmed ? EVENT_MOTION : EVENT_NOTHING;
}
