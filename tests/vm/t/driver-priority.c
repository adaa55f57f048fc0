// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, any process that may watch a camera can keep all others from doing so: V4L2's
 * priority is made for one device that several processes share.
 *
 * Also: two handles of one process do share a device, with its queue and its priority.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static int set_priority(int fd, uint32_t priority)
{
	return xioctl(fd, VIDIOC_S_PRIORITY, &priority);
}

static uint32_t get_priority(int fd)
{
	uint32_t priority;

	CHECK(xioctl(fd, VIDIOC_G_PRIORITY, &priority) == 0);
	return priority;
}

static int other_process(void *arg)
{
	struct stream view;
	int fd = camera_open("front", "main", 0);

	(void)arg;
	CHECK(get_priority(fd) == V4L2_PRIORITY_DEFAULT);
	stream_map(&view, fd, capture, 1);
	stream_queue_all(&view);
	stream_on(&view);
	stream_off(&view);
	return 0;
}

struct passed {
	int socket;
	uint32_t priority;
};

static int sets_passed(void *arg)
{
	struct passed *passed = arg;
	int fd = fd_receive(passed->socket);

	CHECK(set_priority(fd, passed->priority) == 0);
	byte_send(passed->socket, 's');
	byte_receive(passed->socket);
	return 0;
}

/*
 * One that is passed a handle sets its priority, before the sender binds @binds: it outranks none of the
 * sender's handles, nor does it make the one it was passed less than they are.
 */
static void check_passed(int binds, int passes, int other, uint32_t priority)
{
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};
	struct passed passed = { .priority = priority };
	int pair[2];
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	passed.socket = pair[1];
	pid = process_start(sets_passed, &passed);
	fd_send(pair[0], passes);
	byte_receive(pair[0]);
	CHECK(get_priority(other) == V4L2_PRIORITY_DEFAULT);
	CHECK(xioctl(binds, VIDIOC_REQBUFS, &request) == 0);
	CHECK(get_priority(other) == V4L2_PRIORITY_DEFAULT);
	request.count = 0;
	CHECK(xioctl(binds, VIDIOC_REQBUFS, &request) == 0);
	request.count = 1;
	CHECK(xioctl(other, VIDIOC_REQBUFS, &request) == 0);
	request.count = 0;
	CHECK(xioctl(other, VIDIOC_REQBUFS, &request) == 0);
	byte_send(pair[0], 'd');
	process_wait_ok(pid);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_MMAP,
	};
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	int first, second;

	camera_load("front");
	first = camera_open("front", "main", 0);
	second = camera_open("front", "main", 0);

	check_passed(first, second, first, V4L2_PRIORITY_RECORD);
	close(second);
	second = camera_open("front", "main", 0);
	check_passed(second, second, first, V4L2_PRIORITY_RECORD);
	close(second);
	second = camera_open("front", "main", 0);
	check_passed(second, second, first, V4L2_PRIORITY_BACKGROUND);
	close(second);

	CHECK(xioctl(first, VIDIOC_REQBUFS, &request) == 0);
	CHECK(set_priority(first, V4L2_PRIORITY_RECORD) == 0);
	process_wait_ok(process_start(other_process, NULL));

	/* Within the process it is V4L2's. */
	second = camera_open("front", "main", 0);
	CHECK(get_priority(second) == V4L2_PRIORITY_RECORD);
	CHECK_ERRNO(set_priority(second, V4L2_PRIORITY_INTERACTIVE), EBUSY);
	CHECK_ERRNO(xioctl(second, VIDIOC_STREAMON, &capture), EBUSY);
	CHECK(set_priority(first, V4L2_PRIORITY_INTERACTIVE) == 0);
	CHECK_ERRNO(xioctl(second, VIDIOC_REQBUFS, &request), EBUSY); /* first has the buffers */
	CHECK(xioctl(second, VIDIOC_QUERYBUF, &buffer) == 0);
	CHECK_ERRNO(xioctl(second, VIDIOC_QBUF, &buffer), EBUSY);
	request.count = 0;
	CHECK(xioctl(first, VIDIOC_REQBUFS, &request) == 0);
	request.count = 1;
	CHECK(xioctl(second, VIDIOC_REQBUFS, &request) == 0);
	return 0;
}
