// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a clip lost because the TPM was slow, a full disk that takes what was
 * recorded, a folder or a name in the way that keeps all later clips from their owner.
 */
#include "record_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

static void verify_lost(size_t i, enum manifest_lost why)
{
	struct clip_report report;
	char path[512];

	spool_path(path, SPOOL_STATE_READY, i);
	assert_int_equal(clip_verify(path, &rig_people.claims, &report), 0);
	assert_int_equal(report.verdict, CLIP_VERIFIED);
	assert_int_equal(report.manifest.lost, why);
	clip_report_release(&report);
}

static void a_tpm_that_does_not_answer_only_delays(void **state)
{
	char path[512];
	size_t len;

	(void)state;
	film(RIG_LEARN, false);
	atomic_store(&rig_device.deaf, true);
	film_event(15);
	film_event(15);
	TURN_UNTIL(spool_count(SPOOL_STATE_OPEN) == 2);
	assert_int_equal(spool_count(SPOOL_STATE_READY), 0);
	spool_path(path, SPOOL_STATE_OPEN, 0);
	assert_null(fixture_read(path, SPOOL_MANIFEST, &len));
	atomic_store(&rig_device.deaf, false);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(spool_count(SPOOL_STATE_READY), 2);
	for (size_t i = 0; i < 2; i++) {
		struct clip_report report;
		struct clip_opened opened;

		verify_clip(i, &report, &opened);
		assert_int_equal(report.manifest.head.seq, i + 1);
		assert_false(report.manifest.recovered);
		clip_report_release(&report);
	}
}

static void a_tpm_that_is_slower_than_the_backlog_costs_frames(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	uint64_t first;

	(void)state;
	film(RIG_LEARN, false);
	rig_device_slow(true);
	first = rig.t_us - RIG_FPS * RIG_FRAME_US;
	film_live(300, true);
	assert_int_equal(rig.status.captured, rig.n); /* the camera went on */
	assert_true(status_dropped(&rig.status) > 100);
	rig_device_slow(false);
	TURN_UNTIL(rig.footage.clip->opened);
	film(40, false);
	rig_wait_closed();
	verify_clip(0, &report, &opened);
	assert_int_equal(opened.private.dropped, status_dropped(&rig.status));
	/* What is not in the clip is counted in it. */
	assert_int_equal(opened.private.samples + opened.private.dropped,
			 (uint64_t)(opened.private.end_us - opened.open.start_us) / RIG_FRAME_US +
				 1);
	assert_true(opened.private.samples > 30);
	assert_int_equal(opened.open.boot_monotonic_us, first);
	clip_report_release(&report);
}

/* The one clip of open/ has its open.jws, without which it could not be recovered. */
static bool start_is_signed(void)
{
	char path[512];

	if (!spool_count(SPOOL_STATE_OPEN))
		return false;
	spool_path(path, SPOOL_STATE_OPEN, 0);
	strcat(path, "/" SPOOL_OPEN);
	return !access(path, F_OK);
}

static void what_was_not_signed_is_recovered_at_the_next_start(void **state)
{
	struct clip_report report;
	struct clip_opened opened;

	(void)state;
	film(RIG_LEARN, false);
	film(15, true);
	TURN_UNTIL(start_is_signed());
	atomic_store(&rig_device.deaf, true);
	film(40, false);
	rig_stop_stream();
	spooler_exit(&rig.spooler);
	desk_read(&rig.desk);
	assert_int_equal(spool_count(SPOOL_STATE_OPEN), 1);
	assert_int_equal(spool_count(SPOOL_STATE_READY), 0);

	atomic_store(&rig_device.deaf, false);
	rig_start_spooler();
	TURN_UNTIL(spool_count(SPOOL_STATE_READY) == 1);
	verify_clip(0, &report, &opened);
	assert_true(report.manifest.recovered);
	clip_report_release(&report);
	rig_start_stream();
	film(RIG_LEARN, false);
	film_event(15);
	rig_wait_closed();
	verify_clip(1, &report, &opened);
	assert_int_equal(report.manifest.head.seq, 2);
	assert_true(report.manifest.has_prev);
	clip_report_release(&report);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

static void a_clip_that_cannot_begin_is_lost_and_says_so(void **state)
{
	(void)state;
	film(RIG_LEARN, false);
	limit_files(512 << 10);
	film_event(15);
	rig_wait_closed();
	limit_files(RLIM_INFINITY);
	assert_int_equal(spool_count(SPOOL_STATE_OPEN), 0);
	verify_lost(0, MANIFEST_LOST_WRITE_ERROR);
	assert_int_equal(rig.status.lost, 1);
	film_event(15);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_READY), 2);
}

