// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a viewer that hangs makes the recorder lose frames.
 *
 * Three processes watch. One is stopped with SIGSTOP while it holds its buffers: the others get every
 * frame. It finds the gap in `sequence` and in its count when it goes on. One is killed: the same.
 */
#include <signal.h>
#include <unistd.h>

#include "camera.h"

#define BUFFERS 2
#define BEFORE	5
#define WHILE	10

static int said[2]; /* from the two that go on */
static int told[2]; /* from the one that is stopped */

static void take(struct stream *view, int to, uint32_t *last)
{
	struct v4l2_buffer buffer = stream_dequeue(view);
	const uint8_t *frame = view->buffers[buffer.index].start;

	CHECK(frame_intact(frame, buffer.bytesused));
	*last = frame_number(frame);
	CHECK(buffer.sequence == *last);
	stream_queue(view, buffer.index);
	byte_send(to, '.');
}

static void watch(struct stream *view)
{
	stream_map(view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE, BUFFERS);
	stream_queue_all(view);
	stream_on(view);
}

static int goes_on(void *arg)
{
	struct stream view;
	uint32_t number;

	(void)arg;
	watch(&view);
	for (uint32_t i = 0; i < BEFORE + 2 * WHILE + 1; i++) {
		take(&view, said[1], &number);
		CHECK(number == i);
	}
	CHECK(view_counter(view.fd, OWNFRAME_CID_DROPPED) == 0);
	return 0;
}

static int is_stopped(void *arg)
{
	struct stream view;
	uint32_t number;

	(void)arg;
	watch(&view);
	for (uint32_t i = 0; i < BEFORE; i++)
		take(&view, told[1], &number);
	/* Stopped about here. The two buffers hold the first two frames of that time. */
	for (uint32_t i = 0; i < BUFFERS; i++) {
		take(&view, told[1], &number);
		CHECK(number == BEFORE + i);
	}
	take(&view, told[1], &number);
	CHECK(number == BEFORE + WHILE);
	CHECK(view_counter(view.fd, OWNFRAME_CID_DROPPED) == WHILE - BUFFERS);
	CHECK(view_counter(view.fd, OWNFRAME_CID_DELIVERED) == BEFORE + BUFFERS + 1);
	byte_send(told[1], 'c');
	pause();
	return 0;
}

static void feed_both(struct stream *feed, uint32_t *number)
{
	CHECK(feed_frame(feed, *number) == *number);
	++*number;
	byte_receive(said[0]);
	byte_receive(said[0]);
}

int main(void)
{
	struct stream feed;
	pid_t first, second, stopped;
	uint32_t number = 0;

	camera_load("front");
	CHECK(pipe(said) == 0 && pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 160, 120);
	stopped = process_start(is_stopped, NULL);
	feed_await_consumers(feed.fd, 1); /* so that frames come to it first */
	first = process_start(goes_on, NULL);
	second = process_start(goes_on, NULL);
	feed_await_consumers(feed.fd, 3);
	while (number < BEFORE) {
		feed_both(&feed, &number);
		byte_receive(told[0]);
	}
	CHECK(kill(stopped, SIGSTOP) == 0);
	while (number < BEFORE + WHILE)
		feed_both(&feed, &number);
	CHECK(kill(stopped, SIGCONT) == 0);
	byte_receive(told[0]);
	byte_receive(told[0]);
	feed_both(&feed, &number);
	CHECK(byte_receive(told[0]) == '.');
	CHECK(byte_receive(told[0]) == 'c');

	CHECK(kill(stopped, SIGKILL) == 0);
	for (int i = 0; i < WHILE; i++)
		feed_both(&feed, &number);
	process_wait(stopped);
	process_wait_ok(first);
	process_wait_ok(second);
	return 0;
}
