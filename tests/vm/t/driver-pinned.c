// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, memory that a pipe or an io_uring still holds for one process becomes the buffer of
 * another: either would have the other's frames.
 *
 * A process gives its buffers back while a pipe holds the pages of one and an io_uring those of the
 * other. Another process then takes many buffers and gets frames in them.
 */
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "camera.h"

#define SIZE   (128 * 64) /* GREY: two pages */
#define OTHERS 32

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;

static void take_frames(struct stream *view, unsigned int buffers, uint32_t first)
{
	stream_map(view, camera_open("front", "main", 0), capture, buffers);
	for (unsigned int i = 0; i < buffers; i++)
		for (size_t at = 0; at < SIZE; at++)
			CHECK(view->buffers[i].start[at] == 0);
	stream_queue_all(view);
	stream_on(view);
	for (unsigned int i = 0; i < buffers; i++) {
		feed_frame(&feed, first + i);
		stream_dequeue(view);
		CHECK(frame_number(view->buffers[i].start) == first + i);
	}
}

static int feeds_itself(void *arg)
{
	struct stream view;

	(void)arg;
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	for (uint32_t round = 1; round <= 3; round++) {
		take_frames(&view, OTHERS, round * 1000);
		stream_off(&view);
		stream_free(&view);
		close(view.fd);
	}
	return 0;
}

static void check_read(int fd, uint32_t number)
{
	static uint8_t frame[SIZE];

	for (size_t at = 0; at < SIZE;) {
		ssize_t got = read(fd, frame + at, SIZE - at);

		CHECK(got > 0);
		at += got;
	}
	CHECK(frame_number(frame) == number);
	CHECK(frame_intact(frame, SIZE));
}

int main(void)
{
	struct iovec spliced, registered;
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	int held[2], written[2];
	struct stream view;

	camera_load("front");
	CHECK(pipe(held) == 0 && pipe(written) == 0);
	CHECK(io_uring_queue_init(4, &ring, 0) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	take_frames(&view, 2, 1);

	spliced = (struct iovec) { view.buffers[0].start, SIZE };
	registered = (struct iovec) { view.buffers[1].start, SIZE };
	CHECK(vmsplice(held[1], &spliced, 1, SPLICE_F_GIFT) == SIZE);
	CHECK(io_uring_register_buffers(&ring, &registered, 1) == 0);
	stream_off(&view);
	stream_free(&view);
	close(view.fd);
	close(feed.fd);
	process_wait_ok(process_start(feeds_itself, NULL));

	check_read(held[0], 1);
	io_uring_prep_write_fixed(io_uring_get_sqe(&ring), written[1], registered.iov_base, SIZE, 0,
				  0);
	CHECK(io_uring_submit_and_wait(&ring, 1) == 1);
	CHECK(io_uring_wait_cqe(&ring, &cqe) == 0);
	CHECK(cqe->res == SIZE);
	check_read(written[0], 2);
	return 0;
}
