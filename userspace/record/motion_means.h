/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Means of 8x8 blocks of luma: the only pass of motion detection that touches payload, each luma
 * byte once. One scalar reference, and paths for what processors offer, all equal bit for bit.
 */
#ifndef OWNFRAME_MOTION_MEANS_H
#define OWNFRAME_MOTION_MEANS_H

#include "frame.h"

#define MOTION_BLOCK 8 /* pixels; a rest at the right or lower edge is not looked at */

/*
 * Means of @columns blocks from the eight lines that begin at @lines and lie @stride bytes apart, in
 * 64ths of a grey level (which is the sum of their pixels, so nothing is rounded away). Nothing before
 * or behind the pixels of these blocks is read.
 */
struct motion_means_path {
	const char *name;
	bool (*offered)(void); /* by this processor */
	/* one byte a pixel */
	void (*plane)(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns);
	/* two bytes a pixel, of which luma is the first (@luma_offset 0) or the second (1) */
	void (*packed)(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns,
		       uint32_t luma_offset);
};

/* Those that were built, NULL-terminated: the scalar reference first, the widest last. */
extern const struct motion_means_path *const motion_means_paths[];
/* The widest that this processor offers; asked once, before the first frame. */
const struct motion_means_path *motion_means_best(void);

/* Of a whole frame, row by row: (width / 8) * (height / 8) values. */
void motion_means(const struct motion_means_path *path, uint16_t *means, const uint8_t *data,
		  const struct frame_format *format);

/* The paths, where they were built. */
extern const struct motion_means_path motion_means_scalar, motion_means_sse2, motion_means_avx2,
	motion_means_avx512, motion_means_neon;

#endif
