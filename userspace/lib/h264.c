// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parameter sets of H.264 as an MP4 file carries them. Apart from the layout because it is the only
 * place that looks into a NAL unit. The one thing to know: the record repeats three numbers that
 * lie Exp-Golomb coded inside the SPS, so the SPS is read that far and no further.
 */
#include "h264.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Bits of a raw byte sequence payload: emulation prevention bytes are skipped (7.4.1). */
struct bit_reader {
	const uint8_t *data;
	size_t len, at; /* bytes */
	unsigned int bit; /* already taken of data[at] */
	unsigned int zeros; /* zero bytes just passed */
	bool bad;
};

static unsigned int bit(struct bit_reader *r)
{
	unsigned int value;

	if (!r->bit && r->zeros >= 2 && r->at < r->len && r->data[r->at] == 3) {
		r->at++;
		r->zeros = 0;
	}
	if (r->at >= r->len) {
		r->bad = true;
		return 0;
	}
	value = (r->data[r->at] >> (7 - r->bit)) & 1;
	if (++r->bit == 8) {
		r->zeros = r->data[r->at] ? 0 : r->zeros + 1;
		r->bit = 0;
		r->at++;
	}
	return value;
}

/* ue(v), 9.1 */
static uint32_t exp_golomb(struct bit_reader *r)
{
	unsigned int zeros = 0;
	uint32_t value = 0;

	while (!bit(r) && !r->bad)
		if (++zeros > 31)
			r->bad = true;
	for (unsigned int i = 0; i < zeros && !r->bad; i++)
		value = value << 1 | bit(r);
	return r->bad ? 0 : (UINT32_C(1) << zeros) - 1 + value;
}

struct chroma {
	uint32_t format, luma_depth, chroma_depth; /* depths minus 8 */
};

/* The beginning of seq_parameter_set_data() of the profiles that carry these, 7.3.2.1.1. */
static int read_chroma(struct chroma *c, const struct h264_params *p)
{
	struct bit_reader r = { .data = p->sps + 4, .len = p->sps_len - 4 };

	exp_golomb(&r); /* seq_parameter_set_id */
	c->format = exp_golomb(&r);
	if (c->format == 3)
		bit(&r); /* separate_colour_plane_flag */
	c->luma_depth = exp_golomb(&r);
	c->chroma_depth = exp_golomb(&r);
	return r.bad || c->format > 3 || c->luma_depth > 6 || c->chroma_depth > 6 ? -EINVAL : 0;
}

static bool params_valid(const struct h264_params *p)
{
	return p->sps_len >= 5 && p->sps_len <= sizeof(p->sps) && p->pps_len >= 2 &&
	       p->pps_len <= sizeof(p->pps) && h264_nal_type(p->sps[0]) == H264_NAL_SPS &&
	       h264_nal_type(p->pps[0]) == H264_NAL_PPS;
}

/* Baseline, Main and Extended have 4:2:0 at 8 bits and no extension in the record. */
static bool profile_has_chroma(uint8_t profile_idc)
{
	return profile_idc != 66 && profile_idc != 77 && profile_idc != 88;
}

int h264_avcc(uint8_t *out, size_t cap, const struct h264_params *p)
{
	struct chroma chroma;
	bool extended;
	uint8_t *at = out;

	if (!params_valid(p))
		return -EINVAL;
	extended = profile_has_chroma(p->sps[1]);
	if (extended && read_chroma(&chroma, p))
		return -EINVAL;
	if (cap < H264_AVCC_FIXED + p->sps_len + p->pps_len + (extended ? H264_AVCC_EXTENSION : 0))
		return -ENOSPC;
	*at++ = 1; /* configurationVersion */
	memcpy(at, p->sps + 1, 3); /* profile, constraints, level */
	at += 3;
	*at++ = 0xfc | 3; /* lengthSizeMinusOne */
	*at++ = 0xe0 | 1; /* one SPS */
	*at++ = p->sps_len >> 8;
	*at++ = p->sps_len & 0xff;
	at = (uint8_t *)memcpy(at, p->sps, p->sps_len) + p->sps_len;
	*at++ = 1; /* one PPS */
	*at++ = p->pps_len >> 8;
	*at++ = p->pps_len & 0xff;
	at = (uint8_t *)memcpy(at, p->pps, p->pps_len) + p->pps_len;
	if (extended) {
		*at++ = 0xfc | chroma.format;
		*at++ = 0xf8 | chroma.luma_depth;
		*at++ = 0xf8 | chroma.chroma_depth;
		*at++ = 0; /* no SPS extension */
	}
	return at - out;
}

int h264_avcc_read(struct h264_params *p, const uint8_t *data, size_t len)
{
	uint8_t again[H264_AVCC_MAX];
	size_t sps, pps;
	int n;

	if (len < H264_AVCC_FIXED)
		return -EBADMSG;
	sps = (size_t)data[6] << 8 | data[7];
	if (sps > sizeof(p->sps) || len < H264_AVCC_FIXED + sps)
		return -EBADMSG;
	pps = (size_t)data[9 + sps] << 8 | data[10 + sps];
	if (pps > sizeof(p->pps) || len < H264_AVCC_FIXED + sps + pps)
		return -EBADMSG;
	memset(p, 0, sizeof(*p));
	p->sps_len = sps;
	p->pps_len = pps;
	memcpy(p->sps, data + 8, sps);
	memcpy(p->pps, data + 11 + sps, pps);
	n = h264_avcc(again, sizeof(again), p);
	return n >= 0 && (size_t)n == len && !memcmp(again, data, len) ? 0 : -EBADMSG;
}

void h264_codec_string(char out[12], const struct h264_params *p)
{
	snprintf(out, 12, "avc1.%02x%02x%02x", p->sps[1], p->sps[2], p->sps[3]);
}
