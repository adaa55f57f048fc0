// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a stranger must not get, in one place because every way of getting hold of a descriptor has to
 * end the same.
 *
 * The one thing to know: the handle must be bound, to a process that is not the one that calls.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "camera.h"
#include "stranger.h"

static void refused_buffers(int fd, uint32_t type)
{
	struct v4l2_buffer buffer = { .type = type, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_requestbuffers request = { .type = type, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_create_buffers create = { .memory = V4L2_MEMORY_MMAP, .format.type = type };
	struct v4l2_exportbuffer export = { .type = type };

	CHECK_ERRNO(xioctl(fd, VIDIOC_QUERYBUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_QBUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_DQBUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_PREPARE_BUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_EXPBUF, &export), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_REQBUFS, &request), EACCES);
	request.count = 1;
	CHECK_ERRNO(xioctl(fd, VIDIOC_REQBUFS, &request), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_CREATE_BUFS, &create), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_STREAMON, &type), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_STREAMOFF, &type), EACCES);
}

static void refused_settings(int fd, uint32_t type)
{
	struct v4l2_event_subscription subscription = { .type = V4L2_EVENT_SOURCE_CHANGE };
	struct v4l2_streamparm parm = { .type = type };
	struct v4l2_format format = { .type = type };
	struct v4l2_event event;
	uint32_t priority = V4L2_PRIORITY_RECORD;
	int input = 0;

	CHECK_ERRNO(xioctl(fd, VIDIOC_S_FMT, &format), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_PARM, &parm), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_INPUT, &input), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_OUTPUT, &input), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_PRIORITY, &priority), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &subscription), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_UNSUBSCRIBE_EVENT, &subscription), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_DQEVENT, &event), EACCES);
}

void stranger_refused(int fd, uint32_t type)
{
	bool view = type == V4L2_BUF_TYPE_VIDEO_CAPTURE;
	struct pollfd poller = { .fd = fd, .events = POLLIN | POLLOUT };
	struct v4l2_capability capability;
	struct v4l2_format format = { .type = type };
	char byte = 0;

	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(errno == EACCES);
	CHECK_ERRNO(read(fd, &byte, 1), view ? EACCES : EINVAL);
	CHECK_ERRNO(write(fd, &byte, 1), view ? EINVAL : EACCES);
	CHECK(poll(&poller, 1, 0) == 1 && poller.revents == POLLERR);
	refused_buffers(fd, type);
	refused_settings(fd, type);
	/* Whoever has the descriptor may know what camera it is. */
	CHECK(xioctl(fd, VIDIOC_QUERYCAP, &capability) == 0);
	CHECK(xioctl(fd, VIDIOC_G_FMT, &format) == 0);
}

struct prey {
	int fd;
	uint32_t type;
	int socket;
	pid_t owner;
};

static int inherits(void *arg)
{
	struct prey *prey = arg;

	stranger_refused(prey->fd, prey->type);
	return 0;
}

void stranger_forked(int fd, uint32_t type)
{
	struct prey prey = { .fd = fd, .type = type };

	process_wait_ok(process_start(inherits, &prey));
}

static int is_passed(void *arg)
{
	struct prey *prey = arg;

	close(prey->fd);
	stranger_refused(fd_receive(prey->socket), prey->type);
	return 0;
}

void stranger_passed(int fd, uint32_t type)
{
	struct prey prey = { .fd = fd, .type = type };
	int pair[2];
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	prey.socket = pair[1];
	pid = process_start(is_passed, &prey);
	fd_send(pair[0], fd);
	process_wait_ok(pid);
	close(pair[0]);
	close(pair[1]);
}

static int takes(void *arg)
{
	struct prey *prey = arg;
	int pidfd, fd;

	close(prey->fd);
	pidfd = syscall(SYS_pidfd_open, prey->owner, 0);
	CHECK(pidfd >= 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, prey->fd, 0);
	CHECK(fd >= 0);
	stranger_refused(fd, prey->type);
	return 0;
}

void stranger_takes(int fd, uint32_t type)
{
	struct prey prey = { .fd = fd, .type = type, .owner = getpid() };

	process_wait_ok(process_start(takes, &prey));
}

void stranger_executed(int fd, uint32_t type)
{
	int kept = dup(fd); /* without close-on-exec */
	char number[16], kind[16];
	pid_t pid;

	snprintf(number, sizeof(number), "%d", kept);
	snprintf(kind, sizeof(kind), "%u", type);
	pid = vfork();
	if (pid == 0) {
		execl("/proc/self/exe", "stranger", number, kind, NULL);
		_exit(2);
	}
	process_wait_ok(pid);
	close(kept);
}

void stranger_executed_main(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[0], "stranger"))
		return;
	stranger_refused(atoi(argv[1]), atoi(argv[2]));
	exit(0);
}
