/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Motion on luma: means of 8x8 blocks against a background model with mean and deviation per block
 * at two speeds, after compensation of global light changes. Integer arithmetic only, so that every
 * processor comes to the same result bit for bit. No allocation per frame; reads each luma byte once.
 *
 * A block moves when its mean has left the background by more than the block's own noise explains,
 * and has not come to rest at another level since (1.5 s): what was put down or switched on is motion
 * for that long, and no longer. A single moving block without a moving neighbour is noise.
 */
#ifndef OWNFRAME_MOTION_H
#define OWNFRAME_MOTION_H

#include "frame.h"

#define MOTION_ZONES_MAX 16

struct motion_zone {
	char name[32];
	bool exclude;
	uint32_t left, top, width, height; /* thousandths of the picture */
};

struct motion_config {
	uint64_t
		min_area_permille; /* moving share of the watched area, hysteresis: half of it ends */
	uint64_t sensitivity; /* 1 (dull) .. 10 (sharp): how many deviations a block must leave */
	uint64_t min_duration_us; /* moving for this long before it counts */
	uint64_t learn_us; /* after start: the background is learned, nothing is reported */
	struct motion_zone zones[MOTION_ZONES_MAX];
	size_t n_zones; /* no include zone: the whole picture, less the excluded */
};

struct motion_result {
	bool moving;
	uint32_t area_ppm; /* of the watched area, millionths */
	uint32_t zones; /* bit i: something moves in zones[i], an include zone */
};

struct motion;

/*
 * Parse "name:left,top,width,height;!name:..." in percent with at most one decimal ("!" excludes)
 * into @cfg; "" is no zone. A name is 1 to 31 of A-Z a-z 0-9 _ -. NULL or a reason.
 */
const char *motion_zones_parse(struct motion_config *cfg, const char *text);

/* NULL, logged: no memory, sensitivity out of range, or the zones leave nothing to watch. */
struct motion *motion_new(const struct frame_format *format, const struct motion_config *cfg);
void motion_free(struct motion *m);
/* Look at one frame. Frames come in order; a gap in time is allowed. */
void motion_feed(struct motion *m, const struct frame *frame, struct motion_result *result);
/* Forget the background and learn anew: after a pause or a change of scene. */
void motion_reset(struct motion *m);

#endif
