// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The V4L2 side of the recorder. Separate because it is all the recorder knows of cameras; frames go
 * on as struct frame. The one thing to know: a buffer index is only a ticket. Which slot lies in it
 * is decided anew at every VIDIOC_QBUF, so memory, not V4L2, bounds how many frames can be held.
 */
#include "capture.h"

#include "monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int call(int fd, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(fd, request, arg);
	while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

static int check_node(int fd, const char **why)
{
	struct v4l2_capability cap = { 0 };
	uint32_t caps;

	if (call(fd, VIDIOC_QUERYCAP, &cap)) {
		*why = "not a V4L2 device";
		return -ENOTTY;
	}
	caps = cap.capabilities & V4L2_CAP_DEVICE_CAPS ? cap.device_caps : cap.capabilities;
	if (!(caps & V4L2_CAP_VIDEO_CAPTURE) || !(caps & V4L2_CAP_STREAMING)) {
		*why = "not a capture node with streaming I/O";
		return -ENOTTY;
	}
	return 0;
}

static bool use_format(struct capture *c, const struct v4l2_pix_format *pix)
{
	return !frame_format_init(&c->format, pix->pixelformat, pix->width, pix->height,
				  pix->bytesperline, pix->sizeimage);
}

/*
 * What the node has is kept if it can be recorded: on a view it is the feed's, and on a camera
 * somebody chose it. Else ours are tried in the order of preference.
 */
static int agree_format(struct capture *c, const struct capture_want *want, const char **why)
{
	struct v4l2_format fmt = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	int ret = call(c->fd, VIDIOC_G_FMT, &fmt);

	if (ret) {
		*why = "cannot tell its format";
		return ret;
	}
	c->found_fourcc = fmt.fmt.pix.pixelformat;
	c->found_width = fmt.fmt.pix.width;
	c->found_height = fmt.fmt.pix.height;
	if (want->width) {
		fmt.fmt.pix.width = want->width;
		fmt.fmt.pix.height = want->height;
		fmt.fmt.pix.bytesperline = 0;
		call(c->fd, VIDIOC_S_FMT, &fmt);
	}
	if (use_format(c, &fmt.fmt.pix))
		return 0;
	for (const uint32_t *fourcc = frame_formats; *fourcc; fourcc++) {
		fmt.fmt.pix.pixelformat = *fourcc;
		fmt.fmt.pix.bytesperline = 0;
		if (!call(c->fd, VIDIOC_S_FMT, &fmt) && use_format(c, &fmt.fmt.pix))
			return 0;
	}
	*why = "has no format that can be recorded (NV12, YU12, NV21, YUYV, UYVY)";
	return -EPROTO;
}

static void agree_rate(struct capture *c, const struct capture_want *want)
{
	struct v4l2_streamparm parm = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct v4l2_fract *t = &parm.parm.capture.timeperframe;

	if (want->fps) {
		*t = (struct v4l2_fract) { 1, want->fps };
		call(c->fd, VIDIOC_S_PARM, &parm);
	} else {
		call(c->fd, VIDIOC_G_PARM, &parm);
	}
	if (t->numerator && t->denominator) {
		c->fps_num = t->denominator;
		c->fps_den = t->numerator;
	} else {
		c->fps_num = want->fps ? want->fps : 30; /* it does not say: what most have */
		c->fps_den = 1;
	}
}

/*
 * A node without a signal has a format too, but one that says nothing of the pictures to come: no
 * memory is planned for it.
 */
static int check_signal(int fd, const char **why)
{
	struct v4l2_input input = { 0 };
	int index;

	if (call(fd, VIDIOC_G_INPUT, &index))
		return 0; /* it has no inputs to tell of */
	input.index = (uint32_t)index;
	if (call(fd, VIDIOC_ENUMINPUT, &input) || !(input.status & V4L2_IN_ST_NO_SIGNAL))
		return 0;
	*why = "has no signal";
	return -ENOLINK;
}

static void subscribe(int fd)
{
	struct v4l2_event_subscription sub = { .type = V4L2_EVENT_SOURCE_CHANGE };

	/* Devices without the event tell by an error of the queue. */
	call(fd, VIDIOC_SUBSCRIBE_EVENT, &sub);
}

int capture_open(struct capture *c, const struct capture_want *want, const char **why)
{
	int ret;

	*c = (struct capture) { .fd = open(want->device, O_RDWR | O_NONBLOCK | O_CLOEXEC) };
	if (c->fd < 0) {
		*why = "cannot open";
		return -errno;
	}
	ret = check_node(c->fd, why);
	if (!ret)
		ret = check_signal(c->fd, why);
	if (!ret)
		ret = agree_format(c, want, why);
	if (ret) {
		capture_close(c);
		return ret;
	}
	agree_rate(c, want);
	subscribe(c->fd);
	return 0;
}