static void a_clip_that_cannot_grow_keeps_what_it_has(void **state)
{
	struct clip_report report;
	struct clip_opened opened;

	(void)state;
	film(RIG_LEARN, false);
	limit_files((1 << 20) + (512 << 10));
	film_event(150);
	rig_wait_closed();
	limit_files(RLIM_INFINITY);
	verify_clip(0, &report, &opened);
	assert_true(opened.private.dropped > 0);
	assert_true(opened.private.samples >= 10);
	assert_true(report.manifest.size <= 1 << 20);
	clip_report_release(&report);
}

/* In place of the C library's: a folder that once cannot be synced. */
static _Atomic ino_t unsyncable;

int fsync(int fd)
{
	struct stat st;
	ino_t ino;

	if (!fstat(fd, &st)) {
		ino = st.st_ino;
		if (atomic_compare_exchange_strong(&unsyncable, &ino, 0)) {
			errno = EIO;
			return -1;
		}
	}
	return (int)syscall(SYS_fsync, fd);
}

/* Nothing in ready/, where the uploader may write, keeps later clips from being signed. */
static void a_clip_whose_name_is_taken_holds_nothing_up(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	char path[512], *folder;

	(void)state;
	film(RIG_LEARN, false);
	film(15, true);
	TURN_UNTIL(rig.footage.clip->opened && spool_count(SPOOL_STATE_OPEN) == 1);
	spool_path(path, SPOOL_STATE_OPEN, 0);
	folder = strstr(path, "/open/");
	assert_int_equal(
		mkdirat(rig.spool.state[SPOOL_STATE_READY], folder + strlen("/open/"), 0700), 0);
	film(40, false);
	film_event(15);
	rig_wait_closed();
	assert_int_equal(spool_count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(spool_count(SPOOL_STATE_QUARANTINE), 1);
	assert_int_equal(spool_count(SPOOL_STATE_READY), 2);
	assert_int_equal(rig.status.lost, 1);
	verify_clip(1, &report, &opened);
	assert_int_equal(report.manifest.head.seq, 2);
	assert_true(report.manifest.has_prev);
	clip_report_release(&report);
}

static void a_folder_that_cannot_be_synced_once_holds_nothing_up(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	struct stat st;

	(void)state;
	film(RIG_LEARN, false);
	assert_int_equal(fstat(rig.spool.state[SPOOL_STATE_READY], &st), 0);
	atomic_store(&unsyncable, st.st_ino);
	film_event(15);
	film_event(15);
	rig_wait_closed();
	assert_int_equal(atomic_load(&unsyncable), 0);
	assert_int_equal(spool_count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(spool_count(SPOOL_STATE_READY), 2);
	assert_int_equal(rig.status.sealed, 2);
	for (size_t i = 0; i < 2; i++) {
		verify_clip(i, &report, &opened);
		clip_report_release(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_enter, rig_leave)
		T(a_tpm_that_does_not_answer_only_delays),
		T(a_tpm_that_is_slower_than_the_backlog_costs_frames),
		T(what_was_not_signed_is_recovered_at_the_next_start),
		T(a_clip_that_cannot_begin_is_lost_and_says_so),
		T(a_clip_that_cannot_grow_keeps_what_it_has),
		T(a_clip_whose_name_is_taken_holds_nothing_up),
		T(a_folder_that_cannot_be_synced_once_holds_nothing_up),
#undef T
	};

	return cmocka_run_group_tests(tests, rig_enter_all, rig_leave_all);
}
