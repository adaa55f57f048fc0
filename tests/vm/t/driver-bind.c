// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, two processes that race for one descriptor both have it, or a program that watches a
 * descriptor with epoll before it allocates sleeps for ever.
 */
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define ROUNDS 40

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static atomic_int *ready; /* shared: racers at the line */

#define REFUSED 2

/* Ends with 0 if it has the handle, when both have tried. */
static int races(void *arg)
{
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	int fd = *(int *)arg;
	bool mine;

	/* The line is an instant, so it is not slept for. */
	atomic_fetch_add(ready, 1);
	while (atomic_load(ready) < 2)
		sched_yield();
	mine = xioctl(fd, VIDIOC_REQBUFS, &request) == 0;
	CHECK(mine || errno == EACCES);
	atomic_fetch_add(ready, 1);
	while (atomic_load(ready) < 4)
		sched_yield();
	if (mine) {
		CHECK(xioctl(fd, VIDIOC_QUERYBUF, &buffer) == 0);
		return 0;
	}
	CHECK_ERRNO(xioctl(fd, VIDIOC_QUERYBUF, &buffer), EACCES);
	return REFUSED;
}

static void check_race(void)
{
	int fd, first, second;
	pid_t pids[2];

	ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(ready != MAP_FAILED);
	for (int round = 0; round < ROUNDS; round++) {
		fd = camera_open("front", "main", 0);
		atomic_store(ready, 0);
		pids[0] = process_start(races, &fd);
		pids[1] = process_start(races, &fd);
		first = process_wait(pids[0]);
		second = process_wait(pids[1]);
		CHECK(WIFEXITED(first) && WIFEXITED(second));
		CHECK(WEXITSTATUS(first) + WEXITSTATUS(second) == REFUSED);
		close(fd);
	}
}

/* poll() alone does not bind: a broker's event loop may watch what it passes on. */
static int passed_after_poll(void *arg)
{
	struct stream view;

	stream_map(&view, *(int *)arg, capture, 1);
	return 0;
}

static void check_poll(void)
{
	int fd = camera_open("front", "main", 0);
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	CHECK(poll(&poller, 1, 0) == 1 && poller.revents == POLLIN); /* as read() would start */
	process_wait_ok(process_start(passed_after_poll, &fd));
	close(fd);
}

static void check_epoll(struct stream *feed)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = camera_open("front", "main", 0), epoll = epoll_create1(0);
	struct stream view;

	CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	stream_map(&view, fd, capture, 1);
	stream_queue_all(&view);
	stream_on(&view);
	while (epoll_wait(epoll, &event, 1, 0) > 0)
		CHECK(event.events & EPOLLIN); /* until it has noticed that there is nothing */
	feed_frame(feed, 3);
	CHECK(epoll_wait(epoll, &event, 1, 5000) == 1);
	CHECK(frame_number(view.buffers[stream_dequeue(&view).index].start) == 3);
	close(epoll);
	close(fd);
}

int main(void)
{
	struct stream feed;

	camera_load("front");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	check_race();
	check_poll();
	check_epoll(&feed);
	return 0;
}
