// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a signed text that two readers understand differently, for example a
 * manifest with two owners, or an epoch that JavaScript rounds to another one.
 */
#include "json_strict.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static json_t *parse(const char *text)
{
	return json_strict_parse(text, strlen(text));
}

static void refuses_what_parsers_disagree_about(void **state)
{
	static const char *const bad[] = {
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}", /* the same name, escaped */
		"{\"a\":{\"b\":1,\"b\":1}}",
		"{\"a\":1} x",
		"{\"a\":1}{}",
		"{\"a\":1,}",
		"{\"a\":01}",
		"{\"a\":+1}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":\"\xff\"}",
		"{\"a\":9223372036854775808}",
		"{a:1}",
		"{'a':1}",
		"\xef\xbb\xbf{}",
		"// c\n{}",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(parse(bad[i]));
	assert_null(json_strict_parse("{}\0", 3));
	assert_null(json_strict_parse("{}x", 3));
}

static void members_are_exactly_those(void **state)
{
	static const char *const names[] = { "a", "b" };
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "{\"a\":1,\"b\":null}", true }, { "{\"b\":1,\"a\":1}", true },
		{ "{\"a\":1}", false },		  { "{\"a\":1,\"b\":2,\"c\":3}", false },
		{ "{\"a\":1,\"c\":3}", false },	  { "{\"a\":1,\"B\":3}", false },
		{ "[\"a\",\"b\"]", false },
	};
	json_t *o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		o = parse(cases[i].text);
		assert_non_null(o);
		assert_int_equal(json_strict_members(o, names, 2), cases[i].ok);
		json_decref(o);
	}
	assert_false(json_strict_members(NULL, names, 2));
}

static void numbers_are_integers_below_2_to_53(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t value;
	} cases[] = {
		{ "{\"n\":0}", 0, 0 },
		{ "{\"n\":9007199254740991}", 0, (UINT64_C(1) << 53) - 1 },
		{ "{\"n\":9007199254740992}", -EBADMSG, 0 },
		{ "{\"n\":9223372036854775807}", -EBADMSG, 0 },
		{ "{\"n\":-1}", -EBADMSG, 0 },
		{ "{\"n\":1.0}", -EBADMSG, 0 },
		{ "{\"n\":1e3}", -EBADMSG, 0 },
		{ "{\"n\":\"1\"}", -EBADMSG, 0 },
		{ "{\"n\":true}", -EBADMSG, 0 },
		{ "{\"n\":null}", -EBADMSG, 0 },
		{ "{}", -EBADMSG, 0 },
	};
	json_t *o;
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		n = 77;
		o = parse(cases[i].text);
		assert_non_null(o);
		assert_int_equal(json_strict_uint(o, "n", &n), cases[i].rc);
		assert_int_equal(n, cases[i].rc ? 77 : cases[i].value);
		json_decref(o);
	}
}

static void other_types_are_not_coerced(void **state)
{
	json_t *o = parse(
		"{\"b\":true,\"n\":1,\"z\":null,\"s\":\"abc\",\"e\":\"\",\"x\":\"Zm9v\",\"p\":\"Zm9v=\"}");
	uint8_t bytes[3], *blob = NULL;
	bool b = false;
	char text[4];
	size_t n;

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_strict_bool(o, "b", &b), 0);
	assert_true(b);
	assert_int_equal(json_strict_bool(o, "n", &b), -EBADMSG);
	assert_int_equal(json_strict_bool(o, "z", &b), -EBADMSG);

	assert_int_equal(json_strict_text(o, "s", text, 4), 0);
	assert_string_equal(text, "abc");
	assert_int_equal(json_strict_text(o, "s", text, 3), -EBADMSG);
	assert_int_equal(json_strict_text(o, "e", text, 4), -EBADMSG);
	assert_int_equal(json_strict_text(o, "n", text, 4), -EBADMSG);

	assert_int_equal(json_strict_bytes(o, "x", bytes, 3), 0);
	assert_memory_equal(bytes, "foo", 3);
	assert_int_equal(json_strict_bytes(o, "x", bytes, 2), -EBADMSG);
	assert_int_equal(json_strict_bytes(o, "p", bytes, 3), -EBADMSG);
	assert_int_equal(json_strict_bytes(o, "z", bytes, 3), -EBADMSG);

	assert_int_equal(json_strict_blob(o, "x", &blob, &n, 3), 0);
	assert_int_equal(n, 3);
	free(blob);
	assert_int_equal(json_strict_blob(o, "e", &blob, &n, 3), 0);
	assert_int_equal(n, 0);
	free(blob);
	assert_int_equal(json_strict_blob(o, "x", &blob, &n, 2), -EBADMSG);
	assert_int_equal(json_strict_blob(o, "p", &blob, &n, 9), -EBADMSG);
	assert_int_equal(json_strict_blob(o, "none", &blob, &n, 9), -EBADMSG);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_parsers_disagree_about),
		cmocka_unit_test(members_are_exactly_those),
		cmocka_unit_test(numbers_are_integers_below_2_to_53),
		cmocka_unit_test(other_types_are_not_coerced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
