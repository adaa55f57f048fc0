// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pixel formats: which there are, and where their lines and planes lie.
 *
 * In one table, because whoever copies, cuts or blackens a part of a picture must agree with
 * whoever said how large it is. A format without bytes per pixel is compressed: its frames are
 * opaque.
 */
#include <linux/minmax.h>

#include "ownframe.h"

#define MIN_SIDE	2
#define MAX_SIDE	8192
#define MIN_COMPRESSED	4096
#define MAX_COMPRESSED	(64 << 20)

/**
 * struct pixel_format - layout of a format
 * @fourcc: V4L2_PIX_FMT_*
 * @bytes: per pixel in the first plane; 0: compressed
 * @chroma: planes that follow, with half the lines: 1 interleaved, or 2 of half the line
 * @align_width: the width is a multiple of this
 * @black: bytes of a black first plane at even and odd offsets
 * @between: a frame is what has changed since another one
 */
struct pixel_format {
	u32 fourcc;
	u8 bytes;
	u8 chroma;
	u8 align_width;
	u8 black[2];
	bool between;
};

#define BLACK_Y	16
#define BLACK_C	128

static const struct pixel_format pixel_formats[] = {
	{ V4L2_PIX_FMT_YUYV,	2, 0, 2, { BLACK_Y, BLACK_C } },
	{ V4L2_PIX_FMT_UYVY,	2, 0, 2, { BLACK_C, BLACK_Y } },
	{ V4L2_PIX_FMT_NV12,	1, 1, 2, { BLACK_Y, BLACK_Y } },
	{ V4L2_PIX_FMT_NV21,	1, 1, 2, { BLACK_Y, BLACK_Y } },
	{ V4L2_PIX_FMT_YUV420,	1, 2, 2, { BLACK_Y, BLACK_Y } },
	{ V4L2_PIX_FMT_GREY,	1, 0, 1, { BLACK_Y, BLACK_Y } },
	{ V4L2_PIX_FMT_RGB24,	3, 0, 1 },
	{ V4L2_PIX_FMT_BGR24,	3, 0, 1 },
	{ V4L2_PIX_FMT_XRGB32,	4, 0, 1 },
	{ V4L2_PIX_FMT_XBGR32,	4, 0, 1 },
	{ V4L2_PIX_FMT_MJPEG,	0, 0, 1 },
	{ V4L2_PIX_FMT_JPEG,	0, 0, 1 },
	{ V4L2_PIX_FMT_H264,	0, 0, 1, .between = true },
	{ V4L2_PIX_FMT_HEVC,	0, 0, 1, .between = true },
};

static const struct pixel_format *pixel_format_find(u32 fourcc)
{
	const struct pixel_format *format;

	for (format = pixel_formats; format < pixel_formats + ARRAY_SIZE(pixel_formats); format++)
		if (format->fourcc == fourcc)
			return format;
	return NULL;
}

int ownframe_format_enum(struct v4l2_fmtdesc *desc)
{
	if (desc->index >= ARRAY_SIZE(pixel_formats))
		return -EINVAL;
	desc->pixelformat = pixel_formats[desc->index].fourcc;
	return 0;
}

int ownframe_format_enum_sizes(struct v4l2_frmsizeenum *sizes)
{
	const struct pixel_format *format = pixel_format_find(sizes->pixel_format);

	if (!format || sizes->index)
		return -EINVAL;
	sizes->type = V4L2_FRMSIZE_TYPE_STEPWISE;
	sizes->stepwise.min_width = MIN_SIDE;
	sizes->stepwise.max_width = MAX_SIDE;
	sizes->stepwise.step_width = format->align_width;
	sizes->stepwise.min_height = MIN_SIDE;
	sizes->stepwise.max_height = MAX_SIDE;
	sizes->stepwise.step_height = format->chroma ? 2 : 1;
	return 0;
}

/**
 * ownframe_format_default() - the format of a camera that never had a feed
 * @pix: is set
 */
void ownframe_format_default(struct v4l2_pix_format *pix)
{
	*pix = (struct v4l2_pix_format) {
		.width = 640,
		.height = 480,
		.pixelformat = V4L2_PIX_FMT_YUYV,
	};
	ownframe_format_adjust(pix);
}

bool ownframe_format_is_raw(const struct v4l2_pix_format *pix)
{
	return pix->bytesperline;
}

/**
 * ownframe_format_is_divisible() - does a stream stay whole if frames are left out?
 * @pix: a format that a camera has
 */
