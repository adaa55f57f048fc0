// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, the frames that a program had when it crashed lie on a disk, in its core dump.
 *
 * The dump has everything it can have (coredump_filter). A frame in memory of the process's own is
 * found in it, so the search works, and is not with MADV_DONTDUMP. Those in buffers of a view and of
 * the feed are not, whatever the process did to their mappings.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"
#include "found.h"

#define CORE "/tmp/core"
#define SIZE (128 * 64) /* GREY: two pages */

enum {
	MAPPED = 1,
	DUMPED,
	HIDDEN
};

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static void file_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	close(fd);
}

/* Whatever a process may do to a mapping, but to take it away. */
static void work_on(uint8_t **mapping)
{
	void *elsewhere = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_ERRNO(madvise(*mapping, SIZE, MADV_DODUMP), EINVAL);
	CHECK(remap_file_pages(*mapping, SIZE, 0, 0, 0) == 0);
	CHECK(mremap(*mapping, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere);
	*mapping = elsewhere;
	CHECK(mprotect(*mapping, SIZE, PROT_READ) == 0);
	CHECK_ERRNO(madvise(*mapping, SIZE, MADV_DODUMP), EINVAL);
}

static int crashes(void *arg)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct stream feeds[2], mapped, own;

	(void)arg;
	CHECK(setrlimit(RLIMIT_CORE, &unlimited) == 0);
	file_write("/proc/self/coredump_filter", "0x1ff");

	feed_start(&feeds[0], "front", V4L2_PIX_FMT_GREY, 128, 64);
	stream_map(&mapped, camera_open("front", "main", 0), capture, 1);
	stream_queue_all(&mapped);
	stream_on(&mapped);
	feed_frame(&feeds[0], MAPPED);
	stream_dequeue(&mapped);
	work_on(&mapped.buffers[0].start);
	work_on(&feeds[0].buffers[MAPPED % feeds[0].count].start);
	CHECK(frame_number(mapped.buffers[0].start) == MAPPED);

	feed_start(&feeds[1], "back", V4L2_PIX_FMT_GREY, 128, 64);
	stream_userptr(&own, camera_open("back", "main", 0), capture, 2);
	for (unsigned int i = 0; i < own.count; i++)
		own.buffers[i].start = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(madvise(own.buffers[1].start, SIZE, MADV_DONTDUMP) == 0);
	stream_queue_all(&own);
	stream_on(&own);
	feed_frame(&feeds[1], DUMPED);
	feed_frame(&feeds[1], HIDDEN);
	CHECK(frame_number(own.buffers[1].start) == HIDDEN);
	abort();
}

static char pattern[256];

static void pattern_restore(void)
{
	file_write("/proc/sys/kernel/core_pattern", pattern);
}

int main(void)
{
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
	pid_t pid;
	int status;

	CHECK(file && fgets(pattern, sizeof(pattern), file));
	fclose(file);
	camera_load("front,back");
	file_write("/proc/sys/kernel/core_pattern", CORE);
	pid = process_start(crashes, NULL);
	status = process_wait(pid);
	pattern_restore();

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && WCOREDUMP(status));
	CHECK(found_in_file(CORE, 0, DUMPED, SIZE) == SIZE / FOUND_PAGE);
	CHECK(found_in_file(CORE, 0, HIDDEN, SIZE) == 0);
	CHECK(found_in_file(CORE, 0, MAPPED, SIZE) == 0);
	return 0;
}
