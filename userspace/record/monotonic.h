/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock of everything in the recorder but what is written for people: frames have it too. */
#ifndef OWNFRAME_RECORD_MONOTONIC_H
#define OWNFRAME_RECORD_MONOTONIC_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, microseconds. */
static inline uint64_t monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

#endif
