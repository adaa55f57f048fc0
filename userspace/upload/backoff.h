/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to try again: exponential back-off with full jitter (a delay anywhere between 0 and the
 * ceiling) and a cap, so that a fleet that lost its store together does not come back as one. Pure
 * arithmetic; times are microseconds of a clock that never jumps.
 */
#ifndef OWNFRAME_UPLOAD_BACKOFF_H
#define OWNFRAME_UPLOAD_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint64_t first_us; /* ceiling after the first failure; doubles with each */
	uint64_t cap_us; /* highest ceiling */
	unsigned int failures;
	uint64_t failed_us; /* time of the last */
};

/* A failure at @now: the delay until the next attempt. @random: 64 random bits. */
uint64_t backoff_failed(struct backoff *b, uint64_t now, uint64_t random);

/*
 * A success at @now. Failures are forgotten only when the last is longer ago than its ceiling: a
 * store that answers now and then gets no more attempts than one that does not.
 */
void backoff_worked(struct backoff *b, uint64_t now);

#endif
