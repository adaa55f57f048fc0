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

void event_configure(struct event *e, const struct event_config *cfg)
{
	e->cfg = *cfg;
}

static void clip_begin(struct event *e, uint64_t begin_us)
{
	e->recording = true;
	e->begin_us = begin_us;
	e->limit_us = e->cfg.max_clip_us;
}

static uint64_t pre_roll_begin(const struct event *e, uint64_t t_us)
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
	return !e->has_trigger || (e->previous_us != e->last_trigger_us &&
				   t_us - e->last_trigger_us > e->cfg.merge_gap_us);
}

static bool is_cooling(const struct event *e, uint64_t t_us)
{
	return e->has_trigger && is_new_event(e, t_us) &&
	       t_us - e->last_trigger_us <= e->cfg.cool_down_us;
}

static enum event_step step_recording(struct event *e, uint64_t t_us, bool triggered)
{
	uint64_t post = e->cfg.post_roll_us, gap = e->cfg.merge_gap_us;

	if (!triggered && t_us - e->last_trigger_us > (post > gap ? post : gap)) {
		clip_end(e);
		return EVENT_END;
	}
	if ((triggered && is_new_event(e, t_us)) || t_us - e->begin_us >= e->limit_us) {
		clip_begin(e, t_us);
		return EVENT_SPLIT;
	}
	return EVENT_FRAME;
}

enum event_step event_step(struct event *e, uint64_t t_us, enum event_trigger trigger,
			   uint64_t *first_us)
{
	bool triggered =
		trigger == EVENT_ASKED || (trigger == EVENT_MOTION && !is_cooling(e, t_us));
	enum event_step step = EVENT_IDLE;

	if (e->recording) {
		step = step_recording(e, t_us, triggered);
	} else if (triggered) {
		clip_begin(e, pre_roll_begin(e, t_us));
		*first_us = e->begin_us;
		step = EVENT_BEGIN;
	}
	if (triggered) {
		e->has_trigger = true;
		e->last_trigger_us = t_us;
	}
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
