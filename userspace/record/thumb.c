// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The thumbnail: a raw frame scaled down and compressed by libjpeg-turbo. Components are scaled as
 * they lie in the frame, without a detour by RGB; the one thing to know is that JFIF means full range
 * where cameras mean limited range, so the samples are stretched on the way.
 */
#include "thumb.h"

#include "scope.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <turbojpeg.h>

#define THUMB_QUALITY 80

/* A scaled component. */
struct plane {
	uint8_t *data;
	uint32_t width, height;
};

static uint8_t clamp(int v)
{
	return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* BT.601 limited range (16..235, 16..240) to full range (JFIF 1.02). */
static void range_table(uint8_t table[256], enum frame_component_name name)
{
	for (int v = 0; v < 256; v++) {
		if (name == FRAME_Y)
			table[v] = clamp(((v - 16) * 255 + 109) / 219);
		else
			table[v] = clamp(((v - 128) * 255 + (v < 128 ? -112 : 112)) / 224 + 128);
	}
}

/* The mean of the samples in [x0, x1) x [y0, y1). */
static uint8_t box_mean(const uint8_t *data, const struct frame_component *c, uint32_t x0,
			uint32_t x1, uint32_t y0, uint32_t y1)
{
	uint64_t sum = 0, n = (uint64_t)(x1 - x0) * (y1 - y0);

	for (uint32_t y = y0; y < y1; y++) {
		const uint8_t *line = data + c->offset + (size_t)y * c->stride;

		for (uint32_t x = x0; x < x1; x++)
			sum += line[(size_t)x * c->step];
	}
	return (sum + n / 2) / n;
}

/* The source samples that the @i-th of @n covers: one at least. */
static uint32_t box_edge(uint32_t i, uint32_t from, uint32_t n)
{
	return (uint64_t)i * from / n;
}

static void plane_scale(struct plane *p, const struct frame *frame,
			const struct frame_format *format, enum frame_component_name name)
{
	struct frame_component c;
	uint8_t range[256], *to = p->data;

	frame_component(&c, format, name);
	range_table(range, name);
	for (uint32_t y = 0; y < p->height; y++) {
		uint32_t y0 = box_edge(y, c.height, p->height);
		uint32_t y1 = box_edge(y + 1, c.height, p->height);

		for (uint32_t x = 0; x < p->width; x++) {
			uint32_t x0 = box_edge(x, c.width, p->width);
			uint32_t x1 = box_edge(x + 1, c.width, p->width);

			*to++ = range[box_mean(frame->data, &c, x0, x1, y0, y1)];
		}
	}
}

/* Even sides, so that chroma is half of luma whatever libjpeg-turbo rounds. */
static void thumb_size(const struct frame_format *f, uint32_t *width, uint32_t *height)
{
	*width = f->width < THUMB_WIDTH_MAX ? f->width : THUMB_WIDTH_MAX;
	*height = (uint64_t)f->height * *width / f->width & ~1u;
	if (*height < 2)
		*height = 2;
}

static int compress(const struct plane planes[3], uint8_t **jpeg, size_t *len)
{
	const uint8_t *data[3] = { planes[0].data, planes[1].data, planes[2].data };
	unsigned long size = tjBufSize(planes[0].width, planes[0].height, TJSAMP_420);
	SCOPE_FREE uint8_t *out = malloc(size);
	tjhandle tj = tjInitCompress();
	int err;

	if (!out || !tj) {
		if (tj)
			tjDestroy(tj);
		return -ENOMEM;
	}
	err = tjCompressFromYUVPlanes(tj, data, planes[0].width, NULL, planes[0].height, TJSAMP_420,
				      &out, &size, THUMB_QUALITY, TJFLAG_NOREALLOC);
	tjDestroy(tj);
	if (err) {
		OPENSSL_cleanse(out, size);
		return -EIO;
	}
	*jpeg = SCOPE_TAKE_PTR(out);
	*len = size;
	return 0;
}

int thumb_make(const struct frame *frame, const struct frame_format *format, uint8_t **jpeg,
	       size_t *len)
{
	uint32_t width, height;
	SCOPE_FREE uint8_t *memory = NULL;
	size_t size;
	int ret;

	thumb_size(format, &width, &height);
	size = (size_t)width * height * 3 / 2;
	memory = malloc(size);
	if (!memory)
		return -ENOMEM;
	struct plane planes[3] = {
		{ memory, width, height },
		{ memory + (size_t)width * height, width / 2, height / 2 },
		{ memory + (size_t)width * height * 5 / 4, width / 2, height / 2 },
	};
	for (int i = FRAME_Y; i <= FRAME_CR; i++)
		plane_scale(&planes[i], frame, format, i);
	ret = compress(planes, jpeg, len);
	OPENSSL_cleanse(memory, size);
	return ret;
}
