// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration by a table. inih splits lines into section, key and value; this counts the lines
 * (inih does not pass them on), refuses what inih would drop or cut in silence, and checks values.
 */
#include "settings.h"
#include "log.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TiB", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "us", 1 },
	{ "ms", 1000 },
	{ "s", 1000000 },
	{ "min", UINT64_C(60000000) },
	{ "h", UINT64_C(3600000000) },
	{ NULL, 0 },
};

static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };

static const char *const expected_of[] = {
	[SETTING_TEXT] = "a text",
	[SETTING_BOOL] = "yes or no",
	[SETTING_UINT] = "a whole number",
	[SETTING_SIZE] = "a size like 4096, 64MiB or 1GiB",
	[SETTING_DURATION] = "a duration like 500ms, 5s or 2min",
	[SETTING_PERMILLE] = "a share like 1.5%",
	[SETTING_CHOICE] = "another word",
	[SETTING_ZONES] = "zones",
};

struct reading {
	const char *path;
	const struct setting *table;
	size_t n;
	void *target;
	FILE *file;
	unsigned int line; /* of the file, being read */
	bool indented; /* it begins with a blank: inih takes it for more of the value before */
	unsigned int *set_in; /* for each setting: the line it was set in, 0 = not yet */
	/* The last key read; its value may go on in the next line. */
	const struct setting *pending;
	unsigned int pending_line;
	char *value;
	int rc;
};

/* --- values ------------------------------------------------------------------------------- */

/* Digits at *@p, moved past them; false if there are none or too many. */
static bool read_digits(const char **p, uint64_t *v)
{
	const char *start = *p;

	for (*v = 0; **p >= '0' && **p <= '9'; (*p)++)
		if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, **p - '0', v))
			return false;
	return *p != start;
}

static bool read_with_unit(const char *text, const struct unit *unit, uint64_t *v)
{
	if (!read_digits(&text, v))
		return false;
	for (; unit->name; unit++)
		if (!strcmp(text, unit->name))
			return !__builtin_mul_overflow(*v, unit->factor, v);
	return false;
}

bool settings_duration(const char *text, uint64_t *us)
{
	return read_with_unit(text, time_units, us);
}

/* "1.5%", one decimal at most, since thousandths hold no more. */
static bool read_permille(const char *text, uint64_t *v)
{
	uint64_t tenth = 0;

	if (!read_digits(&text, v))
		return false;
	if (*text == '.') {
		if (text[1] < '0' || text[1] > '9')
			return false;
		tenth = (uint64_t)(text[1] - '0');
		text += 2;
	}
	return !strcmp(text, "%") && !__builtin_mul_overflow(*v, 10, v) &&
	       !__builtin_add_overflow(*v, tenth, v);
}

static bool read_number(const struct setting *s, const char *text, uint64_t *v)
{
	bool ok = s->type == SETTING_PERMILLE	? read_permille(text, v)
		  : s->type == SETTING_SIZE	? read_with_unit(text, size_units, v)
		  : s->type == SETTING_DURATION ? read_with_unit(text, time_units, v)
						: read_with_unit(text, plain, v);

	return ok && (!s->max || (*v >= s->min && *v <= s->max));
}

static bool read_bool(const char *text, bool *v)
{
	static const char *const words[] = { "no", "yes", "false", "true", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(text, words[i]))
			continue;
		*v = i & 1;
		return true;
	}
	return false;
}

static bool read_choice(const struct setting *s, const char *text, int *v)
{
	for (int i = 0; s->choices[i]; i++) {
		if (strcmp(text, s->choices[i]))
			continue;
		*v = i;
		return true;
	}
	return false;
}

static bool read_text(const char *text, char **v)
{
	if (!*text)
		return false;
	free(*v);
	*v = strdup(text);
	return *v;
}

static bool read_value(const struct setting *s, const char *text, void *field)
{
	switch (s->type) {
	case SETTING_TEXT:
	case SETTING_ZONES:
		return read_text(text, field);
	case SETTING_BOOL:
		return read_bool(text, field);
	case SETTING_CHOICE:
		return read_choice(s, text, field);
	case SETTING_UINT:
	case SETTING_SIZE:
	case SETTING_DURATION:
	case SETTING_PERMILLE:
		return read_number(s, text, field);
	}
	return false;
}

