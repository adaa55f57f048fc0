// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libx264, set up so that what it writes is what the clip holds: length-prefixed slices in the
 * caller's memory and nothing else. Separate because it is one of several ways to get samples. The
 * one thing to know: with nalu_process set, x264_encoder_encode() returns no NAL units, they
 * come through encoder_take_nal() while it runs.
 */
#include "encoder.h"

#include "log.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x264.h>

#define LENGTH_SIZE 4u
/*
 * Finer quantisation than this is invisible and lets libx264 exceed what H.264 allows a macroblock
 * (A.3.1: 400 bytes) without bound. At this one, black and white noise, the worst there is, took 583
 * bytes a macroblock with the weakest preset.
 */
#define QP_MIN		     10
#define MACROBLOCK_BYTES_MAX 640u
#define SLICE_HEADER_MAX     64u
/* ITU-T H.273 table 4: the matrix of BT.601, 525 lines. */
#define MATRIX_SMPTE170M 6

const char *const encoder_presets[] = { "ultrafast", "superfast", "veryfast", "faster", "fast",
					"medium",    "slow",	  "slower",   NULL };

/* Where the NAL units of the frame being encoded go. */
struct destination {
	uint8_t *out;
	size_t cap;
	struct encoder_sample *sample;
	int error;
};

struct encoder {
	x264_t *x264;
	struct frame_format format;
	int csp;
	struct h264_params params;
	struct destination dest;
	uint8_t *converted; /* NV12, if the format is packed */
	int64_t pts;
	bool force_sync;
};

static void encoder_log(void *private, int level, const char *fmt, va_list args)
{
	char text[256];

	(void)private;
	if (level > X264_LOG_WARNING)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_line(level == X264_LOG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "libx264: %s", text);
}

/* What x264.h asks of the buffer given to x264_nal_encode(). */
static size_t nal_space(size_t payload)
{
	return payload * 3 / 2 + 5 + 64;
}

static void encoder_take_nal(x264_t *x264, x264_nal_t *nal, void *opaque)
{
	struct destination *dest = opaque;
	struct encoder_sample *s = dest->sample;

	/* Nothing but slices may be in a sample; our settings make x264 write nothing else. */
	if (nal->i_type != NAL_SLICE && nal->i_type != NAL_SLICE_IDR)
		return;
	if (s->n_nals == sizeof(s->nal_size) / sizeof(s->nal_size[0])) {
		dest->error = -EIO;
		return;
	}
	if (nal_space(nal->i_payload) > dest->cap - s->size) {
		dest->error = -ENOSPC;
		return;
	}
	x264_nal_encode(x264, dest->out + s->size, nal);
	s->nal_size[s->n_nals++] = nal->i_payload;
	s->size += nal->i_payload;
	s->sync = nal->i_type == NAL_SLICE_IDR;
}

static int csp_of(uint32_t fourcc)
{
	switch (fourcc) {
	case V4L2_PIX_FMT_YUV420:
		return X264_CSP_I420;
	case V4L2_PIX_FMT_NV21:
		return X264_CSP_NV21;
	default: /* NV12, and what is converted to it */
		return X264_CSP_NV12;
	}
}

static void one_sample_a_frame(x264_param_t *p)
{
	p->i_threads = 1;
	p->b_sliced_threads = 0;
	p->i_lookahead_threads = 1;
	p->i_sync_lookahead = 0;
	p->rc.i_lookahead = 0;
	p->rc.b_mb_tree = 0;
	p->i_bframe = 0;
	p->i_slice_count = 1;
	p->b_vfr_input = 0;
}

static void slices_only(x264_param_t *p)
{
	p->b_annexb = 0;
	p->b_repeat_headers = 0;
	p->b_aud = 0;
	p->i_nal_hrd = X264_NAL_HRD_NONE;
	p->i_keyint_max = X264_KEYINT_MAX_INFINITE;
	p->i_scenecut_threshold = 0;
	p->b_intra_refresh = 0;
	p->b_open_gop = 0;
}

