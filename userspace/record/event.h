/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a clip begins and ends: pre-roll, post-roll, merging of close events, splitting of long
 * ones. Pure logic over frame times, exact to the frame; no I/O, no memory.
 *
 * An event is a run of triggered frames; another one that begins within merge_gap_us of its last
 * triggered frame is the same event. Its clip holds the frames from pre_roll_us before its first
 * triggered frame to post_roll_us after its last one, both ends included, the post-roll extended to
 * merge_gap_us where that is longer.
 *
 * A frame belongs to one clip at most: pre-roll never reaches into the clip before. A new event that
 * begins inside the post-roll, but later than merge_gap_us, cuts that post-roll short: EVENT_SPLIT.
 *
 * For cool_down_us after an event's last triggered frame motion begins no other event, inside the
 * post-roll or after it; what goes on longer than that begins one then. Who asks from outside is not
 * made to wait.
 */
#ifndef OWNFRAME_EVENT_H
#define OWNFRAME_EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct event_config {
	uint64_t pre_roll_us; /* of frames before the first moving one */
	uint64_t post_roll_us; /* after the last moving one */
	uint64_t merge_gap_us; /* motion again this soon after the last is the same event */
	uint64_t max_clip_us; /* longer clips are split, without a gap; more than pre_roll_us */
	uint64_t cool_down_us; /* no more than merge_gap_us: none */
};

enum event_trigger {
	EVENT_NOTHING,
	EVENT_MOTION,
	EVENT_ASKED /* from outside */
};

enum event_step {
	EVENT_IDLE, /* the frame is pre-roll, perhaps */
	EVENT_BEGIN, /* a clip begins: pre-roll frames with timestamp >= first_us, then this one */
	EVENT_FRAME, /* the frame belongs to the current clip */
	EVENT_SPLIT, /* the clip so far ends before this frame, which begins the next */
	EVENT_END, /* the clip ended before this frame, which is idle again */
};

struct event {
	struct event_config cfg;
	bool recording;
	bool has_last; /* a clip ended before: its last frame */
	uint64_t last_clip_us; /* timestamp of the last frame of the clip before */
	uint64_t begin_us; /* where the current clip begins, pre-roll included */
	uint64_t limit_us; /* max_clip_us when it began */
	bool has_trigger;
	uint64_t last_trigger_us; /* last frame with a trigger that counted */
	uint64_t previous_us; /* frame before this */
};

void event_init(struct event *e, const struct event_config *cfg);
/*
 * Other settings from the next frame on; an open clip goes on by them, but for max_clip_us, which it
 * keeps: its index was made for that.
 */
void event_configure(struct event *e, const struct event_config *cfg);
/*
 * One frame at @t_us (CLOCK_MONOTONIC; increasing). On EVENT_BEGIN, *@first_us is the timestamp from
 * which pre-roll frames belong to the clip.
 */
enum event_step event_step(struct event *e, uint64_t t_us, enum event_trigger trigger,
			   uint64_t *first_us);
/* The stream ends or the clip was given up: true if a clip was open. */
bool event_stop(struct event *e);

#endif
