/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * H.264 by libx264 into memory of the caller's: each NAL unit is written where the clip will be
 * sealed and written from (x264's nalu_process), length-prefixed, slices only, one slice a frame, no
 * B-frames, no frame threads, no delay: one frame in, one sample out. One thread at a time.
 */
#ifndef OWNFRAME_ENCODER_H
#define OWNFRAME_ENCODER_H

#include "frame.h"
#include "h264.h"

struct encoder_config {
	uint64_t bitrate_kbit; /* average; 0: constant quality */
	uint64_t quality; /* CRF 0..51 when bitrate is 0 */
	int preset; /* index into encoder_presets */
	uint32_t fps_num, fps_den; /* nominal rate, for rate control only */
};

extern const char *const encoder_presets[]; /* "ultrafast", ..., NULL */

struct encoder;

struct encoder_sample {
	uint32_t size; /* bytes written */
	bool sync; /* IDR */
	uint16_t n_nals; /* NAL units, one subsample each; 1 with our settings */
	uint32_t nal_size[4]; /* with the 4-byte length */
};

struct encoder *encoder_new(const struct frame_format *format, const struct encoder_config *cfg);
void encoder_free(struct encoder *e);
/* SPS and PPS; fixed for the encoder's life. */
void encoder_params(const struct encoder *e, struct h264_params *params);
/* Most bytes one sample can have: what @cap must be at least for encoder_encode(). */
size_t encoder_sample_max(const struct encoder *e);
/*
 * Encode @frame into @out of @cap bytes. @sync: make it an IDR. YUYV and UYVY are converted to 4:2:0
 * on the way in (one pass, counted by the caller as a copy). 0, -ENOSPC, or -EIO.
 */
int encoder_encode(struct encoder *e, const struct frame *frame, bool sync, uint8_t *out,
		   size_t cap, struct encoder_sample *sample);
/* True if the format is converted, see above. */
bool encoder_converts(const struct encoder *e);

#endif
