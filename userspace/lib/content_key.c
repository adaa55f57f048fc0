// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A clip's key and the texts sealed with keys derived from it. A fixed nonce is safe only because
 * each derived key encrypts one text ever: the content key is new for each clip, each label is used
 * once.
 */
#include "content_key.h"
#include "gcm.h"
#include "scope_openssl.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

static const char *const labels[] = {
	[CONTENT_THUMB] = "ownframe/1 thumb",
	[CONTENT_PRIVATE] = "ownframe/1 private",
	[CONTENT_OPEN] = "ownframe/1 open",
};

static const uint8_t nonce[GCM_NONCE_LEN];

int content_key_new(struct content_key *ck)
{
	if (RAND_bytes(ck->kid, sizeof(ck->kid)) != 1 ||
	    RAND_priv_bytes(ck->key, sizeof(ck->key)) != 1) {
		content_key_wipe(ck);
		return -EIO;
	}
	return 0;
}

void content_key_wipe(struct content_key *ck)
{
	OPENSSL_cleanse(ck, sizeof(*ck));
}

static int derive(uint8_t out[GCM_KEY_LEN], const struct content_key *ck, enum content_label label)
{
	SCOPE_OPENSSL(kdf) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	SCOPE_OPENSSL(kdf_ctx) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, sizeof(digest) - 1),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)ck->key, sizeof(ck->key)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)ck->kid, sizeof(ck->kid)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, (void *)labels[label],
					strlen(labels[label])),
		OSSL_PARAM_END,
	};

	return ctx && EVP_KDF_derive(ctx, out, GCM_KEY_LEN, params) == 1 ? 0 : -EIO;
}

int content_key_seal(const struct content_key *ck, enum content_label label, const char *clip_id,
		     const void *pt, size_t len, uint8_t *ct)
{
	uint8_t key[GCM_KEY_LEN];
	int rc = derive(key, ck, label);

	if (!rc)
		rc = gcm_seal(ct, key, nonce, clip_id, strlen(clip_id), pt, len);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}

int content_key_open(const struct content_key *ck, enum content_label label, const char *clip_id,
		     const uint8_t *ct, size_t ct_len, void *pt)
{
	uint8_t key[GCM_KEY_LEN];
	int rc = derive(key, ck, label);

	if (!rc)
		rc = gcm_open(pt, key, nonce, clip_id, strlen(clip_id), ct, ct_len);
	OPENSSL_cleanse(key, sizeof(key));
	return rc;
}
