// SPDX-License-Identifier: GPL-2.0-or-later
/* If this fails, colours are swapped or a frame is read past its end. */
#include "record/frame.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void check(uint32_t fourcc, enum frame_component_name name, size_t offset, uint32_t stride,
		  uint32_t step, uint32_t width, uint32_t height)
{
	struct frame_format f;
	struct frame_component c;

	assert_int_equal(frame_format_init(&f, fourcc, 64, 32, 160, 160 * 48), 0);
	frame_component(&c, &f, name);
	assert_int_equal(c.offset, offset);
	assert_int_equal(c.stride, stride);
	assert_int_equal(c.step, step);
	assert_int_equal(c.width, width);
	assert_int_equal(c.height, height);
}

static void test_components(void **state)
{
	const size_t luma = 160 * 32;

	(void)state;
	check(V4L2_PIX_FMT_NV12, FRAME_Y, 0, 160, 1, 64, 32);
	check(V4L2_PIX_FMT_NV12, FRAME_CB, luma, 160, 2, 32, 16);
	check(V4L2_PIX_FMT_NV12, FRAME_CR, luma + 1, 160, 2, 32, 16);
	check(V4L2_PIX_FMT_NV21, FRAME_CB, luma + 1, 160, 2, 32, 16);
	check(V4L2_PIX_FMT_NV21, FRAME_CR, luma, 160, 2, 32, 16);
	check(V4L2_PIX_FMT_YUV420, FRAME_CB, luma, 80, 1, 32, 16);
	check(V4L2_PIX_FMT_YUV420, FRAME_CR, luma + 80 * 16, 80, 1, 32, 16);
	check(V4L2_PIX_FMT_YUYV, FRAME_Y, 0, 160, 2, 64, 32);
	check(V4L2_PIX_FMT_YUYV, FRAME_CB, 1, 160, 4, 32, 32);
	check(V4L2_PIX_FMT_YUYV, FRAME_CR, 3, 160, 4, 32, 32);
	check(V4L2_PIX_FMT_UYVY, FRAME_Y, 1, 160, 2, 64, 32);
	check(V4L2_PIX_FMT_UYVY, FRAME_CB, 0, 160, 4, 32, 32);
	check(V4L2_PIX_FMT_UYVY, FRAME_CR, 2, 160, 4, 32, 32);
}

static int init(uint32_t fourcc, uint32_t width, uint32_t height, uint32_t stride, uint32_t size)
{
	struct frame_format f;

	return frame_format_init(&f, fourcc, width, height, stride, size);
}

static void test_every_listed_format_is_known(void **state)
{
	(void)state;
	assert_int_equal(frame_formats[0], V4L2_PIX_FMT_NV12);
	for (const uint32_t *f = frame_formats; *f; f++)
		assert_int_equal(init(*f, 64, 32, 128, 128 * 48), 0);
}

static void test_numbers_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 64, 32, 64, 64 * 48), 0);
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 64, 32, 64, 64 * 48 - 1), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 64, 32, 63, 64 * 48), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 63, 32, 64, 64 * 48), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 64, 31, 64, 64 * 48), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 0, 0, 64, 64 * 48), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 64, 32, 0, 64 * 48), -EINVAL);
	/* would be small enough if it were reckoned in 32 bits */
	assert_int_equal(init(V4L2_PIX_FMT_NV12, 64, 16384, 0xffffffff, 0xffffffff), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_YUV420, 64, 32, 65, 65 * 48), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_YUYV, 64, 32, 128, 128 * 32), 0);
	assert_int_equal(init(V4L2_PIX_FMT_YUYV, 64, 32, 127, 128 * 32), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_YUYV, 64, 32, 128, 128 * 32 - 1), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_MJPEG, 64, 32, 128, 128 * 48), -EINVAL);
	assert_int_equal(init(V4L2_PIX_FMT_GREY, 64, 32, 128, 128 * 48), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_every_listed_format_is_known),
		cmocka_unit_test(test_numbers_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
