/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * H.264 by libx264 into memory of the caller's: each NAL unit is written where the clip will be
 * sealed and written from (x264's nalu_process), length-prefixed, slices only, one slice a frame, no
 * B-frames, no frame threads, no delay: one frame in, one sample out. One thread at a time.
 *
 * Sync samples come when they are asked for and at no other time. Colours are said to be BT.601 (the
 * matrix that V4L2 gives cameras by default), limited range.
 */
#ifndef OWNFRAME_ENCODER_H
#define OWNFRAME_ENCODER_H

#include "frame.h"
#include "h264.h"

struct encoder_config {
	uint64_t bitrate_kbit; /* average; 0: constant quality */
	uint64_t quality; /* CRF 1..51 when bitrate is 0 */
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

/* NULL, logged: the settings are none that libx264 takes, or there is no memory. */
struct encoder *encoder_new(const struct frame_format *format, const struct encoder_config *cfg);
void encoder_free(struct encoder *e);
/* SPS and PPS; fixed for the encoder's life. */
void encoder_params(const struct encoder *e, struct h264_params *params);
/*
 * With this @cap encoder_encode() cannot run out of space, even for noise: 2.5 times the size of the
 * raw 4:2:0 picture, of which libx264 asks a third for itself. Real pictures take a tenth and less, so
 * a smaller @cap is sensible: what it risks is -ENOSPC.
 */
size_t encoder_sample_max(const struct encoder *e);
/*
 * Encode @frame into @out of @cap bytes. @sync: make it an IDR. YUYV and UYVY are converted to 4:2:0
 * on the way in (one pass, counted by the caller as a copy). Of @out, bytes beyond the sample may be
 * overwritten, with what is no part of it.
 *
 * 0; -ENOSPC: @cap was too small for this frame, which is lost; -EIO: libx264 failed, the frame is
 * lost. After an error the next sample is an IDR whether asked for or not.
 */
int encoder_encode(struct encoder *e, const struct frame *frame, bool sync, uint8_t *out,
		   size_t cap, struct encoder_sample *sample);
/* True if the format is converted, see above. */
bool encoder_converts(const struct encoder *e);

#endif
