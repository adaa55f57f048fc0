// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a process that holds a recorder's descriptor can take the events by which the recorder
 * learns that its camera has changed, or go on listening to what it began before it was the recorder's.
 */
#include <poll.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct v4l2_event_subscription changes = { .type = V4L2_EVENT_SOURCE_CHANGE };
static int told[2];

/* In VIDIOC_DQEVENT since before the handle is anybody's. */
static int listens(void *arg)
{
	struct v4l2_event event;
	int fd = *(int *)arg;

	byte_send(told[1], 'l');
	CHECK_ERRNO(xioctl(fd, VIDIOC_DQEVENT, &event), EACCES);
	return 0;
}

/* In poll(), for events alone. */
static int polls(void *arg)
{
	struct pollfd poller = { .fd = *(int *)arg, .events = POLLPRI };

	byte_send(told[1], 'p');
	CHECK(poll(&poller, 1, -1) == 1);
	CHECK(poller.revents == POLLERR);
	return 0;
}

static void change_format(int feed, uint32_t width)
{
	feed_format(feed, V4L2_PIX_FMT_GREY, width, 64);
}

/* What was heard before is nobody's yet: who shares the descriptor shares that. */
static void check_before(int feed, int view)
{
	struct v4l2_event event;

	CHECK(xioctl(view, VIDIOC_SUBSCRIBE_EVENT, &changes) == 0);
	change_format(feed, 128);
	CHECK(xioctl(view, VIDIOC_DQEVENT, &event) == 0);
	CHECK(event.type == V4L2_EVENT_SOURCE_CHANGE);
}

static void check_listeners(int feed, int fd)
{
	pid_t listeners[2], poller;
	struct stream view;
	struct v4l2_event event;

	for (int i = 0; i < 2; i++) {
		listeners[i] = process_start(listens, &fd);
		CHECK(byte_receive(told[0]) == 'l');
		process_await_sleep(listeners[i]);
	}
	poller = process_start(polls, &fd);
	CHECK(byte_receive(told[0]) == 'p');
	process_await_sleep(poller);

	stream_map(&view, fd, capture, 1);
	CHECK(xioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &changes) == 0);
	for (int i = 0; i < 2; i++)
		process_wait_ok(listeners[i]);
	change_format(feed, 192);
	process_wait_ok(poller);
	CHECK(xioctl(fd, VIDIOC_DQEVENT, &event) == 0);
	CHECK(event.type == V4L2_EVENT_SOURCE_CHANGE);
	CHECK(event.pending == 0);
}

static int waits_for_change(void *arg)
{
	struct v4l2_event event;
	struct stream view;

	(void)arg;
	stream_map(&view, camera_open("front", "main", 0), capture, 1);
	CHECK(xioctl(view.fd, VIDIOC_SUBSCRIBE_EVENT, &changes) == 0);
	byte_send(told[1], 'w');
	CHECK(xioctl(view.fd, VIDIOC_DQEVENT, &event) == 0);
	CHECK(event.type == V4L2_EVENT_SOURCE_CHANGE);
	return 0;
}

/* A listener of its own is woken, whatever others do with theirs. */
static void check_own(int feed)
{
	pid_t pid = process_start(waits_for_change, NULL);

	CHECK(byte_receive(told[0]) == 'w');
	process_await_sleep(pid);
	change_format(feed, 256);
	process_wait_ok(pid);
}

int main(void)
{
	int feed, view;

	camera_load("front");
	CHECK(pipe(told) == 0);
	feed = camera_open("front", "feed", 0);
	change_format(feed, 64);
	view = camera_open("front", "main", 0);
	check_before(feed, view);
	check_listeners(feed, view);
	check_own(feed);
	return 0;
}