static void rate_control(x264_param_t *p, const struct encoder_config *cfg)
{
	p->rc.i_qp_min = QP_MIN;
	p->i_fps_num = cfg->fps_num;
	p->i_fps_den = cfg->fps_den;
	if (cfg->bitrate_kbit) {
		p->rc.i_rc_method = X264_RC_ABR;
		p->rc.i_bitrate = cfg->bitrate_kbit;
	} else {
		p->rc.i_rc_method = X264_RC_CRF;
		p->rc.f_rf_constant = cfg->quality;
	}
}

static int encoder_setup(x264_param_t *p, const struct frame_format *f,
			 const struct encoder_config *cfg)
{
	if (x264_param_default_preset(p, encoder_presets[cfg->preset], NULL))
		return -EINVAL;
	p->i_width = f->width;
	p->i_height = f->height;
	p->i_csp = csp_of(f->fourcc);
	p->i_bitdepth = 8;
	p->vui.i_colmatrix = MATRIX_SMPTE170M;
	p->pf_log = encoder_log;
	p->i_log_level = X264_LOG_WARNING;
	one_sample_a_frame(p);
	slices_only(p);
	rate_control(p, cfg);
	return x264_param_apply_profile(p, "high") ? -EINVAL : 0;
}

static int copy_nal(uint8_t *out, size_t *len, size_t cap, const x264_nal_t *nal)
{
	size_t n = nal->i_payload - LENGTH_SIZE;

	if (n > cap)
		return -EINVAL;
	memcpy(out, nal->p_payload + LENGTH_SIZE, n);
	*len = n;
	return 0;
}

static int read_params(struct h264_params *params, x264_t *x264)
{
	x264_nal_t *nals;
	int n, err = 0;

	if (x264_encoder_headers(x264, &nals, &n) < 0)
		return -EIO;
	for (int i = 0; i < n && !err; i++) {
		if (nals[i].i_type == NAL_SPS)
			err = copy_nal(params->sps, &params->sps_len, sizeof(params->sps),
				       &nals[i]);
		else if (nals[i].i_type == NAL_PPS)
			err = copy_nal(params->pps, &params->pps_len, sizeof(params->pps),
				       &nals[i]);
	}
	return !err && params->sps_len && params->pps_len ? 0 : -EIO;
}

/*
 * x264_encoder_headers() passes its NAL units to nalu_process as of a frame that there is not yet,
 * and crashes: a twin without the callback is asked. Parameter sets follow from the settings alone.
 */
static int encoder_ask_twin(struct encoder *e, x264_param_t *p)
{
	x264_t *twin;
	int err;

	p->nalu_process = NULL;
	twin = x264_encoder_open(p);
	p->nalu_process = encoder_take_nal;
	if (!twin)
		return -EINVAL;
	err = read_params(&e->params, twin);
	x264_encoder_close(twin);
	return err;
}

static bool is_packed(const struct frame_format *f)
{
	return f->luma_step == 2;
}

static int encoder_open(struct encoder *e, const struct encoder_config *cfg)
{
	const struct frame_format *f = &e->format;
	x264_param_t p;
	int err;

	if (!cfg->fps_num || !cfg->fps_den || (!cfg->bitrate_kbit && !cfg->quality))
		return -EINVAL;
	if (encoder_setup(&p, f, cfg))
		return -EINVAL;
	err = encoder_ask_twin(e, &p);
	if (err)
		return err;
	e->csp = p.i_csp;
	e->x264 = x264_encoder_open(&p);
	if (!e->x264)
		return -EINVAL;
	if (x264_encoder_maximum_delayed_frames(e->x264))
		return -EINVAL;
	if (is_packed(f)) {
		e->converted = malloc((size_t)f->width * f->height * 3 / 2);
		if (!e->converted)
			return -ENOMEM;
	}
	return 0;
}

