// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver's tests share this: nodes by name, frames that can be told apart, processes in step.
 *
 * The one thing to know: it waits for events (a buffer, a byte, a control), each with a limit, and
 * ends the test where it stands if something is not as it should be.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define DEQUEUE_MS 30000

void camera_fail(const char *file, int line, const char *what, int error)
{
	fprintf(stderr, "%s:%d: [%d] not so: %s (errno: %s)\n", file, line, getpid(), what,
		strerror(error));
	exit(1);
}

int xioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret == -1 && errno == EINTR);
	return ret;
}

/* --- nodes ------------------------------------------------------------------------------------- */

void camera_load(const char *names)
{
	char command[256];

	snprintf(command, sizeof(command), "modprobe ownframe cameras=%s", names);
	CHECK(system(command) == 0);
}

int camera_try_set(const char *camera, const char *file, const char *value)
{
	char path[128];
	int fd, error, written;

	snprintf(path, sizeof(path), "/sys/kernel/config/ownframe/%s/%s", camera, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	written = dprintf(fd, "%s\n", value);
	error = errno;
	close(fd);
	errno = error;
	return written < 0 ? -1 : 0;
}

void camera_set(const char *camera, const char *file, const char *value)
{
	CHECK(camera_try_set(camera, file, value) == 0);
}

static bool attribute_is(int number, const char *attribute, const char *value)
{
	char path[128], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/video4linux/video%d/ownframe/%s", number,
		 attribute);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return strcmp(line, value) == 0;
}

/* N of /dev/videoN; -1 if there is no such node. */
static int node_number(const char *camera, const char *node)
{
	for (int number = 0; number < 64; number++)
		if (attribute_is(number, "camera", camera) && attribute_is(number, "node", node))
			return number;
	errno = ENOENT;
	return -1;
}

int camera_try_open(const char *camera, const char *node, int flags)
{
	int number = node_number(camera, node);
	char path[32];

	if (number < 0)
		return -1;
	snprintf(path, sizeof(path), "/dev/video%d", number);
	return open(path, O_RDWR | O_CLOEXEC | flags);
}

int camera_open(const char *camera, const char *node, int flags)
{
	int fd = camera_try_open(camera, node, flags);

	CHECK(fd >= 0);
	return fd;
}

int camera_open_attribute(const char *camera, const char *node, const char *attribute)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/video4linux/video%d/ownframe/%s",
		 node_number(camera, node), attribute);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

/* --- frames ------------------------------------------------------------------------------------ */

static uint32_t frame_word(uint32_t number, uint32_t index)
{
	uint32_t word = number * 0x9e3779b1u ^ index * 0x85ebca6bu;

	word ^= word >> 15;
	return index ? word * 0xc2b2ae35u : number;
}

void frame_fill(void *to, size_t length, uint32_t number)
{
	uint32_t word;

	for (size_t at = 0; at < length; at += 4) {
		word = frame_word(number, at / 4);
		memcpy((uint8_t *)to + at, &word, length - at < 4 ? length - at : 4);
	}
}

uint32_t frame_number(const void *of)
{
	uint32_t number;

	memcpy(&number, of, sizeof(number));
	return number;
}

bool frame_intact(const void *of, size_t length)
{
	uint32_t number = frame_number(of), word;

	for (size_t at = 0; at < length; at += 4) {
		word = frame_word(number, at / 4);
		if (memcmp((const uint8_t *)of + at, &word, length - at < 4 ? length - at : 4))
			return false;
	}
	return true;
}

/* --- buffers ----------------------------------------------------------------------------------- */

static void stream_request(struct stream *stream, int fd, uint32_t type, uint32_t memory,
			   unsigned int count)
{
	struct v4l2_requestbuffers request = { .count = count, .type = type, .memory = memory };
	struct v4l2_format format = { .type = type };

	*stream = (struct stream) { .fd = fd, .type = type, .memory = memory };
	CHECK(xioctl(fd, VIDIOC_G_FMT, &format) == 0);
	stream->pix = format.fmt.pix;
	CHECK(xioctl(fd, VIDIOC_REQBUFS, &request) == 0);
	CHECK(request.count == count);
	stream->count = count;
}

