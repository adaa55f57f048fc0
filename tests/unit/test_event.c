// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a clip misses its first or last frames, or a frame is recorded twice.
 *
 * A scene is a string, one character a frame of 100 ms: '#' moves, '!' is asked for from outside, '.'
 * is neither, ' ' is a frame that the camera lost. The outcome is a string of the same length: the clip that each frame is in ('a',
 * 'b', ...), '.' for none.
 */
#include "record/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PERIOD_US 100000u

/* A recorder as dumb as can be; that no frame is given to two clips is checked for every scene. */
struct recording {
	char clip[256];
	char name; /* of the current clip */
};

static uint64_t frame_time(size_t i)
{
	return 5000000 + i * PERIOD_US;
}

static void keep(struct recording *r, size_t i)
{
	assert_int_equal(r->clip[i], '.');
	r->clip[i] = r->name;
}

static void keep_pre_roll(struct recording *r, const char *scene, size_t now, uint64_t first_us)
{
	for (size_t i = 0; i < now; i++)
		if (scene[i] != ' ' && frame_time(i) >= first_us)
			keep(r, i);
}

static enum event_trigger trigger_of(char frame)
{
	return frame == '#' ? EVENT_MOTION : frame == '!' ? EVENT_ASKED : EVENT_NOTHING;
}

static void record(struct recording *r, const struct event_config *cfg, const char *scene)
{
	struct event e;
	bool open = false;

	memset(r, 0, sizeof(*r));
	memset(r->clip, '.', strlen(scene));
	r->name = 'a' - 1;
	event_init(&e, cfg);
	for (size_t i = 0; scene[i]; i++) {
		uint64_t first_us = UINT64_MAX;
		enum event_step step;

		if (scene[i] == ' ')
			continue;
		step = event_step(&e, frame_time(i), trigger_of(scene[i]), &first_us);
		assert_int_equal(open,
				 step == EVENT_FRAME || step == EVENT_SPLIT || step == EVENT_END);
		open = step != EVENT_IDLE && step != EVENT_END;
		assert_int_equal(e.recording, open);
		r->name += step == EVENT_BEGIN || step == EVENT_SPLIT;
		if (step == EVENT_BEGIN)
			keep_pre_roll(r, scene, i, first_us);
		if (open)
			keep(r, i);
	}
	assert_int_equal(event_stop(&e), open);
	assert_false(event_stop(&e));
}

/* In tenths of a second. */
static void expect_cooled(unsigned int pre, unsigned int post, unsigned int gap, unsigned int max,
			  unsigned int cool, const char *scene, const char *clips)
{
	const struct event_config cfg = { pre * PERIOD_US, post * PERIOD_US, gap * PERIOD_US,
					  max * PERIOD_US, cool * PERIOD_US };
	struct recording r;

	record(&r, &cfg, scene);
	assert_string_equal(r.clip, clips);
}

static void expect(unsigned int pre, unsigned int post, unsigned int gap, unsigned int max,
		   const char *scene, const char *clips)
{
	expect_cooled(pre, post, gap, max, 0, scene, clips);
}

static void test_nothing_moves(void **state)
{
	(void)state;
	expect(3, 2, 2, 100, "....................", "....................");
	expect(0, 0, 0, 100, "....................", "....................");
}

static void test_pre_and_post_roll(void **state)
{
	(void)state;
	expect(3, 2, 2, 100, "......#......", "...aaaaaa....");
	expect(3, 2, 2, 100, "......###....", "...aaaaaaaa..");
	expect(0, 0, 0, 100, "......#......", "......a......");
	expect(0, 0, 0, 100, "......###....", "......aaa....");
	expect(3, 0, 0, 100, "......#......", "...aaaa......");
	expect(0, 2, 0, 100, "......#......", "......aaa....");
}

static void test_pre_roll_before_the_first_frame(void **state)
{
	(void)state;
	expect(3, 1, 1, 100, "#.....", "aa....");
	expect(3, 1, 1, 100, ".#....", "aaa...");
	expect(99, 1, 1, 100, "..#....", "aaaa...");
}

static void test_end_of_stream(void **state)
{
	(void)state;
	expect(1, 3, 3, 100, "...#", "..aa");
	expect(1, 3, 3, 100, "...#.", "..aaa");
}

