// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, somebody who sets what motion is, and where, gets clips of the street all the
 * same, or none of the door.
 */
#include "scene_fixture.h"

#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static unsigned int moving_frames(const struct motion_config *cfg, struct square square)
{
	unsigned int moving;
	struct scene s;

	scene_open(&s, cfg);
	scene_still(&s, 4 * SCENE_FPS);
	s.square = square;
	scene_move(&s, 3 * SCENE_FPS, 3, 0);
	moving = s.moving;
	scene_close(&s);
	return moving;
}

static void test_min_area(void **state)
{
	/* 16 blocks of 1200 are 13 thousandths; while it moves, up to twice as many */
	const struct square square = { 32, 96, 32, 30 };
	struct motion_config cfg = scene_config;

	(void)state;
	cfg.min_area_permille = 8;
	assert_true(moving_frames(&cfg, square) > 2 * SCENE_FPS);
	cfg.min_area_permille = 40;
	assert_int_equal(moving_frames(&cfg, square), 0);
}

static void test_sensitivity(void **state)
{
	const struct square square = { 32, 96, 48, 4 };
	struct motion_config cfg = scene_config;

	(void)state;
	cfg.sensitivity = 1;
	assert_int_equal(moving_frames(&cfg, square), 0);
	cfg.sensitivity = 10;
	assert_true(moving_frames(&cfg, square) > 2 * SCENE_FPS);
}

static void test_min_duration(void **state)
{
	const struct square square = { 32, 96, 48, 40 };
	struct motion_config cfg = scene_config;
	unsigned int at_once, late;

	(void)state;
	cfg.min_duration_us = 0;
	at_once = moving_frames(&cfg, square);
	cfg.min_duration_us = 2 * SECOND;
	late = moving_frames(&cfg, square);
	assert_int_equal(at_once, 3 * SCENE_FPS);
	assert_int_equal(late, SCENE_FPS);
}

/* Half of min_area is enough to go on, and not enough to begin. */
static void test_hysteresis(void **state)
{
	struct motion_config cfg = scene_config;
	struct scene s;

	(void)state;
	cfg.min_area_permille = 24;
	cfg.min_duration_us = 0;
	scene_open(&s, &cfg);
	scene_still(&s, 4 * SCENE_FPS);
	s.square = (struct square) { 0, 96, 32, 40 };
	scene_move(&s, SCENE_FPS, 8, 0);
	assert_int_equal(s.moving, 0);
	s.square = (struct square) { 32, 32, 64, 40 };
	scene_move(&s, 4, 8, 0);
	assert_true(s.result.moving);
	s.square.size = 32;
	scene_move(&s, SCENE_FPS, 8, 0);
	assert_true(s.result.moving);
	s.square.size = 0;
	scene_still(&s, SCENE_FPS);
	assert_false(s.result.moving);
	scene_close(&s);
}

