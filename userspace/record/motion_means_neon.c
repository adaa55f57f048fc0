// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The block means with NEON, which every arm64 has. Blocks that do not fill a step are left to the
 * scalar reference. The one thing to know: pairs of bytes add up in 16-bit lanes over all eight lines
 * (4080 at most) before they are widened.
 */
#ifdef __aarch64__

#include "motion_means.h"

#include <arm_neon.h>

static bool neon_offered(void)
{
	return true;
}

/* Sums of pairs of bytes over eight lines of 16. */
static inline uint16x8_t neon_plane_pairs(const uint8_t *from, size_t stride)
{
	uint16x8_t pairs = vdupq_n_u16(0);

	for (size_t y = 0; y < MOTION_BLOCK; y++)
		pairs = vpadalq_u8(pairs, vld1q_u8(from + y * stride));
	return pairs;
}

/* The same of the luma among 32 bytes. */
static inline uint16x8_t neon_packed_pairs(const uint8_t *from, size_t stride, uint32_t luma_offset)
{
	uint16x8_t pairs = vdupq_n_u16(0);

	for (size_t y = 0; y < MOTION_BLOCK; y++) {
		uint8x16x2_t line = vld2q_u8(from + y * stride);

		pairs = vpadalq_u8(pairs, luma_offset ? line.val[1] : line.val[0]);
	}
	return pairs;
}

/* Four means, each the sum of four pairs. */
static inline void neon_store(uint16_t *means, uint16x8_t a, uint16x8_t b)
{
	uint16x8_t fours = vpaddq_u16(a, b);

	vst1_u16(means, vget_low_u16(vpaddq_u16(fours, fours)));
}

static void neon_plane(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns)
{
	for (; columns >= 4; columns -= 4, means += 4, lines += 32)
		neon_store(means, neon_plane_pairs(lines, stride),
			   neon_plane_pairs(lines + 16, stride));
	motion_means_scalar.plane(means, lines, stride, columns);
}

static void neon_packed(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns,
			uint32_t luma_offset)
{
	for (; columns >= 4; columns -= 4, means += 4, lines += 64)
		neon_store(means, neon_packed_pairs(lines, stride, luma_offset),
			   neon_packed_pairs(lines + 32, stride, luma_offset));
	motion_means_scalar.packed(means, lines, stride, columns, luma_offset);
}

const struct motion_means_path motion_means_neon = {
	.name = "neon",
	.offered = neon_offered,
	.plane = neon_plane,
	.packed = neon_packed,
};

#endif
