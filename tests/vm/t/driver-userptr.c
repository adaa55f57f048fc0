// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a process has the driver write frames to where it could not write itself: read-only
 * memory, the kernel's, a file on disk, a child's, or past what it named.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"

#define PAGE 4096UL
#define SIZE (128 * 64UL) /* GREY: two pages */
#define HUGE (2UL << 20)

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static int view;
static uint32_t number;

static int queue(void *memory, size_t length)
{
	struct v4l2_buffer buffer = {
		.type = capture,
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (unsigned long)memory,
		.length = length,
	};

	return xioctl(view, VIDIOC_QBUF, &buffer);
}

static void dequeue(void)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_USERPTR };

	CHECK(xioctl(view, VIDIOC_DQBUF, &buffer) == 0);
	CHECK(buffer.bytesused == SIZE);
}

static void check_delivered(void *memory)
{
	CHECK(queue(memory, SIZE) == 0);
	feed_frame(&feed, ++number);
	dequeue();
	CHECK(frame_number(memory) == number && frame_intact(memory, SIZE));
}

static uint8_t *map(size_t length, int protection, int flags, int fd)
{
	void *memory = mmap(NULL, length, protection, flags, fd, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

static uint8_t *map_own(size_t length)
{
	return map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int file_of_zeros(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
	return fd;
}

static void check_wraps(uint64_t address)
{
	CHECK(queue((void *)address, SIZE) == -1);
	CHECK(errno == EFAULT || errno == EOVERFLOW); /* as the kernel's version has it */
}

static void check_addresses(void)
{
	uint8_t *memory = map_own(4 * PAGE);

	CHECK_ERRNO(queue(NULL, SIZE), EFAULT);
	check_wraps(-PAGE);
	check_wraps(-1UL);
	CHECK_ERRNO(queue((void *)0xffff888000000000UL, SIZE), EFAULT);
	CHECK_ERRNO(queue((void *)(0x00007ffffffff000UL - PAGE), SIZE), EFAULT);
	/* Only the last page is not its to write. */
	CHECK(mprotect(memory + PAGE, PAGE, PROT_READ) == 0);
	CHECK_ERRNO(queue(memory, SIZE), EFAULT);
	CHECK(mprotect(memory + PAGE, PAGE, PROT_NONE) == 0);
	CHECK_ERRNO(queue(memory, SIZE), EFAULT);
	CHECK(munmap(memory + PAGE, PAGE) == 0);
	CHECK_ERRNO(queue(memory, SIZE), EFAULT);
	CHECK_ERRNO(queue(memory + 1, SIZE), EFAULT);
	CHECK_ERRNO(queue(memory + 2 * PAGE, SIZE - 1), EINVAL);
	check_delivered(memory + 2 * PAGE);
}

/* Not a byte before or after. */
static void check_unaligned(void)
{
	uint8_t *memory = map_own(4 * PAGE);
	const size_t at = PAGE - 13;

	memset(memory, 0xa5, 4 * PAGE);
	check_delivered(memory + at);
	for (size_t i = 0; i < 4 * PAGE; i++)
		CHECK(memory[i] == 0xa5 || (i >= at && i < at + SIZE));
}

/* A filesystem does not know when a frame comes. */
static void check_files(void)
{
	int file = file_of_zeros("/scratch/file"), memfd = memfd_create("frames", MFD_CLOEXEC);
	uint8_t *shared = map(SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file);
	uint8_t *private = map(SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file), bytes[SIZE];

	CHECK_ERRNO(queue(shared, SIZE), EFAULT);
	shared[0] = shared[PAGE] = 1; /* dirty, and in the page tables */
	CHECK_ERRNO(queue(shared, SIZE), EFAULT);
	shared[0] = shared[PAGE] = 0;
	check_delivered(private);
	CHECK(pread(file, bytes, SIZE, 0) == SIZE);
	for (size_t i = 0; i < SIZE; i++)
		CHECK(bytes[i] == 0);
	close(file);

	/* Memory without a disk is as good as any. */
	CHECK(memfd >= 0 && ftruncate(memfd, SIZE) == 0);
	check_delivered(map(SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd));
	CHECK(pread(memfd, bytes, SIZE, 0) == SIZE);
	CHECK(frame_number(bytes) == number && frame_intact(bytes, SIZE));
	check_delivered(map(SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1));
	close(memfd);
}

/* Memory that was only read so far is a page of zeros that all processes share. */
static void check_zero_page(void)
{
	uint8_t *memory = map_own(2 * HUGE), *other = map_own(2 * HUGE);
	uint8_t *huge = (uint8_t *)(((uintptr_t)memory + HUGE - 1) & ~(HUGE - 1));
	uint8_t *small = map_own(SIZE);
	volatile uint8_t byte;

	CHECK(madvise(small, SIZE, MADV_NOHUGEPAGE) == 0);
	CHECK(madvise(memory, 2 * HUGE, MADV_HUGEPAGE) == 0);
	CHECK(madvise(other, 2 * HUGE, MADV_HUGEPAGE) == 0);
	byte = huge[0];
	byte = small[0];
	(void)byte;
	check_delivered(huge + 5 * PAGE);
	check_delivered(small);
	for (size_t i = 0; i < HUGE; i++)
		CHECK(huge[i] == 0 || (i >= 5 * PAGE && i < 5 * PAGE + SIZE));
	for (size_t i = 0; i < 2 * HUGE; i += 64)
		CHECK(other[i] == 0);
}

static void check_huge_page(void)
{
	uint8_t *memory;

	/* The machine may have none in one piece. */
	CHECK(system("echo 1 >/proc/sys/vm/nr_hugepages") == 0);
	memory = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		      -1, 0);
	if (memory != MAP_FAILED) {
		check_delivered(memory + HUGE - SIZE);
		CHECK(munmap(memory, HUGE) == 0);
	} else {
		fprintf(stderr, "no huge page, not tried\n");
	}
	CHECK(system("echo 0 >/proc/sys/vm/nr_hugepages") == 0);
}

static const uint8_t *inherited;
static int step[2], done[2];

/* A child has what its parent had at the fork, and not what comes. */
static int is_forked(void *arg)
{
	(void)arg;
	byte_receive(step[0]);
	for (size_t i = 0; i < SIZE; i++)
		CHECK(inherited[i] == 0x5a);
	byte_send(done[1], 'd');
	return 0;
}

static void check_fork(bool pinned)
{
	uint8_t *memory = map_own(SIZE);
	pid_t pid;

	memset(memory, 0x5a, SIZE);
	inherited = memory;
	if (pinned)
		CHECK(queue(memory, SIZE) == 0);
	pid = process_start(is_forked, NULL);
	if (!pinned)
		CHECK(queue(memory, SIZE) == 0);
	feed_frame(&feed, ++number);
	dequeue();
	CHECK(frame_number(memory) == number && frame_intact(memory, SIZE));
	byte_send(step[1], 's');
	byte_receive(done[0]);
	process_wait_ok(pid);
}

/* The frame goes to pages that nobody has any more, and not to what came in their place. */
static void check_unmapped_while_queued(void)
{
	uint8_t *memory = map_own(SIZE);

	memset(memory, 1, SIZE);
	CHECK(queue(memory, SIZE) == 0);
	CHECK(mmap(memory, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1, 0) == memory);
	feed_frame(&feed, ++number);
	dequeue();
	for (size_t i = 0; i < SIZE; i++)
		CHECK(memory[i] == 0);
}

/* A buffer of another view, or of the feed itself while it is copied from: the process's own too. */
static void check_buffers(void)
{
	struct stream other;
	uint32_t before;

	stream_map(&other, camera_open("back", "main", 0), capture, 1);
	check_delivered(other.buffers[0].start);
	before = frame_number(other.buffers[0].start);
	CHECK(queue(feed.buffers[0].start, SIZE) == 0);
	number += 2 - number % 2; /* the frame that is made in this very buffer */
	feed_frame(&feed, number);
	dequeue();
	CHECK(frame_number(feed.buffers[0].start) == number);
	CHECK(frame_intact(feed.buffers[0].start, SIZE));
	CHECK(frame_number(other.buffers[0].start) == before);
	/* Pinned, it stays when the other view lets go of it. */
	CHECK(queue(other.buffers[0].start, SIZE) == 0);
	stream_free(&other);
	feed_frame(&feed, ++number);
	dequeue();
	close(other.fd);
}

int main(void)
{
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_USERPTR,
	};

	CHECK(pipe(step) == 0 && pipe(done) == 0);
	camera_load("front,back");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	view = camera_open("front", "main", 0);
	CHECK(xioctl(view, VIDIOC_REQBUFS, &request) == 0);
	CHECK(xioctl(view, VIDIOC_STREAMON, &capture) == 0);
	check_addresses();
	check_unaligned();
	check_files();
	check_zero_page();
	check_huge_page();
	check_fork(false);
	check_fork(true);
	check_unmapped_while_queued();
	check_buffers();
	check_delivered(map_own(SIZE));
	return 0;
}
