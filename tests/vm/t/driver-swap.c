// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, frames are written to the swap device, where they outlive the recorder and its keys.
 *
 * A process fills buffers with frames, asks for them to be paged out, and then needs more memory than
 * its cgroup has. Swap is searched for the frames; a frame in ordinary memory is found there.
 *
 * vm: timeout=120
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "camera.h"
#include "cgroup.h"
#include "found.h"

#define SWAP	  "/scratch/swap"
#define SWAP_SIZE (32UL << 20)
#define LIMIT	  "16777216"
#define PRESSURE  (22UL << 20)
#define BUFFERS	  4
#define SIZE	  (1024 * 256) /* GREY */
#define ORDINARY  100

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static void swap_off(void)
{
	swapoff(SWAP);
}

/* Written in full: what is only allocated reads as zeros, whatever was swapped there. */
static void swap_on(void)
{
	int fd = open(SWAP, O_WRONLY | O_CREAT | O_EXCL, 0600);
	static char chunk[1 << 20];

	CHECK(fd >= 0);
	for (size_t at = 0; at < SWAP_SIZE; at += sizeof(chunk))
		CHECK(write(fd, chunk, sizeof(chunk)) == sizeof(chunk));
	CHECK(fsync(fd) == 0);
	close(fd);
	CHECK(system("mkswap " SWAP " >/dev/null") == 0);
	CHECK(swapon(SWAP, 0) == 0);
	atexit(swap_off);
}

static uint8_t *memory_of(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

static int is_pressed(void *arg)
{
	struct stream feed, view;
	uint8_t *ordinary = memory_of(SIZE), *more;

	(void)arg;
	cgroup_enter("pressed");
	frame_fill(ordinary, SIZE, ORDINARY);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 1024, 256);
	stream_map(&view, camera_open("front", "main", 0), capture, BUFFERS);
	stream_queue_all(&view);
	stream_on(&view);
	for (uint32_t number = 1; number <= BUFFERS; number++)
		feed_frame(&feed, number);
	for (unsigned int i = 0; i < BUFFERS; i++)
		madvise(view.buffers[i].start, SIZE, MADV_PAGEOUT);
	for (unsigned int i = 0; i < feed.count; i++)
		madvise(feed.buffers[i].start, SIZE, MADV_PAGEOUT);
	CHECK(madvise(ordinary, SIZE, MADV_PAGEOUT) == 0);

	/* Page by page: a cgroup this small has no room to swap out 2 MiB at once. */
	more = memory_of(PRESSURE);
	CHECK(madvise(more, PRESSURE, MADV_NOHUGEPAGE) == 0);
	for (int round = 1; round <= 2; round++)
		for (size_t at = 0; at < PRESSURE; at += FOUND_PAGE)
			more[at] = round;
	CHECK(cgroup_get("pressed", "memory.swap.current", NULL) > PRESSURE / 4);

	for (unsigned int i = 0; i < BUFFERS; i++)
		CHECK(frame_number(view.buffers[i].start) == i + 1 &&
		      frame_intact(view.buffers[i].start, SIZE));
	return 0;
}

int main(void)
{
	camera_load("front");
	cgroup_make("pressed");
	cgroup_set("pressed", "memory.max", LIMIT);
	swap_on();
	process_wait_ok(process_start(is_pressed, NULL));
	for (uint32_t number = 1; number <= BUFFERS; number++)
		CHECK(found_in_file(SWAP, O_DIRECT, number, SIZE) == 0);
	CHECK(found_in_file(SWAP, O_DIRECT, ORDINARY, SIZE) > 0);
	return 0;
}
