// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The scalar reference of the block means, and the choice among the paths. Apart from those, which
 * need instructions that not every processor has. The one thing to know: a mean is the sum of 64
 * pixels, at most 16320, so that no path can round or overflow.
 */
#include "motion_means.h"

static bool scalar_offered(void)
{
	return true;
}

static void scalar_means(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns,
			 uint32_t luma_step)
{
	for (uint32_t column = 0; column < columns; column++) {
		const uint8_t *block = lines + (size_t)column * MOTION_BLOCK * luma_step;
		uint16_t sum = 0;

		for (uint32_t y = 0; y < MOTION_BLOCK; y++)
			for (uint32_t x = 0; x < MOTION_BLOCK; x++)
				sum += block[y * stride + x * luma_step];
		means[column] = sum;
	}
}

static void scalar_plane(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns)
{
	scalar_means(means, lines, stride, columns, 1);
}

static void scalar_packed(uint16_t *means, const uint8_t *lines, size_t stride, uint32_t columns,
			  uint32_t luma_offset)
{
	scalar_means(means, lines + luma_offset, stride, columns, 2);
}

const struct motion_means_path motion_means_scalar = {
	.name = "scalar",
	.offered = scalar_offered,
	.plane = scalar_plane,
	.packed = scalar_packed,
};

const struct motion_means_path *const motion_means_paths[] = {
	&motion_means_scalar,
#ifdef __x86_64__
	&motion_means_sse2,
	&motion_means_avx2,
	&motion_means_avx512,
#endif
#ifdef __aarch64__
	&motion_means_neon,
#endif
	NULL,
};

const struct motion_means_path *motion_means_best(void)
{
	const struct motion_means_path *best = NULL;

	for (size_t i = 0; motion_means_paths[i]; i++)
		if (motion_means_paths[i]->offered())
			best = motion_means_paths[i];
	return best;
}

void motion_means(const struct motion_means_path *path, uint16_t *means, const uint8_t *data,
		  const struct frame_format *format)
{
	uint32_t columns = format->width / MOTION_BLOCK, rows = format->height / MOTION_BLOCK;
	size_t stride = format->stride;

	for (uint32_t row = 0; row < rows; row++, means += columns, data += MOTION_BLOCK * stride)
		if (format->luma_step == 1)
			path->plane(means, data + format->luma_offset, stride, columns);
		else
			path->packed(means, data, stride, columns, format->luma_offset);
}
