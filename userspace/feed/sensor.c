// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The capture device behind the feed. Separate from the pump so that what V4L2 asks of an
 * application stands in one place. The one thing to know: its buffers stay allocated while it
 * rests, so that it starts within a frame or two when somebody watches.
 */
#include "sensor.h"

#include "../lib/log.h"
#include "../lib/scope.h"
#include "select.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ownframe.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* In the order of preference: planar first, which motion detection and encoder read fastest. */
static const __u32 wanted[] = {
	V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV21,
	V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_UYVY,
};

int v4l2_call(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

void sensor_init(struct sensor *s)
{
	*s = (struct sensor) { .fd = -1 };
}

/* What the device must be, or the reason it is refused. */
static const char *unsuitable(const struct v4l2_capability *cap)
{
	if (!strcmp((const char *)cap->driver, OWNFRAME_DRIVER_NAME))
		return "is a node of ownframe itself, not a sensor";
	if (cap->device_caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE)
		return "has the multi-planar API only, which is not supported";
	if (!(cap->device_caps & V4L2_CAP_VIDEO_CAPTURE))
		return "captures no video";
	if (!(cap->device_caps & V4L2_CAP_STREAMING))
		return "offers read() only, not streaming";
	return NULL;
}

int sensor_open(struct sensor *s, const char *selector, const char **why)
{
	struct v4l2_capability cap;
	SCOPE_CLOSE int fd = -1;
	int ret;

	ret = select_sensor(s->path, sizeof(s->path), selector);
	if (ret)
		return ret;
	fd = open(s->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = v4l2_call(fd, VIDIOC_QUERYCAP, &cap);
	if (ret)
		return ret;
	*why = unsuitable(&cap);
	if (*why)
		return -EOPNOTSUPP;
	s->fd = SCOPE_TAKE_FD(fd);
	return 0;
}

static void buffers_release(struct sensor *s)
{
	for (unsigned int i = 0; i < s->n_buffers; i++) {
		if (s->buffers[i].dmabuf >= 0)
			close(s->buffers[i].dmabuf);
		if (s->buffers[i].data)
			munmap(s->buffers[i].data, s->buffers[i].len);
	}
	s->n_buffers = 0;
}

void sensor_close(struct sensor *s)
{
	if (s->fd < 0)
		return;
	buffers_release(s);
	close(s->fd);
	sensor_init(s);
}

static bool offers(const struct sensor *s, __u32 fourcc)
{
	struct v4l2_fmtdesc desc = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };

	for (; !v4l2_call(s->fd, VIDIOC_ENUM_FMT, &desc); desc.index++) {
		/* The kernel's own conversions do not exist; libv4l's do, and would copy. */
		if (desc.pixelformat == fourcc && !(desc.flags & V4L2_FMT_FLAG_EMULATED))
			return true;
	}
	return false;
}

static bool wants(const struct feed_config *cfg, unsigned int i)
{
	return cfg->format == 0 || cfg->format == (int)i + 1;
}

static int try_format(struct sensor *s, const struct feed_config *cfg, __u32 fourcc)
{
	struct v4l2_format f = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	int ret = v4l2_call(s->fd, VIDIOC_G_FMT, &f);

	if (ret)
		return ret;
	if (cfg->width)
		f.fmt.pix.width = cfg->width;
	if (cfg->height)
		f.fmt.pix.height = cfg->height;
	f.fmt.pix.pixelformat = fourcc;
	f.fmt.pix.field = V4L2_FIELD_NONE;
	f.fmt.pix.bytesperline = 0;
	f.fmt.pix.sizeimage = 0;
	ret = v4l2_call(s->fd, VIDIOC_S_FMT, &f);
	if (ret)
		return ret;
	if (f.fmt.pix.pixelformat != fourcc)
		return -EOPNOTSUPP;
	s->format = f.fmt.pix;
	return 0;
}

static void set_rate(struct sensor *s, const struct feed_config *cfg)
{
	struct v4l2_streamparm parm = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	struct v4l2_fract *t = &parm.parm.capture.timeperframe;

	s->interval = (struct v4l2_fract) { 0, 0 };
	if (cfg->fps)
		*t = (struct v4l2_fract) { 1, cfg->fps };
	if (v4l2_call(s->fd, cfg->fps ? VIDIOC_S_PARM : VIDIOC_G_PARM, &parm)) {
		if (cfg->fps)
			log_warn("%s: the sensor's rate cannot be set", s->path);
		return;
	}
	s->interval = *t;
	if (cfg->fps && (__u64)t->numerator * cfg->fps != t->denominator)
		log_warn("%s: asked for %u frames per second, the sensor gives %u/%u", s->path,
			 (unsigned int)cfg->fps, t->denominator, t->numerator);
}

int sensor_set_format(struct sensor *s, const struct feed_config *cfg,
		      int (*accept)(void *ctx, struct v4l2_pix_format *format), void *ctx)
{
	int ret = -EOPNOTSUPP;

	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!wants(cfg, i) || !offers(s, wanted[i]))
			continue;
		ret = try_format(s, cfg, wanted[i]);
		if (!ret)
			ret = accept(ctx, &s->format);
		if (ret == -EOPNOTSUPP || ret == -EINVAL)
			continue;
		break;
	}
	if (ret)
		return ret;
	if ((cfg->width && cfg->width != s->format.width) ||
	    (cfg->height && cfg->height != s->format.height))
		log_warn("%s: asked for %ux%u, the sensor gives %ux%u", s->path,
			 (unsigned int)cfg->width, (unsigned int)cfg->height, s->format.width,
			 s->format.height);
	set_rate(s, cfg);
	return 0;
}

