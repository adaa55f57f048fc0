// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, clips do not play, show wrong colours, or hold bytes that are no slice of the
 * picture. ffmpeg decodes what the encoder made, and the pictures must be the ones that went in.
 */
#include "record/encoder.h"

#include "log.h"
#include "scope.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define FRAMES	   12
#define SYNC_EVERY 5

static const struct encoder_config fast = { .quality = 18, .fps_num = 15, .fps_den = 1 };

/* A picture with structure in all three components, which moves. */
static uint8_t pattern(enum frame_component_name name, uint32_t x, uint32_t y, unsigned int n)
{
	switch (name) {
	case FRAME_Y:
		return 30 + ((x * 3 + n * 8) & 127) / 2 + (y & 127);
	case FRAME_CB:
		return 60 + (x & 63);
	default:
		return 200 - (y & 63) - n;
	}
}

static void draw_component(uint8_t *data, const struct frame_format *f,
			   enum frame_component_name name, unsigned int n)
{
	struct frame_component c;

	frame_component(&c, f, name);
	for (uint32_t y = 0; y < c.height; y++)
		for (uint32_t x = 0; x < c.width; x++) {
			/* in 4:2:2 both lines of a pair are the same, so the mean is too */
			uint32_t line = name != FRAME_Y && c.height == f->height ? y / 2 : y;

			data[c.offset + (size_t)y * c.stride + (size_t)x * c.step] =
				pattern(name, x, line, n);
		}
}

static void draw(uint8_t *data, const struct frame_format *f, unsigned int n)
{
	memset(data, 0, f->size);
	draw_component(data, f, FRAME_Y, n);
	draw_component(data, f, FRAME_CB, n);
	draw_component(data, f, FRAME_CR, n);
}

static void format_make(struct frame_format *f, uint32_t fourcc, uint32_t width, uint32_t height)
{
	uint32_t stride = width * 2 + 32; /* lines with a tail, whatever the format */

	assert_int_equal(frame_format_init(f, fourcc, width, height, stride, stride * height * 3),
			 0);
}

static void write_nal(FILE *file, const uint8_t *nal, size_t len)
{
	assert_int_equal(fwrite("\0\0\0\1", 1, 4, file), 4);
	assert_int_equal(fwrite(nal, 1, len, file), len);
}

/* Check what the clip format asks of a sample, and write it as a byte stream. */
static void write_sample(FILE *file, const uint8_t *out, const struct encoder_sample *s)
{
	uint32_t len;

	assert_int_equal(s->n_nals, 1);
	assert_int_equal(s->nal_size[0], s->size);
	len = (uint32_t)out[0] << 24 | out[1] << 16 | out[2] << 8 | out[3];
	assert_int_equal(len + 4, s->size);
	assert_int_equal(h264_nal_type(out[4]), s->sync ? H264_NAL_IDR : H264_NAL_SLICE);
	write_nal(file, out + 4, len);
}

static FILE *stream_open(const char *path, const struct encoder *e)
{
	struct h264_params p;
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	encoder_params(e, &p);
	assert_int_equal(h264_nal_type(p.sps[0]), H264_NAL_SPS);
	assert_int_equal(h264_nal_type(p.pps[0]), H264_NAL_PPS);
	write_nal(file, p.sps, p.sps_len);
	write_nal(file, p.pps, p.pps_len);
	return file;
}

/* Read a decoded component and compare it with what was drawn: the mean square error. */
static double component_error(FILE *decoded, enum frame_component_name name, uint32_t width,
			      uint32_t height, unsigned int n)
{
	double sum = 0;

	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++) {
			int c = fgetc(decoded);
			double d = c - pattern(name, x, y, n);

			assert_int_not_equal(c, EOF);
			sum += d * d;
		}
	return sum / width / height;
}

