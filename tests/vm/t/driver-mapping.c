// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a program that maps a buffer while another of its threads allocates it can bring the
 * machine down, or get at memory that was freed.
 *
 * One thread makes a buffer and gives it back, over and over; the other maps it whenever it is there.
 * From 6.8 on vb2 shows it to mmap() before it has memory.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"

#define ROUNDS 100

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static uint32_t size;
static int fd;
static _Atomic bool over;

static void create(void)
{
	struct v4l2_create_buffers create = {
		.count = 1,
		.memory = V4L2_MEMORY_MMAP,
		.format.type = capture,
	};

	CHECK(xioctl(fd, VIDIOC_G_FMT, &create.format) == 0);
	size = create.format.fmt.pix.sizeimage + (1 << 20);
	create.format.fmt.pix.sizeimage = size;
	CHECK(xioctl(fd, VIDIOC_CREATE_BUFS, &create) == 0);
}

static void *make_and_free(void *arg)
{
	struct v4l2_requestbuffers request = { .type = capture, .memory = V4L2_MEMORY_MMAP };

	for (int i = 0; i < ROUNDS; i++) {
		create();
		CHECK(xioctl(fd, VIDIOC_REQBUFS, &request) == 0);
	}
	over = true;
	return arg;
}

int main(void)
{
	struct stream feed;
	unsigned int mapped = 0, refused = 0;
	pthread_t id;
	void *buffer;

	camera_load("front");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	fd = camera_open("front", "main", 0);
	create();
	CHECK(pthread_create(&id, NULL, make_and_free, NULL) == 0);
	while (!over) {
		/* The first buffer has the offset 0, on every kernel. */
		buffer = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (buffer == MAP_FAILED) {
			CHECK(errno == EINVAL);
			refused++;
			continue;
		}
		CHECK(*(volatile uint8_t *)buffer == 0);
		CHECK(munmap(buffer, size) == 0);
		mapped++;
	}
	CHECK(pthread_join(id, NULL) == 0);
	CHECK(mapped && refused);
	return 0;
}
