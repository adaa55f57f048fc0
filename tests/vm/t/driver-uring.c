// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a recorder cannot write frames to its disk without copying them.
 *
 * Frames are captured into memory registered with io_uring, a USERPTR arena and then the driver's own
 * MMAP buffers, written from there with O_DIRECT and fixed buffers, and read back.
 */
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"

#define SLOTS	8
#define BUFFERS 2
#define FRAMES	12
#define SIZE	(128 * 64) /* GREY: two pages */

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static void write_fixed(struct io_uring *ring, int file, const void *from, int registered,
			uint32_t frame)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;

	CHECK(sqe);
	io_uring_prep_write_fixed(sqe, file, from, SIZE, (uint64_t)frame * SIZE, registered);
	CHECK(io_uring_submit_and_wait(ring, 1) == 1);
	CHECK(io_uring_wait_cqe(ring, &cqe) == 0);
	CHECK(cqe->res == SIZE);
	io_uring_cqe_seen(ring, cqe);
}

static void check_file(const char *path)
{
	int file = open(path, O_RDONLY | O_DIRECT);
	uint8_t *frame = aligned_alloc(4096, SIZE);

	CHECK(file >= 0 && frame);
	for (uint32_t number = 0; number < FRAMES; number++) {
		CHECK(read(file, frame, SIZE) == SIZE);
		CHECK(frame_number(frame) == number && frame_intact(frame, SIZE));
	}
	free(frame);
	close(file);
}

/* Capture and write all frames. With an arena, each goes into the next slot of it. */
static void record(struct stream *feed, struct stream *view, struct io_uring *ring, uint8_t *arena,
		   const char *path)
{
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
	struct v4l2_buffer buffer;
	uint32_t slot = BUFFERS;
	uint8_t *frame;

	CHECK(file >= 0);
	stream_queue_all(view);
	stream_on(view);
	for (uint32_t number = 0; number < FRAMES; number++) {
		feed_frame(feed, number);
		buffer = stream_dequeue(view);
		frame = view->buffers[buffer.index].start;
		write_fixed(ring, file, frame, arena ? 0 : (int)buffer.index, number);
		if (arena)
			view->buffers[buffer.index].start = arena + slot++ % SLOTS * SIZE;
		stream_queue(view, buffer.index);
	}
	stream_off(view);
	close(file);
	check_file(path);
}

static void by_userptr(struct stream *feed, struct io_uring *ring)
{
	uint8_t *arena = mmap(NULL, SLOTS * SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec whole = { .iov_base = arena, .iov_len = SLOTS * SIZE };
	struct stream view;

	CHECK(arena != MAP_FAILED);
	CHECK(io_uring_register_buffers(ring, &whole, 1) == 0);
	stream_userptr(&view, camera_open("front", "main", 0), capture, BUFFERS);
	for (unsigned int i = 0; i < BUFFERS; i++) {
		free(view.buffers[i].start);
		view.buffers[i].start = arena + i * SIZE;
	}
	record(feed, &view, ring, arena, "/scratch/userptr");
	CHECK(io_uring_unregister_buffers(ring) == 0);
	close(view.fd);
}

static void by_mmap(struct stream *feed, struct io_uring *ring)
{
	struct iovec each[BUFFERS];
	struct stream view;

	stream_map(&view, camera_open("front", "main", 0), capture, BUFFERS);
	for (unsigned int i = 0; i < BUFFERS; i++)
		each[i] = (struct iovec) { view.buffers[i].start, view.buffers[i].length };
	CHECK(io_uring_register_buffers(ring, each, BUFFERS) == 0);
	record(feed, &view, ring, NULL, "/scratch/mmap");

	/* What io_uring has pinned stays the process's own when the driver lets go of it. */
	frame_fill(view.buffers[0].start, SIZE, 99);
	stream_free(&view);
	int file = open("/scratch/pinned", O_RDWR | O_CREAT | O_DIRECT, 0600);
	uint8_t *frame = aligned_alloc(4096, SIZE);

	CHECK(file >= 0 && frame);
	write_fixed(ring, file, each[0].iov_base, 0, 0);
	CHECK(read(file, frame, SIZE) == SIZE);
	CHECK(frame_number(frame) == 99 && frame_intact(frame, SIZE));
	free(frame);
	close(file);
	close(view.fd);
}

/* A read that io_uring does is its maker's. */
static void by_ring_read(struct stream *feed, struct io_uring *ring)
{
	int fd = camera_open("front", "main", 0);
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	static uint8_t frame[SIZE];
	struct io_uring_cqe *cqe;

	io_uring_prep_read(sqe, fd, frame, SIZE, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC); /* by a worker, not by this thread */
	CHECK(io_uring_submit(ring) == 1);
	feed_await_consumers(feed->fd, 1);
	feed_frame(feed, 7);
	CHECK(io_uring_wait_cqe(ring, &cqe) == 0);
	CHECK(cqe->res == SIZE);
	CHECK(frame_number(frame) == 7 && frame_intact(frame, SIZE));
	io_uring_cqe_seen(ring, cqe);
	close(fd);
}

int main(void)
{
	struct io_uring ring;
	struct stream feed;

	camera_load("front");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	CHECK(io_uring_queue_init(4, &ring, 0) == 0);
	by_userptr(&feed, &ring);
	by_mmap(&feed, &ring);
	/* Last, as the ring may hold the descriptor for a moment after the read is done. */
	by_ring_read(&feed, &ring);
	return 0;
}
