// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: the service manager takes a recorder that works for one that hangs, or the
 * other way round, or a manager that hangs makes the camera wait.
 */
#include "clip_fixture.h"
#include "record/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char *dir, path[256];
static int manager = -1;
static struct notify notify;

/* The manager's socket, of this name: "@" stands for the zero of the abstract namespace. */
static void manager_open(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

	strcpy(address.sun_path, name);
	if (*name == '@')
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, len), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static int enter(void **state)
{
	(void)state;
	dir = fixture_dir_make();
	snprintf(path, sizeof(path), "%s/notify", dir);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	alarm(60); /* what waits fails */
	return 0;
}

static int leave(void **state)
{
	(void)state;
	alarm(0);
	notify_close(&notify);
	if (manager >= 0)
		close(manager);
	manager = -1;
	fixture_dir_remove(dir);
	return 0;
}

static void expect(const char *text)
{
	char got[1024];
	ssize_t n = recv(manager, got, sizeof(got) - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static void a_message_is_a_datagram(void **state)
{
	(void)state;
	manager_open(path);
	notify_open(&notify);
	assert_int_equal(notify_say(&notify, "READY=1"), 0);
	assert_int_equal(notify_say(&notify, "STATUS=%d of %s\nX=1", 3, "five"), 0);
	expect("READY=1");
	expect("STATUS=3 of five\nX=1");
}

static void an_abstract_name_is_one(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "@ownframe-test-%d", (int)getpid());
	manager_open(name);
	notify_open(&notify);
	assert_int_equal(notify_say(&notify, "READY=1"), 0);
	expect("READY=1");
}

static void nobody_wants_to_know(void **state)
{
	(void)state;
	notify_open(&notify);
	assert_int_equal(notify_say(&notify, "READY=1"), 0);
	assert_false(notify.watchdog);
	assert_int_equal(setenv("NOTIFY_SOCKET", "nonsense", 1), 0);
	notify_open(&notify);
	assert_int_equal(notify_say(&notify, "READY=1"), 0);
	/* a manager that has gone */
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	notify_open(&notify);
	assert_int_equal(notify_say(&notify, "READY=1"), -ENOENT);
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
	int ret = 0, n;

	(void)state;
	manager_open(path);
	notify_open(&notify);
	for (n = 0; !ret && n < 100000; n++)
		ret = notify_say(&notify, "STATUS=%d", n);
	assert_int_equal(ret, -EAGAIN);
	expect("STATUS=0");
	assert_int_equal(notify_say(&notify, "WATCHDOG=1"), 0);
}

static void a_message_is_whole_or_not_sent(void **state)
{
	char text[600];

	(void)state;
	manager_open(path);
	notify_open(&notify);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(notify_say(&notify, "%s", text), -EMSGSIZE);
	assert_int_equal(notify_say(&notify, "READY=1"), 0);
	expect("READY=1");
}

static void expect_watchdog(const char *us, const char *pid, bool watched)
{
	if (us)
		setenv("WATCHDOG_USEC", us, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	notify_open(&notify);
	assert_int_equal(notify.watchdog, watched);
	notify_close(&notify);
}

static void the_watchdog_is_of_this_process_only(void **state)
{
	char pid[32];

	(void)state;
	manager_open(path);
	expect_watchdog(NULL, NULL, false);
	expect_watchdog("30000000", NULL, true);
	expect_watchdog("30000000", "1", false);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	expect_watchdog("30000000", pid, true);
	expect_watchdog("0", pid, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		T(a_message_is_a_datagram),
		T(an_abstract_name_is_one),
		T(nobody_wants_to_know),
		T(a_manager_that_does_not_read_is_not_waited_for),
		T(a_message_is_whole_or_not_sent),
		T(the_watchdog_is_of_this_process_only),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
