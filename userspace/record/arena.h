/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arena: all memory that pictures pass through, made once. Slots hold one captured frame each;
 * runs hold one fragment of a clip each, metadata block and packed samples, and are what is written
 * from. Locked, registered with the ring, in no core dump and in no child.
 */
#ifndef OWNFRAME_RECORD_ARENA_H
#define OWNFRAME_RECORD_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define ARENA_REGION	  (1ull << 30) /* io_uring registers at most this much as one buffer */
#define ARENA_REGIONS_MAX 64

struct arena_plan {
	size_t slot_size; /* bytes of a frame */
	uint32_t n_slots;
	size_t run_size; /* bytes of a run */
	uint32_t n_runs;
	size_t align; /* of slots and runs: the block of the clips, a power of two >= a page */
};

struct arena {
	uint8_t *base;
	size_t size; /* bytes mapped */
	struct iovec regions[ARENA_REGIONS_MAX]; /* whole arena, in pieces of ARENA_REGION */
	unsigned int n_regions;
	uint8_t **slots;
	uint8_t **runs;
	struct arena_plan plan;
	uint32_t *free; /* slots that nobody has; main thread only */
	uint32_t n_free;
};

/* Up to a multiple. */
static inline size_t arena_round(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Bytes that arena_init() will map for @plan: slots and runs aligned, none across two regions. */
size_t arena_size(const struct arena_plan *plan);

/* 0; -ENOMEM, also when it cannot be locked; -E2BIG: more than ARENA_REGIONS_MAX regions. */
int arena_init(struct arena *a, const struct arena_plan *plan);
void arena_exit(struct arena *a);

/* Index of the registered buffer that @p is in. */
int arena_region(const struct arena *a, const void *p);

/* A free slot, or -1. */
int arena_take(struct arena *a);
void arena_give(struct arena *a, uint32_t slot);

/*
 * Memory for keys: zeroed, in no core dump, in no child; wiped when freed. NULL when out of memory.
 * Whole pages: for few things.
 */
void *secret_new(size_t size);
void secret_free(void *p, size_t size);

#endif
