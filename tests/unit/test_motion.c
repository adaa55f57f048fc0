// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, what moves is not recorded, or what does not move fills the disk. The scenes are
 * drawn: a textured wall, sensor noise, light, and a square that moves.
 */
#include "record/motion.h"

#include "scope.h"

#include <linux/videodev2.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define WIDTH  320
#define HEIGHT 240
#define FPS    15
#define SECOND 1000000u

/* --- the scene -------------------------------------------------------------------------------- */

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

static const struct motion_config plain = {
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
	return 50 + x * 100.0 / WIDTH + ((x / 24 + y / 40) % 2 ? 25 : 0);
}

/* Eight even bars, whose levels are few and far apart. */
static double scene_bars(int x)
{
	static const double levels[] = { 180, 162, 131, 112, 84, 65, 35, 16 };

	return levels[x % WIDTH * 8 / WIDTH];
}

static double scene_background(const struct scene *s, int x, int y)
{
	return s->bars ? scene_bars(x + s->shift) : scene_wall(x, y);
}

static void scene_draw(struct scene *s)
{
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++) {
			bool in = x >= s->square.x && x < s->square.x + s->square.size &&
				  y >= s->square.y && y < s->square.y + s->square.size;
			double v = scene_background(s, x, y) + (in ? s->square.contrast : 0);

			v = v * (x < WIDTH / 2 ? s->gain : s->gain_right) + s->offset +
			    s->noise * scene_noise(s);
			s->data[y * WIDTH + x] = v < 0 ? 0 : v > 255 ? 255 : lrint(v);
		}
}

static void scene_show(struct scene *s)
{
	const struct frame frame = { .data = s->data,
				     .timestamp_us = 77000000 + (uint64_t)s->n * SECOND / FPS };
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

static void scene_still(struct scene *s, unsigned int n)
{
	while (n--)
		scene_show(s);
}

static void scene_move(struct scene *s, unsigned int n, int dx, int dy)
{
	while (n--) {
		scene_show(s);
		s->square.x += dx;
		s->square.y += dy;
	}
}

static void scene_open(struct scene *s, const struct motion_config *cfg)
{
	*s = (struct scene) {
		.random = 88172645463325252u, .noise = 2, .gain = 1, .gain_right = 1
	};
	assert_int_equal(frame_format_init(&s->format, V4L2_PIX_FMT_NV12, WIDTH, HEIGHT, WIDTH,
					   WIDTH * HEIGHT * 3 / 2),
			 0);
	s->data = calloc(1, s->format.size);
	s->motion = motion_new(&s->format, cfg);
	assert_non_null(s->motion);
}

static void scene_close(struct scene *s)
{
	motion_free(s->motion);
	free(s->data);
}

/* --- what must not be reported ------------------------------------------------------------------ */

static void test_noise(void **state)
{
	static const double noises[] = { 0, 2, 5, 12 };

	(void)state;
	for (unsigned int sensitivity = 1; sensitivity <= 10; sensitivity += 3)
		for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
			struct motion_config cfg = plain;
			struct scene s;

			cfg.sensitivity = sensitivity;
			cfg.min_duration_us = 0;
			scene_open(&s, &cfg);
			s.noise = noises[i];
			scene_still(&s, 20 * FPS);
			assert_int_equal(s.moving, 0);
			scene_close(&s);
		}
}