static void check_decoded(const char *path, uint32_t width, uint32_t height,
			  const unsigned int *shown, size_t n_shown)
{
	char command[256];
	FILE *decoded;

	snprintf(command, sizeof(command),
		 "ffmpeg -v error -xerror -err_detect explode -f h264 -i %s -fps_mode passthrough "
		 "-f rawvideo -pix_fmt yuv420p -",
		 path);
	decoded = popen(command, "r");
	assert_non_null(decoded);
	for (size_t i = 0; i < n_shown; i++) {
		/* 6.5 is 40 dB; another frame's picture or exchanged chroma is hundreds */
		assert_true(component_error(decoded, FRAME_Y, width, height, shown[i]) < 6.5);
		assert_true(component_error(decoded, FRAME_CB, width / 2, height / 2, shown[i]) <
			    6.5);
		assert_true(component_error(decoded, FRAME_CR, width / 2, height / 2, shown[i]) <
			    6.5);
	}
	assert_int_equal(fgetc(decoded), EOF);
	assert_int_equal(pclose(decoded), 0);
}

static void need_ffmpeg(void)
{
	if (system("ffmpeg -version >/dev/null 2>&1"))
		skip();
}

static void temporary(char path[32])
{
	strcpy(path, "/tmp/test_encoder.XXXXXX");
	close(mkstemp(path));
}

static void encode_and_decode(uint32_t fourcc, uint32_t width, uint32_t height, int preset)
{
	struct encoder_config cfg = fast;
	struct frame_format f;
	struct encoder *e;
	unsigned int shown[FRAMES];
	SCOPE_FREE uint8_t *data = NULL, *out = NULL;
	char path[32];
	size_t cap;
	FILE *file;

	format_make(&f, fourcc, width, height);
	cfg.preset = preset;
	e = encoder_new(&f, &cfg);
	assert_non_null(e);
	assert_int_equal(encoder_converts(e), f.luma_step == 2);
	cap = encoder_sample_max(e);
	data = malloc(f.size);
	out = malloc(cap);
	temporary(path);
	file = stream_open(path, e);
	for (unsigned int n = 0; n < FRAMES; n++) {
		const struct frame frame = { .data = data };
		struct encoder_sample s;

		draw(data, &f, n);
		memset(out, 0xa5, cap);
		assert_int_equal(encoder_encode(e, &frame, n % SYNC_EVERY == 0, out, cap, &s), 0);
		assert_int_equal(s.sync, n % SYNC_EVERY == 0);
		write_sample(file, out, &s);
		shown[n] = n;
	}
	fclose(file);
	check_decoded(path, width, height, shown, FRAMES);
	unlink(path);
	encoder_free(e);
}

static void test_every_format_decodes(void **state)
{
	(void)state;
	need_ffmpeg();
	for (const uint32_t *f = frame_formats; *f; f++)
		encode_and_decode(*f, 128, 96, 0);
}

static void test_sizes_that_are_no_whole_macroblocks(void **state)
{
	(void)state;
	need_ffmpeg();
	encode_and_decode(V4L2_PIX_FMT_NV12, 130, 98, 0);
	encode_and_decode(V4L2_PIX_FMT_YUYV, 18, 16, 0);
	encode_and_decode(V4L2_PIX_FMT_YUV420, 1000, 18, 0);
}

static void test_every_preset_keeps_one_slice_and_no_delay(void **state)
{
	(void)state;
	need_ffmpeg();
	for (int i = 0; encoder_presets[i]; i++)
		encode_and_decode(V4L2_PIX_FMT_NV12, 128, 96, i);
}

/* Black and white: what takes the most bytes. */
static void fill_noise(uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = random() & 1 ? 255 : 0;
}

static void encode_noise(int preset)
{
	const struct encoder_config cfg = {
		.quality = 1, .preset = preset, .fps_num = 15, .fps_den = 1
	};
	struct frame_format f;
	struct encoder *e;
	SCOPE_FREE uint8_t *data = NULL, *out = NULL;

	format_make(&f, V4L2_PIX_FMT_NV12, 128, 96);
	e = encoder_new(&f, &cfg);
	assert_non_null(e);
	data = malloc(f.size);
	out = malloc(encoder_sample_max(e));
	for (int n = 0; n < 6; n++) {
		const struct frame frame = { .data = data };
		struct encoder_sample s;

		fill_noise(data, f.size);
		assert_int_equal(encoder_encode(e, &frame, n == 0, out, encoder_sample_max(e), &s),
				 0);
		assert_true(s.size > f.width * f.height);
	}
	encoder_free(e);
}

