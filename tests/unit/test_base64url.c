// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a signature or hash could be written in a second form that some reader
 * takes for the same bytes, so that "identical" and "signed" would mean different things.
 */
#include "base64url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* RFC 4648 section 10, without padding; RFC 7515 appendix C. */
static const struct {
	const char *bytes, *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg" },
	{ "fo", "Zm8" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" },
	{ "\x03\xec\xff\xe0\xc1", "A-z_4ME" },
};

static void encodes_and_decodes_the_rfcs_vectors(void **state)
{
	char text[16];
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		size_t n = strlen(vectors[i].bytes), len = strlen(vectors[i].text);

		base64url_encode(text, vectors[i].bytes, n);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(BASE64URL_LEN(n), len);
		assert_int_equal(base64url_decode(bytes, n, vectors[i].text, len), n);
		assert_memory_equal(bytes, vectors[i].bytes, n);
	}
}

static void refuses_every_second_form(void **state)
{
	static const char *const bad[] = { "Zg==",    "Zg=",	"Zh",	 "Zm9",	  "Z",
					   "Zm9vY",   "Zm9v\n", "Zm 9v", " Zm9v", "+-z_",
					   "A/z_4ME", "Zm9v\t", "Zm.v" };
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(base64url_decode(bytes, sizeof(bytes), bad[i], strlen(bad[i])),
				 -EINVAL);
	assert_int_equal(base64url_decode(bytes, sizeof(bytes), "Zm9\0", 4), -EINVAL);
	assert_int_equal(base64url_decode(bytes, sizeof(bytes), "Zm9\xc3", 4), -EINVAL);
}

static void never_writes_beyond_the_buffer(void **state)
{
	uint8_t bytes[3] = { 1, 2, 3 };

	(void)state;
	assert_int_equal(base64url_decode(bytes, 2, "Zm9v", 4), -ENOSPC);
	assert_int_equal(bytes[2], 3);
	assert_int_equal(base64url_decode(bytes, 2, "Zm8", 3), 2);
	assert_int_equal(base64url_decode(bytes, 0, "", 0), 0);
}

/* Each text of up to three characters that decodes is what its bytes encode to. */
static void one_text_for_the_same_bytes(void **state)
{
	static const char chars[] = "ABZaz09-_=+/ \n";
	const size_t n = sizeof(chars) - 1;
	uint8_t bytes[3];
	char again[8];
	ssize_t got;

	(void)state;
	for (size_t i = 0; i < n * n * n; i++) {
		char text[4] = { chars[i % n], chars[i / n % n], chars[i / n / n], 0 };

		for (size_t len = 1; len <= 3; len++) {
			got = base64url_decode(bytes, sizeof(bytes), text, len);
			if (got < 0)
				continue;
			base64url_encode(again, bytes, (size_t)got);
			assert_int_equal(strlen(again), len);
			assert_memory_equal(again, text, len);
		}
	}
}

static void all_bytes_come_back(void **state)
{
	uint8_t in[256], out[256];
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(255 - i);
	for (size_t n = 0; n <= sizeof(in); n++) {
		text = base64url_dup(in, n);
		assert_non_null(text);
		assert_int_equal(base64url_decode(out, n, text, strlen(text)), n);
		assert_memory_equal(in, out, n);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_and_decodes_the_rfcs_vectors),
		cmocka_unit_test(refuses_every_second_form),
		cmocka_unit_test(never_writes_beyond_the_buffer),
		cmocka_unit_test(one_text_for_the_same_bytes),
		cmocka_unit_test(all_bytes_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