/* The noise grows when the light fades: by a half in ten seconds. */
static void test_growing_noise(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	s.noise = 4;
	scene_still(&s, 5 * FPS);
	for (int i = 0; i < 10 * FPS; i++) {
		s.noise += 2.0 / (10 * FPS);
		scene_show(&s);
	}
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

static void test_ramp(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	scene_still(&s, 4 * FPS);
	for (int i = 0; i < 20 * FPS; i++) {
		s.offset += 60.0 / (20 * FPS);
		scene_show(&s);
	}
	for (int i = 0; i < 20 * FPS; i++) {
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
	scene_open(&s, &plain);
	scene_still(&s, 4 * FPS);
	for (int i = 0; i < 120 * FPS; i++) {
		s.gain_right += 0.1 / (120 * FPS);
		scene_show(&s);
	}
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

static void test_flicker(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	scene_still(&s, 4 * FPS);
	for (int i = 0; i < 30 * FPS; i++) {
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
		struct motion_config cfg = plain;
		struct scene s;

		cfg.min_duration_us = 0;
		scene_open(&s, &cfg);
		s.noise = 4;
		scene_still(&s, 4 * FPS);
		s.square = (struct square) { 96, 96, 64, contrast };
		scene_still(&s, 2 * FPS);
		s.moving = 0;
		scene_still(&s, 20 * FPS);
		assert_int_equal(s.moving, 0);
		scene_close(&s);
	}
}

static void test_flash(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	scene_still(&s, 4 * FPS);
	s.offset = 60;
	s.gain_right = 1.4;
	scene_show(&s);
	s.offset = 0;
	s.gain_right = 1;
	scene_still(&s, 4 * FPS);
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

/* One event at most for a switch, over within 2 s. */
static void light_switch(double gain, double gain_right, double offset, double seconds)
{
	unsigned int at, frames = seconds * FPS + 1;
	struct scene s;

	scene_open(&s, &plain);
	scene_still(&s, 5 * FPS);
	assert_int_equal(s.moving, 0);
	at = s.n;
	for (unsigned int i = 1; i <= frames; i++) {
		s.gain = 1 + (gain - 1) * i / frames;
		s.gain_right = 1 + (gain_right - 1) * i / frames;
		s.offset = offset * i / frames;
		scene_show(&s);
	}
	scene_still(&s, 10 * FPS);
	assert_true(s.events <= 1);
	assert_true(s.last_moving <= at + 2 * FPS);
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
	for (int shift = 8; shift < WIDTH; shift += 24) {
		struct scene s;

		scene_open(&s, &plain);
		s.bars = true;
		s.noise = 0;
		scene_still(&s, 5 * FPS);
		for (int i = 0; i < 4 * FPS; i++) {
			s.shift = (i + 1) * shift / (4 * FPS);
			scene_show(&s);
		}
		assert_true(s.events >= 1);
		scene_still(&s, 2 * FPS);
		s.moving = 0;
		scene_still(&s, 60 * FPS);
		assert_int_equal(s.moving, 0);
		scene_close(&s);
	}
}

/* --- what must be reported ---------------------------------------------------------------------- */

/* A square of low contrast walks through the picture. */
static void walk(double contrast, double noise, int size, int speed)
{
	unsigned int at, frames = 240 / speed;
	struct scene s;

	scene_open(&s, &plain);
	s.noise = noise;
	scene_still(&s, 5 * FPS);
	at = s.n;
	s.square = (struct square) { 20, 100, size, contrast };
	scene_move(&s, frames, speed, 0);
	assert_int_equal(s.events, 1);
	/* begins after min_duration, the square standing there at once */
	assert_true(s.n - s.moving <= at + FPS / 2);
	assert_true(s.result.moving);
	s.square.size = 0;
	scene_still(&s, 5 * FPS);
	assert_int_equal(s.events, 1);
	assert_true(s.last_moving <= at + frames + 2 * FPS);
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
	scene_open(&s, &plain);
	scene_still(&s, 5 * FPS);
	s.square = (struct square) { 20, 100, 64, 30 };
	scene_move(&s, 20, 8, 0);
	blocks = (uint64_t)s.result.area_ppm * (WIDTH / 8) * (HEIGHT / 8) / 1000000;
	assert_in_range(blocks, 64, 81);
	scene_close(&s);
}

/* Also while the light changes. */
static void test_moving_square_in_a_ramp(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	scene_still(&s, 5 * FPS);
	s.square = (struct square) { 20, 100, 40, 12 };
	for (int i = 0; i < 4 * FPS; i++) {
		s.offset += 20.0 / (4 * FPS);
		scene_move(&s, 1, 4, 0);
	}
	assert_int_equal(s.events, 1);
	assert_true(s.moving > 3 * FPS);
	scene_close(&s);
}

/* And after the lamp was switched. */
static void test_moving_square_after_a_switch(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	scene_still(&s, 5 * FPS);
	s.gain = 0.5;
	s.gain_right = 0.4;
	scene_still(&s, 3 * FPS);
	s.moving = 0;
	s.square = (struct square) { 20, 100, 40, 30 };
	scene_move(&s, 3 * FPS, 4, 0);
	assert_true(s.moving > 2 * FPS);
	scene_close(&s);
}

/* A street where something moves all the time does not make the detector deaf. */
static void test_long_motion(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	scene_still(&s, 4 * FPS);
	s.square = (struct square) { 40, 96, 48, 60 };
	for (int i = 0; i < 12; i++) {
		scene_move(&s, FPS, 10, 0);
		scene_move(&s, FPS, -10, 0);
	}
	assert_int_equal(s.events, 1);
	s.square.size = 0;
	scene_still(&s, 3 * FPS);
	assert_false(s.result.moving);
	s.moving = 0;
	s.square = (struct square) { 40, 96, 48, 12 };
	scene_move(&s, 2 * FPS, 5, 0);
	assert_true(s.moving > FPS);
	scene_close(&s);
}

/* What was put down is motion for a moment; taking it away hours later is motion again. */
static void test_put_down_and_taken_away(void **state)
{
	unsigned int at;
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	scene_still(&s, 5 * FPS);
	at = s.n;
	s.square = (struct square) { 96, 96, 64, 50 };
	scene_still(&s, 60 * FPS);
	assert_int_equal(s.events, 1);
	assert_true(s.last_moving <= at + 2 * FPS);
	at = s.n;
	s.square.size = 0;
	scene_still(&s, 60 * FPS);
	assert_int_equal(s.events, 2);
	assert_true(s.last_moving > at);
	assert_true(s.last_moving <= at + 2 * FPS);
	scene_close(&s);
}

/*
 * Pedestrians before a fixed camera, from Debian's opencv-doc, if that is installed: somebody always
 * walks, so it is one event from the end of learning to the last frame.
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
	m = motion_new(&f, &plain);
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

/* --- settings ----------------------------------------------------------------------------------- */

static unsigned int moving_frames(const struct motion_config *cfg, struct square square)
{
	unsigned int moving;
	struct scene s;

	scene_open(&s, cfg);
	scene_still(&s, 4 * FPS);
	s.square = square;
	scene_move(&s, 3 * FPS, 3, 0);
	moving = s.moving;
	scene_close(&s);
	return moving;
}

static void test_min_area(void **state)
{
	/* 16 blocks of 1200 are 13 thousandths; while it moves, up to twice as many */
	const struct square square = { 32, 96, 32, 30 };
	struct motion_config cfg = plain;

	(void)state;
	cfg.min_area_permille = 8;
	assert_true(moving_frames(&cfg, square) > 2 * FPS);
	cfg.min_area_permille = 40;
	assert_int_equal(moving_frames(&cfg, square), 0);
}

static void test_sensitivity(void **state)
{
	const struct square square = { 32, 96, 48, 4 };
	struct motion_config cfg = plain;

	(void)state;
	cfg.sensitivity = 1;
	assert_int_equal(moving_frames(&cfg, square), 0);
	cfg.sensitivity = 10;
	assert_true(moving_frames(&cfg, square) > 2 * FPS);
}

static void test_min_duration(void **state)
{
	const struct square square = { 32, 96, 48, 40 };
	struct motion_config cfg = plain;
	unsigned int at_once, late;

	(void)state;
	cfg.min_duration_us = 0;
	at_once = moving_frames(&cfg, square);
	cfg.min_duration_us = 2 * SECOND;
	late = moving_frames(&cfg, square);
	assert_int_equal(at_once, 3 * FPS);
	assert_int_equal(late, FPS);
}

/* Half of min_area is enough to go on, and not enough to begin. */
static void test_hysteresis(void **state)
{
	struct motion_config cfg = plain;
	struct scene s;

	(void)state;
	cfg.min_area_permille = 24;
	cfg.min_duration_us = 0;
	scene_open(&s, &cfg);
	scene_still(&s, 4 * FPS);
	s.square = (struct square) { 0, 96, 32, 40 };
	scene_move(&s, FPS, 8, 0);
	assert_int_equal(s.moving, 0);
	s.square = (struct square) { 32, 32, 64, 40 };
	scene_move(&s, 4, 8, 0);
	assert_true(s.result.moving);
	s.square.size = 32;
	scene_move(&s, FPS, 8, 0);
	assert_true(s.result.moving);
	s.square.size = 0;
	scene_still(&s, FPS);
	assert_false(s.result.moving);
	scene_close(&s);
}

static void test_learning(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, &plain);
	s.square = (struct square) { 0, 96, 48, 60 };
	scene_move(&s, 2 * FPS, 4, 0);
	assert_int_equal(s.moving, 0);
	scene_move(&s, FPS, 4, 0);
	assert_true(s.moving > 0);
	/* after a reset it learns anew, a wholly other picture */
	motion_reset(s.motion);
	s.moving = 0;
	s.gain = 0.3;
	s.square.size = 0;
	scene_still(&s, 4 * FPS);
	assert_int_equal(s.moving, 0);
	scene_close(&s);
}

static void zones(struct motion_config *cfg, const char *text)
{
	*cfg = plain;
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
	assert_true(moving_frames(&cfg, square) > 2 * FPS);
	zones(&cfg, "door:0,0,100,30");
	assert_int_equal(moving_frames(&cfg, square), 0);
	zones(&cfg, "door:0,0,100,70;!street:0,30,100,40");
	assert_int_equal(moving_frames(&cfg, square), 0);

	zones(&cfg, "sky:0,0,100,20; path:0,30,50,40; gate:90,30,10,40; !tree:45,0,10,100");
	scene_open(&s, &cfg);
	scene_still(&s, 4 * FPS);
	s.square = square;
	scene_move(&s, 3 * FPS, 3, 0);
	assert_true(s.moving > FPS);
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
	assert_true(moving_frames(&cfg, square) > 2 * FPS);
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
	struct motion_config cfg = plain;
	struct frame_format f;

	(void)state;
	frame_format_init(&f, V4L2_PIX_FMT_NV12, 64, 48, 64, 64 * 72);
	cfg.sensitivity = 0;
	assert_null(motion_new(&f, &cfg));
	cfg.sensitivity = 11;
	assert_null(motion_new(&f, &cfg));
	motion_free(NULL);
}

/* --- block means ---------------------------------------------------------------------------------- */

static unsigned int naive_mean(const uint8_t *data, const struct frame_format *f, uint32_t column,
			       uint32_t row)
{
	unsigned int sum = 0;

	for (uint32_t i = 0; i < 64; i++) {
		uint32_t x = column * 8 + i % 8, y = row * 8 + i / 8;

		sum += data[(size_t)y * f->stride + f->luma_offset + (size_t)x * f->luma_step];
	}
	return sum;
}

static void check_means(uint32_t fourcc, uint32_t width, uint32_t height)
{
	uint32_t stride = width * 2 + 6, n = (width / 8) * (height / 8);
	struct frame_format f;
	SCOPE_FREE uint8_t *data = NULL;
	SCOPE_FREE uint16_t *means = NULL;

	assert_int_equal(frame_format_init(&f, fourcc, width, height, stride, stride * height * 2),
			 0);
	data = malloc(f.size);
	means = malloc(n * sizeof(*means));
	for (size_t i = 0; i < f.size; i++)
		data[i] = random();
	motion_block_means(means, data, &f);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(means[i], naive_mean(data, &f, i % (width / 8), i / (width / 8)));
	memset(data, 255, f.size);
	motion_block_means(means, data, &f);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(means[i], 255 * 64);
}

static void test_block_means(void **state)
{
	(void)state;
	for (const uint32_t *f = frame_formats; *f; f++) {
		check_means(*f, 64, 48);
		check_means(*f, 70, 54);
		check_means(*f, 16, 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_means),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_growing_noise),
		cmocka_unit_test(test_ramp),
		cmocka_unit_test(test_slow_ramp_of_a_half),
		cmocka_unit_test(test_flicker),
		cmocka_unit_test(test_at_the_threshold),
		cmocka_unit_test(test_flash),
		cmocka_unit_test(test_light_switch),
		cmocka_unit_test(test_stops_on_another_picture),
		cmocka_unit_test(test_moving_square),
		cmocka_unit_test(test_area),
		cmocka_unit_test(test_moving_square_in_a_ramp),
		cmocka_unit_test(test_moving_square_after_a_switch),
		cmocka_unit_test(test_long_motion),
		cmocka_unit_test(test_put_down_and_taken_away),
		cmocka_unit_test(test_footage),
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
