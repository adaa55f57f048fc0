// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a mistyped key that is ignored, so that a camera records what its owner
 * excluded; or a refusal that does not tell which line to change, and to what.
 */
#include "settings.h"
#include "log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct config {
	char *name, *zones;
	bool mirror;
	uint64_t width, arena, pre_roll, area, free, gap, hold;
	int codec;
	unsigned int arena_line;
};

static const char *const codecs[] = { "h264", "mjpeg", NULL };

static const char *check_name(const char *value)
{
	return strchr(value, '/') ? "a name has no slash" : NULL;
}

static const char *check_zones(const char *value)
{
	return strstr(value, "bad") ? "a zone reaches beyond the picture" : NULL;
}

#define AT(field) .offset = offsetof(struct config, field)

static const struct setting table[] = {
	{ "camera", "name", SETTING_TEXT, AT(name), .required = true, .check = check_name,
	  .expected = "a camera's name" },
	{ "camera", "mirror", SETTING_BOOL, AT(mirror) },
	{ "camera", "width", SETTING_UINT, AT(width), .min = 16, .max = 16384,
	  .expected = "16 to 16384 pixels" },
	{ "clip", "pre_roll", SETTING_DURATION, AT(pre_roll), .max = 60000000,
	  .expected = "a duration up to 1min, like 5s" },
	{ "clip", "arena", SETTING_SIZE, AT(arena),
	  .line_offset = offsetof(struct config, arena_line) },
	{ "clip", "codec", SETTING_CHOICE, AT(codec), .choices = codecs,
	  .expected = "h264 or mjpeg" },
	{ "motion", "area", SETTING_PERMILLE, AT(area), .min = 1, .max = 1000 },
	{ "motion", "free", SETTING_UINT, AT(free) },
	{ "motion", "gap", SETTING_DURATION, AT(gap) },
	{ "motion", "hold", SETTING_DURATION, AT(hold), .longer_than = "gap" },
	{ "motion", "zones", SETTING_ZONES, AT(zones), .check = check_zones },
};

#define N (sizeof(table) / sizeof(table[0]))

static char path[64];
static struct config cfg;
static char messages[8192];

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/ownframe-settings-XXXXXX");
	fd = mkstemp(path);
	log_setup("t", LOG_LEVEL_INFO);
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/* Read @text as a file with stderr kept in messages, the file's name in it shortened to "f". */
static int read_bytes(const char *text, size_t len)
{
	int saved = dup(STDERR_FILENO), rc;
	FILE *f = fopen(path, "w"), *err = tmpfile();
	size_t n, path_len = strlen(path);
	char *hit;

	assert_non_null(f);
	assert_non_null(err);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	settings_free(table, N, &cfg);
	cfg = (struct config) { .pre_roll = 5, .gap = 5, .hold = 10000000, .codec = 1 };
	dup2(fileno(err), STDERR_FILENO);
	rc = settings_read(path, table, N, &cfg);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(err);
	n = fread(messages, 1, sizeof(messages) - 1, err);
	messages[n] = '\0';
	fclose(err);
	while ((hit = strstr(messages, path))) {
		*hit = 'f';
		memmove(hit + 1, hit + path_len, strlen(hit + path_len) + 1);
	}
	return rc;
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void every_type_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("# a camera\n"
				   "[camera]\n"
				   "name = Front door\n"
				   "mirror=yes\n"
				   "width = 640\n"
				   "\n"
				   "; how long\n"
				   "[clip]\n"
				   "pre_roll = 1500ms\n"
				   "arena = 64MiB\n"
				   "codec = h264\n"
				   "[motion]\n"
				   "area = 1.5%\n"
				   "free = 18446744073709551615\n"
				   "zones = door:1,2,3,4;\n"
				   "\t!tree:5,6,7,8;\n"
				   "  path:9,9,9,9\n"),
			 0);
	assert_string_equal(messages, "");
	assert_string_equal(cfg.name, "Front door");
	assert_true(cfg.mirror);
	assert_int_equal(cfg.width, 640);
	assert_int_equal(cfg.pre_roll, 1500000);
	assert_int_equal(cfg.arena, 64 << 20);
	assert_int_equal(cfg.arena_line, 10);
	assert_int_equal(cfg.codec, 0);
	assert_int_equal(cfg.area, 15);
	assert_true(cfg.free == UINT64_MAX);
	assert_string_equal(cfg.zones, "door:1,2,3,4;!tree:5,6,7,8;path:9,9,9,9");
}

