// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a sensor's frames cannot come into the driver without a copy in the feed, or come in
 * changed.
 *
 * vivid's buffers are exported and queued on the feed as they are. What a view delivers is compared
 * with what vivid's buffers hold, also after vivid has let go of them. What is no dma-buf, or too
 * small for a frame, is refused, and then not held.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"

#define BUFFERS 3
#define FRAMES	10

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE, output = V4L2_BUF_TYPE_VIDEO_OUTPUT;

static int vivid_open(void)
{
	struct v4l2_capability capability;
	glob_t nodes;
	int fd;

	CHECK(system("modprobe vivid n_devs=1 node_types=0x1") == 0);
	CHECK(glob("/dev/video*", 0, NULL, &nodes) == 0);
	for (size_t i = 0; i < nodes.gl_pathc; i++) {
		fd = open(nodes.gl_pathv[i], O_RDWR);
		CHECK(fd >= 0 && xioctl(fd, VIDIOC_QUERYCAP, &capability) == 0);
		if (strcmp((char *)capability.driver, "vivid") == 0)
			return fd;
		close(fd);
	}
	CHECK(!"a vivid node");
	return -1;
}

static int export_buffer(int fd, unsigned int index)
{
	struct v4l2_exportbuffer export = { .type = capture, .index = index, .flags = O_CLOEXEC };

	CHECK(xioctl(fd, VIDIOC_EXPBUF, &export) == 0);
	return export.fd;
}

/* Give the feed a sensor's buffer, and wait until it is done. */
static void feed_buffer(int fd, int dmabuf, const struct v4l2_buffer *from)
{
	struct v4l2_buffer buffer = {
		.index = from->index,
		.type = output,
		.memory = V4L2_MEMORY_DMABUF,
		.bytesused = from->bytesused,
		.timestamp = from->timestamp,
		.flags = from->flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK,
		.m.fd = dmabuf,
	};

	CHECK(xioctl(fd, VIDIOC_QBUF, &buffer) == 0);
	CHECK(xioctl(fd, VIDIOC_DQBUF, &buffer) == 0);
	CHECK(!(buffer.flags & V4L2_BUF_FLAG_ERROR));
}

/* Not index 0: after a refusal vb2 takes no bytesused for that index any more. */
static int queue(int fd, int dmabuf, uint32_t length)
{
	struct v4l2_buffer buffer = {
		.index = 1,
		.type = output,
		.memory = V4L2_MEMORY_DMABUF,
		.length = length,
		.m.fd = dmabuf,
	};

	return xioctl(fd, VIDIOC_QBUF, &buffer);
}

/* The memory stays while the feed, or somebody, has the dma-buf; only a descriptor of one is taken. */
static void check_lives(int feed, struct stream *view, struct stream *sensor, int dmabuf)
{
	struct v4l2_buffer given, taken = { .bytesused = sensor->pix.sizeimage };
	int ends[2], memory = memfd_create("frame", MFD_CLOEXEC);

	stream_off(sensor);
	close(sensor->fd);
	frame_fill(sensor->buffers[0].start, sensor->pix.sizeimage, 1);
	feed_buffer(feed, dmabuf, &taken);
	given = stream_dequeue(view);
	CHECK(frame_number(view->buffers[given.index].start) == 1);
	CHECK(frame_intact(view->buffers[given.index].start, given.bytesused));

	CHECK(memory >= 0 && ftruncate(memory, sensor->pix.sizeimage) == 0 && pipe(ends) == 0);
	CHECK_ERRNO(queue(feed, -1, 0), EINVAL);
	CHECK_ERRNO(queue(feed, memory, 0), EINVAL);
	CHECK_ERRNO(queue(feed, ends[0], 0), EINVAL);
	CHECK_ERRNO(queue(feed, feed, 0), EINVAL);
	CHECK_ERRNO(queue(feed, view->fd, 0), EINVAL);
	/* The feed holds it, but a descriptor that is closed names it no more. */
	feed_buffer(feed, dmabuf, &taken);
	close(dmabuf);
	CHECK_ERRNO(queue(feed, dmabuf, 0), EINVAL);
	close(memory);
}

