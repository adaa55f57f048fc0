// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a camera cannot be taken away because some viewer hangs, or who waited for it waits
 * for ever.
 *
 * Processes wait in every way there is, and one in a page fault that nobody serves, with its queue
 * locked, when `live` becomes 0.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "camera.h"

#define SIZE (64 * 64)

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static int told[2];

static void watch(struct stream *view, unsigned int buffers)
{
	stream_map(view, camera_open("front", "main", 0), capture, buffers);
	stream_queue_all(view);
	stream_on(view);
}

static int waits_in_dqbuf(void *arg)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	struct stream view;

	(void)arg;
	watch(&view, 1);
	byte_send(told[1], 'w');
	CHECK_ERRNO(xioctl(view.fd, VIDIOC_DQBUF, &buffer), ENODEV);
	CHECK_ERRNO(xioctl(view.fd, VIDIOC_STREAMOFF, &capture), ENODEV);
	return 0;
}

static int waits_in_read(void *arg)
{
	int fd = camera_open("front", "main", 0);
	char frame[SIZE];

	(void)arg;
	byte_send(told[1], 'w');
	CHECK_ERRNO(read(fd, frame, sizeof(frame)), ENODEV);
	return 0;
}

static void check_hangs_up(int fd, short events)
{
	struct pollfd event = { .fd = fd, .events = events };

	byte_send(told[1], 'w');
	CHECK(poll(&event, 1, 30000) == 1);
	CHECK(event.revents & POLLERR && event.revents & POLLHUP);
}

static int waits_in_poll(void *arg)
{
	struct stream view;

	(void)arg;
	watch(&view, 1);
	check_hangs_up(view.fd, POLLIN);
	return 0;
}

static int waits_unbound(void *arg)
{
	(void)arg;
	check_hangs_up(camera_open("front", "main", 0), POLLPRI);
	return 0;
}

static void *reads(void *memory)
{
	CHECK(read(camera_open("front", "main", 0), memory, SIZE) == -1);
	return NULL;
}

static int hangs_in_fault(void *arg)
{
	struct uffd_msg message;
	pthread_t thread;
	int faults;

	(void)arg;
	CHECK(pthread_create(&thread, NULL, reads, memory_of_nowhere(SIZE, &faults)) == 0);
	CHECK(read(faults, &message, sizeof(message)) == sizeof(message));
	byte_send(told[1], 'f');
	pause();
	return 0;
}

static int takes_away(void *arg)
{
	(void)arg;
	camera_set("front", "live", "0");
	return 0;
}

static void check_frame(struct stream *feed, struct stream *view, uint32_t number)
{
	struct v4l2_buffer buffer;

	feed_frame(feed, number);
	buffer = stream_dequeue(view);
	CHECK(frame_number(view->buffers[buffer.index].start) == number);
	CHECK(frame_intact(view->buffers[buffer.index].start, buffer.bytesused));
}

int main(void)
{
	int (*const waits[])(void *) = { waits_in_dqbuf, waits_in_read, waits_in_poll,
					 waits_unbound };
	struct v4l2_capability capability;
	struct stream feed, view, next_feed, next_view;
	pid_t pids[4], stuck;
	uint8_t *mapped;

	camera_load("front");
	CHECK(pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	stuck = process_start(hangs_in_fault, NULL);
	feed_await_consumers(feed.fd, 1);
	feed_frame(&feed, 1);
	CHECK(byte_receive(told[0]) == 'f');
	watch(&view, 1);
	check_frame(&feed, &view, 2);
	mapped = view.buffers[0].start;
	for (int i = 0; i < 4; i++) {
		pids[i] = process_start(waits[i], NULL);
		CHECK(byte_receive(told[0]) == 'w');
		process_await_sleep(pids[i]);
	}

	process_wait_ok(process_start(takes_away, NULL));
	for (int i = 0; i < 4; i++)
		process_wait_ok(pids[i]);
	CHECK_ERRNO(xioctl(feed.fd, VIDIOC_QUERYCAP, &capability), ENODEV);
	CHECK_ERRNO(xioctl(view.fd, VIDIOC_QUERYCAP, &capability), ENODEV);
	CHECK(frame_number(mapped) == 2 && frame_intact(mapped, SIZE));

	/* The same names again, while those of before are still open, and one still hangs. */
	camera_set("front", "live", "1");
	feed_start(&next_feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	watch(&next_view, 1);
	check_frame(&next_feed, &next_view, 3);
	CHECK(frame_number(mapped) == 2 && frame_intact(mapped, SIZE));
	CHECK(kill(stuck, SIGKILL) == 0);
	process_wait(stuck);
	return 0;
}
