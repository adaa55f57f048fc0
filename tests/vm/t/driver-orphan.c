// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a camera goes on recording into the memory of a process that is dead, or cannot be
 * fed again, because some child kept a descriptor.
 *
 * The owner of a view, then of the feed, is killed while a child holds its descriptor: the stream
 * ends, the memory is free, and the place is another's to take.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "camera.h"

#define BUFFERS 8
#define WIDTH	1280
#define HEIGHT	1024

static int told[2];
static struct stream feed;

static long shmem_kib(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Shmem: %ld", &kib) == 1)
			break;
	fclose(file);
	CHECK(kib >= 0);
	return kib;
}

/* Holds what it inherits, and says so. */
static int holds(void *arg)
{
	(void)arg;
	byte_send(told[1], 'h');
	pause();
	return 0;
}

static int watches(void *arg)
{
	struct stream view;

	close(feed.fd); /* only the view's descriptor is to be held */
	stream_map(&view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE, BUFFERS);
	stream_queue_all(&view);
	stream_on(&view);
	if (fork() == 0)
		_exit(holds(arg));
	pause();
	return 0;
}

static int feeds(void *arg)
{
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, WIDTH, HEIGHT);
	if (fork() == 0)
		_exit(holds(arg));
	pause();
	return 0;
}

int main(void)
{
	const long frames_kib = BUFFERS * WIDTH * HEIGHT / 1024;
	struct stream view;
	long before, during;
	pid_t pid;

	camera_load("front");
	CHECK(pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, WIDTH, HEIGHT);
	before = shmem_kib();
	pid = process_start(watches, NULL);
	byte_receive(told[0]);
	feed_await_consumers(feed.fd, 1);
	during = shmem_kib();
	CHECK(during - before >= frames_kib * 9 / 10); /* it is counted per processor */
	CHECK(kill(pid, SIGKILL) == 0);
	process_wait(pid);
	feed_await_consumers(feed.fd, 0);
	feed_frame(&feed, 1);
	CHECK(during - shmem_kib() >= frames_kib * 9 / 10);

	/* The feed: the child's descriptor does not keep the next one out. */
	close(feed.fd);
	pid = process_start(feeds, NULL);
	byte_receive(told[0]);
	CHECK(camera_try_open("front", "feed", 0) == -1 && errno == EBUSY);
	CHECK(kill(pid, SIGKILL) == 0);
	process_wait(pid);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, WIDTH, HEIGHT);
	stream_map(&view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE, 1);
	stream_queue_all(&view);
	stream_on(&view);
	feed_frame(&feed, 2);
	CHECK(frame_number(view.buffers[stream_dequeue(&view).index].start) == 2);
	return 0;
}
