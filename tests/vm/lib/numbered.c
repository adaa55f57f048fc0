// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Drawing numbered frames and reading them back, together because they are one code. The one thing
 * to know: a cell is read in its middle only, where the encoder's blur does not reach.
 */
#include "numbered.h"

#define DARK   40
#define BRIGHT 215
#define MARGIN 4 /* pixels of a cell that are not read */

static uint8_t *sample(const struct numbered_luma *luma, uint32_t x, uint32_t y)
{
	return luma->data + (uint64_t)y * luma->stride + (uint64_t)x * luma->step;
}

void numbered_wall(const struct numbered_luma *luma)
{
	for (uint32_t y = 0; y < luma->height; y++)
		for (uint32_t x = 0; x < luma->width; x++)
			*sample(luma, x, y) =
				70 + x * 60 / luma->width + ((x / 20 + y / 20) % 2 ? 20 : 0);
}

void numbered_square(const struct numbered_luma *luma, uint32_t x0, uint32_t y0, uint32_t size)
{
	for (uint32_t y = y0; y < y0 + size && y < luma->height; y++)
		for (uint32_t x = x0; x < x0 + size && x < luma->width; x++)
			*sample(luma, x, y) += 60;
}

static void cell_draw(const struct numbered_luma *luma, uint32_t x0, uint32_t y0, bool bright)
{
	for (uint32_t y = 0; y < NUMBERED_CELL; y++)
		for (uint32_t x = 0; x < NUMBERED_CELL; x++)
			*sample(luma, x0 + x, y0 + y) = bright ? BRIGHT : DARK;
}

/* 0 or 1, or -1 if it is neither dark nor bright. */
static int cell_read(const struct numbered_luma *luma, uint32_t x0, uint32_t y0)
{
	uint32_t sum = 0, n = NUMBERED_CELL - 2 * MARGIN;

	for (uint32_t y = MARGIN; y < MARGIN + n; y++)
		for (uint32_t x = MARGIN; x < MARGIN + n; x++)
			sum += *sample(luma, x0 + x, y0 + y);
	sum /= n * n;
	if (sum > DARK + 40 && sum < BRIGHT - 40)
		return -1;
	return sum > (DARK + BRIGHT) / 2;
}

void numbered_write(const struct numbered_luma *luma, uint32_t number)
{
	for (uint32_t i = 0; i < NUMBERED_BITS; i++) {
		bool bit = number >> i & 1;

		cell_draw(luma, i * NUMBERED_CELL, 0, bit);
		cell_draw(luma, i * NUMBERED_CELL, luma->height - NUMBERED_CELL, !bit);
	}
}

bool numbered_read(const struct numbered_luma *luma, uint32_t *number)
{
	*number = 0;
	for (uint32_t i = 0; i < NUMBERED_BITS; i++) {
		int top = cell_read(luma, i * NUMBERED_CELL, 0);
		int bottom = cell_read(luma, i * NUMBERED_CELL, luma->height - NUMBERED_CELL);

		if (top < 0 || bottom < 0 || top == bottom)
			return false;
		*number |= (uint32_t)top << i;
	}
	return true;
}
