// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, another user of the machine looks at frames in the recorder's memory, through /proc
 * or a call that debuggers use.
 *
 * Root can, so the address is right. The recorder's own user can where ptrace is allowed, unless the
 * process is not dumpable; but even then it cannot open the buffer's file through map_files.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define SIZE	 (128 * 64) /* GREY */
#define RECORDER 4001
#define STRANGER 4002

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static int told[2], asked[2];

/* Who has the frame, and where. */
static struct {
	pid_t pid;
	uint8_t *frame;
} target;

static void become(uid_t user)
{
	CHECK(setresgid(user, user, user) == 0);
	CHECK(setresuid(user, user, user) == 0);
}

/* Opens as root what its user may not, as a broker would; dumpable again, as it was before setuid. */
static int records(void *arg)
{
	int fd = camera_open("front", "main", 0);
	struct stream view;

	(void)arg;
	become(RECORDER);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	stream_map(&view, fd, capture, 1);
	stream_queue_all(&view);
	stream_on(&view);
	stream_dequeue(&view);
	target.pid = getpid();
	target.frame = view.buffers[0].start;
	CHECK(write(told[1], &target, sizeof(target)) == sizeof(target));
	byte_receive(asked[0]);
	CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
	byte_send(told[1], 'd');
	byte_receive(asked[0]);
	return 0;
}

static ssize_t peek(uint8_t *to)
{
	struct iovec local = { to, SIZE }, remote = { target.frame, SIZE };

	return process_vm_readv(target.pid, &local, 1, &remote, 1, 0);
}

static int proc_open(const char *file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", target.pid, file);
	return open(path, flags | O_CLOEXEC);
}

static int map_file_open(void)
{
	char file[48];

	snprintf(file, sizeof(file), "map_files/%lx-%lx", (unsigned long)target.frame,
		 (unsigned long)target.frame + SIZE);
	return proc_open(file, O_RDONLY);
}

static bool refused(long result)
{
	return result == -1 && (errno == EPERM || errno == EACCES);
}

static void check_refused(void)
{
	struct iovec remote = { target.frame, SIZE };
	uint8_t bytes[SIZE];

	CHECK(refused(peek(bytes)));
	CHECK(refused(
		process_vm_writev(target.pid, &(struct iovec) { bytes, SIZE }, 1, &remote, 1, 0)));
	CHECK(refused(proc_open("mem", O_RDONLY)));
	CHECK(refused(proc_open("mem", O_RDWR)));
	CHECK(refused(proc_open("maps", O_RDONLY)));
	CHECK(refused(proc_open("pagemap", O_RDONLY)));
	CHECK(refused(map_file_open()));
	CHECK(refused(ptrace(PTRACE_SEIZE, target.pid, NULL, NULL)));
}

static int is_stranger(void *arg)
{
	(void)arg;
	become(STRANGER);
	check_refused();
	/* Root in a user namespace of its own is nobody outside. */
	CHECK(unshare(CLONE_NEWUSER) == 0);
	check_refused();
	return 0;
}

static int is_same_user(void *arg)
{
	bool dumpable = *(bool *)arg;
	uint8_t bytes[SIZE];

	become(RECORDER);
	if (dumpable)
		CHECK(peek(bytes) == SIZE && frame_intact(bytes, SIZE));
	else
		check_refused();
	CHECK(refused(map_file_open()));
	CHECK(unshare(CLONE_NEWUSER) == 0);
	CHECK(refused(map_file_open()));
	return 0;
}

int main(void)
{
	struct stream feed;
	uint8_t bytes[SIZE];
	bool dumpable = true;
	pid_t pid;

	camera_load("front");
	CHECK(pipe(told) == 0 && pipe(asked) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	pid = process_start(records, NULL);
	feed_await_consumers(feed.fd, 1);
	feed_frame(&feed, 1);
	CHECK(read(told[0], &target, sizeof(target)) == sizeof(target));

	CHECK(peek(bytes) == SIZE && frame_number(bytes) == 1 && frame_intact(bytes, SIZE));
	process_wait_ok(process_start(is_stranger, NULL));
	/* So is whoever may ptrace. Yama, if it is on, forbids it to those who are no parents. */
	if (access("/proc/sys/kernel/yama/ptrace_scope", F_OK) == 0)
		CHECK(system("echo 0 >/proc/sys/kernel/yama/ptrace_scope") == 0);
	process_wait_ok(process_start(is_same_user, &dumpable));
	byte_send(asked[1], 'd');
	byte_receive(told[0]);
	dumpable = false;
	process_wait_ok(process_start(is_same_user, &dumpable));
	byte_send(asked[1], 'q');
	process_wait_ok(pid);
	return 0;
}
