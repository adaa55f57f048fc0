// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a slip in a configuration ends a recorder that was running, a change is not used,
 * or one that only concerns the next event ends the clip of this one.
 */
#include "record_fixture.h"
#include "record/reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *dir, path[256];
static struct config cfg;
static struct reload reload;

static void write_config(const char *name, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text), "[camera]\nname = %s\ndevice = /dev/video0\n%s", name, more);
	fixture_write(dir, "front.conf", text, strlen(text));
}

static int enter(void **state)
{
	(void)state;
	dir = fixture_dir_make();
	snprintf(path, sizeof(path), "%s/front.conf", dir);
	write_config("front", "");
	assert_int_equal(config_read(&cfg, path), 0);
	reload = (struct reload) { .cfg = &cfg };
	return 0;
}

static int leave(void **state)
{
	(void)state;
	reload_exit(&reload);
	config_free(&cfg);
	fixture_dir_remove(dir);
	return 0;
}

static void read_and_use(const char *more)
{
	write_config("front", more);
	assert_true(reload_read(&reload));
	assert_true(reload_use(&reload));
}

static void a_change_is_in_force_when_it_is_used(void **state)
{
	(void)state;
	write_config("front", "[clip]\npost_roll = 3s\n");
	assert_true(reload_read(&reload));
	assert_int_equal(cfg.post_roll, 10000000);
	assert_true(reload_use(&reload));
	assert_int_equal(cfg.post_roll, 3000000);
	assert_false(reload_use(&reload)); /* once */
}

static void the_last_that_was_read_is_used(void **state)
{
	(void)state;
	write_config("front", "[clip]\npost_roll = 3s\n");
	assert_true(reload_read(&reload));
	read_and_use("[clip]\npost_roll = 4s\n");
	assert_int_equal(cfg.post_roll, 4000000);
}

static void a_fault_changes_nothing(void **state)
{
	(void)state;
	write_config("front", "[clip]\npost_roll = 3\n");
	assert_false(reload_read(&reload));
	write_config("back", "");
	assert_false(reload_read(&reload));
	write_config("front", "[clip]\npost_roll = 3s\n");
	assert_true(reload_read(&reload));
	reload_refuse(&reload);
	assert_false(reload_use(&reload));
	assert_int_equal(cfg.post_roll, 10000000);
	assert_string_equal(cfg.camera, "front");
}

/* However many were tried in between: back to the one that worked. */
static void what_turns_out_not_to_work_is_undone(void **state)
{
	(void)state;
	assert_false(reload_undo(&reload));
	read_and_use("[clip]\npost_roll = 3s\n");
	read_and_use("[clip]\npost_roll = 4s\n");
	assert_true(reload_undo(&reload));
	assert_int_equal(cfg.post_roll, 10000000);
	assert_false(reload_undo(&reload));
	read_and_use("[clip]\npost_roll = 5s\n");
	reload_confirm(&reload);
	assert_false(reload_undo(&reload));
	assert_int_equal(cfg.post_roll, 5000000);
}

static void expect_light(const char *more, bool light)
{
	write_config("front", more);
	assert_true(reload_read(&reload));
	assert_int_equal(reload_is_light(&reload), light);
}

static void only_what_the_stream_is_made_of_needs_another(void **state)
{
	(void)state;
	expect_light("[clip]\npost_roll = 1s\nmerge_gap = 1s\nmax_clip = 30s\npreallocate = 1MiB\n",
		     true);
	expect_light("[motion]\narea = 2%\nzones = door:0,0,10,10\ncool_down = 1min\n", true);
	expect_light("[spool]\nwhen_full = drop-oldest\n[status]\nfile = /run/x\n", true);
	expect_light("width = 640\nheight = 480\n", false);
	expect_light("fps = 5\n", false);
	expect_light("[clip]\npre_roll = 1s\n", false);
	expect_light("[encode]\nquality = 30\n", false);
	expect_light("[encode]\npreset = fast\n", false);
	expect_light("[encode]\nbitrate = 100\n", false);
	expect_light("[memory]\narena = 128MiB\n", false);
	expect_light("[memory]\nencoder_backlog = 1s\n", false);
	expect_light("[memory]\nwrite_backlog = 1s\n", false);
}

/* --- in a recorder --------------------------------------------------------------------------- */

static void configure(const char *zones, uint64_t post_roll, bool accepted)
{
	struct config next = rig.cfg;

	next.zones = zones ? strdup(zones) : NULL;
	next.post_roll = post_roll;
	next.merge_gap = post_roll;
	assert_int_equal(footage_configure(&rig.footage, &next) == 0, accepted);
	if (accepted) {
		free(rig.cfg.zones);
		rig.cfg = next;
	} else {
		free(next.zones);
	}
}

static void an_open_clip_goes_on_by_the_new_settings(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	unsigned int from;

	(void)state;
	film(RIG_LEARN + 20, false);
	film(20, true);
	assert_non_null(rig.footage.clip);
	configure(NULL, 3000000, true);
	film(5, true);
	from = rig.n;
	while (rig.footage.clip)
		film(1, false);
	assert_true(rig.n - from >= 30); /* frames of three seconds, not of one */
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_READY), 1);
	verify_clip(0, &report, &opened);
	assert_int_equal(opened.private.dropped, 0);
	assert_int_equal(opened.private.samples, RIG_FPS + rig.n - RIG_LEARN - 20 - 1);
	clip_report_release(&report);
}

/* Zones are bits in a clip: those of before must not get the names of those of now. */
static void zones_keep_their_names(void **state)
{
	struct clip_report report;
	struct clip_opened opened;

	(void)state;
	configure("all:0,0,100,100", 5000000, true);
	film(RIG_LEARN + 20, false);
	film(20, true);
	configure("none:0,0,100,10;middle:0,25,100,50", 5000000, true);
	assert_non_null(rig.footage.clip);
	film(RIG_LEARN, false);
	film(20, true);
	configure("!all:0,0,100,100", 1000000, false);
	film(60, false);
	rig_wait_closed();
	verify_clip(0, &report, &opened);
	assert_string_equal(opened.private.zones, "all,middle");
	clip_report_release(&report);
}

int main(void)
{
	const struct CMUnitTest files[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		T(a_change_is_in_force_when_it_is_used),
		T(the_last_that_was_read_is_used),
		T(a_fault_changes_nothing),
		T(what_turns_out_not_to_work_is_undone),
		T(only_what_the_stream_is_made_of_needs_another),
#undef T
	};
	const struct CMUnitTest recorder[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_enter, rig_leave)
		T(an_open_clip_goes_on_by_the_new_settings),
		T(zones_keep_their_names),
#undef T
	};
	int failed = cmocka_run_group_tests(files, NULL, NULL);

	return failed + cmocka_run_group_tests(recorder, rig_enter_all, rig_leave_all);
}
