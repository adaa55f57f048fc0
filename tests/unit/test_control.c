// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a stranger pauses a camera, who may pause it cannot, or somebody who connects
 * and says nothing keeps the others from it, or the camera waiting.
 */
#include "clip_fixture.h"
#include "record/control.h"
#include "record/monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define STRANGER 65534
#define GROUP	 54321

static char *dir, path[256];
static struct ring ring;
static struct control control;
static struct ring_op tick_op;
static struct __kernel_timespec tick;
static bool ticking;
static unsigned int asked;

static const char *on_request(struct control *c, const char *line, const struct ucred *peer,
			      struct control_reply *reply)
{
	(void)c;
	assert_true(peer->pid > 0);
	asked++;
	if (!strcmp(line, "status"))
		control_say(reply, "doing %s\n", "nothing");
	else if (!strcmp(line, "long"))
		for (int i = 0; i < 10000; i++)
			control_say(reply, "n %d\n", i);
	return !strcmp(line, "wrong") ? "not so" : NULL;
}

static void on_tick(struct ring_op *op, int res, unsigned int flags)
{
	(void)op;
	(void)res;
	(void)flags;
	ticking = false;
}

static void turn(void)
{
	if (!ticking) {
		tick = (struct __kernel_timespec) { .tv_nsec = 2000000 };
		ring_timeout(&ring, &tick_op, &tick);
		ticking = true;
	}
	assert_int_equal(ring_turn(&ring), 0);
}

static int enter(void **state)
{
	(void)state;
	dir = fixture_dir_make();
	snprintf(path, sizeof(path), "%s/control/front", dir);
	assert_int_equal(ring_init(&ring, 64), 0);
	tick_op.done = on_tick;
	control = (struct control) { .answer = on_request };
	assert_int_equal(control_open(&control, &ring, path), 0);
	asked = 0;
	return 0;
}

static int leave(void **state)
{
	(void)state;
	while (ticking)
		assert_int_equal(ring_turn(&ring), 0);
	ring_exit(&ring);
	control_close(&control);
	assert_int_equal(access(path, F_OK), -1);
	fixture_dir_remove(dir);
	return 0;
}

static int join(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&control.address, sizeof(control.address)),
			 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that comes until the connection is closed. */
static const char *hear(int fd)
{
	static char text[32768];
	time_t end = time(NULL) + 60;
	size_t len = 0;
	ssize_t n;

	do {
		turn();
		n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
		assert_true(time(NULL) < end);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	close(fd);
	text[len] = '\0';
	return text;
}

static void expect(const char *request, const char *reply)
{
	int fd = join();

	say(fd, request);
	assert_string_equal(hear(fd), reply);
}

static void a_request_is_answered(void **state)
{
	int fd;

	(void)state;
	expect("pause\n", "ok\n");
	expect("status\n", "doing nothing\nok\n");
	expect("wrong\n", "error not so\n");
	/* in pieces */
	fd = join();
	say(fd, "sta");
	turn();
	turn();
	say(fd, "tus\n");
	assert_string_equal(hear(fd), "doing nothing\nok\n");
	assert_int_equal(asked, 4);
}

static void what_is_no_request_is_none(void **state)
{
	char line[CONTROL_LINE + 1];
	int fd;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[CONTROL_LINE] = '\0';
	expect(line, "error the line is too long\n");
	fd = join();
	say(fd, "pause");
	shutdown(fd, SHUT_WR);
	assert_string_equal(hear(fd), "");
	assert_int_equal(asked, 0);
}

/* Who is there and says nothing costs the others nothing until all places are taken, and then time. */
static void the_silent_are_sent_away(void **state)
{
	int fd[CONTROL_CLIENTS];

	(void)state;
	for (size_t i = 0; i < CONTROL_CLIENTS - 1; i++)
		fd[i] = join();
	expect("status\n", "doing nothing\nok\n");
	fd[CONTROL_CLIENTS - 1] = join();
	while (control.clients[CONTROL_CLIENTS - 1].fd < 0)
		turn();
	assert_string_equal(hear(join()), "error too many ask at once: try again\n");
	control_tick(&control, monotonic_us());
	assert_string_equal(hear(join()), "error too many ask at once: try again\n");
	control_tick(&control, monotonic_us() + 10000000);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		assert_string_equal(hear(fd[i]), "");
	expect("status\n", "doing nothing\nok\n");
}

/* An answer that nobody takes is thrown away: nothing waits for its reader, and nothing is kept. */
static void who_does_not_read_is_not_waited_for(void **state)
{
	int small = 1, fds[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		fds[i] = join();
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		say(fds[i], "long\n");
	}
	while (asked < 3)
		turn();
	expect("status\n", "doing nothing\nok\n");
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		assert_int_equal(control.clients[i].fd, -1);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

/* Whoever leaves before the answer. */
static void who_has_left_is_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * CONTROL_CLIENTS; i++) {
		int fd = join();

		if (i % 2)
			say(fd, "status\n");
		close(fd);
		turn();
		turn();
	}
	expect("status\n", "doing nothing\nok\n");
}

