/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames where they must not be: in a core dump, on a swap device, in free memory.
 */
#ifndef TESTS_FOUND_H
#define TESTS_FOUND_H

#include <stddef.h>
#include <stdint.h>

#define FOUND_PAGE 4096

/* Is this page one of frame NUMBER, made by frame_fill() with so many bytes? */
int found_in_page(const void *page, uint32_t number, size_t length);

/*
 * How many pages of a file are pages of frame NUMBER. They are looked for at multiples of the page
 * size, as core dumps and swap have them. FLAGS: of open().
 */
unsigned int found_in_file(const char *path, int flags, uint32_t number, size_t length);

#endif /* TESTS_FOUND_H */