static void test_merge(void **state)
{
	(void)state;
	/* a gap of exactly merge_gap is merged, one frame more is not */
	expect(0, 1, 3, 100, "..#..#....", "..aaaaaaa.");
	expect(0, 1, 3, 100, "..#...#.....", "..aaaabbbb..");
	/* the longer of post-roll and merge gap keeps the clip open */
	expect(0, 1, 3, 100, "..#......", "..aaaa...");
	expect(0, 3, 1, 100, "..#......", "..aaaa...");
	/* merging again and again is still one event */
	expect(1, 2, 3, 100, "...#.#..#.#....", "..aaaaaaaaaaaa.");
}

static void test_next_event_inside_the_post_roll(void **state)
{
	(void)state;
	expect(3, 5, 2, 100, "....#...#.......", ".aaaaaaabbbbbb..");
	expect(3, 5, 2, 100, "....#..###.......", ".aaaaaabbbbbbbb..");
	expect(3, 5, 2, 100, "....#.#........", ".aaaaaaaaaaa...");
	/* its last frame, and the one after it */
	expect(3, 5, 2, 100, "....#....#.......", ".aaaaaaaabbbbbb..");
	expect(3, 5, 2, 100, "....#.....#.......", ".aaaaaaaaabbbbbb..");
}

static void test_pre_roll_never_reaches_into_the_clip_before(void **state)
{
	(void)state;
	expect(5, 2, 2, 100, "......#.....#......", ".aaaaaaaabbbbbb....");
	expect(5, 2, 2, 100, "......#........#......", ".aaaaaaaa.bbbbbbbb....");
	expect(5, 1, 1, 100, "#..#..#..#..", "aabbbcccddd.");
}

static void test_split(void **state)
{
	(void)state;
	expect(0, 0, 0, 4, "..##########..", "..aaaabbbbcc..");
	/* pre-roll counts */
	expect(2, 0, 0, 4, "...##########..", ".aaaabbbbcccc..");
	/* post-roll too, and a clip can be post-roll only */
	expect(0, 4, 0, 4, "..###.......", "..aaaabbb...");
	/* the end comes before the split */
	expect(0, 2, 2, 4, "..##.....", "..aaaa...");
}

static void test_cool_down(void **state)
{
	(void)state;
	/* the last frame of it, and the first after it */
	expect_cooled(0, 1, 1, 100, 5, "..#....#....", "..aa........");
	expect_cooled(0, 1, 1, 100, 5, "..#.....#....", "..aa....bb...");
	/* what goes on longer than it, begins an event then; what was before is pre-roll */
	expect_cooled(2, 1, 1, 100, 5, "...#..#####...", ".aaaa..bbbbb..");
	/* it counts from the event's last frame, whatever moves meanwhile */
	expect_cooled(0, 0, 0, 100, 4, "#.#.#.#.#.#.", "a.....b.....");
	/* the post-roll is what it would be without that motion */
	expect_cooled(0, 5, 1, 100, 6, "..#...#......", "..aaaaaa.....");
	/* the same event again is merged, not cooled */
	expect_cooled(0, 1, 3, 100, 9, "..#..#........", "..aaaaaaa.....");
	/* asking from outside does not wait, and begins another */
	expect_cooled(0, 1, 1, 100, 9, "..#....!......", "..aa...bb.....");
	expect_cooled(0, 1, 1, 100, 5, "..!....#......", "..aa..........");
	/* the first event has none before it, however early it comes */
	expect_cooled(0, 0, 0, 100, 600, "#...#....", "a........");
	/* a split is no new event */
	expect_cooled(0, 0, 0, 4, 100, "..##########..", "..aaaabbbbcc..");
}

static void test_asked_for(void **state)
{
	(void)state;
	expect(3, 2, 2, 100, "......!......", "...aaaaaa....");
	expect(0, 1, 2, 100, "..!.#.!!....", "..aaaaaaaa..");
}

/* Other settings in an open clip: its rolls are the new ones, but it is no longer than it began. */
static void test_configured_anew(void **state)
{
	struct event_config cfg = { 0, PERIOD_US, PERIOD_US, 4 * PERIOD_US, 0 };
	struct event e;
	uint64_t first_us;

	(void)state;
	event_init(&e, &cfg);
	assert_int_equal(event_step(&e, 1000000, EVENT_MOTION, &first_us), EVENT_BEGIN);
	cfg.post_roll_us = 9 * PERIOD_US;
	cfg.max_clip_us = 6 * PERIOD_US;
	event_configure(&e, &cfg);
	for (uint64_t i = 1; i < 4; i++)
		assert_int_equal(event_step(&e, 1000000 + i * PERIOD_US, EVENT_NOTHING, &first_us),
				 EVENT_FRAME);
	assert_int_equal(event_step(&e, 1400000, EVENT_NOTHING, &first_us), EVENT_SPLIT);
	for (uint64_t i = 5; i < 10; i++)
		assert_int_equal(event_step(&e, 1000000 + i * PERIOD_US, EVENT_NOTHING, &first_us),
				 EVENT_FRAME);
	assert_int_equal(event_step(&e, 2000000, EVENT_NOTHING, &first_us), EVENT_END);
}

