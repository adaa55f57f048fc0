// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: who reads the status or the metrics reads half of them, or a file system that
 * hangs makes the camera wait.
 */
#include "clip_fixture.h"
#include "record/publish.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char *dir, path[256];
static struct ring ring;
static struct publish file;

static int enter(void **state)
{
	(void)state;
	dir = fixture_dir_make();
	snprintf(path, sizeof(path), "%s/status", dir);
	assert_int_equal(ring_init(&ring, 8), 0);
	file = (struct publish) { .ring = &ring, .path = path };
	alarm(60); /* what waits fails */
	return 0;
}

static void finish(void)
{
	while (!publish_is_idle(&file))
		assert_int_equal(ring_turn(&ring), 0);
}

static int leave(void **state)
{
	(void)state;
	finish();
	alarm(0);
	ring_exit(&ring);
	fixture_dir_remove(dir);
	return 0;
}

static void expect(const char *text)
{
	size_t len;
	char *got = (char *)fixture_read(dir, "status", &len);

	assert_int_equal(len, strlen(text));
	assert_memory_equal(got, text, len);
	free(got);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
	struct stat before, after;

	(void)state;
	assert_true(publish(&file, "a long first text\n"));
	assert_false(publish(&file, "too early\n"));
	finish();
	expect("a long first text\n");
	assert_int_equal(stat(path, &before), 0);
	assert_true(publish(&file, "short\n"));
	finish();
	expect("short\n");
	/* who had the old one open still has it whole */
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
}

static void what_fails_leaves_the_old_one_and_is_tried_again(void **state)
{
	char blocked[300];

	(void)state;
	assert_true(publish(&file, "old\n"));
	finish();
	snprintf(blocked, sizeof(blocked), "%s.new", path);
	assert_int_equal(mkdir(blocked, 0700), 0);
	assert_true(publish(&file, "new\n"));
	finish();
	assert_int_equal(file.error, -EISDIR);
	expect("old\n");
	assert_int_equal(rmdir(blocked), 0);
	/* nor is a link followed */
	assert_int_equal(symlink("elsewhere", blocked), 0);
	assert_true(publish(&file, "new\n"));
	finish();
	assert_int_equal(file.error, -ELOOP);
	assert_int_equal(unlink(blocked), 0);
	assert_true(publish(&file, "new\n"));
	finish();
	expect("new\n");
}

/* A fifo that nobody reads hangs whoever opens it. */
static void a_file_that_hangs_hangs_nobody(void **state)
{
	char hangs[300];
	FILE *end;

	(void)state;
	snprintf(hangs, sizeof(hangs), "%s.new", path);
	assert_int_equal(mkfifo(hangs, 0600), 0);
	assert_true(publish(&file, "text\n"));
	assert_int_equal(io_uring_submit(&ring.uring), 1);
	assert_false(publish(&file, "other\n"));
	end = fopen(hangs, "re"); /* its writer was waiting for this */
	assert_non_null(end);
	finish();
	fclose(end);
}

static void nothing_is_written_where_nothing_is_asked_for(void **state)
{
	(void)state;
	file.path = NULL;
	assert_false(publish(&file, "text\n"));
	assert_true(publish_is_idle(&file));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		T(a_file_is_replaced_as_a_whole),
		T(what_fails_leaves_the_old_one_and_is_tried_again),
		T(a_file_that_hangs_hangs_nobody),
		T(nothing_is_written_where_nothing_is_asked_for),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
