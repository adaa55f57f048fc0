/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * P-256 keys: public points, their JWK form and thumbprint, ES256 signatures, and the interface
 * behind which a private key may live anywhere (a file of the owner's, a TPM).
 *
 * RFC 7517/7518 section 6.2 (JWK), RFC 7638 (thumbprint), RFC 7518 section 3.4 (ES256).
 */
#ifndef OWNFRAME_P256_H
#define OWNFRAME_P256_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define P256_POINT_LEN	65 /* 0x04 || x || y, SEC 1 section 2.3.3 */
#define P256_SIG_LEN	64 /* r || s, each left-padded to 32 bytes */
#define P256_DIGEST_LEN 32
#define P256_ID_LEN	43 /* base64url SHA-256 thumbprint */

struct p256_pub {
	uint8_t point[P256_POINT_LEN];
};

/* A device id or an owner id: the thumbprint of its public key, NUL-terminated. */
struct p256_id {
	char text[P256_ID_LEN + 1];
};

/*
 * Something that signs with one P-256 private key. @sign puts r || s of an ECDSA signature over
 * the SHA-256 @digest into @sig; it may block for as long as secure storage takes (a TPM: up to a
 * second). Returns 0 or -errno.
 */
struct signer {
	struct p256_pub pub;
	int (*sign)(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		    uint8_t sig[P256_SIG_LEN]);
};

/* A signer over a private key in this process's memory: an owner's, never a device's. */
struct signer_pkey {
	struct signer signer;
	EVP_PKEY *pkey; /* borrowed */
};

/* -EINVAL if @pkey is not a P-256 key. */
int signer_pkey_init(struct signer_pkey *s, EVP_PKEY *pkey);

/* -EINVAL if @pkey is not a P-256 key. */
int p256_pub_from_pkey(struct p256_pub *pub, EVP_PKEY *pkey);
/* New EVP_PKEY (caller frees), or NULL: the point is not on the curve. */
EVP_PKEY *p256_pub_to_pkey(const struct p256_pub *pub);

/* New object {"crv","kty","x","y"} and nothing else, or NULL. */
json_t *p256_pub_to_jwk(const struct p256_pub *pub);
/* Exactly those four members, point on the curve; otherwise -EINVAL. */
int p256_pub_from_jwk(struct p256_pub *pub, const json_t *jwk);

/* RFC 7638. Returns 0 or -errno. */
int p256_thumbprint(struct p256_id *id, const struct p256_pub *pub);

/* 0 if @sig is @pub's signature over the SHA-256 @digest, -EBADMSG if it is not, or -errno. */
int p256_verify(const struct p256_pub *pub, const uint8_t digest[P256_DIGEST_LEN],
		const uint8_t sig[P256_SIG_LEN]);

#endif