struct encoder *encoder_new(const struct frame_format *format, const struct encoder_config *cfg)
{
	struct encoder *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return NULL;
	e->format = *format;
	err = encoder_open(e, cfg);
	if (!err)
		return e;
	log_error("no H.264 encoder for %ux%u: %s", format->width, format->height, strerror(-err));
	encoder_free(e);
	return NULL;
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
	if (e->x264)
		x264_encoder_close(e->x264);
	free(e->converted);
	free(e);
}

void encoder_params(const struct encoder *e, struct h264_params *params)
{
	*params = e->params;
}

size_t encoder_sample_max(const struct encoder *e)
{
	size_t blocks = (size_t)((e->format.width + 15) / 16) * ((e->format.height + 15) / 16);

	return nal_space(blocks * MACROBLOCK_BYTES_MAX + SLICE_HEADER_MAX);
}

bool encoder_converts(const struct encoder *e)
{
	return e->converted;
}

static void convert_luma(uint8_t *to, const uint8_t *data, const struct frame_format *f)
{
	for (uint32_t y = 0; y < f->height; y++) {
		const uint8_t *line = data + (size_t)y * f->stride + f->luma_offset;

		for (uint32_t x = 0; x < f->width; x++)
			*to++ = line[2 * x];
	}
}

/* 4:2:2 to 4:2:0: the mean of two lines, which is where 4:2:0 has its samples. */
static void convert_chroma(uint8_t *to, const uint8_t *data, const struct frame_format *f)
{
	uint32_t first = 1 - f->luma_offset;

	for (uint32_t y = 0; y < f->height; y += 2) {
		const uint8_t *a = data + (size_t)y * f->stride + first, *b = a + f->stride;

		for (uint32_t x = 0; x < f->width; x++)
			*to++ = (a[2 * x] + b[2 * x] + 1) / 2;
	}
}

static void picture_of_components(x264_picture_t *pic, const struct frame_format *f, uint8_t *data)
{
	struct frame_component y, cb, cr;

	frame_component(&y, f, FRAME_Y);
	frame_component(&cb, f, FRAME_CB);
	frame_component(&cr, f, FRAME_CR);
	pic->img.plane[0] = data + y.offset;
	pic->img.i_stride[0] = y.stride;
	pic->img.plane[1] = data + (cb.offset < cr.offset ? cb.offset : cr.offset);
	pic->img.i_stride[1] = cb.stride;
	pic->img.i_plane = cb.step == 2 ? 2 : 3;
	if (cb.step == 1) {
		pic->img.plane[2] = data + cr.offset;
		pic->img.i_stride[2] = cr.stride;
	}
}

static void picture_of_converted(x264_picture_t *pic, const struct encoder *e, const uint8_t *data)
{
	const struct frame_format *f = &e->format;
	size_t luma = (size_t)f->width * f->height;

	convert_luma(e->converted, data, f);
	convert_chroma(e->converted + luma, data, f);
	pic->img.plane[0] = e->converted;
	pic->img.plane[1] = e->converted + luma;
	pic->img.i_stride[0] = pic->img.i_stride[1] = f->width;
	pic->img.i_plane = 2;
}

int encoder_encode(struct encoder *e, const struct frame *frame, bool sync, uint8_t *out,
		   size_t cap, struct encoder_sample *sample)
{
	x264_picture_t in, ignored;
	x264_nal_t *nals;
	int n_nals;

	x264_picture_init(&in);
	in.img.i_csp = e->csp;
	if (e->converted)
		picture_of_converted(&in, e, frame->data);
	else
		picture_of_components(&in, &e->format, frame->data);
	in.i_type = sync || e->force_sync ? X264_TYPE_IDR : X264_TYPE_P;
	in.i_pts = e->pts++;
	in.opaque = &e->dest;

	memset(sample, 0, sizeof(*sample));
	e->dest = (struct destination) { .out = out, .cap = cap, .sample = sample };
	if (x264_encoder_encode(e->x264, &nals, &n_nals, &in, &ignored) < 0 ||
	    (!e->dest.error && !sample->n_nals))
		e->dest.error = -EIO;
	e->dest.out = NULL;
	e->force_sync = e->dest.error;
	return e->dest.error;
}
