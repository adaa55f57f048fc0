// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a viewer sees what its crop or masks should keep from it: a neighbour's window, or
 * half of a frame after the mask was drawn.
 *
 * What a view delivers is compared with what follows from the definition, pixel by pixel: which
 * pixels of the feed lie wholly inside the crop, which are touched by a mask, and where each format
 * keeps them. Nothing here is computed as the driver does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE, output = V4L2_BUF_TYPE_VIDEO_OUTPUT;

/* --- the definition ---------------------------------------------------------------------------- */

struct drawing {
	unsigned int width, height, num;
	struct {
		unsigned int left, top, width, height;
	} rects[16];
};

static struct drawing drawing_read(const char *text)
{
	struct drawing drawing = { 0 };
	int at = 0, length;

	if (sscanf(text, "%ux%u%n", &drawing.width, &drawing.height, &at) < 2)
		return drawing;
	while (sscanf(text + at, "%*[:;]%u,%u,%u,%u%n", &drawing.rects[drawing.num].left,
		      &drawing.rects[drawing.num].top, &drawing.rects[drawing.num].width,
		      &drawing.rects[drawing.num].height, &length) == 4) {
		drawing.num++;
		at += length;
	}
	CHECK(drawing.num && text[at] == '\0');
	return drawing;
}

/* Pixels that share chroma, or a pair of lines of both fields, are seen or not seen together. */
static unsigned int group_width(uint32_t fourcc)
{
	switch (fourcc) {
	case V4L2_PIX_FMT_GREY:
	case V4L2_PIX_FMT_RGB24:
	case V4L2_PIX_FMT_BGR24:
	case V4L2_PIX_FMT_XRGB32:
	case V4L2_PIX_FMT_XBGR32:
		return 1;
	default:
		return 2;
	}
}

static unsigned int group_height(uint32_t fourcc, uint32_t field)
{
	unsigned int height = 1;

	if (fourcc == V4L2_PIX_FMT_NV12 || fourcc == V4L2_PIX_FMT_NV21 ||
	    fourcc == V4L2_PIX_FMT_YUV420)
		height = 2;
	return field == V4L2_FIELD_INTERLACED ? 2 * height : height;
}

/* Of pixel `at` of `pixels`, in a picture drawn on `drawn`: inside of, or touched by, [from, to)? */
static bool inside(unsigned int at, unsigned int pixels, unsigned int drawn, unsigned int from,
		   unsigned int to)
{
	return at * drawn >= from * pixels && (at + 1) * drawn <= to * pixels;
}

static bool touched(unsigned int at, unsigned int pixels, unsigned int drawn, unsigned int from,
		    unsigned int to)
{
	return (at + 1) * drawn > from * pixels && at * drawn < to * pixels;
}

static bool group_inside(unsigned int at, unsigned int group, unsigned int pixels,
			 unsigned int drawn, unsigned int from, unsigned int to)
{
	unsigned int first = at - at % group;

	for (unsigned int i = first; i < first + group; i++)
		if (i >= pixels || !inside(i, pixels, drawn, from, to))
			return false;
	return true;
}

static bool group_touched(unsigned int at, unsigned int group, unsigned int pixels,
			  unsigned int drawn, unsigned int from, unsigned int to)
{
	unsigned int first = at - at % group;

	for (unsigned int i = first; i < first + group && i < pixels; i++)
		if (touched(i, pixels, drawn, from, to))
			return true;
	return false;
}

static bool masked(const struct drawing *masks, const struct v4l2_pix_format *pix, unsigned int x,
		   unsigned int y)
{
	unsigned int columns = group_width(pix->pixelformat);
	unsigned int rows = group_height(pix->pixelformat, pix->field);

	for (unsigned int i = 0; i < masks->num; i++)
		if (group_touched(x, columns, pix->width, masks->width, masks->rects[i].left,
				  masks->rects[i].left + masks->rects[i].width) &&
		    group_touched(y, rows, pix->height, masks->height, masks->rects[i].top,
				  masks->rects[i].top + masks->rects[i].height))
			return true;
	return false;
}

