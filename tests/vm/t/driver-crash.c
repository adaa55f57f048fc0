// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a program that crashes costs others frames or the machine its memory, or a feed that
 * crashes leaves half a picture.
 *
 * Consumers are killed with SIGKILL or die of SIGSEGV, wherever in their calls they happen to be, while a
 * witness takes every frame. Then the feed is killed again and again in the midst of feeding.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define BUFFERS 3
#define CRASHES 16
#define FEEDS	5
#define WIDTH	160
#define HEIGHT	120

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static int said[2], asked[2];

/* --- consumers that crash ---------------------------------------------------------------------- */

static void watch(struct stream *view, bool userptr)
{
	int fd = camera_open("front", "main", 0);

	if (userptr)
		stream_userptr(view, fd, capture, BUFFERS);
	else
		stream_map(view, fd, capture, BUFFERS);
	stream_queue_all(view);
	stream_on(view);
}

static void *volatile nowhere;

/* Streams until it is killed, or writes to where nothing is. */
static int crashes(void *arg)
{
	int round = *(int *)arg;
	struct v4l2_buffer buffer;
	struct stream view;

	close(feed.fd);
	signal(SIGSEGV, SIG_DFL);
	watch(&view, round & 1);
	byte_send(said[1], 'c');
	/* It may lose frames, but the first ones it gets. */
	for (int left = round % 3 ? -1 : round / 3 % BUFFERS;; left--) {
		if (left == 0)
			memset(nowhere, 0, 1);
		buffer = stream_dequeue(&view);
		CHECK(frame_intact(view.buffers[buffer.index].start, buffer.bytesused));
		stream_queue(&view, buffer.index);
	}
}

static int witnesses(void *arg)
{
	struct v4l2_buffer buffer;
	struct stream view;

	(void)arg;
	close(feed.fd);
	watch(&view, false);
	byte_send(said[1], 'w');
	for (uint32_t number = 0; byte_receive(asked[0]) == 'f'; number++) {
		buffer = stream_dequeue(&view);
		CHECK(buffer.sequence == number);
		CHECK(frame_number(view.buffers[buffer.index].start) == number);
		CHECK(frame_intact(view.buffers[buffer.index].start, buffer.bytesused));
		stream_queue(&view, buffer.index);
		byte_send(said[1], '.');
	}
	CHECK(view_counter(view.fd, OWNFRAME_CID_DROPPED) == 0);
	return 0;
}

static void feed_next(void)
{
	static uint32_t number;

	feed_frame(&feed, number++);
	byte_send(asked[1], 'f');
	CHECK(byte_receive(said[0]) == '.');
}

static void check_consumers(void)
{
	pid_t witness = process_start(witnesses, NULL), pid;
	int status;

	CHECK(byte_receive(said[0]) == 'w');
	for (int round = 0; round < CRASHES; round++) {
		pid = process_start(crashes, &round);
		CHECK(byte_receive(said[0]) == 'c');
		for (int i = 0; i < round; i++)
			feed_next();
		if (round % 3)
			CHECK(kill(pid, SIGKILL) == 0);
		feed_next();
		status = process_wait(pid);
		CHECK(WIFSIGNALED(status));
		CHECK(WTERMSIG(status) == (round % 3 ? SIGKILL : SIGSEGV));
		feed_await_consumers(feed.fd, 1);
	}
	byte_send(asked[1], 'e');
	process_wait_ok(witness);
	feed_await_consumers(feed.fd, 0);
}

/* --- a feed that crashes ----------------------------------------------------------------------- */

static int feeds(void *arg)
{
	uint32_t number = *(uint32_t *)arg;

	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, WIDTH, HEIGHT);
	byte_send(said[1], 'f');
	for (; number; number++)
		feed_frame(&feed, number);
	return 0;
}

/* Each feed has numbers of its own, which rise, and so do those of the camera. */
static void take_some(struct stream *view, uint32_t base, uint32_t *sequence)
{
	struct v4l2_buffer buffer;
	uint32_t number, last = 0;

	for (int i = 0; i < BUFFERS; i++) {
		buffer = stream_dequeue(view);
		CHECK(buffer.bytesused == WIDTH * HEIGHT);
		CHECK(frame_intact(view->buffers[buffer.index].start, buffer.bytesused));
		number = frame_number(view->buffers[buffer.index].start);
		CHECK(number >= base && (!last || number > last));
		CHECK(buffer.sequence > *sequence || (!*sequence && !buffer.sequence));
		last = number;
		*sequence = buffer.sequence;
		stream_queue(view, buffer.index);
	}
}

/* Frames that came before the kill are whole, and there are no more than buffers. */
static void take_rest(struct stream *view, uint32_t base)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };

	for (unsigned int i = 0; xioctl(view->fd, VIDIOC_DQBUF, &buffer) == 0; i++) {
		CHECK(i < view->count);
		CHECK(frame_intact(view->buffers[buffer.index].start, buffer.bytesused));
		CHECK(frame_number(view->buffers[buffer.index].start) >= base);
		stream_queue(view, buffer.index);
	}
	CHECK(errno == EAGAIN);
}

static void check_feeds(void)
{
	uint32_t sequence = 0;
	struct stream view;
	pid_t pid;

	close(feed.fd);
	stream_map(&view, camera_open("front", "main", O_NONBLOCK), capture, BUFFERS);
	stream_queue_all(&view);
	stream_on(&view);
	for (uint32_t i = 1; i <= FEEDS; i++) {
		uint32_t base = i << 24;

		pid = process_start(feeds, &base);
		CHECK(byte_receive(said[0]) == 'f');
		CHECK(view_has_signal(view.fd));
		take_some(&view, base, &sequence);
		CHECK(kill(pid, SIGSTOP) == 0);
		CHECK(view_has_signal(view.fd));
		CHECK(kill(pid, SIGCONT) == 0);
		take_some(&view, base, &sequence);
		CHECK(kill(pid, SIGKILL) == 0);
		process_wait(pid);
		CHECK(!view_has_signal(view.fd));
		take_rest(&view, base);
	}
	close(view.fd);
}

int main(void)
{
	camera_load("front");
	CHECK(pipe(said) == 0 && pipe(asked) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, WIDTH, HEIGHT);
	check_consumers();
	check_feeds();
	return 0;
}
