// SPDX-License-Identifier: GPL-2.0-or-later
/* If this fails, the thumbnail of a clip is no picture, is not of its frame, or has wrong colours. */
#include "record/thumb.h"

#include "scope.h"

#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <cmocka.h>

/* BT.601, limited range: what a camera delivers for these colours. */
static const uint8_t red[3] = { 81, 90, 240 }, blue[3] = { 41, 240, 110 };
static const uint8_t white[3] = { 235, 128, 128 }, black[3] = { 16, 128, 128 };

/* Four quarters: red, blue; white, black. */
static const uint8_t *colour_at(const struct frame_component *c, uint32_t x, uint32_t y)
{
	if (y < c->height / 2)
		return x < c->width / 2 ? red : blue;
	return x < c->width / 2 ? white : black;
}

static void draw_quarters(uint8_t *data, const struct frame_format *f)
{
	for (int name = FRAME_Y; name <= FRAME_CR; name++) {
		struct frame_component c;

		frame_component(&c, f, name);
		for (uint32_t y = 0; y < c.height; y++)
			for (uint32_t x = 0; x < c.width; x++)
				data[c.offset + (size_t)y * c.stride + (size_t)x * c.step] =
					colour_at(&c, x, y)[name];
	}
}

struct picture {
	uint8_t *rgb;
	int width, height;
};

static void decode(struct picture *p, const uint8_t *jpeg, size_t len)
{
	tjhandle tj = tjInitDecompress();
	int sampling, space;

	assert_int_equal(
		tjDecompressHeader3(tj, jpeg, len, &p->width, &p->height, &sampling, &space), 0);
	p->rgb = malloc((size_t)p->width * p->height * 3);
	assert_int_equal(tjDecompress2(tj, jpeg, len, p->rgb, p->width, 0, p->height, TJPF_RGB,
				       TJFLAG_STOPONWARNING),
			 0);
	tjDestroy(tj);
}

/* The middle of a quarter, away from the edges that compression blurs. */
static void check_quarter(const struct picture *p, int column, int row, int r, int g, int b)
{
	int x = p->width * (2 * column + 1) / 4, y = p->height * (2 * row + 1) / 4;
	const uint8_t *rgb = p->rgb + ((size_t)y * p->width + x) * 3;

	assert_in_range(rgb[0] + 8, r, r + 16);
	assert_in_range(rgb[1] + 8, g, g + 16);
	assert_in_range(rgb[2] + 8, b, b + 16);
}

static void check(uint32_t fourcc, uint32_t width, uint32_t height, int thumb_width,
		  int thumb_height)
{
	uint32_t stride = width * 2 + 32;
	struct frame_format f;
	struct frame frame;
	struct picture p;
	SCOPE_FREE uint8_t *data = NULL, *before = NULL, *jpeg = NULL;
	size_t len;

	assert_int_equal(frame_format_init(&f, fourcc, width, height, stride, stride * height * 3),
			 0);
	data = malloc(f.size);
	before = malloc(f.size);
	memset(data, 0x77, f.size);
	draw_quarters(data, &f);
	memcpy(before, data, f.size);
	frame = (struct frame) { .data = data };
	assert_int_equal(thumb_make(&frame, &f, &jpeg, &len), 0);
	assert_memory_equal(before, data, f.size);
	decode(&p, jpeg, len);
	assert_int_equal(p.width, thumb_width);
	assert_int_equal(p.height, thumb_height);
	check_quarter(&p, 0, 0, 255, 0, 0);
	check_quarter(&p, 1, 0, 0, 0, 255);
	check_quarter(&p, 0, 1, 255, 255, 255);
	check_quarter(&p, 1, 1, 0, 0, 0);
	free(p.rgb);
}

static void test_every_format(void **state)
{
	(void)state;
	for (const uint32_t *f = frame_formats; *f; f++)
		check(*f, 640, 480, 320, 240);
}

static void test_sizes(void **state)
{
	(void)state;
	check(V4L2_PIX_FMT_NV12, 64, 48, 64, 48);
	check(V4L2_PIX_FMT_NV12, 320, 240, 320, 240);
	check(V4L2_PIX_FMT_NV12, 322, 242, 320, 240);
	check(V4L2_PIX_FMT_YUYV, 1920, 1080, 320, 180);
	check(V4L2_PIX_FMT_YUV420, 642, 362, 320, 180);
	check(V4L2_PIX_FMT_NV21, 64, 1024, 64, 1024);
}

/* So wide that a 320 pixel thumbnail has next to no height: still a picture. */
static void test_extreme_shape(void **state)
{
	struct frame_format f;
	struct picture p;
	SCOPE_FREE uint8_t *data = calloc(1, 16384 * 24), *jpeg = NULL;
	const struct frame frame = { .data = data };
	size_t len;

	(void)state;
	assert_int_equal(frame_format_init(&f, V4L2_PIX_FMT_NV12, 16384, 16, 16384, 16384 * 24), 0);
	assert_int_equal(thumb_make(&frame, &f, &jpeg, &len), 0);
	decode(&p, jpeg, len);
	assert_int_equal(p.width, 320);
	assert_int_equal(p.height, 2);
	free(p.rgb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_format),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_extreme_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
