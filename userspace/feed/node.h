/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The feed node of a camera, /dev/ownframe/<camera>/feed, see linux/ownframe.h: takes frames by
 * DMA-BUF or, where that is not to be had, by a copy into its own buffers.
 */
#ifndef OWNFRAME_FEED_NODE_H
#define OWNFRAME_FEED_NODE_H

#include "sensor.h"

struct node {
	int fd; /* -1: not open */
	char path[PATH_MAX];
	struct v4l2_pix_format format;
	enum v4l2_memory memory; /* V4L2_MEMORY_DMABUF or V4L2_MEMORY_MMAP */
	void *data[SENSOR_BUFFERS_MAX]; /* MMAP: the buffers, mapped */
	size_t len[SENSOR_BUFFERS_MAX];
	unsigned int n_buffers;
	bool streaming;
};

void node_init(struct node *n, const char *camera);

/*
 * Open and subscribe to the count of consumers. -errno: -ENOENT while the camera does not exist,
 * -EBUSY: another feed has it.
 */
int node_open(struct node *n);
void node_close(struct node *n);

/* Make @format the camera's. -EOPNOTSUPP: the node would lay the same picture out differently. */
int node_set_format(struct node *n, const struct v4l2_pix_format *format);

/* Tell consumers the rate, for what they ask by VIDIOC_G_PARM. @interval: seconds of a frame. */
void node_set_interval(struct node *n, struct v4l2_fract interval);

/* Stream with @count buffers of @memory: from now on the camera has a signal. 0 or -errno. */
int node_start(struct node *n, enum v4l2_memory memory, unsigned int count);
/* End the signal and let go of all buffers. */
void node_stop(struct node *n);

/*
 * Give the sensor's @frame, in @buffer, to the consumers; when this returns each has its copy and
 * the buffer is the caller's again. -EINVAL: the node cannot take this buffer; -EIO: it took it and
 * could not read it.
 */
int node_put(struct node *n, const struct v4l2_buffer *frame, const struct sensor_buffer *buffer);

/* Read the pending events: the count of consumers, if it changed, into @consumers. */
int node_events(struct node *n, unsigned int *consumers);

#endif
