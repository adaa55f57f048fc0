// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a viewer gets more frames a second than it may, or takes what is withheld from it
 * for frames that it lost.
 */
#include <poll.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static uint64_t now = 1000000; /* us */

/* A frame so long after the one before. Did the view get it? */
static bool fed(struct stream *view, int64_t after, uint32_t *sequence)
{
	struct v4l2_buffer buffer = { .type = feed.type,
				      .memory = feed.memory,
				      .bytesused = feed.pix.sizeimage };
	struct pollfd event = { .fd = view->fd, .events = POLLIN };

	now += after;
	buffer.timestamp.tv_sec = now / 1000000;
	buffer.timestamp.tv_usec = now % 1000000;
	CHECK(xioctl(feed.fd, VIDIOC_QBUF, &buffer) == 0);
	stream_dequeue(&feed);
	if (poll(&event, 1, 0) == 0)
		return false;
	buffer = stream_dequeue(view);
	*sequence = buffer.sequence;
	stream_queue(view, buffer.index);
	return true;
}

/* Frames are early and late by as much as 5 ms. Returns how many of them came, without a gap. */
static int count(struct stream *view, int frames, int64_t apart, uint32_t *next)
{
	uint32_t sequence;
	int64_t early = 0;
	int got = 0;

	for (int i = 0; i < frames; i++) {
		int64_t jitter = (i * 7 % 11 - 5) * 1000;

		if (fed(view, apart + jitter - early, &sequence)) {
			CHECK(sequence == (*next)++);
			got++;
		}
		early = jitter;
	}
	return got;
}

int main(void)
{
	struct v4l2_streamparm parm = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	uint32_t next = 0, sequence;
	struct stream view;
	int got;

	camera_load("front");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	stream_map(&view, camera_open("front", "main", 0), capture, 3);
	stream_queue_all(&view);
	stream_on(&view);
	CHECK(count(&view, 30, 33333, &next) == 30);

	camera_set("front", "views/main/max_rate", "5");
	CHECK(xioctl(view.fd, VIDIOC_G_PARM, &parm) == 0);
	CHECK(parm.parm.capture.timeperframe.numerator == 1 &&
	      parm.parm.capture.timeperframe.denominator == 5);
	got = count(&view, 120, 33333, &next);
	CHECK(got == 20 || got == 21);
	camera_set("front", "views/main/max_rate", "30");
	got = count(&view, 120, 33333, &next);
	CHECK(got >= 118);
	camera_set("front", "views/main/max_rate", "5");
	CHECK(count(&view, 10, 1000000, &next) == 10);
	/* Time that was not used is not saved up, and a clock that goes back stops nothing. */
	CHECK(fed(&view, 10000000, &sequence) && sequence == next++);
	CHECK(!fed(&view, 10000, &sequence));
	CHECK(fed(&view, -5000000, &sequence) && sequence == next++);
	CHECK(view_counter(view.fd, OWNFRAME_CID_DROPPED) == 0);
	return 0;
}
