// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: an event that makes no clip or one that its owner cannot open, stillness
 * that makes one, a clip for a former owner.
 */
#include "record_fixture.h"

#include "jws.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <cmocka.h>

static void verify_samples(size_t i, uint64_t samples)
{
	struct clip_report report;
	struct clip_opened opened;

	verify_clip(i, &report, &opened);
	assert_true(opened.has_private);
	assert_int_equal(opened.private.samples, samples);
	assert_int_equal(opened.private.dropped, 0);
	assert_string_equal(opened.private.trigger, "motion");
	assert_true(opened.private.area_ppm > 10000);
	assert_string_equal(opened.open.camera_name, "front");
	assert_int_equal(opened.open.width, RIG_WIDTH);
	clip_report_release(&report);
}

static void what_moves_becomes_a_clip(void **state)
{
	(void)state;
	film(RIG_LEARN + 20, false);
	film_event(30);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(spool_count(SPOOL_STATE_READY), 1);
	assert_int_equal(rig.status.sealed, 1);
	assert_int_equal(rig.status.captured, rig.n);
	assert_int_equal(status_dropped(&rig.status), 0);
	assert_int_equal(rig.status.copied, 0);
}

/* In place of the C library's, for what it calls. */
static int clock_state = TIME_OK; /* -1: the sandbox does not let us ask */

int adjtimex(struct timex *t)
{
	(void)t;
	if (clock_state < 0)
		errno = EPERM;
	return clock_state;
}

static void clock_is(int state, bool synced)
{
	struct clip_report report;
	struct clip_opened opened;
	size_t before = spool_count(SPOOL_STATE_READY);

	clock_state = state;
	film(RIG_LEARN + 20, false);
	film_event(30);
	rig_wait_closed();
	clock_state = TIME_OK;
	verify_clip(before, &report, &opened);
	assert_int_equal(opened.open.clock_synced, synced);
	clip_report_release(&report);
}

/* A clip vouches for its time only if the kernel does. */
static void a_clock_is_synced_only_if_the_kernel_says_so(void **state)
{
	(void)state;
	clock_is(TIME_OK, true);
	clock_is(TIME_ERROR, false);
	clock_is(-1, false);
}

static void nothing_moves_and_nothing_is_written(void **state)
{
	(void)state;
	film(RIG_LEARN + 100, false);
	assert_int_equal(rig.status.events, 0);
	assert_int_equal(spool_count(SPOOL_STATE_OPEN) + spool_count(SPOOL_STATE_READY), 0);
	assert_int_equal(rig.status.captured, RIG_LEARN + 100);
}

/*
 * Pre-roll is ten frames, post-roll ten after the last moving one, of which motion's own lag is a
 * part: the numbers are of the frames that footage was given, so none may be missing between them.
 */
static void every_frame_of_an_event_is_in_its_clip(void **state)
{
	uint64_t samples;

	(void)state;
	film(RIG_LEARN + 20, false);
	film(30, true);
	assert_non_null(rig.footage.clip);
	assert_int_equal(rig.footage.clip->pre_roll, RIG_FPS);
	samples = rig.footage.clip->pre_roll + rig.n - RIG_LEARN - 20;
	while (rig.footage.clip) {
		film(1, false);
		samples++;
	}
	samples--; /* the frame that ended it is in none */
	rig_wait_closed();
	verify_samples(0, samples);
}

/* From a second before it to a second after it, to the frame; motion, disarmed, makes none. */
static void what_is_asked_for_becomes_a_clip(void **state)
{
	struct clip_report report;
	struct clip_opened opened;

	(void)state;
	rig.trigger.disarmed = true;
	film(RIG_LEARN + 20, false);
	film(20, true);
	assert_int_equal(rig.status.events, 0);
	film(20, false);
	trigger_ask(&rig.trigger, rig.t_us, 2 * RIG_FRAME_US);
	film(40, false);
	rig_wait_closed();
	verify_clip(0, &report, &opened);
	assert_string_equal(opened.private.trigger, "external");
	assert_int_equal(opened.private.samples, 10 + 3 + 10);
	assert_int_equal(opened.open.boot_monotonic_us, rig.t_us - 50 * RIG_FRAME_US);
	clip_report_release(&report);
}

