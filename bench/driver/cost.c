// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cost PRODUCER FEED VIEW WIDTH HEIGHT CONSUMER N [EVERY]: what a frame costs from a producer to N
 * consumers, for the plugin that counts (count.c), which sees FRAMES of them between two marks.
 *
 *	PRODUCER	mmap, dmabuf SENSOR (buffers of that device), write; memcpy: a copy in this program
 *	FEED, VIEW	video devices
 *	CONSUMER	mmap, userptr, slots (user memory, other with every frame)
 *	EVERY		consumers get one frame of so many
 *
 * The producer does not pace itself: it is SCHED_IDLE, so that on one processor every frame is taken
 * by all before the next is made. By their timestamps they are 30 a second. A frame that is lost ends
 * the program.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"

#define WARM	12 /* frames before the first mark, and after the second: no end is counted */
#define FRAMES	30
#define ALL	(WARM + FRAMES + WARM)
#define BUFFERS 4
#define SLOTS	16

#define MARK(number) __asm__ volatile("nopl %c0(%%rax)" : : "i"(0x7f4c0000 | (number)) : "memory")

struct consumer {
	struct stream stream;
	uint8_t *slots; /* SLOTS frames, or NULL */
	size_t slot;
};

struct producer {
	const char *how;
	struct stream stream;
	int dmabufs[BUFFERS];
	uint8_t *frame;
};

static uint32_t take(struct consumer *c)
{
	struct v4l2_buffer buffer = { .type = c->stream.type, .memory = c->stream.memory };

	CHECK(xioctl(c->stream.fd, VIDIOC_DQBUF, &buffer) == 0);
	CHECK(!(buffer.flags & V4L2_BUF_FLAG_ERROR));
	if (c->slots)
		c->stream.buffers[buffer.index].start =
			c->slots + c->slot++ % SLOTS * c->stream.buffers[0].length;
	stream_queue(&c->stream, buffer.index);
	return buffer.sequence;
}

static void consume(const char *view, const char *how, int frames, int started)
{
	int fd = open(view, O_RDWR);
	uint32_t last = 0;
	struct consumer c = { 0 };

	CHECK(fd >= 0);
	if (!strcmp(how, "mmap"))
		stream_map(&c.stream, fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, BUFFERS);
	else
		stream_userptr(&c.stream, fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, BUFFERS);
	if (!strcmp(how, "slots")) {
		c.slots = malloc(SLOTS * c.stream.buffers[0].length);
		CHECK(c.slots);
		memset(c.slots, 1, SLOTS * c.stream.buffers[0].length);
	}
	stream_queue_all(&c.stream);
	stream_on(&c.stream);
	byte_send(started, 's');
	for (int i = 0; i < frames; i++) {
		uint32_t sequence = take(&c);

		CHECK(!i || sequence == last + 1);
		last = sequence;
	}
}

static void produce_dmabufs(struct producer *p, const char *sensor)
{
	struct v4l2_requestbuffers request = { .count = BUFFERS,
					       .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
					       .memory = V4L2_MEMORY_DMABUF };
	struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
				      .fmt.pix = p->stream.pix };
	int fd = open(sensor, O_RDWR);
	struct stream of;

	CHECK(fd >= 0);
	CHECK(xioctl(fd, VIDIOC_S_FMT, &format) == 0);
	CHECK(format.fmt.pix.sizeimage == p->stream.pix.sizeimage);
	stream_map(&of, fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, BUFFERS);
	for (unsigned int i = 0; i < BUFFERS; i++) {
		struct v4l2_exportbuffer export = { .type = of.type, .index = i };

		CHECK(xioctl(fd, VIDIOC_EXPBUF, &export) == 0);
		p->dmabufs[i] = export.fd;
	}
	CHECK(xioctl(p->stream.fd, VIDIOC_REQBUFS, &request) == 0);
	CHECK(request.count == BUFFERS);
	p->stream.type = request.type;
	p->stream.memory = request.memory;
}

