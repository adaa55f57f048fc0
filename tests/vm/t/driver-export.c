// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, buffers can be handed out where the administrator forbade it, or whoever was given
 * one loses it, or memory_limit is got round.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static int sockets[2];

static int export_buffer(int fd, uint32_t type)
{
	struct v4l2_exportbuffer export = { .type = type, .flags = O_CLOEXEC | O_RDWR };

	return xioctl(fd, VIDIOC_EXPBUF, &export) == 0 ? export.fd : -1;
}

/* Gets a frame, gives its buffer away and ends. */
static int gives(void *arg)
{
	struct stream view;

	(void)arg;
	stream_map(&view, camera_open("front", "main", 0), capture, 1);
	stream_queue_all(&view);
	stream_on(&view);
	stream_dequeue(&view);
	fd_send(sockets[1], export_buffer(view.fd, capture));
	return 0;
}

static int request(int fd, uint32_t count)
{
	struct v4l2_requestbuffers request = { .count = count,
					       .type = capture,
					       .memory = V4L2_MEMORY_MMAP };

	return xioctl(fd, VIDIOC_REQBUFS, &request) == 0 ? (int)request.count : -1;
}

/* What is exported counts until nobody has it any more. */
static void check_limit(void)
{
	int fd = camera_open("front", "main", 0), dmabuf;

	camera_set("front", "views/main/memory_limit", "8192"); /* 64 x 64: a page each */
	CHECK(request(fd, 4) == 2);
	dmabuf = export_buffer(fd, capture);
	CHECK(dmabuf >= 0);
	CHECK(request(fd, 0) == 0);
	CHECK(request(fd, 4) == 1);
	close(dmabuf);
	CHECK(request(fd, 0) == 0);
	CHECK(request(fd, 4) == 2);
	close(fd);
	camera_set("front", "views/main/memory_limit", "0");
}

/* The feed of another camera takes it as any other dma-buf. */
static void check_import(int dmabuf)
{
	struct v4l2_requestbuffers buffers = { .count = 1,
					       .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
					       .memory = V4L2_MEMORY_DMABUF };
	struct v4l2_buffer buffer = {
		.type = buffers.type, .memory = buffers.memory, .bytesused = 4096, .m.fd = dmabuf
	};
	int feed = camera_open("back", "feed", 0);
	struct stream view;

	feed_format(feed, V4L2_PIX_FMT_GREY, 64, 64);
	CHECK(xioctl(feed, VIDIOC_REQBUFS, &buffers) == 0);
	CHECK(xioctl(feed, VIDIOC_STREAMON, &buffers.type) == 0);
	stream_map(&view, camera_open("back", "main", 0), capture, 1);
	stream_queue_all(&view);
	stream_on(&view);
	CHECK(xioctl(feed, VIDIOC_QBUF, &buffer) == 0);
	stream_dequeue(&view);
	CHECK(frame_number(view.buffers[0].start) == 7);
	CHECK(frame_intact(view.buffers[0].start, 4096));
	close(feed);
	close(view.fd);
}

int main(void)
{
	struct stream feed;
	uint8_t *mapped;
	pid_t giver;
	int fd, dmabuf;

	camera_load("front,back");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	fd = camera_open("front", "main", 0);
	CHECK(request(fd, 1) == 1);
	CHECK_ERRNO(export_buffer(fd, capture), ENOTTY);
	camera_set("front", "views/main/export", "1");
	CHECK_ERRNO(export_buffer(feed.fd, V4L2_BUF_TYPE_VIDEO_OUTPUT), ENOTTY);
	close(fd);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	giver = process_start(gives, NULL);
	feed_await_consumers(feed.fd, 1);
	feed_frame(&feed, 7);
	dmabuf = fd_receive(sockets[0]);
	process_wait_ok(giver);
	mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, dmabuf, 0);
	CHECK(mapped != MAP_FAILED);
	CHECK(frame_number(mapped) == 7 && frame_intact(mapped, 4096));
	check_import(dmabuf);
	check_limit();
	close(feed.fd);
	CHECK(system("rmmod ownframe 2>/dev/null") != 0);
	close(dmabuf);
	CHECK(frame_number(mapped) == 7 && frame_intact(mapped, 4096));
	return 0;
}
