/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration files: INI by inih, with a table of the keys that exist. Unknown sections and
 * keys, double keys and wrong values are refused with file, line and what was expected.
 */
#ifndef OWNFRAME_SETTINGS_H
#define OWNFRAME_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
	SETTING_TEXT, /* char *, new memory */
	SETTING_BOOL, /* bool: yes/no/true/false/1/0 */
	SETTING_UINT, /* uint64_t in min..max */
	SETTING_SIZE, /* uint64_t bytes: 64MiB, 1GiB, 4096 */
	SETTING_DURATION, /* uint64_t microseconds: 5s, 500ms, 2min */
	SETTING_PERMILLE, /* uint64_t thousandths: 1.5% = 15 */
	SETTING_CHOICE, /* int, index into choices */
	SETTING_ZONES, /* char *, validated by @check */
};

struct setting {
	const char *section, *key;
	enum setting_type type;
	size_t offset; /* of the field in the caller's struct */
	uint64_t min, max;
	const char *const *choices; /* NULL-terminated */
	bool required;
	const char *expected; /* for messages: "a duration like 5s" */
	/* Extra check of the text; NULL or a reason it is refused. */
	const char *(*check)(const char *value);
};

/*
 * Read @path into @target, whose defaults are already set. Every fault in the file is logged as
 * "<file>:<line>: <key> = <value>: <what was expected>". 0, -EINVAL (logged), or -errno.
 */
int settings_read(const char *path, const struct setting *table, size_t n, void *target);
/* Free the texts that settings_read() made. */
void settings_free(const struct setting *table, size_t n, void *target);

#endif
