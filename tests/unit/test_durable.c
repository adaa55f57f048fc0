// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a claim or a manifest that is half there after a power cut, a secret that
 * others could read while it is being written, a clip renamed over another.
 */
#include "durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];
static int dir = -1;

static int enter(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/ownframe-durable-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	return dir < 0 ? -1 : 0;
}

static int leave(void **state)
{
	static const char *const names[] = { "a", ".a.new", "b", "sub/a", "sub/b" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlinkat(dir, names[i], 0);
	unlinkat(dir, "sub", AT_REMOVEDIR);
	close(dir);
	return rmdir(folder); /* fails if something was left behind */
}

static void expect(const char *name, const char *text)
{
	char *got;
	size_t len;

	assert_int_equal(durable_read(dir, name, 0, 1 << 20, &got, &len), 0);
	assert_int_equal(len, strlen(text));
	assert_string_equal(got, text);
	free(got);
}

static void writes_and_replaces_with_the_mode_asked_for(void **state)
{
	struct stat st;
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(durable_write(dir, "a", "one", 3, 0640), 0);
	assert_int_equal(fstatat(dir, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	expect("a", "one");
	assert_int_equal(durable_write(dir, "a", "longer", 6, 0600), 0);
	assert_int_equal(fstatat(dir, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	expect("a", "longer");
	umask(mask);
}

/* A run cut short left its temporary file, perhaps readable by all or a link elsewhere. */
static void what_an_interrupted_run_left_is_not_used(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(durable_write(dir, "b", "innocent", 8, 0644), 0);
	assert_int_equal(symlinkat("b", dir, ".a.new"), 0);
	assert_int_equal(durable_write(dir, "a", "secret", 6, 0600), 0);
	expect("b", "innocent");
	expect("a", "secret");
	assert_int_equal(fstatat(dir, "a", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(dir, ".a.new", &st, AT_SYMLINK_NOFOLLOW), -1);
}

/* The file system refuses in the middle (here: a limit on file size): the old file stays. */
static void a_failed_write_leaves_the_old_file(void **state)
{
	struct rlimit old, limit;
	char data[8192] = { 0 };
	struct stat st;
	int rc;

	(void)state;
	assert_int_equal(durable_write(dir, "a", "old", 3, 0600), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	rc = durable_write(dir, "a", data, sizeof(data), 0600);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rc, -EFBIG);
	expect("a", "old");
	assert_int_equal(fstatat(dir, ".a.new", &st, AT_SYMLINK_NOFOLLOW), -1);
}

static void paths_name_their_folder(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	assert_int_equal(durable_write(dir, "sub/a", "x", 1, 0600), 0);
	expect("sub/a", "x");
	snprintf(path, sizeof(path), "%s/sub/b", folder);
	assert_int_equal(durable_write(AT_FDCWD, path, "y", 1, 0600), 0);
	expect("sub/b", "y");
	assert_int_equal(durable_write(dir, "none/a", "x", 1, 0600), -ENOENT);
}

static void a_rename_never_replaces(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	assert_int_equal(durable_write(dir, "a", "first", 5, 0600), 0);
	assert_int_equal(durable_rename(dir, "a", dir, "sub/a"), 0);
	expect("sub/a", "first");
	assert_int_equal(durable_write(dir, "a", "second", 6, 0600), 0);
	assert_int_equal(durable_rename(dir, "a", dir, "sub/a"), -EEXIST);
	expect("sub/a", "first");
	expect("a", "second");
	assert_int_equal(durable_rename(dir, "none", dir, "b"), -ENOENT);
}

static void reads_no_more_than_allowed_and_only_files(void **state)
{
	char *got = NULL;
	size_t len;

	(void)state;
	assert_int_equal(durable_write(dir, "a", "12345", 5, 0600), 0);
	assert_int_equal(durable_read(dir, "a", 0, 4, &got, &len), -EFBIG);
	assert_int_equal(durable_read(dir, "a", 0, 5, &got, &len), 0);
	free(got);
	assert_int_equal(durable_read(dir, "none", 0, 5, &got, &len), -ENOENT);
	assert_int_equal(mkfifoat(dir, "b", 0600), 0);
	assert_int_equal(durable_read(dir, "b", 0, 5, &got, &len), -EINVAL);
	assert_int_equal(durable_read(AT_FDCWD, folder, 0, 5, &got, &len), -EINVAL);
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(durable_read(dir, "link", O_NOFOLLOW, 5, &got, &len), -ELOOP);
	assert_int_equal(durable_read(dir, "link", 0, 5, &got, &len), 0);
	free(got);
	assert_int_equal(unlinkat(dir, "link", 0), 0);
	assert_int_equal(durable_write(dir, "a", "", 0, 0600), 0);
	expect("a", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_and_replaces_with_the_mode_asked_for, enter,
						leave),
		cmocka_unit_test_setup_teardown(what_an_interrupted_run_left_is_not_used, enter,
						leave),
		cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file, enter, leave),
		cmocka_unit_test_setup_teardown(paths_name_their_folder, enter, leave),
		cmocka_unit_test_setup_teardown(a_rename_never_replaces, enter, leave),
		cmocka_unit_test_setup_teardown(reads_no_more_than_allowed_and_only_files, enter,
						leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
