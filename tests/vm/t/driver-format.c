// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a viewer is given a picture of another size than it takes it for, or an old one for
 * a new one, or hangs for good, because the camera's format changed or its feed died.
 *
 * vm: timeout=180
 *
 * The feed changes the format over and over, between frames and without any, and is killed and
 * started again with the same format or another. Four consumers, one blocked in DQBUF, one in poll,
 * one in read, one with user pointers, allocate anew as fast as they can. What each frame was fed as
 * stands in memory that all share.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define LIVES	  6 /* of feeds */
#define CHANGES	  8 /* of the format in a life, at least */
#define CONSUMERS 4
#define MAX_SIZE  (64 << 10)

static const struct {
	uint32_t fourcc, width, height, size;
} formats[] = {
	{ V4L2_PIX_FMT_GREY, 64, 64, 64 * 64 },		{ V4L2_PIX_FMT_YUYV, 64, 64, 2 * 64 * 64 },
	{ V4L2_PIX_FMT_GREY, 128, 64, 128 * 64 }, /* the same size */
	{ V4L2_PIX_FMT_NV12, 96, 64, 96 * 64 * 3 / 2 }, { V4L2_PIX_FMT_GREY, 128, 128, 128 * 128 },
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

static struct {
	atomic_uint next; /* number of the next frame */
	atomic_uint fed; /* frames before this one were fed */
	atomic_uint changes; /* of the format, before they happen */
	atomic_uint format; /* that the feed has */
	atomic_uint got[CONSUMERS]; /* number of the last frame that each got */
	atomic_bool enough;
	uint8_t format_of[1 << 20];
} * shared;

/* --- feed -------------------------------------------------------------------------------------- */

static int changed[2]; /* a feed says that it changed the format often */

static void feed_number(struct stream *feed)
{
	uint32_t number = shared->next++;

	CHECK(number < sizeof(shared->format_of));
	shared->format_of[number] = (uint8_t)shared->format;
	feed_frame(feed, number);
	shared->fed = number + 1;
}

/* Until all have a frame of this format. */
static void feed_all(struct stream *feed)
{
	uint32_t first = shared->next;

	for (int i = 0; i < CONSUMERS && !shared->enough; i++) {
		while (shared->got[i] < first && !shared->enough) {
			feed_number(feed);
			sched_yield();
		}
	}
}

static void feed_as(struct stream *feed, int fd, unsigned int format)
{
	shared->changes += format != shared->format;
	shared->format = format;
	feed_format(fd, formats[format].fourcc, formats[format].width, formats[format].height);
	stream_map(feed, fd, V4L2_BUF_TYPE_VIDEO_OUTPUT, 2);
	CHECK(feed->pix.sizeimage == formats[format].size);
	stream_on(feed);
}

static int feed_run(void *arg)
{
	unsigned int seed = *(unsigned int *)arg, format;
	int fd = camera_open("front", "feed", 0);
	struct stream feed;

	/* The first time as the one before, or not. */
	format = rand_r(&seed) % 2 ? shared->format : rand_r(&seed) % FORMATS;
	for (int i = 1; i < 100 * CHANGES; i++) {
		feed_as(&feed, fd, format);
		if (i % 4 == 1)
			feed_all(&feed);
		for (int frames = rand_r(&seed) % 6; frames > 0; frames--)
			feed_number(&feed);
		if (i == CHANGES)
			byte_send(changed[1], '.');
		stream_off(&feed);
		stream_free(&feed);
		format = rand_r(&seed) % FORMATS;
	}
	return 1; /* it should have been killed */
}

/* --- consumers --------------------------------------------------------------------------------- */

struct consumer {
	int index;
	uint32_t memory;
	int flags; /* of open */
	struct stream view;
	uint32_t least; /* frames before this one were fed before it streamed */
	unsigned int errors; /* how often its stream was ended */
};

static void check_frame(struct consumer *consumer, const void *frame, size_t bytes)
{
	uint32_t number = frame_number(frame);

	CHECK(number < shared->next);
	CHECK(number >= consumer->least);
	CHECK(bytes == formats[shared->format_of[number]].size);
	CHECK(frame_intact(frame, bytes));
	consumer->least = number + 1;
	shared->got[consumer->index] = number;
}

/* A change may be said before its event is there. */
static void await_source_change(struct consumer *consumer)
{
	struct pollfd poller = { .fd = consumer->view.fd, .events = POLLPRI };
	struct v4l2_event event;

	do {
		CHECK(poll(&poller, 1, 20000) == 1);
	} while (!(poller.revents & POLLPRI));
	CHECK(xioctl(consumer->view.fd, VIDIOC_DQEVENT, &event) == 0);
	CHECK(event.type == V4L2_EVENT_SOURCE_CHANGE);
	CHECK(event.u.src_change.changes == V4L2_EVENT_SRC_CH_RESOLUTION);
	/* Nobody ends a stream for anything else. */
	CHECK(++consumer->errors <= shared->changes);
}

static bool queue(struct consumer *consumer, unsigned int index)
{
	struct stream *view = &consumer->view;
	struct v4l2_buffer buffer = {
		.index = index,
		.type = view->type,
		.memory = view->memory,
		.length = (uint32_t)view->buffers[index].length,
	};

	if (view->memory == V4L2_MEMORY_USERPTR)
		buffer.m.userptr = (unsigned long)view->buffers[index].start;
	if (xioctl(view->fd, VIDIOC_QBUF, &buffer) == 0)
		return true;
	CHECK(errno == EIO);
	return false;
}

/* Buffers, then their format: if they can be streamed to, it was the same in between. */
static void allocate(struct consumer *consumer)
{
	struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct stream *view = &consumer->view;

	if (consumer->memory == V4L2_MEMORY_MMAP) {
		stream_map(view, view->fd, format.type, 2);
	} else {
		stream_userptr(view, view->fd, format.type, 2);
		for (unsigned int i = 0; i < view->count; i++) {
			free(view->buffers[i].start);
			view->buffers[i].start = malloc(MAX_SIZE);
			view->buffers[i].length = MAX_SIZE;
		}
	}
	CHECK(xioctl(view->fd, VIDIOC_G_FMT, &format) == 0);
	view->pix = format.fmt.pix;
	for (unsigned int i = 0; i < view->count; i++)
		CHECK(queue(consumer, i));
}

static bool take(struct consumer *consumer)
{
	struct stream *view = &consumer->view;
	struct v4l2_buffer buffer = { .type = view->type, .memory = view->memory };
	struct pollfd poller = { .fd = view->fd, .events = POLLIN };
	const void *frame;
	uint32_t number;

	if (consumer->flags & O_NONBLOCK) {
		CHECK(poll(&poller, 1, 20000) == 1);
		CHECK(poller.revents & (POLLIN | POLLERR));
	}
	if (xioctl(view->fd, VIDIOC_DQBUF, &buffer)) {
		CHECK(errno == EIO);
		return false;
	}
	CHECK(!(buffer.flags & V4L2_BUF_FLAG_ERROR));
	frame = view->buffers[buffer.index].start;
	check_frame(consumer, frame, buffer.bytesused);
	number = shared->format_of[frame_number(frame)];
	CHECK(view->pix.pixelformat == formats[number].fourcc);
	CHECK(view->pix.width == formats[number].width);
	CHECK(view->pix.height == formats[number].height);
	return queue(consumer, buffer.index);
}

static int consumer_run(void *arg)
{
	struct consumer *consumer = arg;
	struct v4l2_event_subscription subscription = { .type = V4L2_EVENT_SOURCE_CHANGE };
	uint32_t type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	consumer->view.fd = camera_open("front", "main", consumer->flags);
	CHECK(xioctl(consumer->view.fd, VIDIOC_SUBSCRIBE_EVENT, &subscription) == 0);
	while (!shared->enough) {
		allocate(consumer);
		consumer->least = shared->fed;
		if (xioctl(consumer->view.fd, VIDIOC_STREAMON, &type) == 0) {
			while (!shared->enough && take(consumer))
				;
			if (!shared->enough)
				await_source_change(consumer);
			stream_off(&consumer->view);
		} else {
			CHECK(errno == EPIPE);
		}
		stream_free(&consumer->view);
	}
	return 0;
}

/* Whoever reads opens the view anew after a change. */
static int reader_run(void *arg)
{
	static uint8_t frame[MAX_SIZE];
	struct consumer *consumer = arg;
	ssize_t bytes;

	while (!shared->enough) {
		int fd = camera_open("front", "main", 0);

		consumer->least = shared->fed;
		while ((bytes = read(fd, frame, sizeof(frame))) > 0 && !shared->enough)
			check_frame(consumer, frame, (size_t)bytes);
		CHECK(bytes > 0 || (bytes == -1 && (errno == EIO || errno == EPIPE)));
		CHECK(bytes > 0 || errno == EPIPE || ++consumer->errors <= shared->changes);
		close(fd);
	}
	return 0;
}

static void feed_kill(pid_t feed)
{
	CHECK(kill(feed, SIGKILL) == 0);
	CHECK(WIFSIGNALED(process_wait(feed)));
}

int main(void)
{
	static struct consumer consumers[CONSUMERS] = {
		{ .memory = V4L2_MEMORY_MMAP },
		{ .memory = V4L2_MEMORY_MMAP, .flags = O_NONBLOCK },
		{ .memory = V4L2_MEMORY_USERPTR },
		{ 0 }, /* reads */
	};
	pid_t pids[CONSUMERS], feed = 0;
	unsigned int seed;
	int fd;

	camera_load("front");
	CHECK(pipe(changed) == 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	shared->next = 1; /* nobody has got 0 */
	fd = camera_open("front", "feed", 0);
	feed_format(fd, formats[0].fourcc, formats[0].width, formats[0].height);
	close(fd);
	for (int i = 0; i < CONSUMERS; i++) {
		consumers[i].index = i;
		pids[i] = process_start(consumers[i].memory ? consumer_run : reader_run,
					&consumers[i]);
	}
	for (seed = 1; seed <= LIVES; seed++) {
		feed = process_start(feed_run, &seed);
		byte_receive(changed[0]);
		if (seed == LIVES)
			break;
		for (unsigned int i = seed * 7 % 16; i > 0; i--)
			sched_yield();
		feed_kill(feed);
	}
	shared->enough = true;
	for (int i = 0; i < CONSUMERS; i++)
		process_wait_ok(pids[i]);
	feed_kill(feed);
	return 0;
}
