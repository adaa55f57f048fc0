// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, two processes that race for one descriptor both have it, or a program that watches a
 * descriptor with epoll before it allocates sleeps for ever.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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

/* The line is an instant, so it is not slept for. */
static void line_up(int racers)
{
	atomic_fetch_add(ready, 1);
	while (atomic_load(ready) < racers)
		sched_yield();
}

/* The calls that bind. True: it is ours; else errno says why not. */
static bool bind_by(int way, int fd)
{
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};
	struct v4l2_create_buffers create = {
		.count = 1,
		.memory = V4L2_MEMORY_MMAP,
		.format.type = capture,
	};
	char byte;

	switch (way) {
	case 0:
		return xioctl(fd, VIDIOC_REQBUFS, &request) == 0;
	case 1:
		CHECK(xioctl(fd, VIDIOC_G_FMT, &create.format) == 0);
		return xioctl(fd, VIDIOC_CREATE_BUFS, &create) == 0;
	default:
		return read(fd, &byte, 1) == -1 && errno == EAGAIN; /* no frame yet */
	}
}

struct racer {
	int fd;
	int way;
};

/* Ends with 0 if it has the handle, when both have tried. */
static int races(void *arg)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	struct racer *racer = arg;
	bool mine;

	line_up(2);
	mine = bind_by(racer->way, racer->fd);
	CHECK(mine || errno == EACCES);
	line_up(4);
	if (mine) {
		CHECK(xioctl(racer->fd, VIDIOC_QUERYBUF, &buffer) == 0);
		return 0;
	}
	CHECK_ERRNO(xioctl(racer->fd, VIDIOC_QUERYBUF, &buffer), EACCES);
	return REFUSED;
}

static void check_race(void)
{
	struct racer racer;
	int first, second;
	pid_t pids[2];

	for (int round = 0; round < ROUNDS; round++) {
		racer.fd = camera_open("front", "main", O_NONBLOCK);
		atomic_store(ready, 0);
		racer.way = round % 3;
		pids[0] = process_start(races, &racer);
		racer.way = round / 3 % 3;
		pids[1] = process_start(races, &racer);
		first = process_wait(pids[0]);
		second = process_wait(pids[1]);
		CHECK(WIFEXITED(first) && WIFEXITED(second));
		CHECK(WEXITSTATUS(first) + WEXITSTATUS(second) == REFUSED);
		close(racer.fd);
	}
}

static void *thread_races(void *arg)
{
	struct racer *racer = arg;

	line_up(2);
	if (bind_by(racer->way, racer->fd))
		return racer;
	CHECK(errno == EBUSY);
	return NULL;
}

/* Two threads, each with a handle of its own, are one owner: one has the buffers. */
static void check_threads_race(void)
{
	struct racer racers[2];
	pthread_t threads[2];
	void *winner[2];

	for (int round = 0; round < ROUNDS; round++) {
		atomic_store(ready, 0);
		for (int i = 0; i < 2; i++) {
			racers[i].fd = camera_open("front", "main", 0);
			racers[i].way = (round >> i) & 1;
			CHECK(pthread_create(&threads[i], NULL, thread_races, &racers[i]) == 0);
		}
		for (int i = 0; i < 2; i++)
			CHECK(pthread_join(threads[i], &winner[i]) == 0);
		CHECK(!winner[0] != !winner[1]);
		close(racers[0].fd);
		close(racers[1].fd);
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
	ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(ready != MAP_FAILED);
	check_race();
	check_threads_race();
	check_poll();
	check_epoll(&feed);
	return 0;
}
