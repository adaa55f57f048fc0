// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a recorder with threads is locked out of its own camera, or its stream ends, or goes on
 * without anybody, when the thread that began it ends.
 *
 * Rule: who shares the memory is the owner: threads, vfork() children, and CLONE_VM children without
 * CLONE_THREAD, which have another pid and outlive their parent.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define STACK 65536

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed, view;
static uint32_t number;
static int asked[2], told[2];

/* Every way to the buffers and the settings of a queue that this process has. */
static void use_queue(void)
{
	struct v4l2_event_subscription subscription = { .type = V4L2_EVENT_SOURCE_CHANGE };
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	uint32_t priority = V4L2_PRIORITY_DEFAULT;
	void *mapping;

	CHECK(xioctl(view.fd, VIDIOC_QUERYBUF, &buffer) == 0);
	mapping = mmap(NULL, buffer.length, PROT_READ, MAP_SHARED, view.fd, buffer.m.offset);
	CHECK(mapping != MAP_FAILED);
	CHECK(munmap(mapping, buffer.length) == 0);
	CHECK(xioctl(view.fd, VIDIOC_SUBSCRIBE_EVENT, &subscription) == 0);
	CHECK(xioctl(view.fd, VIDIOC_S_PRIORITY, &priority) == 0);
	buffer = stream_dequeue(&view);
	CHECK(frame_number(view.buffers[buffer.index].start) == number);
	stream_queue(&view, buffer.index);
}

static void watch(void)
{
	stream_map(&view, camera_open("front", "main", 0), capture, 2);
	stream_queue_all(&view);
	stream_on(&view);
}

static void *thread(void *arg)
{
	use_queue();
	return arg;
}

static int clone_child(void *arg)
{
	(void)arg;
	use_queue();
	return 0;
}

static pid_t clone_sharing(int (*function)(void *), void *arg)
{
	uint8_t *stack = aligned_alloc(16, STACK);
	pid_t pid;

	CHECK(stack);
	pid = clone(function, stack + STACK, CLONE_VM | SIGCHLD, arg);
	CHECK(pid > 0);
	return pid;
}

static void check_sharers(void)
{
	pthread_t id;
	pid_t pid;

	feed_frame(&feed, ++number);
	CHECK(pthread_create(&id, NULL, thread, NULL) == 0);
	CHECK(pthread_join(id, NULL) == 0);

	feed_frame(&feed, ++number);
	process_wait_ok(clone_sharing(clone_child, NULL));

	feed_frame(&feed, ++number);
	pid = vfork();
	if (pid == 0) {
		use_queue();
		_exit(0);
	}
	process_wait_ok(pid);
	CHECK(feed_consumers(feed.fd) == 1);
}

/* The child of a process that is dead, with its memory. */
static int lives_on(void *arg)
{
	(void)arg;
	while (byte_receive(asked[0]) == 'f') {
		number++;
		use_queue();
		byte_send(told[1], '.');
	}
	return 0;
}

static int dies(void *arg)
{
	(void)arg;
	watch();
	clone_sharing(lives_on, NULL);
	byte_send(told[1], 'w');
	pause();
	return 0;
}

static void check_outlived(void)
{
	pid_t pid = process_start(dies, NULL);

	byte_receive(told[0]);
	CHECK(kill(pid, SIGKILL) == 0);
	process_wait(pid);
	CHECK(feed_consumers(feed.fd) == 2);
	for (int i = 0; i < 3; i++) {
		feed_frame(&feed, ++number);
		byte_send(asked[1], 'f');
		CHECK(byte_receive(told[0]) == '.');
	}
	byte_send(asked[1], 'q');
	feed_await_consumers(feed.fd, 1);
}

/* The first thread ends while others go on: the process does. */
static void *goes_on(void *arg)
{
	(void)arg;
	CHECK(byte_receive(asked[0]) == 'f');
	number++;
	use_queue();
	_exit(0);
}

static int first_thread_ends(void *arg)
{
	pthread_t id;

	(void)arg;
	watch();
	CHECK(pthread_create(&id, NULL, goes_on, NULL) == 0);
	byte_send(told[1], 'w');
	pthread_exit(NULL);
}

static void check_first_ended(void)
{
	pid_t pid = process_start(first_thread_ends, NULL);

	byte_receive(told[0]);
	feed_frame(&feed, ++number);
	byte_send(asked[1], 'f');
	process_wait_ok(pid);
	feed_await_consumers(feed.fd, 1);
}

int main(void)
{
	camera_load("front");
	CHECK(pipe2(asked, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	watch();
	check_sharers();
	check_outlived();
	check_first_ended();
	return 0;
}
