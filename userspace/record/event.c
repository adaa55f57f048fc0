// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When a clip begins and ends. Separate from the recorder so that every rule can be tested frame by
 * frame without a camera. All comparisons are of times between frames, never of frame counts: a
 * camera that drops frames or changes its rate changes nothing here.
 */
#include "event.h"

void event_init(struct event *e, const struct event_config *cfg)
{
	*e = (struct event) { .cfg = *cfg };
}

static uint64_t clip_begin(const struct event *e, uint64_t t_us)
{
	uint64_t first = t_us > e->cfg.pre_roll_us ? t_us - e->cfg.pre_roll_us : 0;

	if (e->has_last && first <= e->last_clip_us)
		first = e->last_clip_us + 1;
	return first;
}

static void clip_end(struct event *e)
{
	e->recording = false;
	e->has_last = true;
	e->last_clip_us = e->previous_us;
}

/* Triggered frames in a row are one event, however long the camera took between them. */
static bool is_new_event(const struct event *e, uint64_t t_us)
{
	return e->previous_us != e->last_motion_us &&
	       t_us - e->last_motion_us > e->cfg.merge_gap_us;
}

static enum event_step step_recording(struct event *e, uint64_t t_us, bool triggered)
{
	uint64_t post = e->cfg.post_roll_us, gap = e->cfg.merge_gap_us;

	if (!triggered && t_us - e->last_motion_us > (post > gap ? post : gap)) {
		clip_end(e);
		return EVENT_END;
	}
	if ((triggered && is_new_event(e, t_us)) || t_us - e->begin_us >= e->cfg.max_clip_us) {
		e->begin_us = t_us;
		return EVENT_SPLIT;
	}
	return EVENT_FRAME;
}

enum event_step event_step(struct event *e, uint64_t t_us, bool triggered, uint64_t *first_us)
{
	enum event_step step = EVENT_IDLE;

	if (e->recording) {
		step = step_recording(e, t_us, triggered);
	} else if (triggered) {
		e->recording = true;
		e->begin_us = clip_begin(e, t_us);
		*first_us = e->begin_us;
		step = EVENT_BEGIN;
	}
	if (triggered)
		e->last_motion_us = t_us;
	e->previous_us = t_us;
	return step;
}

bool event_stop(struct event *e)
{
	if (!e->recording)
		return false;
	clip_end(e);
	return true;
}
