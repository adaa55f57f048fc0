// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations on controls, events and priority: what a handle has beside its buffers.
 *
 * The one thing to know: a high priority keeps the process's other handles from doing much, so it
 * is asked for seldom.
 */
#include "calls.h"

static uint32_t control_id(struct call *call)
{
	if (one_in(call, 8))
		return V4L2_CID_BRIGHTNESS;
	return call->role == FEED ? OWNFRAME_CID_CONSUMERS
				  : OWNFRAME_CID_DELIVERED + below(call, 2);
}

static void fill_queryctrl(struct call *call)
{
	static const uint32_t flags[] = { 0, V4L2_CTRL_FLAG_NEXT_CTRL,
					  V4L2_CTRL_FLAG_NEXT_COMPOUND };

	call->argument.queryctrl.id = one_in(call, 2) ? control_id(call) : flags[below(call, 3)];
}

static void fill_querymenu(struct call *call)
{
	call->argument.querymenu.id = control_id(call);
}

static void fill_control(struct call *call)
{
	call->argument.control.id = control_id(call);
	call->argument.control.value = below(call, 4);
}

static void fill_controls(struct call *call)
{
	struct v4l2_ext_controls *controls = &call->argument.controls;

	controls->which =
		one_in(call, 2) ? V4L2_CTRL_WHICH_CUR_VAL : V4L2_CTRL_ID2WHICH(OWNFRAME_CID_BASE);
	controls->count = 1 + below(call, 2);
	controls->controls = call->controls;
	for (unsigned int i = 0; i < 2; i++)
		call->controls[i].id = control_id(call);
}

static void fill_subscription(struct call *call)
{
	static const uint32_t types[] = { V4L2_EVENT_CTRL, V4L2_EVENT_SOURCE_CHANGE, V4L2_EVENT_EOS,
					  V4L2_EVENT_ALL };
	struct v4l2_event_subscription *subscription = &call->argument.subscription;

	subscription->type = types[one_in(call, 8) ? 2 + below(call, 2) : below(call, 2)];
	if (subscription->type == V4L2_EVENT_CTRL)
		subscription->id = control_id(call);
	subscription->flags = below(call, 4);
}

static void fill_priority(struct call *call)
{
	/* A high one keeps the process's other handles from doing much. */
	call->argument.word = one_in(call, 6) ? V4L2_PRIORITY_BACKGROUND + below(call, 3)
					      : V4L2_PRIORITY_INTERACTIVE;
}

#define CONTROLS_POINTER WORD(struct v4l2_ext_controls, controls), 2

const struct description control_calls[OPERATIONS_NUMBER] = {
	IOCTL(QUERYCTRL, fill_queryctrl, NULL, 0),
	IOCTL(QUERY_EXT_CTRL, fill_queryctrl, NULL, 0),
	IOCTL(QUERYMENU, fill_querymenu, NULL, 0),
	IOCTL(G_CTRL, fill_control, NULL, OPEN_TO_ALL),
	IOCTL(S_CTRL, fill_control, NULL, 0),
	KEEP(G_EXT_CTRLS, fill_controls, NULL, OPEN_TO_ALL, CONTROLS_POINTER),
	KEEP(S_EXT_CTRLS, fill_controls, NULL, 0, CONTROLS_POINTER),
	KEEP(TRY_EXT_CTRLS, fill_controls, NULL, OPEN_TO_ALL, CONTROLS_POINTER),
	IOCTL(G_PRIORITY, NULL, NULL, OPEN_TO_ALL),
	IOCTL(S_PRIORITY, fill_priority, NULL, 0),
	IOCTL(SUBSCRIBE_EVENT, fill_subscription, NULL, 0),
	IOCTL(UNSUBSCRIBE_EVENT, fill_subscription, NULL, 0),
	IOCTL(DQEVENT, NULL, NULL, SLEEPS),
	IOCTL(LOG_STATUS, NULL, NULL, 0),
};
