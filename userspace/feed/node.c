// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver's side of the feed. Separate because it is the only part that knows the feed node. The
 * one thing to know: VIDIOC_QBUF returns when all consumers have been served, so a buffer is
 * dequeued right after it was queued, and nothing is ever in flight here.
 */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ownframe.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What of a frame's flags says something about the frame and not about the buffer. */
#define FRAME_FLAGS                                                             \
	(V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_PFRAME | V4L2_BUF_FLAG_BFRAME | \
	 V4L2_BUF_FLAG_TIMECODE)

void node_init(struct node *n, const char *camera)
{
	*n = (struct node) { .fd = -1 };
	snprintf(n->path, sizeof(n->path), "/dev/ownframe/%s/%s", camera, OWNFRAME_FEED_NAME);
}

int node_open(struct node *n)
{
	struct v4l2_event_subscription sub = { .type = V4L2_EVENT_CTRL,
					       .id = OWNFRAME_CID_CONSUMERS,
					       .flags = V4L2_EVENT_SUB_FL_SEND_INITIAL };
	int ret;

	n->fd = open(n->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (n->fd < 0)
		return -errno;
	ret = v4l2_call(n->fd, VIDIOC_SUBSCRIBE_EVENT, &sub);
	if (ret)
		node_close(n);
	return ret;
}

void node_close(struct node *n)
{
	if (n->fd < 0)
		return;
	node_stop(n);
	close(n->fd);
	n->fd = -1;
}

int node_set_format(struct node *n, const struct v4l2_pix_format *format)
{
	struct v4l2_format f = { .type = V4L2_BUF_TYPE_VIDEO_OUTPUT, .fmt.pix = *format };
	const struct v4l2_pix_format *got = &f.fmt.pix;
	int ret = v4l2_call(n->fd, VIDIOC_S_FMT, &f);

	if (ret)
		return ret;
	if (got->pixelformat != format->pixelformat || got->width != format->width ||
	    got->height != format->height || got->bytesperline != format->bytesperline ||
	    got->sizeimage > format->sizeimage)
		return -EOPNOTSUPP;
	n->format = *got;
	return 0;
}

void node_set_interval(struct node *n, struct v4l2_fract interval)
{
	struct v4l2_streamparm parm = { .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
					.parm.output.timeperframe = interval };

	/* Nothing but an announcement: frames come when the sensor has them. */
	v4l2_call(n->fd, VIDIOC_S_PARM, &parm);
}

static int map_buffers(struct node *n)
{
	for (unsigned int i = 0; i < n->n_buffers; i++) {
		struct v4l2_buffer buf = { .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
					   .memory = V4L2_MEMORY_MMAP,
					   .index = i };
		int ret = v4l2_call(n->fd, VIDIOC_QUERYBUF, &buf);

		if (ret)
			return ret;
		n->data[i] = mmap(NULL, buf.length, PROT_READ | PROT_WRITE, MAP_SHARED, n->fd,
				  buf.m.offset);
		if (n->data[i] == MAP_FAILED) {
			n->data[i] = NULL;
			return -errno;
		}
		n->len[i] = buf.length;
	}
	return 0;
}

static int request(struct node *n, enum v4l2_memory memory, unsigned int *count)
{
	struct v4l2_requestbuffers req = { .count = *count,
					   .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
					   .memory = memory };
	int ret = v4l2_call(n->fd, VIDIOC_REQBUFS, &req);

	*count = req.count;
	return ret;
}

int node_start(struct node *n, enum v4l2_memory memory, unsigned int count)
{
	int type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	unsigned int got = count;
	int ret = request(n, memory, &got);

	if (ret)
		return ret;
	n->memory = memory;
	n->n_buffers = got < SENSOR_BUFFERS_MAX ? got : SENSOR_BUFFERS_MAX;
	/* Each of the sensor's buffers keeps one index here, so that it is imported once. */
	if (got < count)
		ret = -ENOMEM;
	if (!ret && memory == V4L2_MEMORY_MMAP)
		ret = map_buffers(n);
	if (!ret)
		ret = v4l2_call(n->fd, VIDIOC_STREAMON, &type);
	if (ret)
		node_stop(n);
	else
		n->streaming = true;
	return ret;
}

void node_stop(struct node *n)
{
	int type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	unsigned int none = 0;

	v4l2_call(n->fd, VIDIOC_STREAMOFF, &type);
	n->streaming = false;
	for (unsigned int i = 0; i < n->n_buffers; i++) {
		if (n->data[i])
			munmap(n->data[i], n->len[i]);
		n->data[i] = NULL;
	}
	if (n->n_buffers)
		request(n, n->memory, &none);
	n->n_buffers = 0;
}

int node_put(struct node *n, const struct v4l2_buffer *frame, const struct sensor_buffer *buffer)
{
	struct v4l2_buffer buf = { .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
				   .memory = n->memory,
				   .index = frame->index,
				   .bytesused = frame->bytesused,
				   .length = frame->length,
				   .field = frame->field,
				   .timestamp = frame->timestamp,
				   .timecode = frame->timecode,
				   .flags = frame->flags & FRAME_FLAGS };
	int ret;

	if (n->memory == V4L2_MEMORY_DMABUF) {
		buf.m.fd = buffer->dmabuf;
	} else {
		if (frame->bytesused > n->len[buf.index] || frame->bytesused > buffer->len)
			return -EINVAL;
		memcpy(n->data[buf.index], buffer->data, frame->bytesused);
	}
	ret = v4l2_call(n->fd, VIDIOC_QBUF, &buf);
	if (ret)
		return ret;
	ret = v4l2_call(n->fd, VIDIOC_DQBUF, &buf);
	return !ret && (buf.flags & V4L2_BUF_FLAG_ERROR) ? -EIO : ret;
}

int node_events(struct node *n, unsigned int *consumers)
{
	struct v4l2_event event;
	int ret;

	while (!(ret = v4l2_call(n->fd, VIDIOC_DQEVENT, &event))) {
		if (event.type == V4L2_EVENT_CTRL && event.id == OWNFRAME_CID_CONSUMERS)
			*consumers = event.u.ctrl.value;
	}
	/* Non-blocking: ENOENT says that there is no event, EAGAIN would by the letter. */
	return ret == -ENOENT || ret == -EAGAIN ? 0 : ret;
}
