// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HPKE base mode on OpenSSL's ECDH, HKDF and AES-GCM, named as in RFC 9180. Written out because
 * OpenSSL has it only from 3.2. Every context seals one message, so the sequence number is always
 * 0 and the nonce is the base nonce.
 */
#include "gcm.h"
#include "hpke.h"
#include "scope_openssl.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#define NH	    32 /* SHA-256 */
#define NDH	    32 /* x coordinate of the shared point */
#define INFO_MAX    1024
#define LABELED_MAX (INFO_MAX + 64) /* "HPKE-v1", suite id, label, and what is labeled */

/* RFC 9180 section 4.1 and 5.1: the KEM's own steps have another suite id than the rest. */
static const uint8_t suite_kem[] = { 'K', 'E', 'M', HPKE_KEM >> 8, HPKE_KEM & 0xff };
static const uint8_t suite_hpke[] = { 'H',
				      'P',
				      'K',
				      'E',
				      HPKE_KEM >> 8,
				      HPKE_KEM & 0xff,
				      HPKE_KDF >> 8,
				      HPKE_KDF & 0xff,
				      HPKE_AEAD >> 8,
				      HPKE_AEAD & 0xff };

struct suite {
	const uint8_t *id;
	size_t len;
};

static const struct suite kem = { suite_kem, sizeof(suite_kem) };
static const struct suite hpke = { suite_hpke, sizeof(suite_hpke) };

struct text {
	uint8_t data[LABELED_MAX];
	size_t len;
};

static void text_wipe(struct text *t)
{
	OPENSSL_cleanse(t, sizeof(*t));
}

#define SCOPE_TEXT __attribute__((cleanup(text_wipe)))

static int text_add(struct text *t, const void *data, size_t len)
{
	if (len > sizeof(t->data) - t->len)
		return -EINVAL;
	if (len)
		memcpy(t->data + t->len, data, len);
	t->len += len;
	return 0;
}

static int hkdf(uint8_t *out, size_t out_len, int mode, const void *key, size_t key_len,
		const char *with, const void *data, size_t len)
{
	SCOPE_OPENSSL(kdf) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	SCOPE_OPENSSL(kdf_ctx) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, sizeof(digest) - 1),
		OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_len),
		OSSL_PARAM_octet_string(with, (void *)data, len),
		OSSL_PARAM_END,
	};

	/* An absent salt is the empty one (RFC 5869 section 2.2). */
	if (!len)
		params[3] = (OSSL_PARAM)OSSL_PARAM_END;
	return ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1 ? 0 : -EIO;
}

static int labeled_extract(uint8_t out[NH], struct suite suite, const void *salt, size_t salt_len,
			   const char *label, const void *ikm, size_t ikm_len)
{
	SCOPE_TEXT struct text t = { .len = 0 };

	if (text_add(&t, "HPKE-v1", 7) || text_add(&t, suite.id, suite.len) ||
	    text_add(&t, label, strlen(label)) || text_add(&t, ikm, ikm_len))
		return -EINVAL;
	return hkdf(out, NH, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, t.data, t.len, OSSL_KDF_PARAM_SALT,
		    salt, salt_len);
}

static int labeled_expand(uint8_t *out, size_t len, struct suite suite, const uint8_t prk[NH],
			  const char *label, const void *info, size_t info_len)
{
	SCOPE_TEXT struct text t = { .len = 0 };
	const uint8_t l[2] = { (uint8_t)(len >> 8), (uint8_t)len };

	if (text_add(&t, l, sizeof(l)) || text_add(&t, "HPKE-v1", 7) ||
	    text_add(&t, suite.id, suite.len) || text_add(&t, label, strlen(label)) ||
	    text_add(&t, info, info_len))
		return -EINVAL;
	return hkdf(out, len, EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, NH, OSSL_KDF_PARAM_INFO, t.data,
		    t.len);
}

/* Section 7.1: DH(), the x coordinate. */
static int dh(uint8_t out[NDH], EVP_PKEY *key, const struct p256_pub *pub)
{
	SCOPE_OPENSSL(pkey) EVP_PKEY *peer = p256_pub_to_pkey(pub);
	SCOPE_OPENSSL(pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
	size_t len = NDH;

	if (!peer)
		return -EBADMSG;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
	    EVP_PKEY_derive(ctx, out, &len) != 1 || len != NDH)
		return -EIO;
	return 0;
}

