/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long something takes, counted by bounds, as Prometheus's histograms are. */
#ifndef OWNFRAME_RECORD_HISTOGRAM_H
#define OWNFRAME_RECORD_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 13

/* Microseconds; what takes longer than the last is counted too, in the bucket behind it. */
static const uint64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
	1000,	2500,	5000,	 10000,	  25000,    50000,    100000,
	250000, 500000, 1000000, 2500000, 10000000, 30000000,
};

struct histogram {
	uint64_t count[HISTOGRAM_BOUNDS + 1]; /* of each bucket alone */
	uint64_t sum_us;
};

static inline void histogram_add(struct histogram *h, uint64_t us)
{
	size_t i = 0;

	while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
		i++;
	h->count[i]++;
	h->sum_us += us;
}

#endif
