// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sample cipher of a clip, AES-128-CTR by OpenSSL's EVP, in place. Apart from the layout, so
 * that bytes are sealed where they were captured and opened where they were hashed. The one thing
 * to know: the keystream runs on through a sample's protected parts, also inside a cipher block.
 */
#include "cenc.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>

struct cenc {
	EVP_CIPHER_CTX *ctx;
};

struct cenc *cenc_new(const uint8_t key[16])
{
	struct cenc *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ctx = EVP_CIPHER_CTX_new();
	if (!c->ctx || EVP_EncryptInit_ex(c->ctx, EVP_aes_128_ctr(), NULL, key, NULL) != 1) {
		cenc_free(c);
		return NULL;
	}
	return c;
}

void cenc_free(struct cenc *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->ctx); /* cleanses the key schedule */
	free(c);
}

static int start_sample(struct cenc *c, uint64_t number)
{
	uint8_t iv[16] = { 0 };

	for (int i = 0; i < CENC_IV_LEN; i++)
		iv[i] = number >> (8 * (CENC_IV_LEN - 1 - i));
	return EVP_EncryptInit_ex(c->ctx, NULL, NULL, NULL, iv) == 1 ? 0 : -EIO;
}

static int run(struct cenc *c, uint8_t *data, size_t len)
{
	const size_t most = 1 << 30; /* EVP counts in int */

	while (len) {
		int n = len < most ? (int)len : (int)most, out;

		if (EVP_EncryptUpdate(c->ctx, data, &out, data, n) != 1 || out != n)
			return -EIO;
		data += n;
		len -= n;
	}
	return 0;
}

static bool subsamples_cover(size_t len, const struct cenc_subsample *sub, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t)sub[i].clear + sub[i].protected;
	return sum == len;
}

int cenc_sample(struct cenc *c, uint64_t number, void *data, size_t len,
		const struct cenc_subsample *sub, size_t n)
{
	uint8_t *p = data;
	int ret;

	if (!number || (n && !subsamples_cover(len, sub, n)))
		return -EINVAL;
	ret = start_sample(c, number);
	if (ret)
		return ret;
	if (!n)
		return run(c, p, len);
	for (size_t i = 0; i < n && !ret; i++) {
		ret = run(c, p + sub[i].clear, sub[i].protected);
		p += (size_t)sub[i].clear + sub[i].protected;
	}
	return ret;
}