/* The worst picture at the best quality fits what encoder_sample_max() says. */
static void test_noise_fits(void **state)
{
	(void)state;
	for (int i = 0; encoder_presets[i]; i++)
		encode_noise(i);
}

/* A frame that did not fit is lost, and only it: the next begins anew and decodes. */
static void test_a_frame_that_does_not_fit(void **state)
{
	struct frame_format f;
	struct encoder *e;
	unsigned int shown[FRAMES];
	SCOPE_FREE uint8_t *data = NULL, *out = NULL, *tiny = NULL;
	size_t cap, n_shown = 0;
	char path[32];
	FILE *file;

	(void)state;
	need_ffmpeg();
	format_make(&f, V4L2_PIX_FMT_NV12, 128, 96);
	e = encoder_new(&f, &fast);
	cap = encoder_sample_max(e);
	data = malloc(f.size);
	out = malloc(cap);
	tiny = malloc(64);
	temporary(path);
	file = stream_open(path, e);
	for (unsigned int n = 0; n < FRAMES; n++) {
		const struct frame frame = { .data = data };
		struct encoder_sample s;

		draw(data, &f, n);
		if (n == 4) {
			assert_int_equal(encoder_encode(e, &frame, false, tiny, 64, &s), -ENOSPC);
			assert_int_equal(s.size, 0);
			continue;
		}
		assert_int_equal(encoder_encode(e, &frame, n == 0, out, cap, &s), 0);
		assert_int_equal(s.sync, n == 0 || n == 5);
		write_sample(file, out, &s);
		shown[n_shown++] = n;
	}
	fclose(file);
	check_decoded(path, f.width, f.height, shown, n_shown);
	unlink(path);
	encoder_free(e);
}

/* Over ten seconds of noise in all of the picture the rate is the one that was asked for. */
static void test_bitrate(void **state)
{
	const struct encoder_config cfg = { .bitrate_kbit = 800, .fps_num = 15, .fps_den = 1 };
	struct frame_format f;
	struct encoder *e;
	SCOPE_FREE uint8_t *data = NULL, *out = NULL;
	uint64_t bytes = 0;

	(void)state;
	format_make(&f, V4L2_PIX_FMT_NV12, 320, 240);
	e = encoder_new(&f, &cfg);
	data = malloc(f.size);
	out = malloc(encoder_sample_max(e));
	for (unsigned int n = 0; n < 150; n++) {
		const struct frame frame = { .data = data };
		struct encoder_sample s;

		draw(data, &f, n);
		for (size_t i = 0; i < f.size; i++)
			data[i] += random() % 32;
		assert_int_equal(
			encoder_encode(e, &frame, n % 15 == 0, out, encoder_sample_max(e), &s), 0);
		bytes += s.size;
	}
	assert_in_range(bytes * 8 / 10 / 1000, 640, 960);
	encoder_free(e);
}

static void test_settings_that_are_none(void **state)
{
	const struct encoder_config lossless = { .quality = 0, .fps_num = 15, .fps_den = 1 };
	const struct encoder_config no_rate = { .quality = 20, .fps_num = 0, .fps_den = 1 };
	struct frame_format f;

	(void)state;
	format_make(&f, V4L2_PIX_FMT_NV12, 128, 96);
	assert_null(encoder_new(&f, &lossless));
	assert_null(encoder_new(&f, &no_rate));
	encoder_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_format_decodes),
		cmocka_unit_test(test_sizes_that_are_no_whole_macroblocks),
		cmocka_unit_test(test_every_preset_keeps_one_slice_and_no_delay),
		cmocka_unit_test(test_noise_fits),
		cmocka_unit_test(test_a_frame_that_does_not_fit),
		cmocka_unit_test(test_bitrate),
		cmocka_unit_test(test_settings_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