void stream_map(struct stream *stream, int fd, uint32_t type, unsigned int count)
{
	stream_request(stream, fd, type, V4L2_MEMORY_MMAP, count);
	for (unsigned int i = 0; i < count; i++) {
		struct v4l2_buffer buffer = { .index = i,
					      .type = type,
					      .memory = V4L2_MEMORY_MMAP };

		CHECK(xioctl(fd, VIDIOC_QUERYBUF, &buffer) == 0);
		stream->buffers[i].length = buffer.length;
		stream->buffers[i].start = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE,
						MAP_SHARED, fd, buffer.m.offset);
		CHECK(stream->buffers[i].start != MAP_FAILED);
	}
}

void stream_userptr(struct stream *stream, int fd, uint32_t type, unsigned int count)
{
	stream_request(stream, fd, type, V4L2_MEMORY_USERPTR, count);
	for (unsigned int i = 0; i < count; i++) {
		stream->buffers[i].length = stream->pix.sizeimage;
		stream->buffers[i].start = malloc(stream->pix.sizeimage);
		CHECK(stream->buffers[i].start);
	}
}

void stream_queue(struct stream *stream, unsigned int index)
{
	struct v4l2_buffer buffer = {
		.index = index,
		.type = stream->type,
		.memory = stream->memory,
		.length = stream->buffers[index].length,
	};

	if (stream->memory == V4L2_MEMORY_USERPTR)
		buffer.m.userptr = (unsigned long)stream->buffers[index].start;
	if (stream->type == V4L2_BUF_TYPE_VIDEO_OUTPUT)
		buffer.bytesused = stream->pix.sizeimage;
	CHECK(xioctl(stream->fd, VIDIOC_QBUF, &buffer) == 0);
}

void stream_queue_all(struct stream *stream)
{
	for (unsigned int i = 0; i < stream->count; i++)
		stream_queue(stream, i);
}

void stream_on(struct stream *stream)
{
	CHECK(xioctl(stream->fd, VIDIOC_STREAMON, &stream->type) == 0);
}

void stream_off(struct stream *stream)
{
	CHECK(xioctl(stream->fd, VIDIOC_STREAMOFF, &stream->type) == 0);
}

struct v4l2_buffer stream_dequeue(struct stream *stream)
{
	bool output = stream->type == V4L2_BUF_TYPE_VIDEO_OUTPUT;
	struct pollfd event = { .fd = stream->fd, .events = output ? POLLOUT : POLLIN };
	struct v4l2_buffer buffer = { .type = stream->type, .memory = stream->memory };

	CHECK(poll(&event, 1, DEQUEUE_MS) == 1);
	CHECK(event.revents & event.events);
	CHECK(xioctl(stream->fd, VIDIOC_DQBUF, &buffer) == 0);
	CHECK(!(buffer.flags & V4L2_BUF_FLAG_ERROR));
	return buffer;
}

void stream_free(struct stream *stream)
{
	struct v4l2_requestbuffers request = { .type = stream->type, .memory = stream->memory };

	for (unsigned int i = 0; i < stream->count; i++) {
		if (stream->memory == V4L2_MEMORY_MMAP)
			munmap(stream->buffers[i].start, stream->buffers[i].length);
		else
			free(stream->buffers[i].start);
	}
	stream->count = 0;
	CHECK(xioctl(stream->fd, VIDIOC_REQBUFS, &request) == 0);
}

/* --- feed and view ----------------------------------------------------------------------------- */

struct v4l2_pix_format feed_format(int fd, uint32_t fourcc, uint32_t width, uint32_t height)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
		.fmt.pix = { .width = width, .height = height, .pixelformat = fourcc },
	};

	CHECK(xioctl(fd, VIDIOC_S_FMT, &format) == 0);
	CHECK(format.fmt.pix.pixelformat == fourcc);
	return format.fmt.pix;
}

