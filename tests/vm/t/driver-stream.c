// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a recorder, a viewer and somebody's script cannot watch one camera at once, or one
 * of them is shown other pictures than the camera took.
 *
 * The test feeds numbered frames. Three processes take them by MMAP, by USERPTR with another pointer
 * at every VIDIOC_QBUF, and by read(). Each compares every byte and says so before the next is fed.
 */
#include <stdlib.h>
#include <unistd.h>

#include "camera.h"

#define FRAMES	20
#define BUFFERS 3
#define SLOTS	7
#define WIDTH	160
#define HEIGHT	120

static int said[2]; /* pipe: a byte for each frame that a process has checked */

static void check_frame(const void *frame, size_t length, uint32_t number)
{
	CHECK(frame_number(frame) == number);
	CHECK(frame_intact(frame, length));
	byte_send(said[1], '.');
}

static void check_buffer(const struct v4l2_buffer *buffer, uint32_t number, uint32_t *sequence)
{
	CHECK(!number || buffer->sequence == *sequence + 1);
	CHECK((buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
	CHECK(buffer->timestamp.tv_sec || buffer->timestamp.tv_usec);
	*sequence = buffer->sequence;
}

static void check_counters(int fd)
{
	CHECK(view_counter(fd, OWNFRAME_CID_DELIVERED) == FRAMES);
	CHECK(view_counter(fd, OWNFRAME_CID_DROPPED) == 0);
}

static int watch_by_mmap(void *arg)
{
	struct stream view;
	struct v4l2_buffer buffer;
	uint32_t sequence = 0;

	(void)arg;
	stream_map(&view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE, BUFFERS);
	stream_queue_all(&view);
	stream_on(&view);
	for (uint32_t number = 0; number < FRAMES; number++) {
		buffer = stream_dequeue(&view);
		CHECK(buffer.bytesused == view.pix.sizeimage);
		check_buffer(&buffer, number, &sequence);
		check_frame(view.buffers[buffer.index].start, buffer.bytesused, number);
		stream_queue(&view, buffer.index);
	}
	check_counters(view.fd);
	return 0;
}

static int watch_by_userptr(void *arg)
{
	struct stream view;
	struct v4l2_buffer buffer;
	uint8_t *slots[SLOTS];
	uint32_t sequence = 0;

	(void)arg;
	stream_userptr(&view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE,
		       BUFFERS);
	for (unsigned int i = 0; i < SLOTS; i++) {
		slots[i] = malloc(view.pix.sizeimage + SLOTS);
		CHECK(slots[i]);
		slots[i] += i; /* no alignment is asked for */
	}
	stream_queue_all(&view);
	stream_on(&view);
	for (uint32_t number = 0; number < FRAMES; number++) {
		buffer = stream_dequeue(&view);
		CHECK(buffer.m.userptr == (unsigned long)view.buffers[buffer.index].start);
		check_buffer(&buffer, number, &sequence);
		check_frame(view.buffers[buffer.index].start, buffer.bytesused, number);
		view.buffers[buffer.index].start = slots[number % SLOTS];
		stream_queue(&view, buffer.index);
	}
	check_counters(view.fd);
	return 0;
}

static int watch_by_read(void *arg)
{
	int fd = camera_open("front", "main", 0);
	static uint8_t frame[WIDTH * HEIGHT * 2];

	(void)arg;
	for (uint32_t number = 0; number < FRAMES; number++) {
		CHECK(read(fd, frame, sizeof(frame)) == sizeof(frame));
		check_frame(frame, sizeof(frame), number);
	}
	check_counters(fd);
	return 0;
}

int main(void)
{
	struct stream feed;
	pid_t watchers[3];

	camera_load("front");
	CHECK(pipe(said) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_YUYV, WIDTH, HEIGHT);
	watchers[0] = process_start(watch_by_mmap, NULL);
	watchers[1] = process_start(watch_by_userptr, NULL);
	watchers[2] = process_start(watch_by_read, NULL);
	feed_await_consumers(feed.fd, 3);
	for (uint32_t number = 0; number < FRAMES; number++) {
		feed_frame(&feed, number);
		for (int i = 0; i < 3; i++)
			byte_receive(said[0]);
	}
	for (int i = 0; i < 3; i++)
		process_wait_ok(watchers[i]);
	feed_await_consumers(feed.fd, 0);
	return 0;
}