static void what_is_not_set_keeps_its_default(void **state)
{
	(void)state;
	assert_int_equal(read_text("[camera]\nname = x"), 0);
	assert_int_equal(cfg.arena_line, 0);
	assert_int_equal(cfg.pre_roll, 5);
	assert_int_equal(cfg.codec, 1);
	assert_null(cfg.zones);
}

static void units_are_exact(void **state)
{
	static const struct {
		const char *line;
		uint64_t value;
	} good[] = {
		{ "pre_roll = 7us", 7 },
		{ "pre_roll = 0s", 0 },
		{ "pre_roll = 500ms", 500000 },
		{ "pre_roll = 1min", 60000000 },
		{ "arena = 4096", 4096 },
		{ "arena = 4096B", 4096 },
		{ "arena = 3KiB", 3072 },
		{ "arena = 2GiB", UINT64_C(2) << 30 },
		{ "arena = 1TiB", UINT64_C(1) << 40 },
	};
	static const char *const bad[] = {
		"pre_roll = 5",
		"pre_roll = 5 s",
		"pre_roll = -5s",
		"pre_roll = 5sec",
		"pre_roll = s",
		"pre_roll = 1.5s",
		"pre_roll = +5s",
		"pre_roll = 0x5s",
		"pre_roll = 61s",
		"pre_roll = 2min",
		"arena = 1MB",
		"arena = 1 MiB",
		"arena = MiB",
		"arena = 16777216TiB",
		"arena = 99999999999999999999",
		"arena = -1",
		"pre_roll = 20000000000000000000min",
		"arena =",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text), "[camera]\nname=x\n[clip]\n%s\n", good[i].line);
		if (read_text(text))
			fail_msg("%s: %s", good[i].line, messages);
		assert_true((*good[i].line == 'p' ? cfg.pre_roll : cfg.arena) == good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "[camera]\nname=x\n[clip]\n%s\n", bad[i]);
		if (read_text(text) != -EINVAL)
			fail_msg("%s", bad[i]);
	}
}

static void shares_are_thousandths(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} cases[] = { { "0.1%", 1 }, { "1%", 10 },    { "100%", 1000 }, { "1.5%", 15 },
		      { "0%", 0 },   { "100.1%", 0 }, { "1.55%", 0 },	{ "1.%", 0 },
		      { "15", 0 },   { "1.5 %", 0 },  { ".5%", 0 },	{ "-1%", 0 } };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "[camera]\nname=x\n[motion]\narea = %s\n",
			 cases[i].text);
		if (read_text(text) != (cases[i].value ? 0 : -EINVAL))
			fail_msg("%s", cases[i].text);
		if (cases[i].value)
			assert_int_equal(cfg.area, cases[i].value);
	}
}

static void faults_are_told_by_line(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "[camera]\nname = x\n\nwidth = 8\n",
		  "t: f:4: width = 8: expected 16 to 16384 pixels\n" },
		{ "[camera]\nname = x\nmirror = maybe\n",
		  "t: f:3: mirror = maybe: expected yes or no\n" },
		{ "[camera]\nname = a/b\n", "t: f:2: name = a/b: a name has no slash\n" },
		{ "[camera]\nname =\n", "t: f:2: name = : expected a camera's name\n" },
		{ "[camera]\nname = x\n[clip]\ncodec = H264\n",
		  "t: f:4: codec = H264: expected h264 or mjpeg\n" },
		{ "[camera]\nname = x\nnaem = y\n",
		  "t: f:3: naem = y: no such key in [camera]: expected name, mirror, width\n" },
		{ "[camera]\nname = x\nName = y\n",
		  "t: f:3: Name = y: no such key in [camera]: expected name, mirror, width\n" },
		{ "[camera]\nname = x\n[clip]\nname = y\n",
		  "t: f:4: name = y: no such key in [clip]: expected pre_roll, arena, codec\n" },
		{ "[camera]\nname = x\nname = y\n", "t: f:3: name = y: set before, in line 2\n" },
		{ "[camera]\nname = x\n[zones]\n", "t: f:3: [zones]: there is no such section\n" },
		{ "name = x\n[camera]\nname = x\n",
		  "t: f:1: name = x: expected a [section] before it\n" },
		{ "[camera]\nname = x\nmirror\n", "t: f:3: expected [section] or key = value\n" },
		{ "[camera]\nname = x\n[clip\n", "t: f:3: expected [section] or key = value\n" },
		{ "[camera]\nmirror = yes\n",
		  "t: f: name is missing in [camera]: expected a camera's name\n" },
		{ "", "t: f: name is missing in [camera]: expected a camera's name\n" },
		{ "[camera]\nname = x\n[motion]\nzones = ok;\n  bad\n",
		  "t: f:4: zones = ok;bad: a zone reaches beyond the picture\n" },
		/* Every fault at once, in the order of the lines. */
		{ "[camera]\nname = x\nwidth = no\nmirror = 2\n",
		  "t: f:3: width = no: expected 16 to 16384 pixels\n"
		  "t: f:4: mirror = 2: expected yes or no\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(read_text(cases[i].text), -EINVAL);
		assert_string_equal(messages, cases[i].message);
	}
}