/* Where the bytes of pixel (x, y) are. Returns how many there are, and what each is if black. */
static unsigned int pixel_bytes(const struct v4l2_pix_format *pix, unsigned int x, unsigned int y,
				size_t at[4], uint8_t black[4])
{
	size_t line = pix->bytesperline, chroma = line * pix->height;
	static const uint8_t yuv[] = { 16, 128, 128 };

	memcpy(black, yuv, sizeof(yuv));
	switch (pix->pixelformat) {
	case V4L2_PIX_FMT_YUYV:
		at[0] = y * line + 2 * x;
		at[1] = y * line + x / 2 * 4 + 1;
		at[2] = at[1] + 2;
		return 3;
	case V4L2_PIX_FMT_UYVY:
		at[0] = y * line + 2 * x + 1;
		at[1] = y * line + x / 2 * 4;
		at[2] = at[1] + 2;
		return 3;
	case V4L2_PIX_FMT_NV12:
	case V4L2_PIX_FMT_NV21:
		at[0] = y * line + x;
		at[1] = chroma + y / 2 * line + x / 2 * 2;
		at[2] = at[1] + 1;
		return 3;
	case V4L2_PIX_FMT_YUV420:
		at[0] = y * line + x;
		at[1] = chroma + y / 2 * (line / 2) + x / 2;
		at[2] = at[1] + line / 2 * (pix->height / 2);
		return 3;
	case V4L2_PIX_FMT_GREY:
		at[0] = y * line + x;
		return 1;
	default:
		break;
	}
	memset(black, 0, 4);
	for (unsigned int i = 0; i < 4; i++)
		at[i] = y * line +
			x * (pix->pixelformat == V4L2_PIX_FMT_RGB24 ||
					     pix->pixelformat == V4L2_PIX_FMT_BGR24
				     ? 3
				     : 4) +
			i;
	return pix->pixelformat == V4L2_PIX_FMT_RGB24 || pix->pixelformat == V4L2_PIX_FMT_BGR24 ? 3
												: 4;
}

struct span {
	unsigned int first, num;
};

/* The columns or lines that are seen of a crop. */
static struct span span_of(unsigned int pixels, unsigned int group, unsigned int drawn,
			   unsigned int from, unsigned int to)
{
	struct span span = { 0 };

	for (unsigned int i = 0; i < pixels; i++) {
		if (!group_inside(i, group, pixels, drawn, from, to))
			continue;
		if (!span.num)
			span.first = i;
		span.num++;
	}
	return span;
}

static void spans_of_crop(const struct drawing *crop, const struct v4l2_pix_format *pix,
			  struct span *x, struct span *y)
{
	*x = (struct span) { 0, pix->width };
	*y = (struct span) { 0, pix->height };
	if (!crop->num)
		return;
	*x = span_of(pix->width, group_width(pix->pixelformat), crop->width, crop->rects[0].left,
		     crop->rects[0].left + crop->rects[0].width);
	*y = span_of(pix->height, group_height(pix->pixelformat, pix->field), crop->height,
		     crop->rects[0].top, crop->rects[0].top + crop->rects[0].height);
}

/* --- what the driver does ---------------------------------------------------------------------- */

static uint32_t seed = 1;

static void fill_random(uint8_t *to, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		to[i] = seed >> 24;
	}
}

static void check_pixels(const struct v4l2_pix_format *from_pix, const uint8_t *from,
			 const struct v4l2_pix_format *pix, const uint8_t *to,
			 const struct drawing *masks, struct span columns, struct span rows)
{
	size_t source[4], bytes[4];
	uint8_t black[4];

	for (unsigned int y = 0; y < rows.num; y++) {
		for (unsigned int x = 0; x < columns.num; x++) {
			unsigned int from_x = columns.first + x, from_y = rows.first + y;
			bool dark = masked(masks, from_pix, from_x, from_y);
			unsigned int num = pixel_bytes(pix, x, y, bytes, black);

			pixel_bytes(from_pix, from_x, from_y, source, black);
			for (unsigned int i = 0; i < num; i++)
				CHECK(to[bytes[i]] == (dark ? black[i] : from[source[i]]));
		}
	}
}

/* One buffer of the process's own at an odd address, or one that is mapped. */
static void view_prepare(struct stream *view, int fd, bool own)
{
	if (!own) {
		stream_map(view, fd, capture, 1);
		return;
	}
	stream_userptr(view, fd, capture, 1);
	free(view->buffers[0].start);
	view->buffers[0].start = malloc(view->pix.sizeimage + 1);
	CHECK(view->buffers[0].start);
	view->buffers[0].start++;
	memset(view->buffers[0].start, 0x55, view->pix.sizeimage);
}