/* Section 4.1: ExtractAndExpand() over dh and kem_context = enc || pkRm. */
static int extract_and_expand(uint8_t secret[NH], const uint8_t shared[NDH],
			      const uint8_t enc[HPKE_ENC_LEN], const struct p256_pub *recipient)
{
	uint8_t context[HPKE_ENC_LEN + P256_POINT_LEN], prk[NH];
	int rc;

	memcpy(context, enc, HPKE_ENC_LEN);
	memcpy(context + HPKE_ENC_LEN, recipient->point, P256_POINT_LEN);
	rc = labeled_extract(prk, kem, NULL, 0, "eae_prk", shared, NDH);
	if (!rc)
		rc = labeled_expand(secret, NH, kem, prk, "shared_secret", context,
				    sizeof(context));
	OPENSSL_cleanse(prk, sizeof(prk));
	return rc;
}

/* Section 5.1: KeySchedule() of mode_base: no psk, no psk_id. */
static int key_schedule(struct hpke_context *ctx, const uint8_t shared_secret[NH], const void *info,
			size_t info_len)
{
	uint8_t context[1 + 2 * NH] = { 0 /* mode_base */ }, secret[NH];
	int rc;

	rc = labeled_extract(context + 1, hpke, NULL, 0, "psk_id_hash", NULL, 0);
	if (!rc)
		rc = labeled_extract(context + 1 + NH, hpke, NULL, 0, "info_hash", info, info_len);
	if (!rc)
		rc = labeled_extract(secret, hpke, shared_secret, NH, "secret", NULL, 0);
	if (!rc)
		rc = labeled_expand(ctx->key, HPKE_KEY_LEN, hpke, secret, "key", context,
				    sizeof(context));
	if (!rc)
		rc = labeled_expand(ctx->base_nonce, HPKE_NONCE_LEN, hpke, secret, "base_nonce",
				    context, sizeof(context));
	OPENSSL_cleanse(secret, sizeof(secret));
	return rc;
}

/* What both sides do once each has its private and the other's public key. */
static int setup(struct hpke_context *ctx, EVP_PKEY *key, const struct p256_pub *other,
		 const uint8_t enc[HPKE_ENC_LEN], const struct p256_pub *recipient,
		 const void *info, size_t info_len)
{
	uint8_t shared[NDH], secret[NH];
	int rc;

	if (info_len > INFO_MAX)
		return -EINVAL;
	rc = dh(shared, key, other);
	if (!rc)
		rc = extract_and_expand(secret, shared, enc, recipient);
	if (!rc)
		rc = key_schedule(ctx, secret, info, info_len);
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(secret, sizeof(secret));
	if (rc)
		ERR_clear_error();
	return rc;
}

int hpke_setup_s(struct hpke_context *ctx, uint8_t enc[HPKE_ENC_LEN], EVP_PKEY *ephemeral,
		 const struct p256_pub *to, const void *info, size_t info_len)
{
	struct p256_pub pub;
	int rc = p256_pub_from_pkey(&pub, ephemeral);

	if (rc)
		return rc;
	memcpy(enc, pub.point, HPKE_ENC_LEN);
	return setup(ctx, ephemeral, to, enc, to, info, info_len);
}

int hpke_setup_r(struct hpke_context *ctx, EVP_PKEY *key, const uint8_t enc[HPKE_ENC_LEN],
		 const void *info, size_t info_len)
{
	struct p256_pub ephemeral, pub;
	int rc = p256_pub_from_pkey(&pub, key);

	if (rc)
		return rc;
	memcpy(ephemeral.point, enc, P256_POINT_LEN);
	return setup(ctx, key, &ephemeral, enc, &pub, info, info_len);
}

int hpke_seal(uint8_t enc[HPKE_ENC_LEN], uint8_t *ct, const struct p256_pub *to, const void *info,
	      size_t info_len, const void *pt, size_t len)
{
	SCOPE_OPENSSL(pkey) EVP_PKEY *ephemeral = EVP_EC_gen("P-256");
	struct hpke_context ctx;
	int rc;

	if (!ephemeral)
		return -EIO;
	rc = hpke_setup_s(&ctx, enc, ephemeral, to, info, info_len);
	if (!rc)
		rc = gcm_seal(ct, ctx.key, ctx.base_nonce, NULL, 0, pt, len);
	OPENSSL_cleanse(&ctx, sizeof(ctx));
	return rc;
}

int hpke_open(uint8_t *pt, EVP_PKEY *key, const uint8_t enc[HPKE_ENC_LEN], const void *info,
	      size_t info_len, const uint8_t *ct, size_t ct_len)
{
	struct hpke_context ctx;
	int rc = hpke_setup_r(&ctx, key, enc, info, info_len);

	if (!rc)
		rc = gcm_open(pt, ctx.key, ctx.base_nonce, NULL, 0, ct, ct_len);
	OPENSSL_cleanse(&ctx, sizeof(ctx));
	return rc;
}
