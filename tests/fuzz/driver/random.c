// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decisions: splitmix64, because a run must be the same wherever libc is another, and because two
 * streams from neighbouring seeds must have nothing in common.
 */
#include "fuzz.h"

uint64_t random_next(uint64_t *random)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t random_seed(uint64_t a, uint64_t b)
{
	uint64_t random = a;

	random = random_next(&random) ^ b;
	return random_next(&random);
}

uint32_t random_below(uint64_t *random, uint32_t limit)
{
	return (random_next(random) >> 32) * limit >> 32;
}

bool random_one_in(uint64_t *random, uint32_t n)
{
	return random_below(random, n) == 0;
}
