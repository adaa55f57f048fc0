// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, one program can take all memory through a camera, or all places at a view for good.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static int told[2], asked[2];

static int create(int fd, uint32_t count, uint32_t size, uint32_t *got)
{
	struct v4l2_create_buffers create = {
		.count = count,
		.memory = V4L2_MEMORY_MMAP,
		.format.type = capture,
	};
	int ret;

	CHECK(xioctl(fd, VIDIOC_G_FMT, &create.format) == 0);
	create.format.fmt.pix.sizeimage = size;
	ret = xioctl(fd, VIDIOC_CREATE_BUFS, &create);
	*got = create.count;
	return ret;
}

static int takes_all(void *arg)
{
	struct v4l2_requestbuffers request = {
		.count = 32,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};

	(void)arg;
	CHECK(xioctl(camera_open("front", "main", 0), VIDIOC_REQBUFS, &request) == 0);
	CHECK(request.count == 32);
	return 0;
}

/* 640x480 YUYV: 32 frames are 150 pages each, and one more page for each. */
static void check_memory(void)
{
	const uint32_t frame = 640 * 480 * 2, pages = 32 * (150 + 1);
	const uint32_t largest = frame + (1 << 20), largest_pages = (largest + 4095) / 4096;
	int fd = camera_open("front", "main", 0);
	uint32_t got, total = 0;

	CHECK_ERRNO(create(fd, 1, largest + 1, &got), EINVAL);
	CHECK_ERRNO(create(fd, 1, frame - 1, &got), EINVAL);
	while (create(fd, 4, largest, &got) == 0)
		total += got;
	CHECK(errno == ENOMEM);
	CHECK(total == pages / largest_pages);
	/* Another process has its own. */
	process_wait_ok(process_start(takes_all, NULL));
	close(fd);
}

/* A mapped buffer; false if there is no memory for one. */
static bool map_one(int fd, uint8_t **mapping, size_t length)
{
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};

	if (xioctl(fd, VIDIOC_REQBUFS, &request) == -1) {
		CHECK(errno == ENOMEM);
		return false;
	}
	*mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(*mapping != MAP_FAILED);
	request.count = 0;
	CHECK(xioctl(fd, VIDIOC_REQBUFS, &request) == 0);
	return true;
}

/* What the process gave back and still maps is memory it has, on this handle or the next. */
static void check_still_mapped(void)
{
	const size_t length = 640 * 480 * 2;
	const unsigned int most = 32 * 151 / 150;
	uint8_t *mappings[32 * 151 / 150 + 1];
	int fd = camera_open("front", "main", 0);
	unsigned int total = 0;

	for (int round = 0; round < 2; round++) {
		while (map_one(fd, &mappings[total], length)) {
			CHECK(++total <= most);
			if (total % 4)
				continue;
			close(fd);
			fd = camera_open("front", "main", 0);
		}
		CHECK(total == most);
		while (total)
			CHECK(munmap(mappings[--total], length) == 0);
	}
	close(fd);
}

/* Memory that is pinned counts as well, and what is let go of does not. */
static void check_pinned(void)
{
	const uint32_t frame = 640 * 480 * 2;
	const unsigned int limit = 32 * 151;
	const size_t length = frame + (1 << 20);
	struct v4l2_requestbuffers request = {
		.count = 32,
		.type = capture,
		.memory = V4L2_MEMORY_USERPTR,
	};
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_USERPTR };
	int fd = camera_open("front", "main", 0);
	uint8_t *memory = aligned_alloc(4096, length + 4096);

	CHECK(memory);
	for (int round = 0; round < 2; round++) {
		CHECK(xioctl(fd, VIDIOC_REQBUFS, &request) == 0 && request.count == 32);
		buffer.m.userptr = (unsigned long)memory;
		buffer.length = length;
		for (buffer.index = 0; buffer.index < limit / (length / 4096); buffer.index++)
			CHECK(xioctl(fd, VIDIOC_QBUF, &buffer) == 0);
		CHECK_ERRNO(xioctl(fd, VIDIOC_QBUF, &buffer), ENOMEM);
		request.count = 0;
		CHECK(xioctl(fd, VIDIOC_REQBUFS, &request) == 0);
		request.count = 32;
	}
	/* What the process cannot write is not written for it. */
	CHECK(xioctl(fd, VIDIOC_REQBUFS, &request) == 0);
	buffer.m.userptr =
		(unsigned long)mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	buffer.length = frame;
	CHECK_ERRNO(xioctl(fd, VIDIOC_QBUF, &buffer), EFAULT);
	/* Nor is more pinned than a frame needs. */
	buffer.m.userptr = (unsigned long)memory;
	buffer.length = length + 1;
	CHECK_ERRNO(xioctl(fd, VIDIOC_QBUF, &buffer), EINVAL);
	close(fd);
	free(memory);
}

static int takes_place(void *arg)
{
	struct stream view;

	(void)arg;
	stream_map(&view, camera_open("front", "main", 0), capture, 1);
	byte_send(told[1], 't');
	byte_receive(asked[0]);
	return 0;
}

static void check_places(void)
{
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};
	pid_t others[OWNFRAME_MAX_CONSUMERS];
	int fds[100];
	char byte;

	CHECK(pipe(told) == 0 && pipe(asked) == 0);
	for (int i = 0; i < OWNFRAME_MAX_CONSUMERS; i++) {
		others[i] = process_start(takes_place, NULL);
		byte_receive(told[0]);
	}
	/* Looking costs no place. */
	for (int i = 0; i < 100; i++)
		fds[i] = camera_open("front", "main", 0);
	CHECK_ERRNO(xioctl(fds[0], VIDIOC_REQBUFS, &request), EBUSY);
	CHECK_ERRNO(read(fds[0], &byte, 1), EBUSY);
	byte_send(asked[1], 'q');
	/* Whichever has read it. */
	while (xioctl(fds[0], VIDIOC_REQBUFS, &request) == -1) {
		CHECK(errno == EBUSY);
		usleep(10000);
	}
	for (int i = 1; i < OWNFRAME_MAX_CONSUMERS; i++)
		byte_send(asked[1], 'q');
	for (int i = 0; i < OWNFRAME_MAX_CONSUMERS; i++)
		process_wait_ok(others[i]);
}

int main(void)
{
	camera_load("front");
	check_memory();
	check_still_mapped();
	check_pinned();
	check_places();
	return 0;
}
