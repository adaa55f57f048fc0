/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decisions that follow from a seed: the same ones in each process that begins with the same. */
#ifndef TESTS_CHANCE_H
#define TESTS_CHANCE_H

#include <stdint.h>

void chance_seed(uint32_t seed, uint32_t stream);
uint32_t chance(uint32_t below);
/* Speeds differ: this is what makes them do so. */
void pause_randomly(uint32_t most_us);

#endif /* TESTS_CHANCE_H */
