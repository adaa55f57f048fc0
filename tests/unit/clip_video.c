// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Real H.264 for tests, by libx264 and not by the recorder's encoder, whose faults it must not
 * share. The one thing to know: every frame differs, so a lost, doubled or exchanged one shows in
 * its hash.
 */
#include "clip_video.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x264.h>

#define NEED(cond)                                                                 \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

static x264_t *encoder_start(const struct clip_video *v, unsigned int gop, unsigned int slices)
{
	x264_param_t p;
	x264_t *x;

	NEED(!x264_param_default_preset(&p, "ultrafast", "zerolatency"));
	p.i_log_level = X264_LOG_ERROR;
	p.i_width = v->width;
	p.i_height = v->height;
	p.i_csp = X264_CSP_I420;
	p.i_fps_num = 10;
	p.i_fps_den = 1;
	p.i_threads = 1;
	p.b_sliced_threads = 0;
	p.i_slice_count = slices;
	p.i_keyint_max = gop;
	p.i_keyint_min = gop;
	p.i_scenecut_threshold = 0;
	p.i_bframe = 0;
	p.b_repeat_headers = 0;
	p.b_annexb = 0;
	p.rc.i_rc_method = X264_RC_CQP;
	p.rc.i_qp_constant = 30;
	NEED(!x264_param_apply_profile(&p, "high"));
	x = x264_encoder_open(&p);
	NEED(x);
	return x;
}

static void read_params(struct h264_params *params, x264_t *x)
{
	x264_nal_t *nal;
	int n;

	NEED(x264_encoder_headers(x, &nal, &n) > 0);
	for (int i = 0; i < n; i++) {
		const uint8_t *unit = nal[i].p_payload + 4;
		size_t len = nal[i].i_payload - 4;

		if (nal[i].i_type == NAL_SPS) {
			params->sps_len = len;
			memcpy(params->sps, unit, len);
		} else if (nal[i].i_type == NAL_PPS) {
			params->pps_len = len;
			memcpy(params->pps, unit, len);
		}
	}
}

static void draw(x264_picture_t *pic, const struct clip_video *v, unsigned int t)
{
	for (unsigned int y = 0; y < v->height; y++)
		for (unsigned int x = 0; x < v->width; x++)
			pic->img.plane[0][y * pic->img.i_stride[0] + x] =
				(x * 2 + y + t * 3) ^ ((x - t * 5) % 64 < 16 ? 0x55 : 0);
	for (int plane = 1; plane < 3; plane++)
		for (unsigned int y = 0; y < v->height / 2; y++)
			memset(pic->img.plane[plane] + y * pic->img.i_stride[plane],
			       (int)(64 + ((y + t) * plane) % 128), v->width / 2);
}

static void take_sample(struct clip_video_sample *s, const x264_nal_t *nal, int n, bool sync)
{
	s->sync = sync;
	for (int i = 0; i < n; i++) {
		if (nal[i].i_type != NAL_SLICE && nal[i].i_type != NAL_SLICE_IDR)
			continue;
		NEED(s->n_nals < CLIP_VIDEO_NALS);
		s->data = realloc(s->data, s->size + nal[i].i_payload);
		NEED(s->data);
		memcpy(s->data + s->size, nal[i].p_payload, nal[i].i_payload);
		s->size += nal[i].i_payload;
		s->nal_size[s->n_nals++] = nal[i].i_payload;
	}
	NEED(s->n_nals);
}

void clip_video_make(struct clip_video *v, unsigned int width, unsigned int height, unsigned int n,
		     unsigned int gop, unsigned int slices)
{
	x264_picture_t in, out;
	x264_t *x;

	*v = (struct clip_video) { .width = width, .height = height, .n = n };
	v->samples = calloc(n, sizeof(*v->samples));
	NEED(v->samples);
	x = encoder_start(v, gop, slices);
	read_params(&v->params, x);
	NEED(!x264_picture_alloc(&in, X264_CSP_I420, width, height));
	for (unsigned int t = 0; t < n; t++) {
		x264_nal_t *nal;
		int count;

		draw(&in, v, t);
		in.i_pts = t;
		NEED(x264_encoder_encode(x, &nal, &count, &in, &out) > 0);
		take_sample(&v->samples[t], nal, count, out.b_keyframe);
	}
	x264_picture_clean(&in);
	x264_encoder_close(x);
}

static bool put_unit(FILE *f, const uint8_t *unit, size_t len)
{
	static const uint8_t start[4] = { 0, 0, 0, 1 };

	return fwrite(start, 1, 4, f) == 4 && fwrite(unit, 1, len, f) == len;
}

int clip_video_save(const struct clip_video *v, const char *path)
{
	FILE *f = fopen(path, "we");
	bool ok = f;

	ok = ok && put_unit(f, v->params.sps, v->params.sps_len) &&
	     put_unit(f, v->params.pps, v->params.pps_len);
	for (unsigned int i = 0; i < v->n; i++) {
		const struct clip_video_sample *s = &v->samples[i];
		const uint8_t *at = s->data;

		for (int j = 0; j < s->n_nals; at += s->nal_size[j++])
			ok = ok && put_unit(f, at + 4, s->nal_size[j] - 4);
	}
	if (f && fclose(f))
		ok = false;
	return ok ? 0 : -EIO;
}

void clip_video_release(struct clip_video *v)
{
	for (unsigned int i = 0; i < v->n; i++)
		free(v->samples[i].data);
	free(v->samples);
	*v = (struct clip_video) { 0 };
}
