// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations that ask a node what it is or set it: formats, rates, inputs, and ioctls that it has
 * not.
 *
 * The one thing to know: pictures stay small, or the fuzzer would be a test of memcpy().
 */
#include <sys/ioctl.h>

#include "calls.h"

static const uint32_t fourccs[] = {
	V4L2_PIX_FMT_YUYV,  V4L2_PIX_FMT_UYVY,	 V4L2_PIX_FMT_NV12,   V4L2_PIX_FMT_NV21,
	V4L2_PIX_FMT_GREY,  V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_RGB24,  V4L2_PIX_FMT_BGR24,
	V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_XRGB32, V4L2_PIX_FMT_XBGR32, V4L2_PIX_FMT_H264,
};

static void fill_format(struct call *call)
{
	static const uint32_t sides[] = { 16, 16, 32, 64, 48, 17, 2, 0 };
	struct v4l2_format *format = &call->argument.format;
	struct v4l2_pix_format *pix = &format->fmt.pix;

	format->type = call->type;
	pix->width = sides[below(call, 8)];
	pix->height = sides[below(call, 8)];
	pix->pixelformat = fourccs[below(call, 12)];
	pix->field = one_in(call, 4) ? V4L2_FIELD_INTERLACED : V4L2_FIELD_NONE;
	if (one_in(call, 4))
		pix->bytesperline = 2 * below(call, 160);
	pix->sizeimage = 4096 + below(call, 8192);
}

/* The same unless another was set: then all consumers have to begin anew. */
static void learn_format(struct call *call)
{
	const struct v4l2_pix_format *pix = &call->argument.format.fmt.pix;
	uint32_t hash = 1;

	if (call->role != FEED || call->argument.format.type != call->type)
		return;
	for (unsigned int i = 0; i < sizeof(*pix) / 4; i++)
		hash = (hash ^ call->argument.words[WORD(struct v4l2_format, fmt) + i]) *
		       0x01000193;
	call->camera->width = pix->width;
	call->camera->height = pix->height;
	call->camera->fourcc = pix->pixelformat;
	call->camera->size = pix->sizeimage;
	if (atomic_exchange(&call->camera->hash, hash) != hash)
		call->camera->format++;
}

static void fill_fmtdesc(struct call *call)
{
	call->argument.fmtdesc.index = below(call, call->role == FEED ? 15 : 2);
	call->argument.fmtdesc.type = call->type;
}

static void fill_sizes(struct call *call)
{
	call->argument.sizes.index = below(call, 4) == 3;
	call->argument.sizes.pixel_format = call->camera->fourcc;
}

static void fill_intervals(struct call *call)
{
	call->argument.intervals.index = below(call, 4) == 3;
	call->argument.intervals.pixel_format = call->camera->fourcc;
	call->argument.intervals.width = call->camera->width;
	call->argument.intervals.height = call->camera->height;
}

static void fill_parm(struct call *call)
{
	call->argument.parm.type = call->type;
	call->argument.parm.parm.output.timeperframe.numerator = below(call, 3);
	call->argument.parm.parm.output.timeperframe.denominator = 25 * below(call, 3);
}

static void fill_request_unknown(struct call *call)
{
	for (unsigned int i = 0; i < 16; i++)
		call->argument.words[i] = below(call, 4);
}

/* Any number of the V4L2 range, but for those that take pointers or are known. */
static long run_unknown(struct call *call)
{
	static const unsigned long requests[] = {
		VIDIOC_G_STD,
		VIDIOC_QUERYSTD,
		VIDIOC_G_TUNER,
		VIDIOC_G_SELECTION,
		VIDIOC_CROPCAP,
		VIDIOC_G_CROP,
		VIDIOC_G_FBUF,
		VIDIOC_G_JPEGCOMP,
		VIDIOC_G_ENC_INDEX,
		VIDIOC_DECODER_CMD,
		VIDIOC_OVERLAY,
		VIDIOC_G_AUDIO,
		VIDIOC_QUERY_DV_TIMINGS,
		VIDIOC_ENUM_FREQ_BANDS,
		0,
		~0ul,
		_IOWR('V', 192, uint32_t),
		_IOR('V', 255, uint64_t),
	};

	return ioctl(call->slot.fd, requests[below(call, sizeof(requests) / sizeof(*requests))],
		     &call->argument);
}

const struct description node_calls[OPERATIONS_NUMBER] = {
	IOCTL(QUERYCAP, NULL, NULL, OPEN_TO_ALL),
	IOCTL(ENUM_FMT, fill_fmtdesc, NULL, OPEN_TO_ALL),
	IOCTL(ENUM_FRAMESIZES, fill_sizes, NULL, OPEN_TO_ALL),
	IOCTL(ENUM_FRAMEINTERVALS, fill_intervals, NULL, OPEN_TO_ALL),
	IOCTL(G_FMT, fill_type, NULL, OPEN_TO_ALL),
	/* Large pictures would make it a test of memcpy(). */
	KEEP(S_FMT, fill_format, learn_format, FULL, WORD(struct v4l2_format, fmt), 6),
	IOCTL(TRY_FMT, fill_format, NULL, OPEN_TO_ALL),
	IOCTL(G_PARM, fill_type, NULL, OPEN_TO_ALL),
	IOCTL(S_PARM, fill_parm, NULL, 0),
	IOCTL(ENUMINPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(G_INPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(S_INPUT, NULL, NULL, 0),
	IOCTL(ENUMOUTPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(G_OUTPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(S_OUTPUT, NULL, NULL, 0),
	[OP_UNKNOWN] = { .name = "other ioctls", .fill = fill_request_unknown, .run = run_unknown },
};
