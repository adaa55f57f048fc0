/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of H.264 (ITU-T H.264 7.3, ISO/IEC 14496-15 5.3.3) the clip format needs: no decoding. */
#ifndef OWNFRAME_H264_H
#define OWNFRAME_H264_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h264_nal {
	H264_NAL_SLICE = 1,
	H264_NAL_IDR = 5,
	H264_NAL_SEI = 6,
	H264_NAL_SPS = 7,
	H264_NAL_PPS = 8
};

static inline unsigned int h264_nal_type(uint8_t header)
{
	return header & 0x1f;
}

struct h264_params {
	uint8_t sps[256], pps[256]; /* NAL units without start code or length */
	size_t sps_len, pps_len;
};

#define H264_AVCC_FIXED	    11u /* bytes of the record beside the parameter sets */
#define H264_AVCC_EXTENSION 4u /* chroma format and bit depths */
#define H264_AVCC_MAX	    (H264_AVCC_FIXED + 2 * 256u + H264_AVCC_EXTENSION)

/*
 * The AVCDecoderConfigurationRecord (body of avcC) for @p, 4-byte lengths. Returns its size or
 * -ENOSPC / -EINVAL. Includes the high-profile extension where the profile asks for it.
 */
int h264_avcc(uint8_t *out, size_t cap, const struct h264_params *p);

/* Read the record back: -EBADMSG for anything but what h264_avcc() makes. */
int h264_avcc_read(struct h264_params *p, const uint8_t *data, size_t len);

/* "avc1.64001f" from the SPS (RFC 6381 3.3). */
void h264_codec_string(char out[12], const struct h264_params *p);

#endif
