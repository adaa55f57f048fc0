// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * read_numbers WIDTH HEIGHT: the numbers of the frames in a stream of raw yuv420p pictures on stdin,
 * one a line. Fails at the first picture without one.
 *
 *	ffmpeg -i clip.mp4 -fps_mode passthrough -f rawvideo -pix_fmt yuv420p - | read_numbers 320 240
 */
#include <stdio.h>
#include <stdlib.h>

#include "numbered.h"

int main(int argc, char **argv)
{
	uint32_t width = argc > 2 ? atoi(argv[1]) : 0, height = argc > 2 ? atoi(argv[2]) : 0;
	size_t size = (size_t)width * height * 3 / 2;
	uint8_t *picture = malloc(size);
	struct numbered_luma luma = { picture, width, height, width, 1 };
	uint32_t number;

	if (!picture || width < NUMBERED_ROW_MIN || height < 2 * NUMBERED_CELL) {
		fputs("usage: read_numbers WIDTH HEIGHT <pictures\n", stderr);
		return 2;
	}
	while (fread(picture, size, 1, stdin)) {
		if (!numbered_read(&luma, &number)) {
			fputs("a picture without a number\n", stderr);
			return 1;
		}
		printf("%u\n", number);
	}
	free(picture);
	return 0;
}
