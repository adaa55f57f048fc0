// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a viewer that waits for a frame, or hangs in a page fault that it serves itself, keeps
 * others from watching, costs them frames, or hangs the feed.
 *
 * A blocked VIDIOC_DQBUF, a blocked read(), and memory whose page faults go to userfaultfd, which is
 * answered by nobody: the process that reads into it, queues it or writes it to the feed sits in the
 * driver with its queue locked.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define FRAMES 10
#define SIZE   (64 * 64)

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static uint32_t number;
static int told[2];

static void watch(struct stream *view)
{
	stream_map(view, camera_open("front", "main", 0), capture, 2);
	stream_queue_all(view);
	stream_on(view);
}

static int blocks_in_dqbuf(void *arg)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	struct stream view;

	(void)arg;
	watch(&view);
	byte_send(told[1], 'b');
	CHECK(xioctl(view.fd, VIDIOC_DQBUF, &buffer) == 0);
	return 0;
}

static int blocks_in_read(void *arg)
{
	int fd = camera_open("front", "main", 0);
	uint8_t frame[SIZE];

	(void)arg;
	byte_send(told[1], 'b');
	CHECK(read(fd, frame, sizeof(frame)) == sizeof(frame));
	return 0;
}

/* A call of the driver on such memory. */
struct stuck {
	int fd;
	void *memory;
};

static void *reads(void *arg)
{
	struct stuck *stuck = arg;

	CHECK(read(stuck->fd, stuck->memory, SIZE) == -1);
	return NULL;
}

static void *writes(void *arg)
{
	struct stuck *stuck = arg;

	CHECK(write(stuck->fd, stuck->memory, SIZE) == -1);
	return NULL;
}

/* Kernels that cannot wait for such a page while they pin it refuse it; that is as well. */
static void *queues(void *arg)
{
	struct stuck *stuck = arg;
	struct v4l2_requestbuffers request = {
		.count = 1,
		.type = capture,
		.memory = V4L2_MEMORY_USERPTR,
	};
	struct v4l2_buffer buffer = {
		.type = capture,
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (unsigned long)stuck->memory,
		.length = SIZE,
	};

	CHECK(xioctl(stuck->fd, VIDIOC_REQBUFS, &request) == 0);
	CHECK_ERRNO(xioctl(stuck->fd, VIDIOC_QBUF, &buffer), EFAULT);
	byte_send(told[1], 'b');
	return NULL;
}

/* Says 'b' when it sits in the fault. */
static int blocks_in_fault(void *(*call)(void *), const char *node)
{
	struct uffd_msg message;
	struct stuck stuck;
	pthread_t thread;
	int faults;

	close(feed.fd);
	stuck.memory = memory_of_nowhere(SIZE, &faults);
	stuck.fd = camera_open("front", node, 0);
	CHECK(pthread_create(&thread, NULL, call, &stuck) == 0);
	CHECK(read(faults, &message, sizeof(message)) == sizeof(message));
	CHECK(message.event == UFFD_EVENT_PAGEFAULT);
	byte_send(told[1], 'b');
	pause();
	return 0;
}

static int blocks_reading(void *arg)
{
	(void)arg;
	return blocks_in_fault(reads, "main");
}

static int blocks_queueing(void *arg)
{
	(void)arg;
	return blocks_in_fault(queues, "main");
}

static int blocks_feeding(void *arg)
{
	(void)arg;
	return blocks_in_fault(writes, "feed");
}

/* All that a process does at a view. */
static int watches_meanwhile(void *arg)
{
	struct v4l2_buffer buffer;
	struct stream view;

	(void)arg;
	watch(&view);
	byte_send(told[1], 'w');
	for (int i = 0; i < FRAMES; i++) {
		buffer = stream_dequeue(&view);
		CHECK(buffer.sequence == (uint32_t)i);
		CHECK(frame_intact(view.buffers[buffer.index].start, buffer.bytesused));
		stream_queue(&view, buffer.index);
		byte_send(told[1], '.');
	}
	CHECK(view_counter(view.fd, OWNFRAME_CID_DROPPED) == 0);
	stream_off(&view);
	stream_free(&view);
	close(view.fd);
	return 0;
}

static void check_others(void)
{
	pid_t pid = process_start(watches_meanwhile, NULL);

	CHECK(byte_receive(told[0]) == 'w');
	for (int i = 0; i < FRAMES; i++) {
		feed_frame(&feed, ++number);
		CHECK(byte_receive(told[0]) == '.');
	}
	process_wait_ok(pid);
}

/* Nothing was fed, so it waits; others come and go, and then it has its frame. */
static void check_waits(int (*function)(void *))
{
	pid_t pid = process_start(function, NULL), other;

	CHECK(byte_receive(told[0]) == 'b');
	feed_await_consumers(feed.fd, 1);
	process_await_sleep(pid);
	other = process_start(watches_meanwhile, NULL);
	CHECK(byte_receive(told[0]) == 'w');
	CHECK(kill(other, SIGKILL) == 0);
	process_wait(other);
	feed_await_consumers(feed.fd, 1);
	check_others();
	process_wait_ok(pid);
}

/* One thread of a process waits, another ends the stream. */
static struct stream shared;

static pid_t waiting;

static void *waits(void *arg)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };

	waiting = gettid();
	byte_send(told[1], 'b');
	CHECK_ERRNO(xioctl(shared.fd, VIDIOC_DQBUF, &buffer), EINVAL);
	return arg;
}

static void check_own_thread(void)
{
	pthread_t thread;

	watch(&shared);
	CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
	CHECK(byte_receive(told[0]) == 'b');
	process_await_sleep(waiting);
	stream_off(&shared);
	CHECK(pthread_join(thread, NULL) == 0);
	close(shared.fd);
}

static void kill_stuck(pid_t pid)
{
	int status;

	CHECK(kill(pid, SIGKILL) == 0);
	status = process_wait(pid);
	CHECK(WIFSIGNALED(status));
}

static void check_stuck_reader(void)
{
	pid_t pid = process_start(blocks_reading, NULL);

	feed_await_consumers(feed.fd, 1);
	feed_frame(&feed, ++number);
	CHECK(byte_receive(told[0]) == 'b');
	check_others();
	CHECK(system("rmmod ownframe 2>/dev/null") != 0);
	check_others();
	kill_stuck(pid);
	feed_await_consumers(feed.fd, 0);
	check_others();
}

static void check_stuck_queuer(void)
{
	pid_t pid = process_start(blocks_queueing, NULL);

	CHECK(byte_receive(told[0]) == 'b');
	check_others();
	kill_stuck(pid);
	check_others();
}

/* Then there are no frames; but who watches can come and go, and the next feed has its turn. */
static void check_stuck_feed(void)
{
	struct stream view;
	pid_t pid;

	watch(&view);
	close(feed.fd);
	pid = process_start(blocks_feeding, NULL);
	CHECK(byte_receive(told[0]) == 'b');
	stream_off(&view);
	stream_free(&view);
	close(view.fd);
	watch(&view);
	kill_stuck(pid);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	CHECK(feed_consumers(feed.fd) == 1);
	feed_frame(&feed, ++number);
	CHECK(frame_number(view.buffers[stream_dequeue(&view).index].start) == number);
	close(view.fd);
}

int main(void)
{
	camera_load("front");
	CHECK(pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	check_waits(blocks_in_dqbuf);
	check_waits(blocks_in_read);
	check_own_thread();
	check_stuck_reader();
	check_stuck_queuer();
	check_stuck_feed();
	return 0;
}
