// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a program that feeds a camera with write(), as `cat` or ffmpeg's rawvideo would,
 * feeds nothing, or frames of the wrong length.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "camera.h"

static uint8_t frame[8192];

static void write_all(int fd, size_t from, size_t to)
{
	CHECK(write(fd, frame + from, to - from) == (ssize_t)(to - from));
}

static void expect(struct stream *view, size_t length)
{
	struct v4l2_buffer buffer = stream_dequeue(view);

	CHECK(buffer.bytesused == length);
	CHECK(!memcmp(view->buffers[buffer.index].start, frame, length));
	stream_queue(view, buffer.index);
}

static void view_start(struct stream *view)
{
	stream_map(view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE, 2);
	stream_queue_all(view);
	stream_on(view);
}

/* A raw frame is known by its size, however it is cut. */
static void check_raw(void)
{
	int fd = camera_open("front", "feed", 0);
	size_t size = feed_format(fd, V4L2_PIX_FMT_YUYV, 32, 32).sizeimage;
	struct stream view;

	view_start(&view);
	for (unsigned int i = 1; i < 8; i++) {
		frame_fill(frame, size, i);
		write_all(fd, 0, size / i);
		if (i > 1)
			write_all(fd, size / i, size);
		expect(&view, size);
	}
	close(view.fd);
	close(fd);
}

/* A compressed one is what one write() brings. */
static void check_compressed(void)
{
	int fd = camera_open("front", "feed", O_NONBLOCK);
	struct stream view;

	CHECK(feed_format(fd, V4L2_PIX_FMT_MJPEG, 32, 32).sizeimage >= 4096);
	view_start(&view);
	for (unsigned int length = 1; length < 4096; length += 512) {
		frame_fill(frame, length, length);
		write_all(fd, 0, length);
		expect(&view, length);
	}
	close(view.fd);
	close(fd);
}

int main(void)
{
	camera_load("front");
	check_raw();
	check_compressed();
	return 0;
}