static void test_lost_frames(void **state)
{
	(void)state;
	expect(3, 3, 3, 100, "...    #.   .....", ".......aa........");
	expect(3, 3, 3, 100, "..... .#. ......", "....a.aaa.a.....");
	/* moving before and after a long stall is one event */
	expect(0, 1, 1, 100, "..#         #...", "..a.........aa..");
	/* still before it: another one, without pre-roll from the clip before */
	expect(3, 1, 1, 100, "....#.         #...", ".aaaaa.........bb..");
	/* longer than a clip may be */
	expect(0, 1, 1, 5, "..#         #...", "..a.........bb..");
}

static void test_clip_given_up(void **state)
{
	const struct event_config cfg = { 10 * PERIOD_US, 0, 0, 100 * PERIOD_US, 0 };
	struct event e;
	uint64_t first_us;

	(void)state;
	event_init(&e, &cfg);
	assert_int_equal(event_step(&e, 1000000, EVENT_MOTION, &first_us), EVENT_BEGIN);
	assert_int_equal(first_us, 0);
	assert_int_equal(event_step(&e, 1100000, EVENT_MOTION, &first_us), EVENT_FRAME);
	assert_true(event_stop(&e));
	/* what the lost clip had is not given to the next */
	assert_int_equal(event_step(&e, 1200000, EVENT_MOTION, &first_us), EVENT_BEGIN);
	assert_int_equal(first_us, 1100001);
}

/* The moving frames that count: not those that begin an event while the last one cools down. */
static void cool(char *scene, unsigned int gap, unsigned int cool_down)
{
	int last = -1;

	for (int i = 0; scene[i]; i++) {
		if (scene[i] != '#')
			continue;
		if (last >= 0 && i - last > (int)gap && i - last > 1 && i - last <= (int)cool_down)
			scene[i] = '.';
		else
			last = i;
	}
}

/*
 * Any scene, any setting: every moving frame that counts and every frame of its pre- and post-roll is
 * in a clip, no frame that nothing asks for is, and clips are runs of frames.
 */
static void test_any_scene(void **state)
{
	(void)state;
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		unsigned int pre = random() % 6, post = random() % 6, gap = random() % 6;
		unsigned int tail = post > gap ? post : gap, density = 1 + random() % 12;
		unsigned int cool_down = random() % 2 ? random() % 12 : 0;
		const struct event_config cfg = { pre * PERIOD_US, post * PERIOD_US,
						  gap * PERIOD_US,
						  (pre + 1 + random() % 20) * PERIOD_US,
						  cool_down * PERIOD_US };
		struct recording r;
		char scene[30]; /* no more than there are letters */

		for (size_t i = 0; i < sizeof(scene) - 1; i++)
			scene[i] = random() % density ? '.' : '#';
		scene[sizeof(scene) - 1] = '\0';
		record(&r, &cfg, scene);
		cool(scene, gap, cool_down);
		for (size_t i = 0; i < sizeof(scene) - 1; i++) {
			bool asked = false;

			for (size_t j = 0; j < sizeof(scene) - 1; j++)
				if (scene[j] == '#' && i + pre >= j && i <= j + tail)
					asked = true;
			assert_int_equal(r.clip[i] != '.', asked);
			if (i && r.clip[i] != '.' && r.clip[i - 1] != '.')
				assert_true(r.clip[i] == r.clip[i - 1] ||
					    r.clip[i] == r.clip[i - 1] + 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_moves),
		cmocka_unit_test(test_pre_and_post_roll),
		cmocka_unit_test(test_pre_roll_before_the_first_frame),
		cmocka_unit_test(test_end_of_stream),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_next_event_inside_the_post_roll),
		cmocka_unit_test(test_pre_roll_never_reaches_into_the_clip_before),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_cool_down),
		cmocka_unit_test(test_asked_for),
		cmocka_unit_test(test_configured_anew),
		cmocka_unit_test(test_lost_frames),
		cmocka_unit_test(test_clip_given_up),
		cmocka_unit_test(test_any_scene),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
