// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, ten thousand cameras whose store comes back after an outage all reconnect in the
 * same second and take it down again.
 */
#include "upload/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000)
#define FLEET  10000
#define CAP    900 /* seconds */
#define OUTAGE 7200 /* seconds */

/* xorshift64*: the same fleet at every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* All lose the store in the same microsecond and try until the first attempt after the outage. */
static void fleet_returns(unsigned int arrivals[CAP + 1])
{
	uint64_t random = 42;

	for (int i = 0; i < FLEET; i++) {
		struct backoff b = { .first_us = 5 * SECOND, .cap_us = CAP * SECOND };
		uint64_t now = 0;

		while (now < OUTAGE * SECOND)
			now += backoff_failed(&b, now, next_random(&random)) + 1000;
		assert_in_range(now / SECOND - OUTAGE, 0, CAP);
		arrivals[now / SECOND - OUTAGE]++;
	}
}

static void fleet_does_not_come_back_as_one(void **state)
{
	unsigned int arrivals[CAP + 1] = { 0 };

	(void)state;
	fleet_returns(arrivals);
	/* Evenly spread it is 2 * FLEET / CAP = 22 in the first seconds, and falling. */
	for (int i = 0; i <= CAP; i++)
		assert_in_range(arrivals[i], 0, 50);
}

static void delays_grow_to_the_cap(void **state)
{
	struct backoff b = { .first_us = SECOND, .cap_us = 60 * SECOND };
	const uint64_t ceilings[] = { 1, 2, 4, 8, 16, 32, 60, 60 };

	(void)state;
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++) {
		struct backoff at = b;

		/* The ceiling itself is the largest delay, 0 the smallest. */
		assert_int_equal(backoff_failed(&at, 0, ceilings[i] * SECOND),
				 ceilings[i] * SECOND);
		assert_int_equal(backoff_failed(&b, 0, ceilings[i] * SECOND + 1), 0);
	}
	for (int i = 0; i < 1000; i++)
		assert_in_range(backoff_failed(&b, 0, UINT64_MAX - 7), 0, 60 * SECOND);
}

static void one_success_is_not_trusted(void **state)
{
	struct backoff b = { .first_us = SECOND, .cap_us = 60 * SECOND };

	(void)state;
	for (int i = 0; i < 10; i++)
		backoff_failed(&b, 100 * SECOND, 0);
	backoff_worked(&b, 101 * SECOND);
	assert_int_equal(backoff_failed(&b, 102 * SECOND, 60 * SECOND), 60 * SECOND);
	backoff_worked(&b, (102 + 59) * SECOND);
	assert_int_equal(b.failures, 11);
	backoff_worked(&b, (102 + 60) * SECOND);
	assert_int_equal(backoff_failed(&b, 300 * SECOND, SECOND), SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fleet_does_not_come_back_as_one),
		cmocka_unit_test(delays_grow_to_the_cap),
		cmocka_unit_test(one_success_is_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