static int request(int fd, uint32_t *count)
{
	struct v4l2_requestbuffers req = {
		.count = *count,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_USERPTR,
	};
	int ret = call(fd, VIDIOC_REQBUFS, &req);

	*count = req.count;
	return ret;
}

int capture_request(struct capture *c)
{
	uint32_t count = CAPTURE_BUFFERS;
	int ret = request(c->fd, &count);

	if (ret == -EINVAL)
		return -EOPNOTSUPP;
	if (ret)
		return ret;
	if (!count || count > CAPTURE_BUFFERS_MAX)
		return -EPROTO;
	c->n_buffers = count;
	for (uint32_t i = 0; i < count; i++)
		c->slot[i] = -1;
	return 0;
}

int capture_queue(struct capture *c, uint32_t buffer, uint32_t slot)
{
	struct v4l2_buffer buf = {
		.index = buffer,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_USERPTR,
		.m.userptr = (unsigned long)c->arena->slots[slot],
		.length = c->format.size,
	};
	int ret = call(c->fd, VIDIOC_QBUF, &buf);

	if (!ret)
		c->slot[buffer] = (int)slot;
	return ret;
}

int capture_start(struct capture *c, struct arena *arena)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	c->arena = arena;
	c->has_sequence = false;
	for (uint32_t i = 0; i < c->n_buffers; i++) {
		int slot = arena_take(arena);
		int ret = slot < 0 ? -ENOMEM : capture_queue(c, i, (uint32_t)slot);

		if (ret) {
			if (slot >= 0)
				arena_give(arena, (uint32_t)slot);
			return ret;
		}
	}
	return call(c->fd, VIDIOC_STREAMON, &type);
}

void capture_stop(struct capture *c)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	uint32_t none = 0;

	if (c->fd < 0)
		return;
	call(c->fd, VIDIOC_STREAMOFF, &type);
	request(c->fd, &none);
	for (uint32_t i = 0; i < c->n_buffers; i++)
		if (c->slot[i] >= 0)
			arena_give(c->arena, (uint32_t)c->slot[i]);
	c->n_buffers = 0;
}

void capture_restore(struct capture *c)
{
	struct v4l2_format fmt = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };

	if (call(c->fd, VIDIOC_G_FMT, &fmt))
		return;
	fmt.fmt.pix.pixelformat = c->found_fourcc;
	fmt.fmt.pix.width = c->found_width;
	fmt.fmt.pix.height = c->found_height;
	fmt.fmt.pix.bytesperline = 0;
	call(c->fd, VIDIOC_S_FMT, &fmt);
}

void capture_close(struct capture *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/*
 * Times of frames must be of CLOCK_MONOTONIC and grow. A driver that hands on its producer's times
 * may say nothing of their clock: then they are believed if they lie in the last ten seconds.
 */
static uint64_t frame_time(struct capture *c, const struct v4l2_buffer *buf)
{
	uint64_t t = (uint64_t)buf->timestamp.tv_sec * 1000000 + (uint64_t)buf->timestamp.tv_usec;
	uint64_t now = monotonic_us();

	if (t > now || now - t > 10 * 1000000)
		t = now;
	if (t <= c->last_us)
		t = c->last_us + 1;
	c->last_us = t;
	return t;
}

static uint32_t count_missed(struct capture *c, uint32_t sequence)
{
	uint32_t missed = c->has_sequence ? sequence - c->next_sequence : 0;

	c->has_sequence = true;
	c->next_sequence = sequence + 1;
	return missed > INT32_MAX ? 0 : missed; /* it began again: nothing is known of a loss */
}

int capture_take(struct capture *c, struct capture_frame *f)
{
	struct v4l2_buffer buf = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_USERPTR,
	};
	int ret = call(c->fd, VIDIOC_DQBUF, &buf);

	if (ret)
		return ret;
	*f = (struct capture_frame){
		.frame = {
			.data = c->arena->slots[c->slot[buf.index]],
			.slot = (uint32_t)c->slot[buf.index],
			.sequence = buf.sequence,
			.timestamp_us = frame_time(c, &buf),
		},
		.buffer = buf.index,
		.missed = count_missed(c, buf.sequence),
		.broken = buf.flags & V4L2_BUF_FLAG_ERROR || buf.bytesused < c->format.size,
	};
	c->slot[buf.index] = -1;
	return 0;
}

bool capture_has_no_signal(const struct capture *c)
{
	const char *why;

	return check_signal(c->fd, &why) != 0;
}

bool capture_changed(struct capture *c)
{
	struct v4l2_event event;
	bool changed = false;

	while (!call(c->fd, VIDIOC_DQEVENT, &event))
		if (event.type == V4L2_EVENT_SOURCE_CHANGE &&
		    event.u.src_change.changes & V4L2_EVENT_SRC_CH_RESOLUTION)
			changed = true;
	return changed;
}
