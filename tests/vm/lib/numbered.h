/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames whose number is a part of the picture, drawn so large that it survives H.264: what comes out
 * of a clip can be compared with what was in front of the camera, frame by frame.
 *
 * The number stands twice, in a row of cells at the top edge and, inverted, in one at the bottom edge,
 * so that a torn picture is noticed. A recorder that shall not take it for motion excludes both.
 */
#ifndef TESTS_NUMBERED_H
#define TESTS_NUMBERED_H

#include <stdbool.h>
#include <stdint.h>

#define NUMBERED_CELL	 16 /* pixels */
#define NUMBERED_BITS	 16 /* cells; frames are numbered from 0 to 65535 */
#define NUMBERED_ROW_MIN (NUMBERED_CELL * NUMBERED_BITS)

/* The luma of a picture, as it lies in a buffer. */
struct numbered_luma {
	uint8_t *data; /* the first sample */
	uint32_t width, height; /* pixels; at least NUMBERED_ROW_MIN wide */
	uint32_t stride, step; /* bytes from line to line, from sample to sample */
};

/* A still wall with a little texture. */
void numbered_wall(const struct numbered_luma *luma);
/* A square of @size pixels, brighter than what is behind it. */
void numbered_square(const struct numbered_luma *luma, uint32_t x, uint32_t y, uint32_t size);
void numbered_write(const struct numbered_luma *luma, uint32_t number);
/* False: there is no number to be read. */
bool numbered_read(const struct numbered_luma *luma, uint32_t *number);

#endif