static void a_clip_says_all_that_triggered_it(void **state)
{
	struct clip_report report;
	struct clip_opened opened;

	(void)state;
	film(RIG_LEARN + 20, false);
	film(5, true);
	trigger_ask(&rig.trigger, rig.t_us, 0);
	film(40, false);
	rig_wait_closed();
	verify_clip(0, &report, &opened);
	assert_string_equal(opened.private.trigger, "motion,external");
	clip_report_release(&report);
}

static void events_make_a_chain(void **state)
{
	uint8_t prev[32] = { 0 };

	(void)state;
	film(RIG_LEARN, false);
	for (int i = 0; i < 3; i++)
		film_event(15);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_READY), 3);
	for (size_t i = 0; i < 3; i++) {
		struct clip_report report;
		struct clip_opened opened;
		char path[512];
		char *text;
		struct jws jws;
		size_t len;

		verify_clip(i, &report, &opened);
		assert_int_equal(report.manifest.head.seq, i + 1);
		assert_int_equal(report.manifest.has_prev, i > 0);
		assert_memory_equal(report.manifest.prev, prev, i ? 32 : 0);
		spool_path(path, SPOOL_STATE_READY, i);
		text = (char *)fixture_read(path, SPOOL_MANIFEST, &len);
		assert_int_equal(jws_parse(&jws, text, len, JWS_TYP_CLIP), 0);
		memcpy(prev, jws.digest, 32);
		jws_release(&jws);
		free(text);
		clip_report_release(&report);
	}
}

static void a_long_event_is_split_without_a_gap(void **state)
{
	struct clip_report report[2];
	struct clip_opened opened[2];

	(void)state;
	rig.cfg.max_clip = 5000000;
	rig.footage.event.cfg.max_clip_us = 5000000;
	film(RIG_LEARN, false);
	film_event(60);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_READY), 2);
	for (size_t i = 0; i < 2; i++)
		verify_clip(i, &report[i], &opened[i]);
	assert_int_equal(opened[0].private.samples, 50);
	assert_int_equal(opened[1].open.start_us - opened[0].private.end_us, RIG_FRAME_US);
	for (size_t i = 0; i < 2; i++)
		clip_report_release(&report[i]);
}

static void without_a_claim_there_is_no_clip(void **state)
{
	(void)state;
	film(RIG_LEARN, false);
	atomic_store(&rig_device.unclaimed, true);
	atomic_store(&rig_device.epoch, FIXTURE_EPOCH + 1);
	film_event(15);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_OPEN) + spool_count(SPOOL_STATE_READY), 0);
	assert_int_equal(rig.status.sealed, 0);
	atomic_store(&rig_device.unclaimed, false);
	film_event(15);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_READY), 1);
}

static void a_claim_that_ends_ends_the_open_clip(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	unsigned int frames;

	(void)state;
	film(RIG_LEARN, false);
	film(15, true);
	assert_non_null(rig.footage.clip);
	atomic_store(&rig_device.epoch, FIXTURE_EPOCH + 1);
	TURN_UNTIL(!rig.footage.clip); /* nobody moves meanwhile: the spooler looks every 5 s */
	frames = rig.n;
	film_event(15);
	rig_wait_closed();
	assert_true(rig.n > frames);
	assert_int_equal(spool_count(SPOOL_STATE_READY), 2);
	for (size_t i = 0; i < 2; i++) {
		verify_clip(i, &report, &opened);
		assert_int_equal(report.manifest.head.epoch, FIXTURE_EPOCH + i);
		assert_int_equal(report.manifest.head.seq, 1);
		assert_false(report.manifest.has_prev);
		clip_report_release(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_enter, rig_leave)
		T(what_moves_becomes_a_clip),
		T(a_clock_is_synced_only_if_the_kernel_says_so),
		T(nothing_moves_and_nothing_is_written),
		T(every_frame_of_an_event_is_in_its_clip),
		T(what_is_asked_for_becomes_a_clip),
		T(a_clip_says_all_that_triggered_it),
		T(events_make_a_chain),
		T(a_long_event_is_split_without_a_gap),
		T(without_a_claim_there_is_no_clip),
		T(a_claim_that_ends_ends_the_open_clip),
#undef T
	};

	return cmocka_run_group_tests(tests, rig_enter_all, rig_leave_all);
}