/* --- faults ------------------------------------------------------------------------------- */

static void say_expected(struct reading *r)
{
	const struct setting *s = r->pending;

	log_error("%s:%u: %s = %s: expected %s", r->path, r->pending_line, s->key, r->value,
		  s->expected ? s->expected : expected_of[s->type]);
	r->rc = -EINVAL;
}

/* ", " and the @i-th name, without the comma for the first: returns the new length. */
static size_t list_add(char *list, size_t cap, size_t len, const char *name)
{
	int n = snprintf(list + len, cap - len, "%s%s", len ? ", " : "", name);

	return n < 0 || (size_t)n >= cap - len ? len : len + (size_t)n;
}

static void say_unknown_key(struct reading *r, const char *section, const char *key,
			    const char *value)
{
	char known[1024] = "";
	size_t len = 0;

	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->table[i].section, section))
			len = list_add(known, sizeof(known), len, r->table[i].key);
	if (len)
		log_error("%s:%u: %s = %s: no such key in [%s]: expected %s", r->path, r->line, key,
			  value, section, known);
	else if (*section)
		log_error("%s:%u: %s = %s: there is no section [%s]", r->path, r->line, key, value,
			  section);
	else
		log_error("%s:%u: %s = %s: expected a [section] before it", r->path, r->line, key,
			  value);
	r->rc = -EINVAL;
}

/* --- lines -------------------------------------------------------------------------------- */

/* The value is complete: check and store it. */
static void flush(struct reading *r)
{
	const struct setting *s = r->pending;
	const char *reason;

	if (!s)
		return;
	reason = s->check && *r->value ? s->check(r->value) : NULL;
	if (reason) {
		log_error("%s:%u: %s = %s: %s", r->path, r->pending_line, s->key, r->value, reason);
		r->rc = -EINVAL;
	} else if (!read_value(s, r->value, (char *)r->target + s->offset)) {
		say_expected(r);
	} else if (s->line_offset) {
		*(unsigned int *)((char *)r->target + s->line_offset) = r->pending_line;
	}
	free(r->value);
	r->value = NULL;
	r->pending = NULL;
}

static int go_on(struct reading *r, const char *value)
{
	char *longer;

	if (!r->pending || r->pending->type != SETTING_ZONES) {
		log_error(
			"%s:%u: %s: a line that begins with a blank goes on with the value before it, "
			"and only zones may",
			r->path, r->line, value);
		r->rc = -EINVAL;
		return 1;
	}
	if (asprintf(&longer, "%s%s", r->value, value) < 0) {
		r->rc = -ENOMEM;
		return 1;
	}
	free(r->value);
	r->value = longer;
	return 1;
}

/* inih's handler: 1 = go on, so that every fault of a file is told at once. */
static int on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;
	const struct setting *s = NULL;

	if (r->indented)
		return go_on(r, value);
	flush(r);
	for (size_t i = 0; i < r->n && !s; i++)
		if (!strcmp(r->table[i].section, section) && !strcmp(r->table[i].key, key))
			s = &r->table[i];
	if (!s) {
		say_unknown_key(r, section, key, value);
		return 1;
	}
	if (r->set_in[s - r->table]) {
		log_error("%s:%u: %s = %s: set before, in line %u", r->path, r->line, key, value,
			  r->set_in[s - r->table]);
		r->rc = -EINVAL;
		return 1;
	}
	r->set_in[s - r->table] = r->line;
	r->value = strdup(value);
	if (!r->value) {
		r->rc = -ENOMEM;
		return 1;
	}
	r->pending = s;
	r->pending_line = r->line;
	return 1;
}

static bool known_section(const struct reading *r, const char *name, size_t len)
{
	for (size_t i = 0; i < r->n; i++)
		if (strlen(r->table[i].section) == len && !strncmp(r->table[i].section, name, len))
			return true;
	return false;
}

