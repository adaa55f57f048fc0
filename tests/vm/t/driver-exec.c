// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a program that a recorder turns into by execve() has the recorder's frames, or is kept
 * from watching for itself, or the memory of a program that is no more stays taken.
 *
 * The same pid, the same descriptor, another program: what it inherits is a stranger's.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "camera.h"
#include "stranger.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static int asked[2], told[2];

static void watch(struct stream *view, int flags)
{
	stream_map(view, camera_open("front", "main", flags), capture, 2);
	stream_queue_all(view);
	stream_on(view);
}

/* Streams, and becomes another program, with its descriptors for company. */
static int turns(void *arg)
{
	char view_fd[16], asked_fd[16], told_fd[16];
	struct stream view;
	int kept;

	(void)arg;
	close(feed.fd);
	watch(&view, 0);
	kept = dup(view.fd);
	snprintf(view_fd, sizeof(view_fd), "%d", kept);
	snprintf(asked_fd, sizeof(asked_fd), "%d", asked[0]);
	snprintf(told_fd, sizeof(told_fd), "%d", told[1]);
	byte_send(told[1], 'w');
	byte_receive(asked[0]);
	execl("/proc/self/exe", "turned", view_fd, asked_fd, told_fd, NULL);
	return 2;
}

static int turned(int kept, int asked_fd, int told_fd)
{
	struct stream view;

	stranger_refused(kept, capture);
	byte_send(told_fd, 'r');
	byte_receive(asked_fd);
	watch(&view, 0);
	byte_send(told_fd, 'w');
	CHECK(frame_number(view.buffers[stream_dequeue(&view).index].start) == 2);
	stranger_refused(kept, capture);
	return 0;
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc == 4 && strcmp(argv[0], "turned") == 0)
		return turned(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
	camera_load("front");
	CHECK(pipe(asked) == 0 && pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	pid = process_start(turns, NULL);
	CHECK(byte_receive(told[0]) == 'w');
	CHECK(feed_consumers(feed.fd) == 1);
	byte_send(asked[1], 't');
	CHECK(byte_receive(told[0]) == 'r');
	CHECK(feed_consumers(feed.fd) == 0);
	feed_frame(&feed, 1); /* to nobody */
	byte_send(asked[1], 'w');
	CHECK(byte_receive(told[0]) == 'w');
	feed_frame(&feed, 2);
	process_wait_ok(pid);
	return 0;
}