static void test_learning(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	s.square = (struct square) { 0, 96, 48, 60 };
	scene_move(&s, 2 * SCENE_FPS, 4, 0);
	assert_int_equal(s.moving, 0);
	scene_move(&s, SCENE_FPS, 4, 0);
	assert_true(s.moving > 0);
	/* after a reset it learns anew, a wholly other picture */
	motion_reset(s.motion);
	s.moving = 0;
	s.gain = 0.3;
	s.square.size = 0;
	scene_still(&s, 4 * SCENE_FPS);
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

static void zones(struct motion_config *cfg, const char *text)
{
	*cfg = scene_config;
	assert_null(motion_zones_parse(cfg, text));
}

static void test_zones(void **state)
{
	/* moves from x = 16 to 186, y from 96 to 136 */
	const struct square square = { 16, 96, 40, 40 };
	struct motion_config cfg;
	struct scene s;

	(void)state;
	zones(&cfg, "!street:0,30,100,40");
	assert_int_equal(moving_frames(&cfg, square), 0);
	zones(&cfg, "!street:0,0,100,30");
	assert_true(moving_frames(&cfg, square) > 2 * SCENE_FPS);
	zones(&cfg, "door:0,0,100,30");
	assert_int_equal(moving_frames(&cfg, square), 0);
	zones(&cfg, "door:0,0,100,70;!street:0,30,100,40");
	assert_int_equal(moving_frames(&cfg, square), 0);

	zones(&cfg, "sky:0,0,100,20; path:0,30,50,40; gate:90,30,10,40; !tree:45,0,10,100");
	scene_open(&s, &cfg);
	scene_still(&s, 4 * SCENE_FPS);
	s.square = square;
	scene_move(&s, 3 * SCENE_FPS, 3, 0);
	assert_true(s.moving > SCENE_FPS);
	assert_int_equal(s.zones, 1 << 1);
	scene_close(&s);

	zones(&cfg, "!all:0,0,100,100");
	assert_null(motion_new(&s.format, &cfg));
}

/* The moving share is that of the watched area: a small zone needs a small mover. */
static void test_area_is_of_the_watched(void **state)
{
	const struct square square = { 32, 96, 32, 30 };
	struct motion_config cfg;

	(void)state;
	zones(&cfg, "path:0,30,80,40");
	cfg.min_area_permille = 40;
	assert_true(moving_frames(&cfg, square) > 2 * SCENE_FPS);
}

static void test_zones_parse(void **state)
{
	static const char *const wrong[] = {
		"door",
		"door:",
		"door:1,2,3",
		"door:1,2,3,4,5",
		"door:1,2,3,",
		":1,2,3,4",
		"!:1,2,3,4",
		"do or:1,2,3,4",
		"door:-1,2,3,4",
		"door:1,2,0,4",
		"door:1,2,3,0",
		"door:50,0,51,10",
		"door:0,99.9,1,0.2",
		"door:1.25,2,3,4",
		"door:1.,2,3,4",
		"door:1000,2,3,4",
		"door:1,2,3,4;",
		"door:1,2,3,4 gate:1,2,3,4",
		"door:1,2,3,4;door:5,6,7,8",
		"door:1%,2,3,4",
		"a123456789a123456789a123456789a1:1,2,3,4",
		"a:1,1,1,1;b:1,1,1,1;c:1,1,1,1;d:1,1,1,1;e:1,1,1,1;f:1,1,1,1;g:1,1,1,1;h:1,1,1,1;"
		"i:1,1,1,1;j:1,1,1,1;k:1,1,1,1;l:1,1,1,1;m:1,1,1,1;n:1,1,1,1;o:1,1,1,1;p:1,1,1,1;"
		"q:1,1,1,1",
	};
	struct motion_config cfg;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(motion_zones_parse(&cfg, wrong[i]));
	zones(&cfg, " front_door-2 : 10.5 , 0 , 89.5 , 100 ; !tree:0,0.1,100,99.9 ");
	assert_int_equal(cfg.n_zones, 2);
	assert_string_equal(cfg.zones[0].name, "front_door-2");
	assert_false(cfg.zones[0].exclude);
	assert_int_equal(cfg.zones[0].left, 105);
	assert_int_equal(cfg.zones[0].top, 0);
	assert_int_equal(cfg.zones[0].width, 895);
	assert_int_equal(cfg.zones[0].height, 1000);
	assert_true(cfg.zones[1].exclude);
	assert_int_equal(cfg.zones[1].top, 1);
	zones(&cfg, "");
	assert_int_equal(cfg.n_zones, 0);
	zones(&cfg, "  ");
	assert_int_equal(cfg.n_zones, 0);
}

static void test_sensitivity_out_of_range(void **state)
{
	struct motion_config cfg = scene_config;
	struct frame_format f;

	(void)state;
	frame_format_init(&f, V4L2_PIX_FMT_NV12, 64, 48, 64, 64 * 72);
	cfg.sensitivity = 0;
	assert_null(motion_new(&f, &cfg));
	cfg.sensitivity = 11;
	assert_null(motion_new(&f, &cfg));
	motion_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_min_area),
		cmocka_unit_test(test_sensitivity),
		cmocka_unit_test(test_min_duration),
		cmocka_unit_test(test_hysteresis),
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_area_is_of_the_watched),
		cmocka_unit_test(test_zones_parse),
		cmocka_unit_test(test_sensitivity_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
