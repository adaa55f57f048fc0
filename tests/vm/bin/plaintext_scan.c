// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plaintext_scan [-s STREAM]... [-b FILE]... TARGET...: looks for plaintext where none may be.
 *
 * STREAM is H.264 as a byte stream (ffmpeg -c copy -f h264): of its slices everything after the NAL
 * header is plaintext that a clip encrypts. FILE is plaintext as a whole, such as a thumbnail. A target
 * is a file or a disk. Reported is every place of a target where 16 bytes stand that also stand
 * somewhere in the plaintext, at any offset in both; runs with fewer than 8 different values are left
 * out, since zeros and the like are everywhere.
 *
 * Exit status 0: nothing found; 1: found, the first places are said; 2: could not look, or there was
 * nothing to look for.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h264.h"
#include "scope.h"

#define WINDOW	   16
#define VALUES_MIN 8
#define BLOCK	   (1u << 20)
#define PAGE	   4096u

struct window {
	uint64_t a, b;
};

/* A set of windows: a hash table, and before it a bitmap that says no quickly. */
struct plaintext {
	struct window *table;
	uint64_t *bitmap;
	size_t mask; /* entries of the table - 1; the bitmap has eight bits for each */
	size_t n;
	struct window *list; /* while it is gathered */
	size_t n_list, cap;
};

static void *must(void *memory)
{
	if (!memory) {
		fputs("plaintext_scan: out of memory\n", stderr);
		exit(2);
	}
	return memory;
}

static uint64_t window_hash(const struct window *w)
{
	uint64_t h = (w->a ^ (w->b << 31 | w->b >> 33)) * 0x9e3779b97f4a7c15u;

	return h ^ h >> 29;
}

static bool window_counts(const uint8_t *p)
{
	uint64_t seen[4] = { 0 };
	int n = 0;

	for (int i = 0; i < WINDOW; i++)
		seen[p[i] >> 6] |= 1ull << (p[i] & 63);
	for (int i = 0; i < 4; i++)
		n += __builtin_popcountll(seen[i]);
	return n >= VALUES_MIN;
}

/* --- what to look for --------------------------------------------------------------------------- */

static void plaintext_add(struct plaintext *p, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + WINDOW <= len; i++) {
		if (!window_counts(data + i))
			continue;
		if (p->n_list == p->cap) {
			p->cap = p->cap ? p->cap * 2 : 1 << 16;
			p->list = must(realloc(p->list, p->cap * sizeof(*p->list)));
		}
		memcpy(&p->list[p->n_list++], data + i, WINDOW);
	}
}

static bool is_slice(uint8_t header)
{
	return h264_nal_type(header) == H264_NAL_SLICE || h264_nal_type(header) == H264_NAL_IDR;
}

/* The NAL units between start codes (ITU-T H.264 annex B), of which the slices are taken. */
static void plaintext_add_stream(struct plaintext *p, const uint8_t *data, size_t len)
{
	static const uint8_t start[] = { 0, 0, 1 };
	const uint8_t *end = data + len, *nal = memmem(data, len, start, sizeof(start));

	while (nal) {
		const uint8_t *next;

		nal += sizeof(start);
		next = memmem(nal, end - nal, start, sizeof(start));
		if (nal < end && is_slice(*nal))
			plaintext_add(p, nal + 1, (next ? next : end) - nal - 1);
		nal = next;
	}
}

static bool plaintext_has(const struct plaintext *p, const struct window *w, uint64_t hash)
{
	for (size_t i = hash & p->mask; p->table[i].a | p->table[i].b; i = (i + 1) & p->mask)
		if (p->table[i].a == w->a && p->table[i].b == w->b)
			return true;
	return false;
}

