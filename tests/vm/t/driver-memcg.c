// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a container's memory limit says nothing about cameras: its buffers are charged to
 * nobody, bring down others, or are still charged when it is gone.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"
#include "cgroup.h"

#define BUFFERS 16
#define SIZE	(1024UL * 512) /* GREY */
#define LITTLE	(1UL << 20)

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static int told[2];
static char charged[] = "charged", denied[] = "denied";

/* Takes them without ever looking at them. */
static int has_buffers(void *arg)
{
	struct v4l2_requestbuffers request = {
		.count = BUFFERS,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};

	cgroup_enter(arg);
	CHECK(xioctl(camera_open("front", "main", 0), VIDIOC_REQBUFS, &request) == 0);
	CHECK(request.count == BUFFERS);
	byte_send(told[1], 'h');
	pause();
	return 0;
}

static void check_charged(void)
{
	unsigned long long before = cgroup_get(charged, "memory.current", NULL);
	pid_t pid = process_start(has_buffers, charged);

	byte_receive(told[0]);
	CHECK(cgroup_get(charged, "memory.current", NULL) >= before + BUFFERS * SIZE);
	CHECK(cgroup_get(charged, "memory.stat", "shmem") >= BUFFERS * SIZE);
	/* A few pages may be on their way to the list. */
	CHECK(cgroup_get(charged, "memory.stat", "unevictable") >= BUFFERS * SIZE - LITTLE);
	kill(pid, SIGKILL);
	process_wait(pid);
	cgroup_await_below(charged, LITTLE);
}

/* The one that wants too much is ended; a consumer beside it gets every frame. */
static void check_denied(void)
{
	struct stream feed, view;
	int status;
	pid_t pid;

	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 1024, 512);
	stream_map(&view, camera_open("front", "main", 0), capture, 4);
	stream_queue_all(&view);
	stream_on(&view);
	feed_frame(&feed, 1);
	pid = process_start(has_buffers, denied);
	feed_frame(&feed, 2);
	status = process_wait(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(cgroup_get(denied, "memory.events", "oom_kill") == 1);
	cgroup_await_below(denied, LITTLE);
	feed_frame(&feed, 3);
	for (uint32_t number = 1; number <= 3; number++) {
		CHECK(stream_dequeue(&view).sequence == number - 1);
		CHECK(frame_intact(view.buffers[number - 1].start, SIZE));
	}
}

int main(void)
{
	int fd;

	camera_load("front");
	CHECK(pipe(told) == 0);
	cgroup_make(charged);
	cgroup_make(denied);
	cgroup_set(denied, "memory.max", "4194304");
	fd = camera_open("front", "feed", 0);
	feed_format(fd, V4L2_PIX_FMT_GREY, 1024, 512);
	close(fd);
	check_charged();
	check_denied();
	return 0;
}
