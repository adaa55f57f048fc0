// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looks for pages of frames.
 *
 * The one thing to know: a page is known by 64 bytes from its middle, which are different in every
 * page of every frame.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "camera.h"
#include "found.h"

#define CHUNK  (1 << 20)
#define SAMPLE 64
#define AT     (FOUND_PAGE / 2)

static const uint8_t *frame_of(uint32_t number, size_t length)
{
	static uint32_t last_number;
	static size_t last_length;
	static uint8_t *frame;

	if (frame && last_number == number && last_length == length)
		return frame;
	free(frame);
	frame = malloc(length);
	CHECK(frame);
	frame_fill(frame, length, number);
	last_number = number;
	last_length = length;
	return frame;
}

int found_in_page(const void *page, uint32_t number, size_t length)
{
	const uint8_t *frame = frame_of(number, length);

	for (size_t at = AT; at + SAMPLE <= length; at += FOUND_PAGE)
		if (memcmp((const uint8_t *)page + AT, frame + at, SAMPLE) == 0)
			return 1;
	return 0;
}

unsigned int found_in_file(const char *path, int flags, uint32_t number, size_t length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	uint8_t *chunk = aligned_alloc(FOUND_PAGE, CHUNK);
	unsigned int found = 0;
	ssize_t got;

	CHECK(fd >= 0 && chunk);
	while ((got = read(fd, chunk, CHUNK)) > 0)
		for (ssize_t at = 0; at + FOUND_PAGE <= got; at += FOUND_PAGE)
			found += found_in_page(chunk + at, number, length);
	CHECK(got == 0);
	close(fd);
	free(chunk);
	return found;
}
