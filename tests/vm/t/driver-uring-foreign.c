// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a process that may not call the driver on a recorder's descriptor lets io_uring call for
 * it, or a ring keeps the camera of a dead recorder taken.
 *
 * Rule: a ring acts for the process that made it. A stranger's ring is a stranger, with its worker
 * threads, its SQPOLL thread and its registered files. What the owner's has begun ends with the owner.
 */
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "camera.h"

#define SIZE (64 * 64)

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static int asked[2], told[2];

static int complete(struct io_uring *ring)
{
	struct __kernel_timespec limit = { .tv_sec = 10 };
	struct io_uring_cqe *cqe;
	int result;

	CHECK(io_uring_wait_cqe_timeout(ring, &cqe, &limit) == 0);
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

static int ring_read(struct io_uring *ring, int fd, unsigned int flags)
{
	static uint8_t frame[SIZE];
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	CHECK(sqe);
	io_uring_prep_read(sqe, fd, frame, SIZE, 0);
	io_uring_sqe_set_flags(sqe, flags);
	CHECK(io_uring_submit(ring) == 1);
	return complete(ring);
}

static int ring_poll(struct io_uring *ring, int fd, unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	CHECK(sqe);
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_flags(sqe, flags);
	CHECK(io_uring_submit(ring) == 1);
	return complete(ring);
}

static void check_refused(int fd, unsigned int setup)
{
	struct io_uring ring;

	CHECK(io_uring_queue_init(4, &ring, setup) == 0);
	CHECK(ring_read(&ring, fd, 0) == -EACCES);
	CHECK(ring_read(&ring, fd, IOSQE_ASYNC) == -EACCES);
	CHECK(ring_poll(&ring, fd, 0) == POLLERR);
	CHECK(io_uring_register_files(&ring, &fd, 1) == 0);
	CHECK(ring_read(&ring, 0, IOSQE_FIXED_FILE) == -EACCES);
	CHECK(ring_read(&ring, 0, IOSQE_FIXED_FILE | IOSQE_ASYNC) == -EACCES);
	CHECK(ring_poll(&ring, 0, IOSQE_FIXED_FILE) == POLLERR);
	io_uring_queue_exit(&ring);
}

static int stranger(void *arg)
{
	check_refused(*(int *)arg, 0);
	check_refused(*(int *)arg, IORING_SETUP_SQPOLL);
	return 0;
}

/* A descriptor that was passed, and registered, before it was bound. */
static int registers_early(void *arg)
{
	struct io_uring ring;

	CHECK(io_uring_queue_init(4, &ring, 0) == 0);
	CHECK(io_uring_register_files(&ring, arg, 1) == 0);
	byte_send(told[1], 'r');
	CHECK(byte_receive(asked[0]) == 'g');
	CHECK(ring_read(&ring, 0, IOSQE_FIXED_FILE) == -EACCES);
	CHECK(ring_read(&ring, 0, IOSQE_FIXED_FILE | IOSQE_ASYNC) == -EACCES);
	io_uring_queue_exit(&ring);
	return 0;
}

static int check_registered_early(void *arg)
{
	int fd = camera_open("front", "main", 0);
	struct stream view;
	pid_t pid = process_start(registers_early, &fd);

	(void)arg;
	CHECK(byte_receive(told[0]) == 'r');
	stream_map(&view, fd, capture, 1);
	byte_send(asked[1], 'g');
	process_wait_ok(pid);
	return 0;
}

/* A ring of the owner's has no thread of the owner's unless it was asked for: who enters it is itself. */
static struct io_uring given;
static int owned;

static int enters(void *arg)
{
	(void)arg;
	CHECK(ring_read(&given, owned, 0) == -EACCES);
	CHECK(ring_read(&given, owned, IOSQE_ASYNC) == -EACCES);
	return 0;
}

static int check_given_ring(void *arg)
{
	struct stream view;

	(void)arg;
	owned = camera_open("front", "main", 0);
	stream_map(&view, owned, capture, 1);
	CHECK(io_uring_queue_init(4, &given, 0) == 0);
	process_wait_ok(process_start(enters, NULL));
	return 0;
}

/* A read on its way in a ring that a child holds too, when the owner is killed. */
static int holds(void *arg)
{
	(void)arg;
	byte_send(told[1], 'h');
	CHECK(byte_receive(asked[0]) == 'e');
	return 0;
}

static int reads_and_dies(void *arg)
{
	struct io_uring_params params = { .flags = *(unsigned int *)arg };
	int fd = camera_open("front", "main", 0);
	static uint8_t frame[SIZE];
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	close(feed.fd);
	CHECK(io_uring_queue_init_params(4, &ring, &params) == 0);
	CHECK(io_uring_register_files(&ring, &fd, 1) == 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, 0, frame, SIZE, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE | IOSQE_ASYNC);
	CHECK(io_uring_submit(&ring) == 1);
	if (fork() == 0)
		_exit(holds(NULL));
	pause();
	return 0;
}

static void check_dead_owner(unsigned int setup)
{
	pid_t pid = process_start(reads_and_dies, &setup);

	CHECK(byte_receive(told[0]) == 'h');
	feed_await_consumers(feed.fd, 1);
	CHECK(kill(pid, SIGKILL) == 0);
	process_wait(pid);
	feed_await_consumers(feed.fd, 0);
	byte_send(asked[1], 'e');
}

int main(void)
{
	struct stream view;
	struct v4l2_buffer buffer;

	camera_load("front");
	CHECK(pipe(asked) == 0 && pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	stream_map(&view, camera_open("front", "main", 0), capture, 2);
	stream_queue_all(&view);
	stream_on(&view);
	feed_frame(&feed, 1); /* there is one to be taken, should anybody be let */
	process_wait_ok(process_start(stranger, &view.fd));
	buffer = stream_dequeue(&view);
	CHECK(frame_number(view.buffers[buffer.index].start) == 1);
	close(view.fd);

	process_wait_ok(process_start(check_registered_early, NULL));
	process_wait_ok(process_start(check_given_ring, NULL));
	check_dead_owner(0);
	check_dead_owner(IORING_SETUP_SQPOLL);
	return 0;
}