static void producer_open(struct producer *p, const char *feed, const char *sensor, uint32_t width,
			  uint32_t height)
{
	int fd = open(feed, O_RDWR);

	CHECK(fd >= 0);
	p->stream.fd = fd;
	p->stream.pix = feed_format(fd, V4L2_PIX_FMT_YUYV, width, height);
	p->frame = malloc(p->stream.pix.sizeimage);
	CHECK(p->frame);
	memset(p->frame, 1, p->stream.pix.sizeimage);
	if (!strcmp(p->how, "mmap"))
		stream_map(&p->stream, fd, V4L2_BUF_TYPE_VIDEO_OUTPUT, BUFFERS);
	else if (!strcmp(p->how, "dmabuf"))
		produce_dmabufs(p, sensor);
	if (strcmp(p->how, "write"))
		stream_on(&p->stream);
	else /* makes the signal */
		CHECK(write(fd, p->frame, p->stream.pix.sizeimage) > 0);
}

static void produce(struct producer *p, unsigned int number)
{
	struct v4l2_buffer buffer = {
		.index = number % BUFFERS,
		.type = p->stream.type,
		.memory = p->stream.memory,
		.bytesused = p->stream.pix.sizeimage,
		.length = p->stream.pix.sizeimage,
		.timestamp = { .tv_sec = 1 + number / 30, .tv_usec = number % 30 * 33333 },
	};
	ssize_t size = p->stream.pix.sizeimage;

	if (!strcmp(p->how, "write")) {
		CHECK(write(p->stream.fd, p->frame, size) == size);
		return;
	}
	if (p->stream.memory == V4L2_MEMORY_DMABUF)
		buffer.m.fd = p->dmabufs[buffer.index];
	CHECK(xioctl(p->stream.fd, VIDIOC_QBUF, &buffer) == 0);
	CHECK(xioctl(p->stream.fd, VIDIOC_DQBUF, &buffer) == 0);
}

static void produce_all(struct producer *p)
{
	unsigned int number = 0;

	while (number < WARM)
		produce(p, number++);
	MARK(FRAMES);
	while (number < WARM + FRAMES)
		produce(p, number++);
	MARK(0);
	while (number < ALL)
		produce(p, number++);
}

/* What any way of copying costs at least: the same bytes by the same instruction. */
static void copy_all(size_t size)
{
	uint8_t *from = malloc(size), *to = malloc(size);

	CHECK(from && to);
	memset(from, 1, size);
	memset(to, 2, size);
	for (int i = 0; i < WARM + FRAMES; i++) {
		void *source = from, *target = to;
		size_t words = size / 8;

		if (i == WARM)
			MARK(FRAMES);
		__asm__ volatile("rep movsq"
				 : "+S"(source), "+D"(target), "+c"(words)
				 :
				 : "memory");
	}
	MARK(0);
}

int main(int argc, char **argv)
{
	struct producer p = { .how = argc > 1 ? argv[1] : "" };
	const char *sensor = strcmp(p.how, "dmabuf") ? NULL : argv[2];
	int started[2], n, every;
	pid_t consumers[16];

	argv += 2 + !!sensor;
	argc -= 2 + !!sensor;
	CHECK(argc == 6 || argc == 7);
	n = atoi(argv[5]);
	every = argc == 7 ? atoi(argv[6]) : 1;
	CHECK(n >= 0 && n <= 16 && every > 0);
	if (!strcmp(p.how, "memcpy")) {
		copy_all((size_t)atoi(argv[2]) * atoi(argv[3]) * 2);
		return 0;
	}
	producer_open(&p, argv[0], sensor, atoi(argv[2]), atoi(argv[3]));
	CHECK(pipe(started) == 0);
	for (int i = 0; i < n; i++) {
		consumers[i] = fork();
		CHECK(consumers[i] >= 0);
		if (!consumers[i]) {
			consume(argv[1], argv[4], ALL / every, started[1]);
			_exit(0);
		}
	}
	for (int i = 0; i < n; i++)
		byte_receive(started[0]);
	CHECK(sched_setscheduler(0, SCHED_IDLE, &(struct sched_param) { 0 }) == 0);
	usleep(10000); /* until all wait for a frame: only who is woken takes the processor */
	produce_all(&p);
	for (int i = 0; i < n; i++)
		process_wait_ok(consumers[i]);
	return 0;
}
