// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One mapping cut into slots and runs. Separate because its layout must suit three others: V4L2
 * (pages), direct I/O (blocks) and io_uring (no write across two registered regions).
 * The one thing to know: a slot is free, or exactly one of driver, pre-roll and encoder has it.
 */
#include "arena.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE (2ull << 20)

/* Where a piece of @size bytes goes, at @at or, if it would cross, at the next region. */
static size_t place(size_t *at, size_t size)
{
	size_t here = *at;

	if (here / ARENA_REGION != (here + size - 1) / ARENA_REGION)
		here = arena_round(here, ARENA_REGION);
	*at = here + size;
	return here;
}

/* Walk the layout; with @a, note where everything is. */
static size_t layout(const struct arena_plan *plan, struct arena *a)
{
	size_t slot = arena_round(plan->slot_size, plan->align);
	size_t run = arena_round(plan->run_size, plan->align);
	size_t at = 0;

	for (uint32_t i = 0; i < plan->n_runs; i++) {
		size_t here = place(&at, run);

		if (a)
			a->runs[i] = a->base + here;
	}
	for (uint32_t i = 0; i < plan->n_slots; i++) {
		size_t here = place(&at, slot);

		if (a)
			a->slots[i] = a->base + here;
	}
	return arena_round(at, HUGE_PAGE);
}

size_t arena_size(const struct arena_plan *plan)
{
	return layout(plan, NULL);
}

static uint8_t *map(size_t size)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	uint8_t *p = mmap(NULL, size, prot, flags | MAP_HUGETLB, -1, 0);
	size_t head;

	if (p != MAP_FAILED)
		return p;
	/* Reserved huge pages are rare; transparent ones need the mapping to begin on such a page. */
	p = mmap(NULL, size + HUGE_PAGE, prot, flags, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	head = arena_round((size_t)p, HUGE_PAGE) - (size_t)p;
	if (head)
		munmap(p, head);
	munmap(p + head + size, HUGE_PAGE - head);
	madvise(p + head, size, MADV_HUGEPAGE);
	return p + head;
}

static bool keep_private(void *p, size_t size)
{
	return !madvise(p, size, MADV_DONTDUMP) && !madvise(p, size, MADV_DONTFORK);
}

int arena_init(struct arena *a, const struct arena_plan *plan)
{
	*a = (struct arena) { .plan = *plan, .size = arena_size(plan) };
	a->n_regions = (a->size + ARENA_REGION - 1) / ARENA_REGION;
	if (a->n_regions > ARENA_REGIONS_MAX)
		return -E2BIG;
	a->slots = calloc(plan->n_slots, sizeof(*a->slots));
	a->runs = calloc(plan->n_runs, sizeof(*a->runs));
	a->free = calloc(plan->n_slots, sizeof(*a->free));
	a->base = map(a->size);
	if (!a->slots || !a->runs || !a->free || !a->base || !keep_private(a->base, a->size) ||
	    mlock(a->base, a->size)) {
		arena_exit(a);
		return -ENOMEM;
	}
	layout(plan, a);
	for (unsigned int i = 0; i < a->n_regions; i++) {
		size_t at = i * ARENA_REGION;

		a->regions[i].iov_base = a->base + at;
		a->regions[i].iov_len = a->size - at < ARENA_REGION ? a->size - at : ARENA_REGION;
	}
	while (a->n_free < plan->n_slots) {
		a->free[a->n_free] = a->n_free;
		a->n_free++;
	}
	return 0;
}

void arena_exit(struct arena *a)
{
	if (a->base)
		munmap(a->base, a->size);
	free(a->slots);
	free(a->runs);
	free(a->free);
	*a = (struct arena) { 0 };
}

int arena_region(const struct arena *a, const void *p)
{
	return (int)((size_t)((const uint8_t *)p - a->base) / ARENA_REGION);
}

int arena_take(struct arena *a)
{
	return a->n_free ? (int)a->free[--a->n_free] : -1;
}

void arena_give(struct arena *a, uint32_t slot)
{
	a->free[a->n_free++] = slot;
}

static size_t whole_pages(size_t size)
{
	return arena_round(size, (size_t)sysconf(_SC_PAGESIZE));
}

void *secret_new(size_t size)
{
	void *p = mmap(NULL, whole_pages(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (!keep_private(p, whole_pages(size))) {
		munmap(p, whole_pages(size));
		return NULL;
	}
	return p;
}

void secret_free(void *p, size_t size)
{
	if (!p)
		return;
	OPENSSL_cleanse(p, size);
	munmap(p, whole_pages(size));
}
