/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A memory cgroup for processes of a test. It lies in the test's own, so that nothing is left of it.
 * What goes wrong ends the test.
 */
#ifndef TESTS_CGROUP_H
#define TESTS_CGROUP_H

#include <stddef.h>

/* Make it. The calling process moves to a leaf of its own, as cgroup v2 wants. */
void cgroup_make(const char *name);
/* The calling process goes there. */
void cgroup_enter(const char *name);
void cgroup_set(const char *name, const char *file, const char *value);
/* A value of a file: the number after KEY, or the first if KEY is NULL. */
unsigned long long cgroup_get(const char *name, const char *file, const char *key);
/* Wait at most 10 s until no more than so many bytes are charged. */
void cgroup_await_below(const char *name, size_t bytes);

#endif /* TESTS_CGROUP_H */
