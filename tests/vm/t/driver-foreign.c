// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a process that got hold of a recorder's descriptor (a child it forked, a helper it
 * passed the descriptor to, a program it executed) can map, read or take its frames.
 *
 * Rule: once a handle is bound, every call of another process on it gets EACCES, but for those that
 * tell of the camera only. The owner's threads and vfork() children are the owner.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

static struct stream view;
static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static const char *self;

static void check_refused(int fd, uint32_t type)
{
	struct v4l2_buffer buffer = { .type = type, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_requestbuffers request = { .type = type, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_create_buffers create = { .memory = V4L2_MEMORY_MMAP, .format.type = type };
	struct v4l2_exportbuffer export = { .type = type };
	struct v4l2_event_subscription subscription = { .type = V4L2_EVENT_SOURCE_CHANGE };
	struct v4l2_streamparm parm = { .type = type };
	struct v4l2_format format = { .type = type };
	struct v4l2_event event;
	struct pollfd poller = { .fd = fd, .events = POLLIN | POLLOUT };
	uint32_t priority = V4L2_PRIORITY_RECORD;
	int input = 0;
	char byte;

	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK(errno == EACCES);
	CHECK_ERRNO(read(fd, &byte, 1), type == capture ? EACCES : EINVAL);
	CHECK_ERRNO(write(fd, &byte, 1), type == capture ? EINVAL : EACCES);
	CHECK(poll(&poller, 1, 0) == 1 && poller.revents == POLLERR);
	CHECK_ERRNO(xioctl(fd, VIDIOC_QUERYBUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_QBUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_DQBUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_PREPARE_BUF, &buffer), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_EXPBUF, &export), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_REQBUFS, &request), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_CREATE_BUFS, &create), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_STREAMON, &type), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_STREAMOFF, &type), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_FMT, &format), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_PARM, &parm), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_INPUT, &input), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_S_PRIORITY, &priority), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &subscription), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_UNSUBSCRIBE_EVENT, &subscription), EACCES);
	CHECK_ERRNO(xioctl(fd, VIDIOC_DQEVENT, &event), EACCES);
	/* Whoever has the descriptor may know what camera it is. */
	struct v4l2_capability capability;

	CHECK(xioctl(fd, VIDIOC_QUERYCAP, &capability) == 0);
	CHECK(xioctl(fd, VIDIOC_G_FMT, &format) == 0);
}

static int child_of_owner(void *arg)
{
	check_refused(*(int *)arg, *(int *)arg == view.fd ? capture : V4L2_BUF_TYPE_VIDEO_OUTPUT);
	return 0;
}

static int touch_mapping(void *arg)
{
	signal(SIGSEGV, SIG_DFL);
	return *(volatile char *)arg;
}

static void *thread_of_owner(void *arg)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };

	(void)arg;
	CHECK(xioctl(view.fd, VIDIOC_QUERYBUF, &buffer) == 0);
	return NULL;
}

static int shares_memory(void *arg)
{
	thread_of_owner(arg);
	return 0;
}

static void check_flags_of(const void *mapping)
{
	char line[256], start[32];
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool ours = false, seen = false;

	CHECK(maps);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)mapping);
	while (!seen && fgets(line, sizeof(line), maps)) {
		if (strncmp(line, start, strlen(start)) == 0)
			ours = true;
		if (!ours || strncmp(line, "VmFlags:", 8))
			continue;
		CHECK(strstr(line, " dc ") && strstr(line, " dd ") && strstr(line, " de "));
		seen = true;
	}
	CHECK(seen);
	fclose(maps);
}

