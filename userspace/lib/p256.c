// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * P-256 keys and ES256 on OpenSSL's EVP interface. Separate from jws.c because claims, HPKE and the
 * TPM all need the same three forms of a key (point, JWK, EVP_PKEY). The curve is fixed here: no
 * function accepts a key of another.
 */
#include "p256.h"
#include "base64url.h"
#include "json_strict.h"
#include "scope_openssl.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>

#define COORD_LEN 32
#define DER_MAX	  72 /* SEQUENCE of two INTEGERs of at most 33 bytes */

static bool is_p256(const EVP_PKEY *pkey)
{
	char group[64];
	size_t len;

	return EVP_PKEY_is_a(pkey, "EC") &&
	       EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
	       OBJ_sn2nid(group) == NID_X9_62_prime256v1;
}

static int coordinate(EVP_PKEY *pkey, const char *name, uint8_t *out)
{
	SCOPE_OPENSSL(bn) BIGNUM *bn = NULL;

	if (!EVP_PKEY_get_bn_param(pkey, name, &bn))
		return -EINVAL;
	return BN_bn2binpad(bn, out, COORD_LEN) == COORD_LEN ? 0 : -EINVAL;
}

/* By coordinates, not as an octet string: that comes in the form, maybe compressed, of the file. */
int p256_pub_from_pkey(struct p256_pub *pub, EVP_PKEY *pkey)
{
	if (!is_p256(pkey) || coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, pub->point + 1) ||
	    coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, pub->point + 1 + COORD_LEN)) {
		ERR_clear_error();
		return -EINVAL;
	}
	pub->point[0] = POINT_CONVERSION_UNCOMPRESSED;
	return 0;
}

EVP_PKEY *p256_pub_to_pkey(const struct p256_pub *pub)
{
	char group[] = SN_X9_62_prime256v1;
	uint8_t point[P256_POINT_LEN]; /* OSSL_PARAM takes no const */
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group) - 1),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
		OSSL_PARAM_END,
	};
	SCOPE_OPENSSL(pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;

	/* Other first bytes are other forms of the same point: one key must have one id. */
	if (pub->point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return NULL;
	memcpy(point, pub->point, sizeof(point));
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
		ERR_clear_error();
		return NULL;
	}
	return pkey;
}

json_t *p256_pub_to_jwk(const struct p256_pub *pub)
{
	char x[BASE64URL_LEN(COORD_LEN) + 1], y[BASE64URL_LEN(COORD_LEN) + 1];

	base64url_encode(x, pub->point + 1, COORD_LEN);
	base64url_encode(y, pub->point + 1 + COORD_LEN, COORD_LEN);
	return json_pack("{s:s, s:s, s:s, s:s}", "crv", "P-256", "kty", "EC", "x", x, "y", y);
}

int p256_pub_from_jwk(struct p256_pub *pub, const json_t *jwk)
{
	static const char *const members[] = { "crv", "kty", "x", "y" };
	SCOPE_OPENSSL(pkey) EVP_PKEY *pkey = NULL;
	char crv[8], kty[4];

	if (!json_strict_members(jwk, members, 4) ||
	    json_strict_text(jwk, "crv", crv, sizeof(crv)) ||
	    json_strict_text(jwk, "kty", kty, sizeof(kty)) || strcmp(crv, "P-256") ||
	    strcmp(kty, "EC") || json_strict_bytes(jwk, "x", pub->point + 1, COORD_LEN) ||
	    json_strict_bytes(jwk, "y", pub->point + 1 + COORD_LEN, COORD_LEN))
		return -EINVAL;
	pub->point[0] = POINT_CONVERSION_UNCOMPRESSED;
	pkey = p256_pub_to_pkey(pub);
	return pkey ? 0 : -EINVAL;
}

int p256_thumbprint(struct p256_id *id, const struct p256_pub *pub)
{
	char x[BASE64URL_LEN(COORD_LEN) + 1], y[BASE64URL_LEN(COORD_LEN) + 1];
	uint8_t digest[P256_DIGEST_LEN];
	char jwk[160];
	int n;

	/* RFC 7638 section 3: the required members in lexicographic order, no white space. */
	base64url_encode(x, pub->point + 1, COORD_LEN);
	base64url_encode(y, pub->point + 1 + COORD_LEN, COORD_LEN);
	n = snprintf(jwk, sizeof(jwk),
		     "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
	if (!EVP_Digest(jwk, (size_t)n, digest, NULL, EVP_sha256(), NULL))
		return -ENOMEM;
	base64url_encode(id->text, digest, sizeof(digest));
	return 0;
}

static int sig_from_der(uint8_t sig[P256_SIG_LEN], const uint8_t *der, size_t len)
{
	SCOPE_OPENSSL(ecdsa_sig) ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)len);

	if (!s || BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, COORD_LEN) != COORD_LEN ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + COORD_LEN, COORD_LEN) != COORD_LEN)
		return -EIO;
	return 0;
}

/* Returns the length of the DER form, or -errno. */
static int sig_to_der(uint8_t der[DER_MAX], const uint8_t sig[P256_SIG_LEN])
{
	SCOPE_OPENSSL(ecdsa_sig) ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, COORD_LEN, NULL);
	BIGNUM *v = BN_bin2bn(sig + COORD_LEN, COORD_LEN, NULL);

	/* On success the signature owns both numbers. */
	if (!s || !r || !v || !ECDSA_SIG_set0(s, r, v)) {
		BN_free(r);
		BN_free(v);
		return -ENOMEM;
	}
	return i2d_ECDSA_SIG(s, &der);
}

static int pkey_sign(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		     uint8_t sig[P256_SIG_LEN])
{
	struct signer_pkey *s = (struct signer_pkey *)signer;
	SCOPE_OPENSSL(pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->pkey, NULL);
	uint8_t der[DER_MAX];
	size_t len = sizeof(der);

	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_sign(ctx, der, &len, digest, P256_DIGEST_LEN) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	return sig_from_der(sig, der, len);
}

int signer_pkey_init(struct signer_pkey *s, EVP_PKEY *pkey)
{
	s->signer.sign = pkey_sign;
	s->pkey = pkey;
	return p256_pub_from_pkey(&s->signer.pub, pkey);
}

int p256_verify(const struct p256_pub *pub, const uint8_t digest[P256_DIGEST_LEN],
		const uint8_t sig[P256_SIG_LEN])
{
	SCOPE_OPENSSL(pkey) EVP_PKEY *pkey = p256_pub_to_pkey(pub);
	SCOPE_OPENSSL(pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
	uint8_t der[DER_MAX];
	int len;

	if (!pkey)
		return -EBADMSG;
	len = sig_to_der(der, sig);
	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	if (len < 0 || !ctx || EVP_PKEY_verify_init(ctx) != 1)
		return -ENOMEM;
	if (EVP_PKEY_verify(ctx, der, (size_t)len, digest, P256_DIGEST_LEN) != 1) {
		ERR_clear_error();
		return -EBADMSG;
	}
	return 0;
}