bool ownframe_format_is_divisible(const struct v4l2_pix_format *pix)
{
	return !pixel_format_find(pix->pixelformat)->between;
}

/**
 * ownframe_format_grid() - where a raw picture can be cut
 * @pix: a raw format that a camera has
 * @columns: is set: pixels that share chroma in a line
 * @rows: is set: lines that share chroma, or are the two of an interlaced picture
 */
void ownframe_format_grid(const struct v4l2_pix_format *pix, u32 *columns, u32 *rows)
{
	const struct pixel_format *format = pixel_format_find(pix->pixelformat);

	*columns = format->align_width;
	*rows = format->chroma ? 2 : 1;
	/* Chroma is of the lines of one field. */
	if (pix->field == V4L2_FIELD_INTERLACED)
		*rows *= 2;
}

static void adjust_raw(const struct pixel_format *format, struct v4l2_pix_format *pix)
{
	u32 packed = pix->width * format->bytes;

	/* A sensor may pad its lines. Chroma lines of half the length must come out whole. */
	if (pix->bytesperline < packed || pix->bytesperline > MAX_SIDE * 4 ||
	    (format->chroma && pix->bytesperline % 2))
		pix->bytesperline = packed;
	pix->sizeimage = pix->bytesperline * pix->height;
	if (format->chroma)
		pix->sizeimage += pix->sizeimage / 2;
}

/**
 * ownframe_format_adjust() - make a format one that a camera can have
 * @pix: what somebody wishes, is changed to the nearest that is possible
 */
void ownframe_format_adjust(struct v4l2_pix_format *pix)
{
	const struct pixel_format *format = pixel_format_find(pix->pixelformat);

	if (!format)
		format = pixel_formats;
	pix->pixelformat = format->fourcc;
	pix->width = round_down(clamp_t(u32, pix->width, MIN_SIDE, MAX_SIDE), format->align_width);
	pix->height = clamp_t(u32, pix->height, MIN_SIDE, MAX_SIDE);
	if (format->chroma)
		pix->height = round_down(pix->height, 2);
	if (format->bytes) {
		adjust_raw(format, pix);
	} else {
		pix->bytesperline = 0;
		if (!pix->sizeimage)
			pix->sizeimage = pix->width * pix->height * 2;
		pix->sizeimage = clamp_t(u32, pix->sizeimage, MIN_COMPRESSED, MAX_COMPRESSED);
	}
	if (pix->field != V4L2_FIELD_INTERLACED)
		pix->field = V4L2_FIELD_NONE;
	if (pix->colorspace == V4L2_COLORSPACE_DEFAULT)
		pix->colorspace = pix->pixelformat == V4L2_PIX_FMT_MJPEG ||
				  pix->pixelformat == V4L2_PIX_FMT_JPEG ?
				  V4L2_COLORSPACE_JPEG : V4L2_COLORSPACE_SRGB;
	pix->flags = 0;
	pix->priv = V4L2_PIX_FMT_PRIV_MAGIC;
}

/**
 * ownframe_format_pack() - take the padding out of the lines of a format
 * @pix: a format that a camera has
 *
 * What a sensor leaves between the lines is no picture, so no consumer gets it.
 */
void ownframe_format_pack(struct v4l2_pix_format *pix)
{
	const struct pixel_format *format = pixel_format_find(pix->pixelformat);

	if (!format->bytes)
		return;
	pix->bytesperline = 0;
	adjust_raw(format, pix);
}

/**
 * ownframe_format_planes() - where the lines of a raw picture are
 * @pix: a raw format that a camera has
 * @planes: are set
 *
 * Return: number of planes.
 */
unsigned int ownframe_format_planes(const struct v4l2_pix_format *pix,
				    struct ownframe_plane planes[OWNFRAME_MAX_PLANES])
{
	const struct pixel_format *format = pixel_format_find(pix->pixelformat);
	unsigned int i;

	planes[0] = (struct ownframe_plane) {
		.stride = pix->bytesperline,
		.line = pix->width * format->bytes,
		.rows = pix->height,
		.black = { format->black[0], format->black[1] },
	};
	for (i = 1; i <= format->chroma; i++)
		planes[i] = (struct ownframe_plane) {
			.offset = planes[i - 1].offset + planes[i - 1].stride * planes[i - 1].rows,
			.stride = pix->bytesperline / format->chroma,
			.line = pix->width / format->chroma,
			.rows = pix->height / 2,
			.black = { BLACK_C, BLACK_C },
		};
	return i;
}
