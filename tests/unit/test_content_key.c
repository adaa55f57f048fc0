// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a thumbnail that opens with another clip's key or under another clip's
 * name, or that no other implementation of the format can open.
 */
#include "content_key.h"
#include "gcm.h"

#include <errno.h>
#include <openssl/hmac.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define CLIP "20260102T030405.000006Z-0000000001"

static const struct content_key fixed = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe,
	  0xff },
};

/* HKDF from HMAC (RFC 5869 2.2 and 2.3), so that not one call is compared with itself. */
static void derive_by_hmac(uint8_t key[16], const char *label)
{
	uint8_t prk[32], okm[32], info[64];
	size_t n = strlen(label);
	unsigned int len;

	assert_non_null(HMAC(EVP_sha256(), fixed.kid, 16, fixed.key, 16, prk, &len));
	memcpy(info, label, n);
	info[n] = 1;
	assert_non_null(HMAC(EVP_sha256(), prk, 32, info, n + 1, okm, &len));
	memcpy(key, okm, 16);
}

static void texts_are_sealed_as_the_format_says(void **state)
{
	static const struct {
		enum content_label label;
		const char *text;
	} labels[] = {
		{ CONTENT_THUMB, "ownframe/1 thumb" },
		{ CONTENT_PRIVATE, "ownframe/1 private" },
		{ CONTENT_OPEN, "ownframe/1 open" },
	};
	static const uint8_t nonce[12];
	uint8_t key[16], ct[5 + 16], pt[5];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(content_key_seal(&fixed, labels[i].label, CLIP, "hello", 5, ct),
				 0);
		derive_by_hmac(key, labels[i].text);
		assert_int_equal(gcm_open(pt, key, nonce, CLIP, strlen(CLIP), ct, sizeof(ct)), 0);
		assert_memory_equal(pt, "hello", 5);
		memset(pt, 0, sizeof(pt));
		assert_int_equal(
			content_key_open(&fixed, labels[i].label, CLIP, ct, sizeof(ct), pt), 0);
		assert_memory_equal(pt, "hello", 5);
	}
}

static void nothing_else_opens_it(void **state)
{
	static const uint8_t zero[5];
	struct content_key other = fixed;
	uint8_t ct[5 + 16], pt[5];

	(void)state;
	assert_int_equal(content_key_seal(&fixed, CONTENT_THUMB, CLIP, "hello", 5, ct), 0);
	assert_int_equal(content_key_open(&fixed, CONTENT_OPEN, CLIP, ct, sizeof(ct), pt),
			 -EBADMSG);
	assert_int_equal(content_key_open(&fixed, CONTENT_THUMB,
					  "20260102T030405.000006Z-0000000002", ct, sizeof(ct), pt),
			 -EBADMSG);
	other.key[15] ^= 1;
	assert_int_equal(content_key_open(&other, CONTENT_THUMB, CLIP, ct, sizeof(ct), pt),
			 -EBADMSG);
	other = fixed;
	other.kid[0] ^= 1;
	assert_int_equal(content_key_open(&other, CONTENT_THUMB, CLIP, ct, sizeof(ct), pt),
			 -EBADMSG);
	for (size_t bit = 0; bit < 8 * sizeof(ct); bit++) {
		ct[bit / 8] ^= 1 << bit % 8;
		memset(pt, 0xaa, sizeof(pt));
		assert_int_equal(content_key_open(&fixed, CONTENT_THUMB, CLIP, ct, sizeof(ct), pt),
				 -EBADMSG);
		assert_memory_equal(pt, zero, sizeof(pt)); /* nothing unauthenticated stays */
		ct[bit / 8] ^= 1 << bit % 8;
	}
	for (size_t len = 0; len < sizeof(ct); len++)
		assert_int_equal(content_key_open(&fixed, CONTENT_THUMB, CLIP, ct, len, pt),
				 -EBADMSG);
}

static void an_empty_text_is_still_authentic(void **state)
{
	uint8_t ct[16], pt[1];

	(void)state;
	assert_int_equal(content_key_seal(&fixed, CONTENT_PRIVATE, CLIP, "", 0, ct), 0);
	assert_int_equal(content_key_open(&fixed, CONTENT_PRIVATE, CLIP, ct, 16, pt), 0);
	ct[0] ^= 1;
	assert_int_equal(content_key_open(&fixed, CONTENT_PRIVATE, CLIP, ct, 16, pt), -EBADMSG);
}

static void every_clip_has_a_new_key(void **state)
{
	static const struct content_key zero;
	struct content_key keys[64];

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(content_key_new(&keys[i]), 0);
		for (size_t j = 0; j < i; j++) {
			assert_memory_not_equal(keys[i].key, keys[j].key, 16);
			assert_memory_not_equal(keys[i].kid, keys[j].kid, 16);
		}
	}
	content_key_wipe(&keys[0]);
	assert_memory_equal(&keys[0], &zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_sealed_as_the_format_says),
		cmocka_unit_test(nothing_else_opens_it),
		cmocka_unit_test(an_empty_text_is_still_authentic),
		cmocka_unit_test(every_clip_has_a_new_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