static void view_drop(struct stream *view)
{
	if (view->memory == V4L2_MEMORY_USERPTR)
		view->buffers[0].start--;
	stream_free(view);
}

static void feed_prepare(struct stream *feed, int fd, struct v4l2_pix_format pix)
{
	struct v4l2_format format = { .type = output, .fmt.pix = pix };

	CHECK(xioctl(fd, VIDIOC_S_FMT, &format) == 0);
	CHECK(format.fmt.pix.pixelformat == pix.pixelformat);
	CHECK(format.fmt.pix.field == pix.field);
	stream_map(feed, fd, output, 1);
	stream_on(feed);
	fill_random(feed->buffers[0].start, feed->pix.sizeimage);
}

static void check_view(struct stream *feed, int fd, const char *crop_text, const char *masks_text,
		       bool own)
{
	struct drawing crop = drawing_read(crop_text), masks = drawing_read(masks_text);
	struct span columns, rows;
	struct v4l2_buffer buffer;
	struct stream view;

	camera_set("front", "views/main/crop", crop_text);
	camera_set("front", "views/main/masks", masks_text);
	spans_of_crop(&crop, &feed->pix, &columns, &rows);
	if (!columns.num || !rows.num) {
		CHECK(!view_has_signal(fd));
		return;
	}
	CHECK(view_has_signal(fd));
	view_prepare(&view, fd, own);
	CHECK(view.pix.width == columns.num && view.pix.height == rows.num);
	stream_queue_all(&view);
	stream_on(&view);
	stream_queue(feed, 0);
	stream_dequeue(feed);
	buffer = stream_dequeue(&view);
	CHECK(buffer.bytesused == view.pix.sizeimage);
	check_pixels(&feed->pix, feed->buffers[0].start, &view.pix, view.buffers[0].start, &masks,
		     columns, rows);
	for (size_t i = view.pix.sizeimage; i < view.buffers[0].length; i++)
		CHECK(view.buffers[0].start[i] == 0);
	stream_off(&view);
	view_drop(&view);
}

static const char *const crops[] = {
	"",
	"640x480:160,120,320,240",
	"1000x777:333,111,500,499",
	"64x48:63,47,1,1",
};

static const char *const masks[] = {
	"",
	"640x480:0,0,640,480",
	"1000x777:101,103,211,307",
	"99x99:0,0,1,1;98,98,1,1;10,10,30,50;20,30,60,20;39,0,1,99;0,49,99,1;75,3,4,90",
};

static void check_picture(int feed_fd, int view_fd, struct v4l2_pix_format pix)
{
	static bool own;
	struct stream feed;

	feed_prepare(&feed, feed_fd, pix);
	for (size_t crop = 0; crop < sizeof(crops) / sizeof(*crops); crop++) {
		for (size_t mask = 0; mask < sizeof(masks) / sizeof(*masks); mask++) {
			check_view(&feed, view_fd, crops[crop], masks[mask], own);
			own = !own;
		}
	}
	camera_set("front", "views/main/crop", "");
	camera_set("front", "views/main/masks", "");
	stream_off(&feed);
	stream_free(&feed);
}

static void check_formats(int feed, int view)
{
	static const uint32_t fourccs[] = {
		V4L2_PIX_FMT_YUYV,   V4L2_PIX_FMT_UYVY,	  V4L2_PIX_FMT_NV12,  V4L2_PIX_FMT_NV21,
		V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_GREY,	  V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_BGR24,
		V4L2_PIX_FMT_XRGB32, V4L2_PIX_FMT_XBGR32,
	};
	static const struct v4l2_pix_format shapes[] = {
		{ .width = 64, .height = 48 },
		{ .width = 61, .height = 47, .bytesperline = 300 },
		{ .width = 130, .height = 66, .field = V4L2_FIELD_INTERLACED },
	};

	for (size_t i = 0; i < sizeof(fourccs) / sizeof(*fourccs); i++) {
		for (size_t shape = 0; shape < sizeof(shapes) / sizeof(*shapes); shape++) {
			struct v4l2_pix_format pix = shapes[shape];

			pix.pixelformat = fourccs[i];
			if (!pix.field)
				pix.field = V4L2_FIELD_NONE;
			check_picture(feed, view, pix);
		}
	}
}