/* "status" as that user: 0 answered, 1 refused, 2 could not even connect. */
static int ask_as(uid_t uid, gid_t gid, gid_t extra)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		char text[64] = "";
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		alarm(60);
		if (setgroups(extra ? 1 : 0, &extra) || setresgid(gid, gid, gid) ||
		    setresuid(uid, uid, uid))
			_exit(3);
		if (connect(fd, (struct sockaddr *)&control.address, sizeof(control.address)))
			_exit(errno == EACCES ? 2 : 3);
		if (write(fd, "status\n", 7) != 7 || read(fd, text, sizeof(text) - 1) <= 0)
			_exit(3);
		_exit(!strncmp(text, "doing", 5)	       ? 0
		      : !strcmp(text, "error not permitted\n") ? 1
							       : 3);
	}
	while (!waitpid(pid, &status, WNOHANG))
		turn();
	return WEXITSTATUS(status);
}

static void only_who_may_may(void **state)
{
	(void)state;
	if (geteuid()) {
		print_message("not root: other users cannot be tried\n");
		skip();
	}
	/* the folder's group is the socket's */
	assert_int_equal(chmod(dir, 0755), 0);
	leave(NULL);
	dir = fixture_dir_make();
	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/control", dir);
	assert_int_equal(mkdir(path, 0750), 0);
	assert_int_equal(chown(path, 0, GROUP), 0);
	assert_int_equal(chmod(path, 02750), 0);
	snprintf(path, sizeof(path), "%s/control/front", dir);
	assert_int_equal(ring_init(&ring, 64), 0);
	assert_int_equal(control_open(&control, &ring, path), 0);

	assert_int_equal(ask_as(0, 0, 0), 0);
	assert_int_equal(ask_as(STRANGER, STRANGER, 0), 2);
	assert_int_equal(ask_as(STRANGER, GROUP, 0), 0);
	assert_int_equal(ask_as(STRANGER, STRANGER, GROUP), 0);
	/* whatever becomes of the permissions */
	*strrchr(path, '/') = '\0';
	assert_int_equal(chmod(path, 0777), 0);
	path[strlen(path)] = '/';
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(ask_as(STRANGER, STRANGER, 0), 1);
	assert_int_equal(ask_as(STRANGER, STRANGER, GROUP + 1), 1);
	assert_int_equal(ask_as(STRANGER, STRANGER, GROUP), 0);
}

static void a_socket_that_is_left_is_replaced_and_one_that_lives_is_not(void **state)
{
	struct control second = { .answer = on_request };
	struct stat st;
	int left;

	(void)state;
	assert_int_equal(control_open(&second, &ring, path), -EADDRINUSE);
	expect("status\n", "doing nothing\nok\n");
	while (ticking)
		turn();
	ring_exit(&ring);
	control_close(&control);
	/* who is killed does not remove it */
	left = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(left, (struct sockaddr *)&control.address, sizeof(control.address)),
			 0);
	close(left);
	assert_int_equal(ring_init(&ring, 64), 0);
	assert_int_equal(control_open(&control, &ring, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	expect("status\n", "doing nothing\nok\n");
	memset(path, 'x', 200);
	path[200] = '\0';
	assert_int_equal(control_open(&second, &ring, path), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s", control.address.sun_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		T(a_request_is_answered),
		T(what_is_no_request_is_none),
		T(the_silent_are_sent_away),
		T(who_does_not_read_is_not_waited_for),
		T(who_has_left_is_forgotten),
		T(only_who_may_may),
		T(a_socket_that_is_left_is_replaced_and_one_that_lives_is_not),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