static void check_mapping_flags(void)
{
	uint8_t *mapping = view.buffers[0].start;

	check_flags_of(mapping);
	/* No core dump, no growing over what follows in the file, no hole to read zeros through. */
	CHECK_ERRNO(madvise(mapping, 4096, MADV_DODUMP), EINVAL);
	CHECK_ERRNO(madvise(mapping, 4096, MADV_REMOVE), EOPNOTSUPP);
	CHECK(mremap(mapping, view.buffers[0].length, view.buffers[0].length * 2, MREMAP_MAYMOVE) ==
	      MAP_FAILED);
	/* Mapped once more, by the back door. */
	CHECK(remap_file_pages(mapping, 4096, 0, 1, 0) == 0);
	check_flags_of(mapping);
}

static void check_threads(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pthread_t thread;
	pid_t pid;

	CHECK(pthread_create(&thread, NULL, thread_of_owner, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	pid = clone(shares_memory, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	CHECK(pid > 0);
	process_wait_ok(pid);
}

/* A process that is passed the descriptor, once before the sender allocates and once after. */
static int receiver(void *arg)
{
	int fd = fd_receive(*(int *)arg);

	check_refused(fd, capture);
	return 0;
}

static int receiver_binds(void *arg)
{
	struct stream mine;
	int socket = *(int *)arg;

	stream_map(&mine, fd_receive(socket), capture, 1);
	byte_send(socket, 'b');
	byte_receive(socket);
	stream_queue_all(&mine);
	stream_on(&mine);
	return 0;
}

static void check_passed(void)
{
	int pair[2], fd;
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	pid = process_start(receiver, &pair[1]);
	fd_send(pair[0], view.fd);
	process_wait_ok(pid);

	fd = camera_open("front", "main", 0);
	pid = process_start(receiver_binds, &pair[1]);
	fd_send(pair[0], fd);
	byte_receive(pair[0]);
	check_refused(fd, capture); /* it is the other's now, and we are the stranger */
	byte_send(pair[0], 'c');
	process_wait_ok(pid);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

static void check_executed(void)
{
	int fd = dup(view.fd); /* without close-on-exec */
	char number[16];
	pid_t pid;

	snprintf(number, sizeof(number), "%d", fd);
	pid = vfork();
	if (pid == 0) {
		execl(self, self, number, NULL);
		_exit(2);
	}
	process_wait_ok(pid);
	close(fd);
}

/* Two processes with the same offsets in hand reach two memories. */
static int watch_too(void *arg)
{
	struct stream mine;

	(void)arg;
	stream_map(&mine, camera_open("front", "main", 0), capture, view.count);
	for (unsigned int i = 0; i < mine.count; i++)
		for (size_t at = 0; at < mine.buffers[i].length; at++)
			CHECK(mine.buffers[i].start[at] == 0);
	memset(mine.buffers[0].start, 0x55, mine.buffers[0].length);
	return 0;
}

int main(int argc, char **argv)
{
	struct stream feed;
	struct v4l2_buffer buffer;
	uint8_t before;
	int status;

	if (argc > 1) { /* executed with the owner's descriptor */
		check_refused(atoi(argv[1]), capture);
		return 0;
	}
	self = argv[0];
	camera_load("front");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	stream_map(&view, camera_open("front", "main", 0), capture, 2);
	stream_queue_all(&view);
	stream_on(&view);
	feed_frame(&feed, 1);
	buffer = stream_dequeue(&view);
	CHECK(frame_intact(view.buffers[buffer.index].start, buffer.bytesused));
	feed_frame(&feed, 2); /* there is one to be taken, should anybody be let */

	process_wait_ok(process_start(child_of_owner, &view.fd));
	process_wait_ok(process_start(child_of_owner, &feed.fd));
	status = process_wait(process_start(touch_mapping, view.buffers[0].start));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = process_wait(process_start(touch_mapping, feed.buffers[0].start));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	check_passed();
	check_executed();
	check_threads();
	before = view.buffers[0].start[100];
	process_wait_ok(process_start(watch_too, NULL));
	CHECK(view.buffers[0].start[100] == before);
	check_mapping_flags();

	/* And the owner still has its frame. */
	buffer = stream_dequeue(&view);
	CHECK(frame_number(view.buffers[buffer.index].start) == 2);
	return 0;
}
