// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Back-off with full jitter. Separate, and without clock or random source of its own, so that a
 * fleet's return can be simulated in a test.
 */
#include "backoff.h"

static uint64_t ceiling(const struct backoff *b)
{
	uint64_t us = b->first_us;

	for (unsigned int i = 1; i < b->failures && us < b->cap_us; i++)
		us *= 2;
	return us < b->cap_us ? us : b->cap_us;
}

uint64_t backoff_failed(struct backoff *b, uint64_t now, uint64_t random)
{
	/* Beyond 64 doublings the ceiling is the cap for any first delay. */
	if (b->failures < 64)
		b->failures++;
	b->failed_us = now;
	return random % (ceiling(b) + 1);
}

void backoff_worked(struct backoff *b, uint64_t now)
{
	if (now - b->failed_us >= ceiling(b))
		b->failures = 0;
}
