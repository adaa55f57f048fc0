// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Draws scenes, the same ones at every run.
 *
 * Apart from the tests of motion, which all look at one. The one thing to know: the wall has
 * stripes and goes from dark to bright, so that a change of light moves its pixels by different
 * amounts.
 */
#include "scene_fixture.h"

#include <linux/videodev2.h>
#include <math.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

const struct motion_config scene_config = {
	.min_area_permille = 5, .sensitivity = 5, .min_duration_us = 200000, .learn_us = 2 * SECOND
};

static uint32_t scene_random(struct scene *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random >> 32;
}

/* Close to a normal distribution of deviation 1: the sum of four even ones. */
static double scene_noise(struct scene *s)
{
	uint32_t a = scene_random(s), b = scene_random(s);

	return ((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16) - 131070.0) / 37837.0;
}

/* A wall with stripes, from dark to bright. */
static double scene_wall(int x, int y)
{
	return 50 + x * 100.0 / SCENE_WIDTH + ((x / 24 + y / 40) % 2 ? 25 : 0);
}

/* Eight even bars, whose levels are few and far apart. */
static double scene_bars(int x)
{
	static const double levels[] = { 180, 162, 131, 112, 84, 65, 35, 16 };

	return levels[x % SCENE_WIDTH * 8 / SCENE_WIDTH];
}

static double scene_background(const struct scene *s, int x, int y)
{
	return s->bars ? scene_bars(x + s->shift) : scene_wall(x, y);
}

static void scene_draw(struct scene *s)
{
	for (int y = 0; y < SCENE_HEIGHT; y++)
		for (int x = 0; x < SCENE_WIDTH; x++) {
			bool in = x >= s->square.x && x < s->square.x + s->square.size &&
				  y >= s->square.y && y < s->square.y + s->square.size;
			double v = scene_background(s, x, y) + (in ? s->square.contrast : 0);

			v = v * (x < SCENE_WIDTH / 2 ? s->gain : s->gain_right) + s->offset +
			    s->noise * scene_noise(s);
			s->data[y * SCENE_WIDTH + x] = v < 0 ? 0 : v > 255 ? 255 : lrint(v);
		}
}

void scene_show(struct scene *s)
{
	const struct frame frame = { .data = s->data,
				     .timestamp_us =
					     77000000 + (uint64_t)s->n * SECOND / SCENE_FPS };
	bool before = s->result.moving;

	scene_draw(s);
	motion_feed(s->motion, &frame, &s->result);
	s->n++;
	s->zones |= s->result.zones;
	if (!s->result.moving)
		return;
	s->moving++;
	s->events += !before;
	s->last_moving = s->n;
}

void scene_still(struct scene *s, unsigned int n)
{
	while (n--)
		scene_show(s);
}

void scene_move(struct scene *s, unsigned int n, int dx, int dy)
{
	while (n--) {
		scene_show(s);
		s->square.x += dx;
		s->square.y += dy;
	}
}

void scene_open(struct scene *s, const struct motion_config *cfg)
{
	*s = (struct scene) {
		.random = 88172645463325252u, .noise = 2, .gain = 1, .gain_right = 1
	};
	assert_int_equal(frame_format_init(&s->format, V4L2_PIX_FMT_NV12, SCENE_WIDTH, SCENE_HEIGHT,
					   SCENE_WIDTH, SCENE_WIDTH * SCENE_HEIGHT * 3 / 2),
			 0);
	s->data = calloc(1, s->format.size);
	s->motion = motion_new(&s->format, cfg);
	assert_non_null(s->motion);
}

void scene_close(struct scene *s)
{
	motion_free(s->motion);
	free(s->data);
}