int sensor_alloc(struct sensor *s, unsigned int n)
{
	struct v4l2_requestbuffers req = { .count = n,
					   .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
					   .memory = V4L2_MEMORY_MMAP };
	int ret;

	buffers_release(s);
	ret = v4l2_call(s->fd, VIDIOC_REQBUFS, &req);
	if (ret)
		return ret;
	if (req.count < 1 || req.count > SENSOR_BUFFERS_MAX)
		return -ENOMEM;
	for (unsigned int i = 0; i < req.count; i++)
		s->buffers[i] = (struct sensor_buffer) { .dmabuf = -1 };
	s->n_buffers = req.count;
	return 0;
}

int sensor_export(struct sensor *s)
{
	int ret = 0;

	for (unsigned int i = 0; i < s->n_buffers && !ret; i++) {
		struct v4l2_exportbuffer exp = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
						 .index = i,
						 .flags = O_CLOEXEC | O_RDONLY };

		ret = v4l2_call(s->fd, VIDIOC_EXPBUF, &exp);
		if (!ret)
			s->buffers[i].dmabuf = exp.fd;
	}
	for (unsigned int i = 0; i < s->n_buffers && ret; i++) {
		if (s->buffers[i].dmabuf >= 0)
			close(s->buffers[i].dmabuf);
		s->buffers[i].dmabuf = -1;
	}
	return ret;
}

static int map_one(struct sensor *s, unsigned int i)
{
	struct v4l2_buffer buf = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
				   .memory = V4L2_MEMORY_MMAP,
				   .index = i };
	int ret = v4l2_call(s->fd, VIDIOC_QUERYBUF, &buf);
	void *data;

	if (ret)
		return ret;
	data = mmap(NULL, buf.length, PROT_READ, MAP_SHARED, s->fd, buf.m.offset);
	if (data == MAP_FAILED)
		return -errno;
	s->buffers[i].data = data;
	s->buffers[i].len = buf.length;
	return 0;
}

int sensor_map(struct sensor *s)
{
	int ret = 0;

	for (unsigned int i = 0; i < s->n_buffers && !ret; i++) {
		if (!s->buffers[i].data)
			ret = map_one(s, i);
	}
	return ret;
}

int sensor_start(struct sensor *s)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	int ret = 0;

	for (unsigned int i = 0; i < s->n_buffers && !ret; i++)
		ret = sensor_give(s, i);
	if (!ret)
		ret = v4l2_call(s->fd, VIDIOC_STREAMON, &type);
	s->streaming = !ret;
	return ret;
}

void sensor_stop(struct sensor *s)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	v4l2_call(s->fd, VIDIOC_STREAMOFF, &type);
	s->streaming = false;
}

int sensor_take(struct sensor *s, struct v4l2_buffer *frame)
{
	*frame = (struct v4l2_buffer) { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
					.memory = V4L2_MEMORY_MMAP };
	return v4l2_call(s->fd, VIDIOC_DQBUF, frame);
}

int sensor_give(struct sensor *s, unsigned int index)
{
	struct v4l2_buffer buf = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
				   .memory = V4L2_MEMORY_MMAP,
				   .index = index };

	return v4l2_call(s->fd, VIDIOC_QBUF, &buf);
}

bool sensor_present(const struct sensor *s)
{
	struct v4l2_capability cap;

	return !v4l2_call(s->fd, VIDIOC_QUERYCAP, &cap);
}
