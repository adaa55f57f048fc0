// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver_watch CAMERA VIEW...: keep one process streaming from each of these views until killed.
 *
 * For scripts that look at a node while others use the camera. A process whose stream the feed ends,
 * by a new format, begins anew. On SIGTERM
 * this says how many frames each of them took.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "camera.h"

#define BUFFERS	     3
#define WATCHERS_MAX 8

/* One of the processes. The count is in memory that it shares with the first. */
struct watcher {
	const char *camera;
	const char *view;
	unsigned long taken;
};

static bool request(int fd, unsigned int count)
{
	struct v4l2_requestbuffers req = {
		.count = count,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};

	return ioctl(fd, VIDIOC_REQBUFS, &req) == 0;
}

static bool start(int fd)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	for (unsigned int i = 0; i < BUFFERS; i++) {
		struct v4l2_buffer buf = {
			.index = i,
			.type = type,
			.memory = V4L2_MEMORY_MMAP,
		};

		if (ioctl(fd, VIDIOC_QBUF, &buf) == -1)
			return false;
	}
	return ioctl(fd, VIDIOC_STREAMON, &type) == 0;
}

static int watch(void *arg)
{
	struct watcher *watcher = arg;
	struct v4l2_buffer buf = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	int fd = camera_open(watcher->camera, watcher->view, 0);

	while (request(fd, BUFFERS)) {
		if (start(fd)) {
			while (ioctl(fd, VIDIOC_DQBUF, &buf) == 0 &&
			       ioctl(fd, VIDIOC_QBUF, &buf) == 0)
				watcher->taken++;
		}
		CHECK(ioctl(fd, VIDIOC_STREAMOFF, &type) == 0 && request(fd, 0));
	}
	perror("REQBUFS");
	return 1;
}

int main(int argc, char **argv)
{
	struct watcher *watchers = mmap(NULL, WATCHERS_MAX * sizeof(*watchers),
					PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int count = argc - 2, signal;
	sigset_t term;

	CHECK(count > 0 && count <= WATCHERS_MAX && watchers != MAP_FAILED);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	CHECK(sigprocmask(SIG_BLOCK, &term, NULL) == 0);
	for (int i = 0; i < count; i++) {
		watchers[i].camera = argv[1];
		watchers[i].view = argv[i + 2];
		process_start(watch, &watchers[i]);
	}
	CHECK(sigwait(&term, &signal) == 0);
	for (int i = 0; i < count; i++)
		printf("%s/%s %lu\n", watchers[i].camera, watchers[i].view, watchers[i].taken);
	return 0;
}
