// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The layouts of raw frames, in one table, so that motion, encoder and thumbnail need not know
 * formats by name. Chroma strides follow from the luma stride as V4L2 defines its single-planar
 * formats: the same for NV12 and NV21, half of it for YU12.
 */
#include "frame.h"

#include <errno.h>
#include <linux/videodev2.h>

const uint32_t frame_formats[] = {
	V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV21,
	V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_UYVY,	0,
};

enum chroma {
	CHROMA_INTERLEAVED, /* one plane of Cb and Cr after the luma plane */
	CHROMA_PLANAR, /* two planes after the luma plane */
	CHROMA_PACKED, /* between the luma samples, full height */
};

struct layout {
	uint32_t fourcc;
	enum chroma chroma;
	uint32_t offset[3]; /* of Y, Cb, Cr: in a line, or in a pair of an interleaved plane */
};

static const struct layout layouts[] = {
	{ V4L2_PIX_FMT_NV12, CHROMA_INTERLEAVED, { 0, 0, 1 } },
	{ V4L2_PIX_FMT_NV21, CHROMA_INTERLEAVED, { 0, 1, 0 } },
	{ V4L2_PIX_FMT_YUV420, CHROMA_PLANAR, { 0, 0, 0 } },
	{ V4L2_PIX_FMT_YUYV, CHROMA_PACKED, { 0, 1, 3 } },
	{ V4L2_PIX_FMT_UYVY, CHROMA_PACKED, { 1, 0, 2 } },
};

static const struct layout *layout_find(uint32_t fourcc)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].fourcc == fourcc)
			return &layouts[i];
	return NULL;
}

static bool side_ok(uint32_t side)
{
	return side >= FRAME_SIDE_MIN && side <= FRAME_SIDE_MAX && side % 2 == 0;
}

int frame_format_init(struct frame_format *f, uint32_t fourcc, uint32_t width, uint32_t height,
		      uint32_t stride, uint32_t size)
{
	const struct layout *l = layout_find(fourcc);
	uint64_t luma = (uint64_t)stride * height, needed;

	if (!l || !side_ok(width) || !side_ok(height))
		return -EINVAL;
	if (stride < (l->chroma == CHROMA_PACKED ? width * 2 : width))
		return -EINVAL;
	if (l->chroma == CHROMA_PLANAR && stride % 2)
		return -EINVAL;
	needed = l->chroma == CHROMA_PACKED ? luma : luma + luma / 2;
	if (size < needed)
		return -EINVAL;
	*f = (struct frame_format) {
		.fourcc = fourcc,
		.width = width,
		.height = height,
		.stride = stride,
		.size = size,
		.luma_offset = l->offset[FRAME_Y],
		.luma_step = l->chroma == CHROMA_PACKED ? 2 : 1,
	};
	return 0;
}

static void chroma_component(struct frame_component *c, const struct frame_format *f,
			     const struct layout *l, enum frame_component_name name)
{
	size_t luma = (size_t)f->stride * f->height;

	c->width = f->width / 2;
	c->height = f->height / 2;
	switch (l->chroma) {
	case CHROMA_INTERLEAVED:
		c->offset = luma + l->offset[name];
		c->stride = f->stride;
		c->step = 2;
		break;
	case CHROMA_PLANAR:
		c->offset = luma + (name == FRAME_CR ? luma / 4 : 0);
		c->stride = f->stride / 2;
		c->step = 1;
		break;
	case CHROMA_PACKED:
		c->offset = l->offset[name];
		c->stride = f->stride;
		c->step = 4;
		c->height = f->height;
		break;
	}
}

void frame_component(struct frame_component *c, const struct frame_format *f,
		     enum frame_component_name name)
{
	if (name != FRAME_Y) {
		chroma_component(c, f, layout_find(f->fourcc), name);
		return;
	}
	*c = (struct frame_component) {
		.offset = f->luma_offset,
		.stride = f->stride,
		.step = f->luma_step,
		.width = f->width,
		.height = f->height,
	};
}
