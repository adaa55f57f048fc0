// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Chance for tests. A process has one stream of it, as what it does is one course of events.
 */
#include <unistd.h>

#include "chance.h"

static uint32_t chance_state;

void chance_seed(uint32_t seed, uint32_t stream)
{
	chance_state = (seed ^ stream * 0x9e3779b1u) * 0x85ebca6bu | 1;
}

uint32_t chance(uint32_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 17;
	chance_state ^= chance_state << 5;
	return chance_state % below;
}

void pause_randomly(uint32_t most_us)
{
	if (most_us)
		usleep(chance(most_us));
}
