// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a process finds bytes in its buffers that were never given to it: another's frames,
 * a longer frame of before, or what a sensor leaves at the end of a line.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static void check_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		CHECK(bytes[i] == 0);
}

static void watch(struct stream *view, unsigned int buffers)
{
	stream_map(view, camera_open("front", "main", 0), capture, buffers);
}

/* Buffers are born zeroed, though pages with frames were given back a moment ago. */
static void check_fresh(void)
{
	struct stream view;

	for (int round = 0; round < 3; round++) {
		watch(&view, 8);
		for (unsigned int i = 0; i < view.count; i++) {
			check_zero(view.buffers[i].start, view.buffers[i].length);
			memset(view.buffers[i].start, 0xa5, view.buffers[i].length);
		}
		stream_free(&view);
		close(view.fd);
	}
}

/* What a process still maps stays its own, also where it has not yet looked. */
static void check_kept(void)
{
	struct v4l2_requestbuffers request = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	struct stream feed, view;

	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	watch(&view, 1);
	stream_queue_all(&view);
	stream_on(&view);
	feed_frame(&feed, 3);
	stream_dequeue(&view);
	stream_off(&view);
	CHECK(xioctl(view.fd, VIDIOC_REQBUFS, &request) == 0);
	CHECK(frame_number(view.buffers[0].start) == 3);
	CHECK(frame_intact(view.buffers[0].start, view.pix.sizeimage));
	close(feed.fd);
	close(view.fd);
}

/* A compressed frame has any length. What follows it is as it was. */
static void check_tail(void)
{
	struct stream feed, view;
	struct v4l2_buffer buffer;
	uint32_t length = 777;

	feed_start(&feed, "front", V4L2_PIX_FMT_MJPEG, 64, 64);
	watch(&view, 1);
	stream_queue_all(&view);
	stream_on(&view);
	memset(feed.buffers[0].start, 0xff, feed.buffers[0].length);
	frame_fill(feed.buffers[0].start, length, 5);
	buffer = (struct v4l2_buffer) {
		.type = feed.type,
		.memory = feed.memory,
		.bytesused = length,
	};
	CHECK(xioctl(feed.fd, VIDIOC_QBUF, &buffer) == 0);
	buffer = stream_dequeue(&view);
	CHECK(buffer.bytesused == length);
	CHECK(frame_intact(view.buffers[0].start, length));
	check_zero(view.buffers[0].start + length, view.buffers[0].length - length);

	close(feed.fd);
	close(view.fd);
}

/* Longer than the format says would be written past what a consumer has. */
static void check_too_long(void)
{
	struct v4l2_create_buffers create = { .count = 1, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
		.memory = V4L2_MEMORY_MMAP,
	};
	int fd = camera_open("front", "feed", 0);
	uint32_t size;

	feed_format(fd, V4L2_PIX_FMT_MJPEG, 64, 64);
	create.format.type = buffer.type;
	CHECK(xioctl(fd, VIDIOC_G_FMT, &create.format) == 0);
	size = create.format.fmt.pix.sizeimage;
	create.format.fmt.pix.sizeimage += 4096;
	CHECK(xioctl(fd, VIDIOC_CREATE_BUFS, &create) == 0);
	CHECK(xioctl(fd, VIDIOC_QUERYBUF, &buffer) == 0);
	CHECK(buffer.length == size + 4096);
	buffer.bytesused = size + 1;
	CHECK_ERRNO(xioctl(fd, VIDIOC_QBUF, &buffer), EINVAL);
	buffer.bytesused = size;
	CHECK(xioctl(fd, VIDIOC_QBUF, &buffer) == 0);
	close(fd);
}

/*
 * A picture with lines of `width` bytes and room up to `stride`, which is filled with 0xff: planes
 * lie one after the other, and the consumer gets the lines without the room.
 */
static void check_padding(uint32_t fourcc, uint32_t stride)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
		.fmt.pix = {
			.width = 64, .height = 32, .pixelformat = fourcc, .bytesperline = stride,
		},
	};
	int fd = camera_open("front", "feed", 0);
	uint32_t lines = 32 * 3 / 2, width = 64, at = 0;
	struct stream feed, view;
	struct v4l2_buffer buffer;

	CHECK(xioctl(fd, VIDIOC_S_FMT, &format) == 0);
	CHECK(format.fmt.pix.bytesperline == stride);
	CHECK(format.fmt.pix.sizeimage == stride * lines);
	stream_map(&feed, fd, format.type, 1);
	stream_on(&feed);
	watch(&view, 1);
	CHECK(view.pix.bytesperline == width && view.pix.sizeimage == width * lines);
	stream_queue_all(&view);
	stream_on(&view);

	/* NV12: a chroma line is as long as one of luma. YU12: half, and twice as many. */
	memset(feed.buffers[0].start, 0xff, feed.buffers[0].length);
	for (uint32_t y = 0; y < 32; y++)
		memset(feed.buffers[0].start + y * stride, y, width);
	if (fourcc == V4L2_PIX_FMT_NV12)
		for (uint32_t y = 32; y < lines; y++)
			memset(feed.buffers[0].start + y * stride, y, width);
	else
		for (uint32_t y = 0; y < 32; y++)
			memset(feed.buffers[0].start + 32 * stride + y * stride / 2, 32 + y,
			       width / 2);
	stream_queue(&feed, 0);
	stream_dequeue(&feed);
	buffer = stream_dequeue(&view);
	CHECK(buffer.bytesused == width * lines);
	for (uint32_t y = 0; y < 32; y++)
		for (uint32_t x = 0; x < width; x++)
			CHECK(view.buffers[0].start[at++] == y);
	for (uint32_t y = 32; at < width * lines; y++)
		for (uint32_t x = 0; x < (fourcc == V4L2_PIX_FMT_NV12 ? width : width / 2); x++)
			CHECK(view.buffers[0].start[at++] == y);
	check_zero(view.buffers[0].start + at, view.buffers[0].length - at);
	close(feed.fd);
	close(view.fd);
}

int main(void)
{
	camera_load("front");
	check_fresh();
	check_kept();
	check_tail();
	check_too_long();
	check_padding(V4L2_PIX_FMT_NV12, 96);
	check_padding(V4L2_PIX_FMT_YUV420, 80);
	return 0;
}
