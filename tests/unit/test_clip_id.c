// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a clip id from a store or a manifest that leads out of its folder, or two
 * ids for one clip, or clips sorted in another order than they were recorded.
 */
#include "clip_id.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define T0 INT64_C(1767323045000006) /* 2026-01-02T03:04:05.000006Z, by date(1) */

static void ids_and_times_are_written_as_documented(void **state)
{
	char time[CLIP_TIME_LEN + 1];
	struct clip_id id, later;
	uint64_t seq;
	int64_t us;

	(void)state;
	clip_id_make(&id, T0, 1);
	assert_string_equal(id.text, "20260102T030405.000006Z-0000000001");
	assert_int_equal(clip_id_parse(id.text, &us, &seq), 0);
	assert_true(us == T0);
	assert_int_equal(seq, 1);
	clip_time_format(time, T0);
	assert_string_equal(time, "2026-01-02T03:04:05.000006Z");
	assert_int_equal(clip_time_parse(time, &us), 0);
	assert_true(us == T0);
	clip_id_make(&later, T0 + 1, 2);
	assert_true(strcmp(id.text, later.text) < 0);
}

static void days_of_the_calendar_only(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "2024-02-29T00:00:00.000000Z", 0 },
		{ "1970-01-01T00:00:00.000000Z", 0 },
		{ "9999-12-31T23:59:59.999999Z", 0 },
		{ "2026-02-29T00:00:00.000000Z", -EINVAL },
		{ "2026-04-31T00:00:00.000000Z", -EINVAL },
		{ "2026-13-01T00:00:00.000000Z", -EINVAL },
		{ "2026-00-01T00:00:00.000000Z", -EINVAL },
		{ "2026-01-00T00:00:00.000000Z", -EINVAL },
		{ "2026-01-01T24:00:00.000000Z", -EINVAL },
		{ "2026-01-01T23:60:00.000000Z", -EINVAL },
		{ "2026-12-31T23:59:60.000000Z", -EINVAL }, /* UTC here has no leap seconds */
		{ "1969-12-31T23:59:59.999999Z", -EINVAL },
		{ "0000-01-01T00:00:00.000000Z", -EINVAL },
		{ "2026-01-02T03:04:05.000006", -EINVAL },
		{ "2026-01-02T03:04:05.000006z", -EINVAL },
		{ "2026-01-02t03:04:05.000006Z", -EINVAL },
		{ "2026-01-02 03:04:05.000006Z", -EINVAL },
		{ "2026-01-02T03:04:05.000006+00:00", -EINVAL },
		{ "2026-01-02T03:04:05.00006Z", -EINVAL },
		{ "2026-01-02T03:04:05.0000060Z", -EINVAL },
		{ "2026-01-02T03:04:05Z", -EINVAL },
		{ "2026-1-02T03:04:05.000006Z", -EINVAL },
		{ "2026-01-02T03:04:05.000006Z ", -EINVAL },
		{ " 2026-01-02T03:04:05.000006Z", -EINVAL },
		{ "2026-01-02T03:04:05.-00006Z", -EINVAL },
		{ "2026-01-02T03:04: 5.000006Z", -EINVAL },
		{ "20260102T030405.000006Z", -EINVAL },
		{ "", -EINVAL },
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (clip_time_parse(cases[i].text, &us) != cases[i].rc)
			fail_msg("%s", cases[i].text);
}

static void nothing_but_an_id_is_a_file_name(void **state)
{
	static const char *const bad[] = {
		"",
		".",
		"..",
		"/",
		"../20260102T030405.000006Z-0000000001",
		"20260102T030405.000006Z-0000000001/",
		"20260102T030405.000006Z-0000000001/..",
		"20260102T030405.000006Z-000000000/",
		"20260102T030405.000006Z-../../etc0",
		"20260102T030405.000006Z/0000000001",
		"20260102T030405/000006Z-0000000001",
		"20260102T030405.000006Z-0000000000",
		"20260102T030405.000006Z-00000000001",
		"20260102T030405.000006Z-000000001",
		"20260102T030405.000006Z--000000001",
		"20260102T030405.000006Z-+000000001",
		"20260102T030405.000006Z- 000000001",
		"20260102T030405.000006Z-0x00000001",
		"20260102T030405.000006Z-0000000001\n",
		"20260102T030405.000006Z-0000000001.new",
		"20260132T030405.000006Z-0000000001",
		"19691231T235959.999999Z-0000000001",
		"2026-01-02T03:04:05.000006Z-0000000001",
	};
	uint64_t seq;
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (clip_id_parse(bad[i], &us, &seq) != -EINVAL)
			fail_msg("%s", bad[i]);
}

/* Whatever byte of an id is changed to whatever: refused, or it is the id of its own values. */
static void every_changed_byte(void **state)
{
	struct clip_id id, again;
	uint64_t seq;
	int64_t us;

	(void)state;
	for (size_t i = 0; i < CLIP_ID_LEN; i++)
		for (int c = 0; c < 256; c++) {
			clip_id_make(&id, T0, 1234567890);
			id.text[i] = (char)c;
			if (clip_id_parse(id.text, &us, &seq))
				continue;
			clip_id_make(&again, us, seq);
			assert_string_equal(id.text, again.text);
			assert_null(strchr(id.text, '/'));
		}
}

/* Clocks of boards start anywhere; the text must stay an id. */
static void values_out_of_range_still_make_an_id(void **state)
{
	static const int64_t times[] = { INT64_MIN, -1, 0, INT64_C(253402300800000000), INT64_MAX };
	struct clip_id id;
	uint64_t seq;
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		clip_id_make(&id, times[i], UINT64_MAX);
		assert_int_equal(strlen(id.text), CLIP_ID_LEN);
		assert_int_equal(clip_id_parse(id.text, &us, &seq), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_and_times_are_written_as_documented),
		cmocka_unit_test(days_of_the_calendar_only),
		cmocka_unit_test(nothing_but_an_id_is_a_file_name),
		cmocka_unit_test(every_changed_byte),
		cmocka_unit_test(values_out_of_range_still_make_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
