// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: Prometheus refuses a recorder's figures, or graphs wrong ones.
 *
 * The text is read by a parser that knows only what the format allows (prometheus.io, "exposition
 * formats") and what `promtool check metrics` asks of names; promtool itself is asked too, where it is.
 */
#include "record/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct status status;
static char text[16384];

/* A family being read. */
struct family {
	char name[64], type[16];
	unsigned int samples;
	double last; /* value of the bucket before */
	double last_le;
	double inf;
};

static int setup(void **state)
{
	(void)state;
	status = (struct status) { .captured = 1234567890123,
				   .copied = 2,
				   .events = 3,
				   .sealed = 4,
				   .lost = 5,
				   .written = UINT64_MAX,
				   .streaming = true,
				   .pending = 17,
				   .doing = "a \"b\\" };
	for (size_t i = 0; i < STATUS_DROPS; i++)
		status.dropped[i] = 100 + i;
	for (uint64_t us = 1; us < 100000000; us *= 3)
		histogram_add(&status.frame_latency, us);
	histogram_add(&status.write_time, 1000); /* a bound is below or equal */
	histogram_add(&status.write_time, 1001);
	return 0;
}

static bool ends_in(const char *s, const char *end)
{
	return strlen(s) > strlen(end) && !strcmp(s + strlen(s) - strlen(end), end);
}

static void check_name(const struct family *f)
{
	assert_int_equal(strspn(f->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(f->name));
	assert_memory_equal(f->name, "ownframe_record_", 16);
	assert_int_equal(!strcmp(f->type, "counter"), ends_in(f->name, "_total"));
	if (!strcmp(f->type, "histogram"))
		assert_true(ends_in(f->name, "_seconds"));
	else if (strcmp(f->type, "counter"))
		assert_string_equal(f->type, "gauge");
	assert_false(ends_in(f->name, "_count") || ends_in(f->name, "_sum") ||
		     ends_in(f->name, "_bucket"));
}

/* What must be in order within a histogram. */
static void check_bucket(struct family *f, const char *suffix, const char *labels, double value)
{
	const char *le = strstr(labels, "le=\"");

	if (!strcmp(suffix, "_bucket")) {
		double bound = strtod(le + 4, NULL); /* knows "+Inf" */

		assert_true(value >= f->last && bound > f->last_le);
		f->last = value;
		f->last_le = bound;
		f->inf = value;
	} else if (!strcmp(suffix, "_count")) {
		assert_true(f->last_le > 1e300 && value == f->inf);
	} else {
		assert_string_equal(suffix, "_sum");
	}
}

static void check_sample(struct family *f, const char *line)
{
	size_t len = strlen(f->name), name_len = strcspn(line, "{");
	char suffix[16] = "", labels[160];
	char *end;
	double value;

	assert_memory_equal(line, f->name, len);
	assert_true(name_len - len < sizeof(suffix));
	memcpy(suffix, line + len, name_len - len);
	assert_int_equal(*suffix != '\0', !strcmp(f->type, "histogram"));
	end = strchr(line, '}');
	assert_non_null(end);
	assert_true((size_t)(end - line) - name_len < sizeof(labels));
	memset(labels, 0, sizeof(labels));
	memcpy(labels, line + name_len, (size_t)(end - line) - name_len);
	assert_memory_equal(labels, "{camera=\"front-door_2\"", 22);
	assert_true(end[1] == ' ' && end[2] >= '0' && end[2] <= '9');
	value = strtod(end + 2, &end);
	assert_int_equal(*end, '\0');
	f->samples++;
	if (*suffix)
		check_bucket(f, suffix, labels, value);
}

static void check_line(struct family *f, const char *line)
{
	if (!strncmp(line, "# HELP ", 7)) {
		assert_true(!f->name[0] || f->samples);
		*f = (struct family) { .last_le = -1 };
		assert_int_equal(sscanf(line, "# HELP %63s", f->name), 1);
		assert_true(line[strlen(line) - 1] == '.' || strstr(line, "label"));
	} else if (!strncmp(line, "# TYPE ", 7)) {
		char name[64];

		assert_int_equal(sscanf(line, "# TYPE %63s %15s", name, f->type), 2);
		assert_string_equal(name, f->name);
		check_name(f);
	} else {
		check_sample(f, line);
	}
}

static void prometheus_reads_it(void **state)
{
	int len = metrics_text(&status, "front-door_2", text, sizeof(text));
	char seen[64][64];
	size_t n_seen = 0;
	struct family f = { 0 };
	char *rest = NULL;

	(void)state;
	assert_true(len > 0 && (size_t)len == strlen(text));
	assert_int_equal(text[len - 1], '\n');
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		check_line(&f, line);
		if (strncmp(line, "# HELP", 6))
			continue;
		for (size_t i = 0; i < n_seen; i++)
			assert_string_not_equal(seen[i], f.name);
		strcpy(seen[n_seen++], f.name);
	}
	assert_true(f.samples && n_seen > 10);
}

static void expect(const char *line)
{
	char *at;

	metrics_text(&status, "front", text, sizeof(text));
	at = strstr(text, line);
	if (!at)
		print_error("%s\nis not in\n%s", line, text);
	assert_non_null(at);
	assert_true(at == text || at[-1] == '\n');
}

static void the_figures_are_right(void **state)
{
	(void)state;
	expect("ownframe_record_frames_total{camera=\"front\"} 1234567890123\n");
	expect("ownframe_record_frames_dropped_total{camera=\"front\",where=\"missed\"} 100\n");
	expect("ownframe_record_frames_dropped_total{camera=\"front\",where=\"broken\"} 101\n");
	expect("ownframe_record_frames_dropped_total{camera=\"front\",where=\"backlog\"} 102\n");
	expect("ownframe_record_frames_dropped_total{camera=\"front\",where=\"encoder\"} 103\n");
	expect("ownframe_record_frames_dropped_total{camera=\"front\",where=\"disk\"} 104\n");
	expect("ownframe_record_frames_copied_total{camera=\"front\"} 2\n");
	expect("ownframe_record_clips_begun_total{camera=\"front\"} 3\n");
	expect("ownframe_record_clips_sealed_total{camera=\"front\"} 4\n");
	expect("ownframe_record_clips_lost_total{camera=\"front\"} 5\n");
	expect("ownframe_record_clips_pending{camera=\"front\"} 17\n");
	expect("ownframe_record_written_bytes_total{camera=\"front\"} 18446744073709551615\n");
	expect("ownframe_record_streaming{camera=\"front\"} 1\n");
	expect("ownframe_record_paused{camera=\"front\"} 0\n");
	expect("ownframe_record_armed{camera=\"front\"} 1\n");
	expect("ownframe_record_write_duration_seconds_bucket{camera=\"front\",le=\"0.001\"} 1\n");
	expect("ownframe_record_write_duration_seconds_bucket{camera=\"front\",le=\"0.0025\"} 2\n");
	expect("ownframe_record_write_duration_seconds_bucket{camera=\"front\",le=\"+Inf\"} 2\n");
	expect("ownframe_record_write_duration_seconds_sum{camera=\"front\"} 0.002001\n");
	expect("ownframe_record_write_duration_seconds_count{camera=\"front\"} 2\n");
	expect("ownframe_record_seal_duration_seconds_count{camera=\"front\"} 0\n");
}

/* The longest name, and the largest figures, are not cut off. */
static void it_is_whole_or_nothing(void **state)
{
	char name[65];

	(void)state;
	memset(name, 'n', 64);
	name[64] = '\0';
	memset(&status.frame_latency, 0x7f, sizeof(status.frame_latency));
	memset(&status.write_time, 0x7f, sizeof(status.write_time));
	memset(&status.seal_time, 0x7f, sizeof(status.seal_time));
	assert_true(metrics_text(&status, name, text, sizeof(text)) > 0);
	for (size_t size = 1; size < 4000; size += 97)
		assert_true(metrics_text(&status, name, text, size) < 0);
}

static void promtool_has_nothing_against_it(void **state)
{
	FILE *tool;

	(void)state;
	if (system("command -v promtool >/dev/null"))
		skip();
	assert_true(metrics_text(&status, "front", text, sizeof(text)) > 0);
	tool = popen("promtool check metrics", "we");
	assert_non_null(tool);
	assert_true(fputs(text, tool) >= 0);
	assert_int_equal(pclose(tool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(prometheus_reads_it, setup),
		cmocka_unit_test_setup(the_figures_are_right, setup),
		cmocka_unit_test_setup(it_is_whole_or_nothing, setup),
		cmocka_unit_test_setup(promtool_has_nothing_against_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
