// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: messages of two threads mixed into one line, a file name that forges a line
 * of the log, priorities lost in the journal, or a fault logged sixty times a second.
 */
#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static int saved, pipe_fd[2];

static int capture(void **state)
{
	(void)state;
	saved = dup(STDERR_FILENO);
	if (pipe(pipe_fd) || dup2(pipe_fd[1], STDERR_FILENO) < 0)
		return -1;
	return unsetenv("JOURNAL_STREAM");
}

static int restore(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipe_fd[0]);
	return close(pipe_fd[1]);
}

static void expect(const char *text)
{
	char got[4096];
	ssize_t n;

	/* A mark, so that there is something to read also where nothing was logged. */
	assert_int_equal(write(STDERR_FILENO, "|", 1), 1);
	n = read(pipe_fd[0], got, sizeof(got) - 1);
	assert_true(n > 0);
	assert_int_equal(got[n - 1], '|');
	got[n - 1] = '\0';
	assert_string_equal(got, text);
}

static void a_line_has_the_name_and_no_priority_outside_the_journal(void **state)
{
	(void)state;
	log_setup("ownframe-test", LOG_LEVEL_INFO);
	log_error("%s:%d: broken", "front.conf", 12);
	expect("ownframe-test: front.conf:12: broken\n");
}

static void levels_above_the_limit_are_dropped(void **state)
{
	(void)state;
	log_setup("t", LOG_LEVEL_WARN);
	log_debug("no");
	log_info("no");
	log_warn("yes");
	expect("t: yes\n");
}

static void the_journal_gets_priorities(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup("t", LOG_LEVEL_DEBUG);
	log_error("a");
	log_debug("b");
	expect("<3>t: a\n<7>t: b\n");
	/* Inherited, but stderr is something else now. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_setup("t", LOG_LEVEL_DEBUG);
	log_error("a");
	expect("t: a\n");
}

static void a_message_stays_one_line(void **state)
{
	char huge[8192];
	char got[4096];
	ssize_t n;

	(void)state;
	log_setup("t", LOG_LEVEL_INFO);
	log_error("bad name '%s'", "x\nt: all is well\x1b[2J");
	expect("t: bad name 'x t: all is well [2J'\n");
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	log_error("%s", huge);
	n = read(pipe_fd[0], got, sizeof(got));
	assert_in_range(n, 1000, 2048);
	assert_int_equal(got[n - 1], '\n');
	assert_null(memchr(got, '\0', (size_t)n));
	assert_ptr_equal(memchr(got, '\n', (size_t)n), got + n - 1);
}

static void a_gate_opens_once_in_its_time(void **state)
{
	struct log_gate gate = { 0 }, other = { 0 };

	(void)state;
	assert_true(log_gate_open(&gate, 3600));
	for (int i = 0; i < 1000; i++)
		assert_false(log_gate_open(&gate, 3600));
	assert_true(log_gate_open(&other, 3600));
	/* An hour later, as the gate sees it. */
	gate.next.tv_sec -= 3601;
	assert_true(log_gate_open(&gate, 3600));
	assert_false(log_gate_open(&gate, 3600));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_line_has_the_name_and_no_priority_outside_the_journal, capture, restore),
		cmocka_unit_test_setup_teardown(levels_above_the_limit_are_dropped, capture,
						restore),
		cmocka_unit_test_setup_teardown(the_journal_gets_priorities, capture, restore),
		cmocka_unit_test_setup_teardown(a_message_stays_one_line, capture, restore),
		cmocka_unit_test(a_gate_opens_once_in_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
