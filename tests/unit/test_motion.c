// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, what moves is not recorded.
 */
#include "scene_fixture.h"

#include "scope.h"

#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* A square of low contrast walks through the picture. */
static void walk(double contrast, double noise, int size, int speed)
{
	unsigned int at, frames = 240 / speed;
	struct scene s;

	scene_open(&s, &scene_config);
	s.noise = noise;
	scene_still(&s, 5 * SCENE_FPS);
	at = s.n;
	s.square = (struct square) { 20, 100, size, contrast };
	scene_move(&s, frames, speed, 0);
	assert_int_equal(s.events, 1);
	/* begins after min_duration, the square standing there at once */
	assert_true(s.n - s.moving <= at + SCENE_FPS / 2);
	assert_true(s.result.moving);
	s.square.size = 0;
	scene_still(&s, 5 * SCENE_FPS);
	assert_int_equal(s.events, 1);
	assert_true(s.last_moving <= at + frames + 2 * SCENE_FPS);
	scene_close(&s);
}

static void test_moving_square(void **state)
{
	(void)state;
	walk(60, 2, 32, 4);
	walk(-60, 2, 32, 4);
	walk(6, 3, 40, 4);
	walk(-6, 3, 40, 4);
	walk(8, 5, 48, 6);
	walk(10, 2, 40, 1);
	walk(40, 2, 40, 16);
	walk(8, 3, 80, 4);
}

/* The area is that of the square, give or take the blocks at its edge and those it has just left. */
static void test_area(void **state)
{
	struct scene s;
	uint32_t blocks;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 5 * SCENE_FPS);
	s.square = (struct square) { 20, 100, 64, 30 };
	scene_move(&s, 20, 8, 0);
	blocks = (uint64_t)s.result.area_ppm * (SCENE_WIDTH / 8) * (SCENE_HEIGHT / 8) / 1000000;
	assert_in_range(blocks, 64, 81);
	scene_close(&s);
}

/* Also while the light changes. */
static void test_moving_square_in_a_ramp(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 5 * SCENE_FPS);
	s.square = (struct square) { 20, 100, 40, 12 };
	for (int i = 0; i < 4 * SCENE_FPS; i++) {
		s.offset += 20.0 / (4 * SCENE_FPS);
		scene_move(&s, 1, 4, 0);
	}
	assert_int_equal(s.events, 1);
	assert_true(s.moving > 3 * SCENE_FPS);
	scene_close(&s);
}

/* And after the lamp was switched. */
static void test_moving_square_after_a_switch(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 5 * SCENE_FPS);
	s.gain = 0.5;
	s.gain_right = 0.4;
	scene_still(&s, 3 * SCENE_FPS);
	s.moving = 0;
	s.square = (struct square) { 20, 100, 40, 30 };
	scene_move(&s, 3 * SCENE_FPS, 4, 0);
	assert_true(s.moving > 2 * SCENE_FPS);
	scene_close(&s);
}

/* A street where something moves all the time does not make the detector deaf. */
static void test_long_motion(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 4 * SCENE_FPS);
	s.square = (struct square) { 40, 96, 48, 60 };
	for (int i = 0; i < 12; i++) {
		scene_move(&s, SCENE_FPS, 10, 0);
		scene_move(&s, SCENE_FPS, -10, 0);
	}
	assert_int_equal(s.events, 1);
	s.square.size = 0;
	scene_still(&s, 3 * SCENE_FPS);
	assert_false(s.result.moving);
	s.moving = 0;
	s.square = (struct square) { 40, 96, 48, 12 };
	scene_move(&s, 2 * SCENE_FPS, 5, 0);
	assert_true(s.moving > SCENE_FPS);
	scene_close(&s);
}

/* What was put down is motion for a moment; taking it away hours later is motion again. */
static void test_put_down_and_taken_away(void **state)
{
	unsigned int at;
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 5 * SCENE_FPS);
	at = s.n;
	s.square = (struct square) { 96, 96, 64, 50 };
	scene_still(&s, 60 * SCENE_FPS);
	assert_int_equal(s.events, 1);
	assert_true(s.last_moving <= at + 2 * SCENE_FPS);
	at = s.n;
	s.square.size = 0;
	scene_still(&s, 60 * SCENE_FPS);
	assert_int_equal(s.events, 2);
	assert_true(s.last_moving > at);
	assert_true(s.last_moving <= at + 2 * SCENE_FPS);
	scene_close(&s);
}

/*
 * Pedestrians before a fixed camera, from Debian's opencv-doc, if that is installed: somebody
 * always walks, so it is one event from the end of learning to the last frame.
 */
#define FOOTAGE "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

static void test_footage(void **state)
{
	struct frame_format f;
	struct motion *m;
	struct motion_result result;
	SCOPE_FREE uint8_t *data = NULL;
	unsigned int n = 0, moving = 0, events = 0;
	bool before = false;
	FILE *file;

	(void)state;
	if (access(FOOTAGE, R_OK))
		skip();
	file = popen("ffmpeg -v error -i " FOOTAGE " -f rawvideo -pix_fmt yuv420p -", "r");
	assert_non_null(file);
	frame_format_init(&f, V4L2_PIX_FMT_YUV420, 768, 576, 768, 768 * 576 * 3 / 2);
	data = malloc(f.size);
	m = motion_new(&f, &scene_config);
	for (; fread(data, f.size, 1, file); n++) {
		const struct frame frame = { .data = data, .timestamp_us = (1 + n) * 100000ull };

		motion_feed(m, &frame, &result);
		moving += result.moving;
		events += result.moving && !before;
		before = result.moving;
	}
	assert_int_equal(pclose(file), 0);
	assert_int_equal(n, 795);
	assert_int_equal(events, 1);
	assert_true(moving > 760);
	motion_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moving_square),
		cmocka_unit_test(test_area),
		cmocka_unit_test(test_moving_square_in_a_ramp),
		cmocka_unit_test(test_moving_square_after_a_switch),
		cmocka_unit_test(test_long_motion),
		cmocka_unit_test(test_put_down_and_taken_away),
		cmocka_unit_test(test_footage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