/* Whatever length is claimed, a frame that does not fit is refused, not read past the end. */
static void check_too_small(int feed, int dmabuf)
{
	struct v4l2_requestbuffers request = { .type = output, .memory = V4L2_MEMORY_DMABUF };
	struct v4l2_pix_format large;

	CHECK(xioctl(feed, VIDIOC_STREAMOFF, &output) == 0);
	CHECK(xioctl(feed, VIDIOC_REQBUFS, &request) == 0);
	large = feed_format(feed, V4L2_PIX_FMT_NV12, 640, 480);
	request.count = 2;
	CHECK(xioctl(feed, VIDIOC_REQBUFS, &request) == 0);
	CHECK(xioctl(feed, VIDIOC_STREAMON, &output) == 0);
	CHECK_ERRNO(queue(feed, dmabuf, 0), EINVAL);
	CHECK_ERRNO(queue(feed, dmabuf, large.sizeimage), EFAULT);
	CHECK_ERRNO(queue(feed, dmabuf, UINT32_MAX), EFAULT);
}

static void check_none_left(void)
{
	CHECK(system("grep -q '^Total 0 objects' /sys/kernel/debug/dma_buf/bufinfo") == 0);
}

int main(void)
{
	struct v4l2_requestbuffers request = {
		.count = BUFFERS,
		.type = output,
		.memory = V4L2_MEMORY_DMABUF,
	};
	struct v4l2_format format = {
		.type = capture,
		.fmt.pix = { .width = 320, .height = 180, .pixelformat = V4L2_PIX_FMT_NV12 },
	};
	struct v4l2_buffer taken, given;
	struct stream sensor, view;
	int fd, feed, dmabufs[BUFFERS];

	camera_load("front");
	fd = vivid_open();
	CHECK(xioctl(fd, VIDIOC_S_FMT, &format) == 0);
	stream_map(&sensor, fd, capture, BUFFERS);

	feed = camera_open("front", "feed", 0);
	format = (struct v4l2_format) { .type = output, .fmt.pix = sensor.pix };
	CHECK(xioctl(feed, VIDIOC_S_FMT, &format) == 0);
	CHECK(format.fmt.pix.sizeimage == sensor.pix.sizeimage);
	CHECK(xioctl(feed, VIDIOC_REQBUFS, &request) == 0 && request.count == BUFFERS);
	CHECK(xioctl(feed, VIDIOC_STREAMON, &output) == 0);
	for (unsigned int i = 0; i < BUFFERS; i++)
		dmabufs[i] = export_buffer(fd, i);

	stream_userptr(&view, camera_open("front", "main", 0), capture, 2);
	stream_queue_all(&view);
	stream_on(&view);
	stream_queue_all(&sensor);
	stream_on(&sensor);
	for (int i = 0; i < FRAMES; i++) {
		taken = stream_dequeue(&sensor);
		feed_buffer(feed, dmabufs[taken.index], &taken);
		given = stream_dequeue(&view);
		CHECK(given.bytesused == taken.bytesused);
		CHECK(memcmp(&given.timestamp, &taken.timestamp, sizeof(taken.timestamp)) == 0);
		CHECK((given.flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK) ==
		      (taken.flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK));
		CHECK(memcmp(view.buffers[given.index].start, sensor.buffers[taken.index].start,
			     given.bytesused) == 0);
		stream_queue(&view, given.index);
		stream_queue(&sensor, taken.index);
	}
	check_lives(feed, &view, &sensor, dmabufs[0]);
	check_too_small(feed, dmabufs[1]);
	close(feed);
	close(dmabufs[1]);
	close(dmabufs[2]);
	check_none_left();
	return 0;
}