/* --- while frames come ------------------------------------------------------------------------- */

#define WIDTH  640
#define HEIGHT 480
#define BRIGHT 200
#define BLACK  16

static atomic_bool over;

static void *feeds(void *arg)
{
	struct stream *feed = arg;

	for (unsigned int i = 0; !over; i++) {
		stream_queue(feed, i % feed->count);
		stream_dequeue(feed);
	}
	return NULL;
}

/* All of one half is black and all of the other is not. Is it the left one? */
static bool left_is_black(const uint8_t *frame)
{
	bool left = frame[0] == BLACK;

	for (unsigned int y = 0; y < HEIGHT; y++)
		for (unsigned int x = 0; x < WIDTH; x++)
			CHECK(frame[y * WIDTH + x] == (left == (x < WIDTH / 2) ? BLACK : BRIGHT));
	return left;
}

/* Frames that were done before. */
static void drain(struct stream *view)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = view->memory };

	while (xioctl(view->fd, VIDIOC_DQBUF, &buffer) == 0) {
		left_is_black(view->buffers[buffer.index].start);
		stream_queue(view, buffer.index);
	}
	CHECK(errno == EAGAIN);
}

/*
 * Once the mask is written, each frame that comes is of the new one, and none was ever of both,
 * though frames are copied all the time.
 */
static void check_boundary(int feed_fd, int view_fd)
{
	struct v4l2_pix_format pix = {
		.width = WIDTH,
		.height = HEIGHT,
		.pixelformat = V4L2_PIX_FMT_GREY,
		.field = 1,
	};
	struct v4l2_buffer buffer;
	struct stream feed, view;
	pthread_t feeder;

	feed_prepare(&feed, feed_fd, pix);
	memset(feed.buffers[0].start, BRIGHT, feed.pix.sizeimage);
	camera_set("front", "views/main/masks", "2x1:0,0,1,1");
	stream_map(&view, view_fd, capture, 4);
	stream_queue_all(&view);
	stream_on(&view);
	CHECK(pthread_create(&feeder, NULL, feeds, &feed) == 0);
	for (int i = 0; i < 60; i++) {
		camera_set("front", "views/main/masks", i % 2 ? "2x1:0,0,1,1" : "2x1:1,0,1,1");
		drain(&view);
		buffer = stream_dequeue(&view);
		CHECK(left_is_black(view.buffers[buffer.index].start) == i % 2);
		stream_queue(&view, buffer.index);
	}
	over = true;
	pthread_join(feeder, NULL);
	camera_set("front", "views/main/masks", "");
	stream_off(&feed);
	stream_free(&feed);
	stream_off(&view);
	stream_free(&view);
}

/* --- another format ---------------------------------------------------------------------------- */

static void check_event(int fd, bool there)
{
	struct v4l2_event event;

	if (!there) {
		CHECK_ERRNO(xioctl(fd, VIDIOC_DQEVENT, &event), ENOENT);
		return;
	}
	CHECK(xioctl(fd, VIDIOC_DQEVENT, &event) == 0);
	CHECK(event.type == V4L2_EVENT_SOURCE_CHANGE);
	CHECK(event.u.src_change.changes == V4L2_EVENT_SRC_CH_RESOLUTION);
}

static void watch(struct stream *view, int fd)
{
	struct v4l2_event_subscription subscription = { .type = V4L2_EVENT_SOURCE_CHANGE };

	CHECK(xioctl(fd, VIDIOC_SUBSCRIBE_EVENT, &subscription) == 0);
	stream_map(view, fd, capture, 2);
	stream_queue_all(view);
	stream_on(view);
}

static uint32_t take(struct stream *view)
{
	struct v4l2_buffer buffer = stream_dequeue(view);

	stream_queue(view, buffer.index);
	return buffer.sequence;
}

static void check_ended(struct stream *view)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = view->memory };

	CHECK_ERRNO(xioctl(view->fd, VIDIOC_DQBUF, &buffer), EIO);
	stream_off(view);
	CHECK_ERRNO(xioctl(view->fd, VIDIOC_STREAMON, &capture), EPIPE);
}

