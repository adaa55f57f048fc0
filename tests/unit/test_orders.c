// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a camera that was paused looks again because its recorder was restarted, a
 * person believes that it is paused and it is not, or a PIR's request makes no clip.
 */
#include "clip_fixture.h"
#include "record/orders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const struct ucred peer = { .pid = 1, .uid = 2, .gid = 3 };
static char *dir, path[256];
static struct orders orders;
static struct control_reply reply;
static unsigned int paused, resumed;
static const char *no_frames;

static void on_pause(struct orders *o, bool pause)
{
	assert_int_equal(o->paused, pause);
	*(pause ? &paused : &resumed) += 1;
}

static const char *on_no_frames(struct orders *o)
{
	(void)o;
	return no_frames;
}

static void on_status(struct orders *o, struct control_reply *to)
{
	(void)o;
	control_say(to, "doing well\n");
}

/* As a recorder does that starts. */
static void start(void)
{
	orders = (struct orders) { .pause = on_pause,
				   .no_frames = on_no_frames,
				   .status = on_status };
	assert_int_equal(orders_init(&orders, path), 0);
}

static void restart(void)
{
	orders_exit(&orders);
	start();
}

static int enter(void **state)
{
	(void)state;
	dir = fixture_dir_make();
	snprintf(path, sizeof(path), "%s/front.state", dir);
	paused = 0;
	resumed = 0;
	no_frames = NULL;
	start();
	return 0;
}

static int leave(void **state)
{
	(void)state;
	orders_exit(&orders);
	fixture_dir_remove(dir);
	return 0;
}

static void ask(const char *line, const char *refused)
{
	const char *got;

	reply.len = 0;
	got = orders_answer(&orders, line, &peer, &reply);
	if (refused) {
		assert_non_null(got);
		assert_non_null(strstr(got, refused));
	} else {
		assert_null(got);
	}
}

static void expect(bool is_paused, bool is_disarmed)
{
	assert_int_equal(orders.paused, is_paused);
	assert_int_equal(orders.trigger.disarmed, is_disarmed);
}

static void what_was_asked_for_outlives_the_recorder(void **state)
{
	(void)state;
	expect(false, false);
	ask("disarm", NULL);
	restart();
	expect(false, true);
	ask("pause", NULL);
	restart();
	expect(true, true);
	ask("arm", NULL);
	restart();
	expect(true, false);
	ask("resume", NULL);
	restart();
	expect(false, false);
	assert_int_equal(access(path, F_OK), -1);
}

static void pausing_twice_is_pausing_once(void **state)
{
	(void)state;
	ask("pause", NULL);
	ask("pause", NULL);
	ask("resume", NULL);
	ask("resume", NULL);
	assert_int_equal(paused, 1);
	assert_int_equal(resumed, 1);
}

static void what_cannot_be_read_is_paused(void **state)
{
	(void)state;
	fixture_write(dir, "front.state", "pau", 3);
	restart();
	expect(true, false);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	restart();
	expect(true, false);
}

/* It is obeyed all the same, and who asked learns what it is worth. */
static void what_cannot_be_kept_is_said(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_write(path, "file", "", 0);
	ask("pause", "a restart will not know");
	expect(true, false);
	assert_int_equal(paused, 1);
}

static void a_request_is_a_trigger(void **state)
{
	(void)state;
	/* by the next frame, however late it comes, and by no other */
	ask("record", NULL);
	assert_int_equal(trigger_of_frame(&orders.trigger, UINT64_MAX, false), EVENT_ASKED);
	assert_int_equal(trigger_of_frame(&orders.trigger, UINT64_MAX, false), EVENT_NOTHING);
	ask("disarm", NULL);
	assert_int_equal(trigger_of_frame(&orders.trigger, UINT64_MAX, true), EVENT_NOTHING);
	ask("record 24h", NULL);
	assert_int_equal(trigger_of_frame(&orders.trigger, orders.trigger.until_us, true),
			 EVENT_ASKED);
	assert_int_equal(trigger_of_frame(&orders.trigger, orders.trigger.until_us + 1, true),
			 EVENT_NOTHING);
	ask("arm", NULL);
	assert_int_equal(trigger_of_frame(&orders.trigger, orders.trigger.until_us + 1, true),
			 EVENT_MOTION);
	/* shorter than what was asked for before */
	ask("record 1s", NULL);
	assert_int_equal(trigger_of_frame(&orders.trigger, 5, false), EVENT_ASKED);
	assert_int_equal(trigger_of_frame(&orders.trigger, orders.trigger.until_us, false),
			 EVENT_ASKED);
	/* a pause ends it */
	ask("pause", NULL);
	ask("resume", NULL);
	assert_int_equal(trigger_of_frame(&orders.trigger, 5, false), EVENT_NOTHING);
}

static void what_cannot_be_done_is_refused(void **state)
{
	(void)state;
	ask("record 25h", "up to 24h");
	ask("record 5", "expected a duration");
	ask("record ", "expected a duration");
	no_frames = "no camera";
	ask("record", "no camera");
	ask("pause", NULL);
	ask("record", "ownframe resume");
	ask("", "expected arm");
	ask("PAUSE", "expected arm");
	ask("pause now", "expected arm");
	ask("recordings", "expected arm");
	ask("status", NULL);
	assert_memory_equal(reply.text, "doing well\n", reply.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		T(what_was_asked_for_outlives_the_recorder),
		T(pausing_twice_is_pausing_once),
		T(what_cannot_be_read_is_paused),
		T(what_cannot_be_kept_is_said),
		T(a_request_is_a_trigger),
		T(what_cannot_be_done_is_refused),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