/* inih would drop the rest of these lines without a word: an excluded zone would be recorded. */
static void nothing_is_dropped_in_silence(void **state)
{
	char text[1024];

	(void)state;
	assert_int_equal(
		read_text("[camera]\nname = x\n[motion]\nzones = a:1,2,3,4 ; !b:1,2,3,4\n"),
		-EINVAL);
	assert_non_null(
		strstr(messages, "f:4: zones = a:1,2,3,4 ; !b:1,2,3,4: a \";\" after a blank"));

	assert_int_equal(read_text("[camera]\nname = x\n  mirror = yes\n"), -EINVAL);
	assert_non_null(strstr(messages, "f:3: mirror = yes: a line that begins with a blank"));

	snprintf(text, sizeof(text), "[camera]\nname = %0180d\n", 0);
	assert_int_equal(read_text(text), 0);
	assert_int_equal(strlen(cfg.name), 180);
	snprintf(text, sizeof(text), "[camera]\nname = %0280d\nmirror = 2\n", 0);
	assert_int_equal(read_text(text), -EINVAL);
	assert_non_null(strstr(messages, "f:2: name = 000"));
	assert_non_null(strstr(messages, "too long"));
	assert_non_null(strstr(messages, "f:3: mirror = 2")); /* and the count goes on */

	assert_int_equal(read_bytes("[camera]\nname = x\0y\n", 20), -EINVAL);
}

/* As max_clip is than pre_roll: each would make sense alone. */
static void one_duration_is_longer_than_another(void **state)
{
	(void)state;
	assert_int_equal(read_text("[camera]\nname = x\n[motion]\ngap = 9s\n"), 0);
	assert_int_equal(read_text("[camera]\nname = x\n[motion]\nhold = 6us\n"), 0);
	assert_int_equal(read_text("[camera]\nname = x\n[motion]\nhold = 5us\n"), -EINVAL);
	assert_int_equal(read_text("[camera]\nname = x\n[motion]\nhold = 6s\n\ngap = 6s\n"),
			 -EINVAL);
	assert_string_equal(messages, "t: f:4: hold = 6s must be longer than gap = 6s: "
				      "raise hold or lower gap\n");
	/* What is not in the file is a default. */
	assert_int_equal(read_text("[camera]\nname = x\n[motion]\ngap = 11s\n"), -EINVAL);
	assert_string_equal(messages, "t: f:4: hold = 10s must be longer than gap = 11s: "
				      "raise hold or lower gap\n");
}

static void a_file_that_is_not_there_is_named(void **state)
{
	(void)state;
	settings_free(table, N, &cfg);
	assert_int_equal(settings_read("/nonexistent/ownframe.conf", table, N, &cfg), -ENOENT);
}

/* Any byte changed: read or refused, never a crash, and no key's value ends up in another's. */
static void no_changed_file_harms(void **state)
{
	char text[] = "[camera]\nname = x\nwidth = 640\n[motion]\nzones = a:1;\n b:2\n";
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1 << bit);
			if (read_text(text))
				refused++;
			else
				assert_true(!cfg.width || (cfg.width >= 16 && cfg.width <= 16384));
			text[i] ^= (char)(1 << bit);
		}
	assert_true(refused > 200);
	assert_int_equal(read_text(text), 0);
	settings_free(table, N, &cfg);
	assert_null(cfg.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(what_is_not_set_keeps_its_default),
		cmocka_unit_test(units_are_exact),
		cmocka_unit_test(shares_are_thousandths),
		cmocka_unit_test(faults_are_told_by_line),
		cmocka_unit_test(nothing_is_dropped_in_silence),
		cmocka_unit_test(one_duration_is_longer_than_another),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(no_changed_file_harms),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
