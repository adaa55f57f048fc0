// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * numbered_feed [-w] CAMERA FOURCC WIDTH HEIGHT FPS WORD N [WORD N]...: a camera that shows its frame
 * numbers and follows a script:
 *
 *	still N		nothing moves for N frames
 *	move N		a square is there and moves
 *	gap N		N frames are not delivered, though time goes on
 *
 * Says "ready" when it has a signal and goes on when a consumer streams. The first frame has number
 * 0, which is its sequence number at the camera, and timestamps are exact multiples of the period. For
 * every run of moving frames it says "moved FIRST LAST", when all is done "end FRAMES", and then stays,
 * silent, until it is killed. -w: by write(), where the driver gives the timestamps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "camera.h"
#include "numbered.h"

#define SQUARE 64
#define STEP   8 /* pixels a frame */

struct scene {
	struct stream feed;
	bool by_write;
	uint8_t *written; /* the frame for write() */
	uint32_t sequence; /* frames delivered */
	uint32_t tick; /* frames and gaps */
	uint32_t moved; /* frames with the square */
	uint64_t start_us, period_us;
	uint64_t waited_us; /* when the last wait was over */
};

static uint8_t *scene_buffer(struct scene *s)
{
	return s->by_write ? s->written : s->feed.buffers[s->sequence % s->feed.count].start;
}

static void scene_draw(struct scene *s, bool moving)
{
	const struct v4l2_pix_format *pix = &s->feed.pix;
	bool packed = pix->pixelformat == V4L2_PIX_FMT_YUYV;
	struct numbered_luma luma = {
		.data = scene_buffer(s),
		.width = pix->width,
		.height = pix->height,
		.stride = pix->bytesperline,
		.step = packed ? 2 : 1,
	};

	memset(luma.data, 128, pix->sizeimage);
	numbered_wall(&luma);
	if (moving) {
		uint32_t range = pix->width - SQUARE, x = s->moved++ * STEP % (2 * range);

		numbered_square(&luma, x < range ? x : 2 * range - x, (pix->height - SQUARE) / 2,
				SQUARE);
	}
	numbered_write(&luma, s->sequence);
}

static void scene_queue(struct scene *s)
{
	uint64_t us = s->start_us + s->tick * s->period_us;
	struct v4l2_buffer buffer = {
		.index = s->sequence % s->feed.count,
		.type = s->feed.type,
		.memory = s->feed.memory,
		.bytesused = s->feed.pix.sizeimage,
		.timestamp = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 },
	};

	CHECK(xioctl(s->feed.fd, VIDIOC_QBUF, &buffer) == 0);
	CHECK(stream_dequeue(&s->feed).sequence == s->sequence);
}

static void scene_frame(struct scene *s, bool moving)
{
	uint32_t size = s->feed.pix.sizeimage;

	scene_draw(s, moving);
	if (s->by_write)
		CHECK(write(s->feed.fd, s->written, size) == (ssize_t)size);
	else
		scene_queue(s);
	s->sequence++;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * Until the frame is due. When the machine was too slow for some, they follow at twice the rate: not at
 * once, which would be too fast for any consumer.
 */
static void scene_wait(struct scene *s)
{
	uint64_t due = s->start_us + s->tick * s->period_us,
		 soonest = s->waited_us + s->period_us / 2;
	struct timespec until;

	if (due < soonest)
		due = soonest;
	until.tv_sec = due / 1000000;
	until.tv_nsec = due % 1000000 * 1000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
		;
	s->waited_us = now_us();
}

static void scene_play(struct scene *s, const char *word, uint32_t n)
{
	bool moving = !strcmp(word, "move"), gap = !strcmp(word, "gap");
	uint32_t first = s->sequence;

	CHECK(moving || gap || !strcmp(word, "still"));
	for (uint32_t i = 0; i < n; i++) {
		scene_wait(s);
		if (!gap)
			scene_frame(s, moving);
		s->tick++;
	}
	if (!moving)
		return;
	printf("moved %u %u\n", first, s->sequence - 1);
	fflush(stdout);
}

static void scene_open(struct scene *s, char **argv)
{
	uint32_t fourcc = v4l2_fourcc(argv[1][0], argv[1][1], argv[1][2], argv[1][3]);
	uint32_t width = atoi(argv[2]), height = atoi(argv[3]);
	int fd;

	CHECK(width >= NUMBERED_ROW_MIN && height > SQUARE + 2 * NUMBERED_CELL);
	if (!s->by_write) {
		feed_start(&s->feed, argv[0], fourcc, width, height);
		return;
	}
	fd = camera_open(argv[0], "feed", 0);
	s->feed = (struct stream) { .fd = fd, .pix = feed_format(fd, fourcc, width, height) };
	s->written = malloc(s->feed.pix.sizeimage);
	CHECK(s->written);
	scene_frame(s, false); /* the first write makes the signal */
}

int main(int argc, char **argv)
{
	struct scene s = { .by_write = argc > 1 && !strcmp(argv[1], "-w") };

	argv += 1 + s.by_write;
	argc -= 1 + s.by_write;
	CHECK(argc >= 7 && argc % 2 == 1 && atoi(argv[4]) > 0);
	scene_open(&s, argv);
	puts("ready");
	fflush(stdout);
	feed_await_consumers(s.feed.fd, 1);
	s.period_us = 1000000 / atoi(argv[4]);
	s.start_us = now_us();
	for (int i = 5; i < argc; i += 2)
		scene_play(&s, argv[i], atoi(argv[i + 1]));
	printf("end %u\n", s.sequence);
	fflush(stdout);
	for (;;)
		pause();
}
