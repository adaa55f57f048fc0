// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a process that is tricked into a system call on a buffer's mapping spreads frames to
 * children, dumps or other memory, or the driver writes its frames to where nobody looks.
 *
 * After everything that a mapping can be asked for, its flags are what they were, and the next frame
 * is found in it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define SIZE (128 * 64) /* GREY: two pages */

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed, view;
static uint32_t number;

/* Of all parts of a buffer, wherever they are mapped. */
static void check_flags(const uint8_t *mapping, size_t length)
{
	unsigned long start, end, seen = 0, from = (unsigned long)mapping, to = from + length;
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool ours = false;
	char line[256];

	CHECK(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start < to && end > from;
		if (!ours || strncmp(line, "VmFlags:", 8))
			continue;
		CHECK(strstr(line, " dc ") && strstr(line, " dd ") && strstr(line, " de "));
		CHECK(strstr(line, " sh ") && !strstr(line, " mg "));
		seen += end - start;
	}
	fclose(maps);
	CHECK(seen >= length);
}

/* The next frame arrives in the buffer where it is mapped. */
static void check_alive(void)
{
	stream_queue(&view, 0);
	feed_frame(&feed, ++number);
	stream_dequeue(&view);
	CHECK(frame_number(view.buffers[0].start) == number);
	CHECK(frame_intact(view.buffers[0].start, SIZE));
	check_flags(view.buffers[0].start, SIZE);
}

static void check_refused(void)
{
	uint8_t *mapping = view.buffers[0].start;

	/* A core dump, a hole to read zeros through, contents thrown away, merged or replaced. */
	CHECK_ERRNO(madvise(mapping, SIZE, MADV_DODUMP), EINVAL);
	CHECK_ERRNO(madvise(mapping, SIZE, MADV_REMOVE), EOPNOTSUPP);
	CHECK_ERRNO(madvise(mapping, SIZE, MADV_FREE), EINVAL);
	CHECK_ERRNO(madvise(mapping, SIZE, MADV_WIPEONFORK), EINVAL);
	CHECK(madvise(mapping, SIZE, MADV_COLLAPSE) == -1);
	/* More than the buffer, the same twice, one that stays behind. */
	CHECK(mremap(mapping, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK(mremap(mapping, 0, SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK(mremap(mapping, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED);
	/* Pages of it that would be the process's alone, so they would be swapped and inherited. */
	CHECK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, view.fd, 0) == MAP_FAILED);
	CHECK(mmap(NULL, 2 * SIZE, PROT_READ, MAP_SHARED, view.fd, 0) == MAP_FAILED);
	check_alive();
}

/* These may be asked for, and do not matter. */
static void check_harmless(void)
{
	static const int advices[] = {
		MADV_DONTNEED,	    MADV_COLD,		 MADV_PAGEOUT,	   MADV_HUGEPAGE,
		MADV_NOHUGEPAGE,    MADV_MERGEABLE,	 MADV_UNMERGEABLE, MADV_WILLNEED,
		MADV_SEQUENTIAL,    MADV_RANDOM,	 MADV_NORMAL,	   MADV_DONTFORK,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTDUMP,
	};

	for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++) {
		CHECK(madvise(view.buffers[0].start, SIZE, advices[i]) == 0);
		CHECK(madvise(feed.buffers[0].start, SIZE, advices[i]) == 0);
		check_alive();
	}
	CHECK(mlock(view.buffers[0].start, SIZE) == 0);
	check_alive();
	CHECK(munlock(view.buffers[0].start, SIZE) == 0);
	CHECK(mprotect(view.buffers[0].start, SIZE, PROT_READ) == 0);
	check_alive();
	CHECK(mprotect(view.buffers[0].start, SIZE, PROT_READ | PROT_WRITE) == 0);
}

static void check_moved(void)
{
	uint8_t *whole = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *mapping = view.buffers[0].start;
	const size_t half = SIZE / 2;

	/* In two, and each at a time. */
	for (size_t at = 0; at < SIZE; at += half)
		CHECK(mremap(mapping + at, half, half, MREMAP_MAYMOVE | MREMAP_FIXED, whole + at) ==
		      whole + at);
	view.buffers[0].start = whole;
	check_alive();
	/* Mapped once more by the back door; what is beyond the end of the file is no memory. */
	CHECK(remap_file_pages(whole, SIZE, 0, 0, 0) == 0);
	check_alive();
}

static int reads(void *arg)
{
	return *(volatile uint8_t *)arg & 0;
}

static void check_dies(uint8_t *byte, int with)
{
	int status = process_wait(process_start(reads, byte));

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == with);
}

static int reads_past_the_end(void *arg)
{
	struct stream mine;

	(void)arg;
	stream_map(&mine, camera_open("front", "main", 0), capture, 2);
	CHECK(remap_file_pages(mine.buffers[0].start, SIZE, 0, 1, 0) == 0);
	check_flags(mine.buffers[0].start, SIZE);
	CHECK(mine.buffers[0].start[0] == 0);
	return *(volatile uint8_t *)(mine.buffers[0].start + SIZE / 2);
}

/* What a process can undo is only what it could give away by itself. */
static void check_forked(void)
{
	uint8_t *mapping = view.buffers[0].start;

	check_dies(mapping, SIGSEGV);
	CHECK(madvise(mapping, SIZE, MADV_DOFORK) == 0);
	process_wait_ok(process_start(reads, mapping));
	CHECK(madvise(mapping, SIZE, MADV_DONTFORK) == 0);
	check_dies(mapping, SIGSEGV);
	check_dies(feed.buffers[0].start, SIGSEGV);
}

static void check_unmapped_while_queued(void)
{
	stream_queue(&view, 0);
	CHECK(munmap(view.buffers[0].start, SIZE) == 0);
	feed_frame(&feed, ++number);
	stream_dequeue(&view);
	view.buffers[0].start = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, view.fd, 0);
	CHECK(view.buffers[0].start != MAP_FAILED);
	CHECK(frame_number(view.buffers[0].start) == number);
	CHECK(frame_intact(view.buffers[0].start, SIZE));
	check_alive();
}

int main(void)
{
	int status;

	camera_load("front");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	stream_map(&view, camera_open("front", "main", 0), capture, 1);
	stream_on(&view);
	check_alive();
	check_flags(feed.buffers[0].start, SIZE);
	check_refused();
	check_harmless();
	check_moved();
	check_forked();
	check_unmapped_while_queued();
	status = process_wait(process_start(reads_past_the_end, NULL));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	return 0;
}
