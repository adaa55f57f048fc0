// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, what does not move fills the disk: noise, light, and a picture that was motion
 * until it stood still.
 */
#include "scene_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void test_noise(void **state)
{
	static const double noises[] = { 0, 2, 5, 12 };

	(void)state;
	for (unsigned int sensitivity = 1; sensitivity <= 10; sensitivity += 3)
		for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
			struct motion_config cfg = scene_config;
			struct scene s;

			cfg.sensitivity = sensitivity;
			cfg.min_duration_us = 0;
			scene_open(&s, &cfg);
			s.noise = noises[i];
			scene_still(&s, 20 * SCENE_FPS);
			assert_int_equal(s.moving, 0);
			scene_close(&s);
		}
}

/* The noise grows when the light fades: by a half in ten seconds. */
static void test_growing_noise(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	s.noise = 4;
	scene_still(&s, 5 * SCENE_FPS);
	for (int i = 0; i < 10 * SCENE_FPS; i++) {
		s.noise += 2.0 / (10 * SCENE_FPS);
		scene_show(&s);
	}
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

static void test_ramp(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 4 * SCENE_FPS);
	for (int i = 0; i < 20 * SCENE_FPS; i++) {
		s.offset += 60.0 / (20 * SCENE_FPS);
		scene_show(&s);
	}
	for (int i = 0; i < 20 * SCENE_FPS; i++) {
		s.gain = s.gain_right = s.gain * 0.995;
		scene_show(&s);
	}
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

/* Dawn comes through one window: half of the picture grows bright over minutes. */
static void test_slow_ramp_of_a_half(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 4 * SCENE_FPS);
	for (int i = 0; i < 120 * SCENE_FPS; i++) {
		s.gain_right += 0.1 / (120 * SCENE_FPS);
		scene_show(&s);
	}
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

static void test_flicker(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 4 * SCENE_FPS);
	for (int i = 0; i < 30 * SCENE_FPS; i++) {
		s.gain = s.gain_right = 1 + 0.1 * sin(i * 2.7);
		scene_show(&s);
	}
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

/* A thing of so little contrast that noise carries it over the threshold now and then, and back. */
static void test_at_the_threshold(void **state)
{
	(void)state;
	for (double contrast = 1; contrast < 8; contrast += 0.5) {
		struct motion_config cfg = scene_config;
		struct scene s;

		cfg.min_duration_us = 0;
		scene_open(&s, &cfg);
		s.noise = 4;
		scene_still(&s, 4 * SCENE_FPS);
		s.square = (struct square) { 96, 96, 64, contrast };
		scene_still(&s, 2 * SCENE_FPS);
		s.moving = 0;
		scene_still(&s, 20 * SCENE_FPS);
		assert_int_equal(s.moving, 0);
		scene_close(&s);
	}
}

static void test_flash(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &scene_config);
	scene_still(&s, 4 * SCENE_FPS);
	s.offset = 60;
	s.gain_right = 1.4;
	scene_show(&s);
	s.offset = 0;
	s.gain_right = 1;
	scene_still(&s, 4 * SCENE_FPS);
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

/* One event at most for a switch, over within 2 s. */
static void light_switch(double gain, double gain_right, double offset, double seconds)
{
	unsigned int at, frames = seconds * SCENE_FPS + 1;
	struct scene s;

	scene_open(&s, &scene_config);
	scene_still(&s, 5 * SCENE_FPS);
	assert_int_equal(s.moving, 0);
	at = s.n;
	for (unsigned int i = 1; i <= frames; i++) {
		s.gain = 1 + (gain - 1) * i / frames;
		s.gain_right = 1 + (gain_right - 1) * i / frames;
		s.offset = offset * i / frames;
		scene_show(&s);
	}
	scene_still(&s, 10 * SCENE_FPS);
	assert_true(s.events <= 1);
	assert_true(s.last_moving <= at + 2 * SCENE_FPS);
	scene_close(&s);
}

static void test_light_switch(void **state)
{
	(void)state;
	light_switch(0.4, 0.4, 0, 0);
	light_switch(1.6, 1.6, 0, 0);
	light_switch(1, 1, 60, 0);
	light_switch(0.2, 0.2, 10, 0);
	/* the lamp is on one side */
	light_switch(1.1, 1.7, 0, 0);
	light_switch(1, 0.4, 0, 0);
	light_switch(1, 1.7, 0, 0);
	/* the camera takes half a second to follow */
	light_switch(0.5, 0.4, 0, 0.5);
	light_switch(1.4, 1.6, 0, 0.5);
}

/* The camera was turned: all moves, then stands still on another picture, whatever the light. */
static void test_stops_on_another_picture(void **state)
{
	(void)state;
	for (int shift = 8; shift < SCENE_WIDTH; shift += 24) {
		struct scene s;

		scene_open(&s, &scene_config);
		s.bars = true;
		s.noise = 0;
		scene_still(&s, 5 * SCENE_FPS);
		for (int i = 0; i < 4 * SCENE_FPS; i++) {
			s.shift = (i + 1) * shift / (4 * SCENE_FPS);
			scene_show(&s);
		}
		assert_true(s.events >= 1);
		scene_still(&s, 2 * SCENE_FPS);
		s.moving = 0;
		scene_still(&s, 60 * SCENE_FPS);
		assert_int_equal(s.moving, 0);
		scene_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_growing_noise),
		cmocka_unit_test(test_ramp),
		cmocka_unit_test(test_slow_ramp_of_a_half),
		cmocka_unit_test(test_flicker),
		cmocka_unit_test(test_at_the_threshold),
		cmocka_unit_test(test_flash),
		cmocka_unit_test(test_light_switch),
		cmocka_unit_test(test_stops_on_another_picture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