/* A crop ends the streams of its view, whose buffers no longer fit, and no other's. */
static void check_source_change(int feed_fd, int main_fd, int side_fd)
{
	struct v4l2_pix_format pix = {
		.width = 64, .height = 48, .field = 1, .pixelformat = V4L2_PIX_FMT_GREY
	};
	struct stream feed, changed, other;

	feed_prepare(&feed, feed_fd, pix);
	watch(&changed, main_fd);
	watch(&other, side_fd);
	stream_queue(&feed, 0);
	stream_dequeue(&feed);
	CHECK(take(&changed) == 0 && take(&other) == 0);
	camera_set("front", "views/main/masks", "2x2:0,0,1,1");
	camera_set("front", "views/main/crop", "2x2:0,0,2,2"); /* all of it: the same format */
	check_event(main_fd, false);
	CHECK(feed_consumers(feed_fd) == 2);
	camera_set("front", "views/main/crop", "2x2:0,0,1,1");
	CHECK(feed_consumers(feed_fd) == 1);
	check_event(main_fd, true);
	check_event(side_fd, false);
	stream_queue(&feed, 0);
	stream_dequeue(&feed);
	CHECK(take(&other) == 1);
	check_ended(&changed);
	stream_free(&changed);
	stream_map(&changed, main_fd, capture, 1);
	CHECK(changed.pix.width == 32 && changed.pix.height == 24);
	stream_queue_all(&changed);
	stream_on(&changed);
	stream_queue(&feed, 0);
	stream_dequeue(&feed);
	stream_dequeue(&changed);

	camera_set("front", "views/main/crop", "");
	camera_set("front", "views/main/masks", "");
	check_event(main_fd, true);
	stream_off(&changed);
	stream_free(&changed);
	stream_off(&other);
	stream_free(&other);
	stream_off(&feed);
	stream_free(&feed);
}

/* --- what cannot be cut ------------------------------------------------------------------------ */

/* Nothing at all is seen of what a policy cannot be applied to, until it is another. */
static void check_refused(int feed_fd, int fd, uint32_t fourcc, const char *file, const char *value,
			  const char *none)
{
	struct v4l2_pix_format pix = {
		.width = 64, .height = 48, .field = 1, .pixelformat = fourcc
	};
	struct stream feed, view;

	feed_prepare(&feed, feed_fd, pix);
	watch(&view, fd);
	camera_set("front", file, value);
	CHECK(!view_has_signal(fd));
	CHECK(feed_consumers(feed_fd) == 0);
	check_event(fd, true);
	stream_queue(&feed, 0);
	stream_dequeue(&feed);
	check_ended(&view);
	stream_free(&view);
	stream_map(&view, fd, capture, 1);
	CHECK_ERRNO(xioctl(fd, VIDIOC_STREAMON, &capture), EPIPE);

	camera_set("front", file, none);
	check_event(fd, true);
	CHECK(view_has_signal(fd));
	stream_free(&view);
	stream_map(&view, fd, capture, 1);
	stream_queue_all(&view);
	stream_on(&view);
	stream_queue(&feed, 0);
	stream_dequeue(&feed);
	take(&view);
	stream_off(&view);
	stream_free(&view);
	stream_off(&feed);
	stream_free(&feed);
}

int main(void)
{
	int feed, view, side;

	camera_load("front");
	camera_set("front", "live", "0");
	CHECK(mkdir("/sys/kernel/config/ownframe/front/views/side", 0755) == 0);
	camera_set("front", "live", "1");
	feed = camera_open("front", "feed", 0);
	view = camera_open("front", "main", O_NONBLOCK);
	side = camera_open("front", "side", O_NONBLOCK);
	check_formats(feed, view);
	check_boundary(feed, view);
	check_source_change(feed, view, side);
	check_refused(feed, view, V4L2_PIX_FMT_MJPEG, "views/main/masks", "2x2:0,0,1,1", "");
	check_refused(feed, view, V4L2_PIX_FMT_MJPEG, "views/main/crop", "2x2:0,0,1,1", "");
	check_refused(feed, view, V4L2_PIX_FMT_H264, "views/main/max_rate", "5", "0");
	check_refused(feed, view, V4L2_PIX_FMT_GREY, "views/main/crop", "999x999:1,1,1,1", "");
	return 0;
}
