/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A captured frame, as the parts of the recorder pass it around: by reference, never copied. */
#ifndef OWNFRAME_FRAME_H
#define OWNFRAME_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pixels of a side: what 4:2:0 and the encoder can take. Both sides must be even. */
#define FRAME_SIDE_MIN 16u
#define FRAME_SIDE_MAX 16384u

/* Memory layout of the camera's frames, from V4L2's v4l2_pix_format. */
struct frame_format {
	uint32_t fourcc; /* V4L2_PIX_FMT_* */
	uint32_t width, height; /* pixels */
	uint32_t stride; /* bytes of a line of the first plane */
	uint32_t size; /* sizeimage, bytes */
	uint32_t luma_offset; /* byte of the first luma sample in a line: 0, UYVY 1 */
	uint32_t luma_step; /* bytes from one luma sample to the next: 1, packed 4:2:2 2 */
};

struct frame {
	uint8_t *data; /* in the arena */
	uint32_t slot; /* which arena slot that is */
	uint32_t sequence; /* V4L2's, the camera's frame number */
	uint64_t timestamp_us; /* CLOCK_MONOTONIC, when it was captured */
};

/*
 * The formats that can be recorded, in the order of preference: NV12, YU12, NV21, YUYV, UYVY. Fills
 * everything from width, height, stride and size; -EINVAL if @fourcc is not one of them or the
 * numbers do not fit together.
 */
int frame_format_init(struct frame_format *f, uint32_t fourcc, uint32_t width, uint32_t height,
		      uint32_t stride, uint32_t size);
extern const uint32_t frame_formats[]; /* 0-terminated */

/* Where the samples of one component lie in a frame. */
struct frame_component {
	size_t offset; /* byte of the first sample in the frame */
	uint32_t stride; /* bytes from one line of samples to the next */
	uint32_t step; /* bytes from one sample to the next in a line */
	uint32_t width, height; /* samples */
};

enum frame_component_name {
	FRAME_Y,
	FRAME_CB,
	FRAME_CR
};

void frame_component(struct frame_component *c, const struct frame_format *f,
		     enum frame_component_name name);

#endif