void feed_start(struct stream *feed, const char *camera, uint32_t fourcc, uint32_t width,
		uint32_t height)
{
	int fd = camera_open(camera, "feed", 0);

	feed_format(fd, fourcc, width, height);
	stream_map(feed, fd, V4L2_BUF_TYPE_VIDEO_OUTPUT, 2);
	stream_on(feed);
}

uint32_t feed_frame(struct stream *feed, uint32_t number)
{
	unsigned int index = number % feed->count;

	frame_fill(feed->buffers[index].start, feed->pix.sizeimage, number);
	stream_queue(feed, index);
	return stream_dequeue(feed).sequence;
}

int feed_consumers(int fd)
{
	struct v4l2_control control = { .id = OWNFRAME_CID_CONSUMERS };

	CHECK(xioctl(fd, VIDIOC_G_CTRL, &control) == 0);
	return control.value;
}

void feed_await_consumers(int fd, int count)
{
	struct v4l2_event_subscription subscription = {
		.type = V4L2_EVENT_CTRL,
		.id = OWNFRAME_CID_CONSUMERS,
		.flags = V4L2_EVENT_SUB_FL_SEND_INITIAL,
	};
	struct pollfd event = { .fd = fd, .events = POLLPRI };
	struct v4l2_event change;

	CHECK(xioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &subscription) == 0);
	do {
		CHECK(poll(&event, 1, DEQUEUE_MS) == 1);
		CHECK(xioctl(fd, VIDIOC_DQEVENT, &change) == 0);
	} while (change.u.ctrl.value != count);
	CHECK(xioctl(fd, VIDIOC_UNSUBSCRIBE_EVENT, &subscription) == 0);
}

uint64_t view_counter(int fd, uint32_t id)
{
	struct v4l2_ext_control control = { .id = id };
	struct v4l2_ext_controls controls = {
		.which = V4L2_CTRL_WHICH_CUR_VAL,
		.count = 1,
		.controls = &control,
	};

	CHECK(xioctl(fd, VIDIOC_G_EXT_CTRLS, &controls) == 0);
	return control.value64;
}

bool view_has_signal(int fd)
{
	struct v4l2_input input = { .index = 0 };

	CHECK(xioctl(fd, VIDIOC_ENUMINPUT, &input) == 0);
	return !(input.status & V4L2_IN_ST_NO_SIGNAL);
}

/* --- processes --------------------------------------------------------------------------------- */

pid_t process_start(int (*function)(void *arg), void *arg)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(function(arg));
	}
	return pid;
}

int process_wait(pid_t pid)
{
	sigset_t child;
	struct timespec limit = { .tv_sec = 30 };
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	while (waitpid(pid, &status, WNOHANG) == 0)
		CHECK(sigtimedwait(&child, NULL, &limit) == SIGCHLD || errno == EINTR);
	return status;
}

void process_wait_ok(pid_t pid)
{
	int status = process_wait(pid);

	CHECK(WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0);
}

void process_await_sleep(pid_t pid)
{
	char path[64], line[512], *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	do {
		usleep(1000); /* nobody announces it */
		file = fopen(path, "r");
		CHECK(file);
		CHECK(fgets(line, sizeof(line), file));
		fclose(file);
		state = strrchr(line, ')');
		CHECK(state);
	} while (state[2] != 'S');
}

void *memory_of_nowhere(size_t length, int *faults)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	*faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	CHECK(*faults >= 0);
	CHECK(ioctl(*faults, UFFDIO_API, &api) == 0);
	range.range = (struct uffdio_range) { (unsigned long)memory, length };
	CHECK(ioctl(*faults, UFFDIO_REGISTER, &range) == 0);
	return memory;
}

void byte_send(int fd, char byte)
{
	CHECK(write(fd, &byte, 1) == 1);
}

char byte_receive(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };
	char byte;

	CHECK(poll(&event, 1, DEQUEUE_MS) == 1);
	CHECK(read(fd, &byte, 1) == 1);
	return byte;
}

void fd_send(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	CHECK(sendmsg(socket, &message, 0) == 1);
}

int fd_receive(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	CHECK(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1);
	CHECK(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}
