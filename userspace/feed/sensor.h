/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sensor: a V4L2 capture device (single-planar API, V4L2_MEMORY_MMAP) whose buffers can be
 * exported as DMA-BUFs. It is opened and set up once, and then started and stopped as consumers
 * come and go.
 */
#ifndef OWNFRAME_FEED_SENSOR_H
#define OWNFRAME_FEED_SENSOR_H

#include "config.h"

#include <limits.h>
#include <linux/videodev2.h>
#include <stdbool.h>
#include <stddef.h>

#define SENSOR_BUFFERS_MAX 32

struct sensor_buffer {
	int dmabuf; /* exported, or -1 */
	void *data; /* mapped, or NULL */
	size_t len; /* bytes */
};

struct sensor {
	int fd; /* non-blocking; -1: not open */
	char path[PATH_MAX]; /* of the node that was opened */
	struct v4l2_pix_format format;
	struct v4l2_fract interval; /* seconds of a frame; 0/0: the driver does not say */
	struct sensor_buffer buffers[SENSOR_BUFFERS_MAX];
	unsigned int n_buffers;
	bool streaming;
};

void sensor_init(struct sensor *s);

/*
 * Find the device that @selector names (see feed_config.sensor) and open it. -errno: -ENOENT while
 * there is none, -EOPNOTSUPP if it is no sensor, with the reason in *@why.
 */
int sensor_open(struct sensor *s, const char *selector, const char **why);
void sensor_close(struct sensor *s);

/*
 * Set size, rate and the first wanted format that @accept takes, which is asked with the format the
 * sensor really gives. -EOPNOTSUPP when no format suits both; -EBUSY: another program streams.
 */
int sensor_set_format(struct sensor *s, const struct feed_config *cfg,
		      int (*accept)(void *ctx, struct v4l2_pix_format *format), void *ctx);

/* Allocate @n buffers (the driver may give more). 0 or -errno. */
int sensor_alloc(struct sensor *s, unsigned int n);
/* Export all buffers as DMA-BUFs, or none: -errno. */
int sensor_export(struct sensor *s);
/* Map all buffers for reading, or none: -errno. */
int sensor_map(struct sensor *s);

/* Queue all buffers and stream; stop. */
int sensor_start(struct sensor *s);
void sensor_stop(struct sensor *s);

/* The next frame: 0, -EAGAIN, or -errno when the sensor is gone or in error. */
int sensor_take(struct sensor *s, struct v4l2_buffer *frame);
/* Give a frame's buffer back. */
int sensor_give(struct sensor *s, unsigned int index);

/* Is the device still there? Cheap; for use while nothing streams. */
bool sensor_present(const struct sensor *s);

/* ioctl(2), again after EINTR; -errno. */
int v4l2_call(int fd, unsigned long request, void *arg);

#endif
