/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A drawn scene before motion detection: a textured wall, noise, light, and a square that moves. */
#ifndef OWNFRAME_TEST_SCENE_FIXTURE_H
#define OWNFRAME_TEST_SCENE_FIXTURE_H

#include "record/motion.h"

#define SCENE_WIDTH  320
#define SCENE_HEIGHT 240
#define SCENE_FPS    15
#define SECOND	     1000000u

struct square {
	int x, y, size; /* pixels; size 0: none */
	double contrast; /* grey levels added to what is behind it */
};

struct scene {
	struct motion *motion;
	struct frame_format format;
	uint8_t *data;
	uint64_t random;
	unsigned int n; /* frames shown */

	double noise; /* standard deviation, grey levels */
	double gain, offset; /* of the light on the left half */
	double gain_right; /* on the right half */
	struct square square;
	bool bars; /* instead of the wall, like a test picture */
	int shift; /* of the bars, pixels */

	struct motion_result result; /* of the last frame */
	unsigned int moving; /* frames */
	unsigned int events; /* runs of moving frames */
	unsigned int last_moving; /* frame number */
	uint32_t zones; /* all that moved */
};

/* What most tests set motion to. */
extern const struct motion_config scene_config;

/* Begins with a wall, some noise, and nothing that moves. */
void scene_open(struct scene *s, const struct motion_config *cfg);
void scene_close(struct scene *s);
/* Feed one frame to motion; so many of them; so many, the square going on after each. */
void scene_show(struct scene *s);
void scene_still(struct scene *s, unsigned int n);
void scene_move(struct scene *s, unsigned int n, int dx, int dy);

#endif