/* What inih would drop, cut or pass over in silence; NULL or the fault. */
static const char *fault_in(const struct reading *r, const char *text)
{
	const char *p = text + strspn(text, " \t\r\n"), *end;

	if (!*p || *p == ';' || *p == '#')
		return NULL;
	for (end = p; *end; end++)
		if (end > p && *end == ';' && strchr(" \t", end[-1]))
			return "a \";\" after a blank would begin a comment: "
			       "put comments on lines of their own, and no blank before \";\"";
	end = *p == '[' ? strchr(p, ']') : NULL;
	if (end && !known_section(r, p + 1, (size_t)(end - p - 1)))
		return "there is no such section";
	return NULL;
}

static void skip_line(FILE *f)
{
	int c;

	do
		c = getc(f);
	while (c != '\n' && c != EOF);
}

/* inih's reader, like fgets(3): one line of the file, or a comment in place of a faulty one. */
static char *next_line(char *text, int cap, void *arg)
{
	struct reading *r = arg;
	const char *fault;

	if (!fgets(text, cap, r->file))
		return NULL;
	r->line++;
	r->indented = *text == ' ' || *text == '\t';
	if (!strchr(text, '\n') && !feof(r->file)) {
		skip_line(r->file);
		fault = "the line is too long, or has a zero byte";
	} else {
		text[strcspn(text, "\n")] = '\0';
		fault = fault_in(r, text);
	}
	if (fault) {
		flush(r);
		log_error("%s:%u: %s: %s", r->path, r->line, text, fault);
		r->rc = -EINVAL;
		strcpy(text, ";");
	}
	return text;
}

static int check_required(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!r->table[i].required || r->set_in[i])
			continue;
		log_error("%s: %s is missing in [%s]: expected %s", r->path, r->table[i].key,
			  r->table[i].section,
			  r->table[i].expected ? r->table[i].expected
					       : expected_of[r->table[i].type]);
		r->rc = -EINVAL;
	}
	return r->rc;
}

static const struct setting *setting_named(const struct reading *r, const char *section,
					   const char *key)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->table[i].section, section) && !strcmp(r->table[i].key, key))
			return &r->table[i];
	return NULL;
}

static uint64_t number_of(const struct reading *r, const struct setting *s)
{
	return *(const uint64_t *)((const char *)r->target + s->offset);
}

/* Told at the line of the longer one if it is in the file, else of the other. */
static int check_longer(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct setting *s = &r->table[i];
		const struct setting *other =
			s->longer_than ? setting_named(r, s->section, s->longer_than) : NULL;
		unsigned int line;

		if (!other || number_of(r, s) > number_of(r, other))
			continue;
		line = r->set_in[i] ? r->set_in[i] : r->set_in[other - r->table];
		log_error("%s:%u: %s = %gs must be longer than %s = %gs: raise %s or lower %s",
			  r->path, line, s->key, (double)number_of(r, s) / 1e6, other->key,
			  (double)number_of(r, other) / 1e6, s->key, other->key);
		r->rc = -EINVAL;
	}
	return r->rc;
}

int settings_read(const char *path, const struct setting *table, size_t n, void *target)
{
	struct reading r = { .path = path, .table = table, .n = n, .target = target };
	int line, rc;

	r.file = fopen(path, "re");
	if (!r.file) {
		rc = -errno;
		log_error("%s: %s", path, strerror(-rc));
		return rc;
	}
	r.set_in = calloc(n, sizeof(*r.set_in));
	if (!r.set_in) {
		log_error("%s: out of memory", path);
		fclose(r.file);
		return -ENOMEM;
	}
	line = ini_parse_stream(next_line, &r, on_key, &r);
	flush(&r);
	if (line > 0) {
		log_error("%s:%d: expected [section] or key = value", path, line);
		r.rc = -EINVAL;
	} else if (line < 0) {
		log_error("%s: out of memory", path);
		r.rc = -ENOMEM;
	}
	if (ferror(r.file)) {
		log_error("%s: cannot be read", path);
		r.rc = -EIO;
	}
	rc = check_required(&r);
	if (!rc)
		rc = check_longer(&r);
	fclose(r.file);
	free(r.set_in);
	return rc;
}

void settings_free(const struct setting *table, size_t n, void *target)
{
	for (size_t i = 0; i < n; i++) {
		char **text = (char **)((char *)target + table[i].offset);

		if (table[i].type != SETTING_TEXT && table[i].type != SETTING_ZONES)
			continue;
		free(*text);
		*text = NULL;
	}
}
