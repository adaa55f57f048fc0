/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration files: INI by inih, with a table of the keys that exist. Unknown sections and
 * keys, double keys and wrong values are refused with file, line and what was expected.
 *
 * Comments are lines of their own, beginning with ; or #: a ";" after a blank inside a line is
 * refused, because inih would silently drop what follows it. A line has at most 198 bytes; the
 * value of a SETTING_ZONES goes on in lines that begin with a blank.
 */
#ifndef OWNFRAME_SETTINGS_H
#define OWNFRAME_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
	SETTING_TEXT, /* char *, new memory, not empty */
	SETTING_BOOL, /* bool: yes/no/true/false/1/0 */
	SETTING_UINT, /* uint64_t */
	SETTING_SIZE, /* uint64_t bytes: 64MiB, 1GiB, 4096 */
	SETTING_DURATION, /* uint64_t microseconds: 5s, 500ms, 2min, 1h, 10us */
	SETTING_PERMILLE, /* uint64_t thousandths: 1.5% = 15 */
	SETTING_CHOICE, /* int, index into choices */
	SETTING_ZONES, /* char *, new memory, validated by @check; may span lines */
};

struct setting {
	const char *section, *key;
	enum setting_type type;
	size_t offset; /* of the field in the caller's struct */
	uint64_t min, max; /* of the numbers, in the field's unit; max 0: no limits */
	const char *const *choices; /* NULL-terminated */
	bool required;
	/* For messages, limits included: "a duration up to 1min, like 5s". NULL: by type. */
	const char *expected;
	/* Extra check of the text; NULL or a reason it is refused, which stands alone. */
	const char *(*check)(const char *value);
	/* A SETTING_DURATION that must be longer than this one of its section, defaults included. */
	const char *longer_than;
	/* Offset of an unsigned int for the line it was set in, which stays 0 if it was not; 0: none. */
	size_t line_offset;
};

/*
 * Read @path into @target, whose defaults are already set (texts: NULL). Every fault in the file is
 * logged, in the order of its lines, as
 *	<file>:<line>: <key> = <value>: expected <what was expected>
 *	<file>:<line>: <key> = <value>: <reason of the setting's own check>
 *	<file>:<line>: <key> = 5s must be longer than <other key> = 10s: raise ... or lower ...
 * Returns 0, -EINVAL (logged), or -errno (logged). settings_free() afterwards in every case.
 */
int settings_read(const char *path, const struct setting *table, size_t n, void *target);
/* A duration as in a file, "5s", in microseconds. False: it is none. */
bool settings_duration(const char *text, uint64_t *us);
/* Free the texts that settings_read() made. */
void settings_free(const struct setting *table, size_t n, void *target);

#endif
