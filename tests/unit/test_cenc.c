// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: clips that no player decrypts, picture bytes in the clear, or samples that
 * share keystream.
 */
#include "cenc.h"

#include <errno.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t key[16] = { 0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
				 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c };

/*
 * Keystream of sample @number by AES-ECB of the counter blocks (SP 800-38A 6.5), the other way to
 * the same bytes.
 */
static void keystream(uint8_t *out, size_t len, uint64_t number)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL), 1);
	for (size_t block = 0; block * 16 < len; block++) {
		uint8_t counter[16], stream[32];
		size_t n = len - block * 16 < 16 ? len - block * 16 : 16;
		int got;

		for (int i = 0; i < 8; i++) {
			counter[i] = number >> (56 - 8 * i);
			counter[8 + i] = (uint64_t)block >> (56 - 8 * i);
		}
		assert_int_equal(EVP_EncryptUpdate(ctx, stream, &got, counter, 16), 1);
		memcpy(out + block * 16, stream, n);
	}
	EVP_CIPHER_CTX_free(ctx);
}

static void whole_sample_is_counter_mode_from_its_number(void **state)
{
	static const uint64_t numbers[] = { 1, 2, 255, 256, UINT64_C(0x123456789abcdef0) };
	struct cenc *c = cenc_new(key);
	uint8_t data[100], stream[100];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		memset(data, 0, sizeof(data));
		assert_int_equal(cenc_sample(c, numbers[i], data, sizeof(data), NULL, 0), 0);
		keystream(stream, sizeof(stream), numbers[i]);
		assert_memory_equal(data, stream, sizeof(data));
	}
	cenc_free(c);
}

static void keystream_runs_on_through_subsamples(void **state)
{
	static const struct cenc_subsample sub[] = { { 5, 7 }, { 5, 0 }, { 5, 26 }, { 0, 17 } };
	struct cenc *c = cenc_new(key);
	uint8_t data[65], stream[50];
	size_t at = 0, used = 0;

	(void)state;
	memset(data, 0xa5, sizeof(data));
	assert_int_equal(cenc_sample(c, 9, data, sizeof(data), sub, 4), 0);
	keystream(stream, sizeof(stream), 9);
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < sub[i].clear; j++)
			assert_int_equal(data[at++], 0xa5);
		for (size_t j = 0; j < sub[i].protected; j++)
			assert_int_equal(data[at++], 0xa5 ^ stream[used++]);
	}
	assert_int_equal(at, sizeof(data));
	cenc_free(c);
}

static void twice_is_plaintext_again(void **state)
{
	static const struct cenc_subsample sub[] = { { 5, 3 }, { 5, 20 } };
	struct cenc *c = cenc_new(key);
	uint8_t data[33], before[33];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		before[i] = data[i] = i;
	assert_int_equal(cenc_sample(c, 3, data, sizeof(data), sub, 2), 0);
	assert_memory_not_equal(data, before, sizeof(data));
	assert_int_equal(cenc_sample(c, 3, data, sizeof(data), sub, 2), 0);
	assert_memory_equal(data, before, sizeof(data));
	cenc_free(c);
}

static void subsamples_that_do_not_cover_are_refused(void **state)
{
	static const struct cenc_subsample less[] = { { 5, 10 } }, more[] = { { 5, 12 } };
	static const struct cenc_subsample wraps[] = { { 5, 0xffffffff }, { 17, 0xfffffffb } };
	struct cenc *c = cenc_new(key);
	uint8_t data[16] = { 0 }, before[16] = { 0 };

	(void)state;
	assert_int_equal(cenc_sample(c, 1, data, 16, less, 1), -EINVAL);
	assert_int_equal(cenc_sample(c, 1, data, 16, more, 1), -EINVAL);
	assert_int_equal(cenc_sample(c, 1, data, 16, wraps, 2), -EINVAL);
	assert_int_equal(cenc_sample(c, 0, data, 16, NULL, 0), -EINVAL);
	assert_memory_equal(data, before, sizeof(data));
	cenc_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_sample_is_counter_mode_from_its_number),
		cmocka_unit_test(keystream_runs_on_through_subsamples),
		cmocka_unit_test(twice_is_plaintext_again),
		cmocka_unit_test(subsamples_that_do_not_cover_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