/* No window is all zeros, so that can mark what is free. */
static void plaintext_index(struct plaintext *p)
{
	size_t size = 1 << 16;

	while (size < p->n_list * 2)
		size *= 2;
	p->mask = size - 1;
	p->table = must(calloc(size, sizeof(*p->table)));
	p->bitmap = must(calloc(size / 8, sizeof(*p->bitmap)));
	for (size_t k = 0; k < p->n_list; k++) {
		uint64_t hash = window_hash(&p->list[k]), bit = hash >> 20 & (size * 8 - 1);
		size_t i = hash & p->mask;

		if (plaintext_has(p, &p->list[k], hash))
			continue;
		while (p->table[i].a | p->table[i].b)
			i = (i + 1) & p->mask;
		p->table[i] = p->list[k];
		p->bitmap[bit / 64] |= 1ull << bit % 64;
		p->n++;
	}
	free(p->list);
	p->list = NULL;
}

static void plaintext_read(struct plaintext *p, const char *path, bool stream)
{
	SCOPE_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPE_FREE uint8_t *data = NULL;
	size_t len = 0;
	ssize_t n = fd;

	while (n >= 0) {
		data = must(realloc(data, len + BLOCK));
		n = read(fd, data + len, BLOCK);
		if (n <= 0)
			break;
		len += n;
	}
	if (n < 0) {
		perror(path);
		exit(2);
	}
	if (stream)
		plaintext_add_stream(p, data, len);
	else
		plaintext_add(p, data, len);
}

/* --- where to look ------------------------------------------------------------------------------ */

static bool is_zero(const uint8_t *data, size_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/* Look at the windows that begin in the first @n bytes; 15 more can be read. */
static unsigned int scan_bytes(const struct plaintext *p, const uint8_t *data, size_t n,
			       uint64_t offset, const char *path)
{
	unsigned int found = 0;

	for (size_t i = 0; i < n; i++) {
		struct window w;
		uint64_t hash, bit;

		if (i % PAGE == 0 && n - i >= PAGE && is_zero(data + i, PAGE)) {
			i += PAGE - WINDOW; /* the last windows reach into the next page */
			continue;
		}
		memcpy(&w, data + i, WINDOW);
		hash = window_hash(&w);
		bit = hash >> 20 & (p->mask * 8 + 7);
		if (!(p->bitmap[bit / 64] >> bit % 64 & 1) || !plaintext_has(p, &w, hash))
			continue;
		if (!found++)
			printf("%s: plaintext at byte %llu\n", path,
			       (unsigned long long)(offset + i));
	}
	return found;
}

static uint64_t scan(const struct plaintext *p, const char *path, uint64_t *scanned)
{
	SCOPE_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPE_FREE uint8_t *data = must(malloc(BLOCK + WINDOW));
	uint64_t offset = 0, found = 0;
	size_t kept = 0;
	ssize_t n = fd;

	while (n >= 0) {
		n = read(fd, data + kept, BLOCK - kept);
		if (n <= 0)
			break;
		*scanned += n;
		kept += n;
		if (kept < WINDOW)
			continue;
		found += scan_bytes(p, data, kept - WINDOW + 1, offset, path);
		offset += kept - WINDOW + 1;
		memmove(data, data + kept - WINDOW + 1, WINDOW - 1);
		kept = WINDOW - 1;
	}
	if (n < 0) {
		perror(path);
		exit(2);
	}
	return found;
}

int main(int argc, char **argv)
{
	struct plaintext p = { 0 };
	uint64_t scanned = 0, found = 0;
	int option;

	while ((option = getopt(argc, argv, "s:b:")) != -1) {
		if (option == '?')
			return 2;
		plaintext_read(&p, optarg, option == 's');
	}
	plaintext_index(&p);
	if (!p.n || optind == argc) {
		fputs("plaintext_scan: nothing to look for, or nowhere to look\n", stderr);
		return 2;
	}
	for (int i = optind; i < argc; i++)
		found += scan(&p, argv[i], &scanned);
	printf("%zu windows of plaintext, %llu bytes looked at, %llu found\n", p.n,
	       (unsigned long long)scanned, (unsigned long long)found);
	free(p.table);
	free(p.bitmap);
	return found ? 1 : 0;
}
