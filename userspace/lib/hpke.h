/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HPKE base mode, RFC 9180, one suite: DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001,
 * AES-128-GCM 0x0001; single shot, empty aad. Composed of OpenSSL's primitives (3.0 has no HPKE).
 */
#ifndef OWNFRAME_HPKE_H
#define OWNFRAME_HPKE_H

#include "p256.h"

#define HPKE_KEM     0x0010
#define HPKE_KDF     0x0001
#define HPKE_AEAD    0x0001
#define HPKE_ENC_LEN P256_POINT_LEN
#define HPKE_TAG_LEN 16

#define HPKE_KEY_LEN   16
#define HPKE_NONCE_LEN 12

/* What KEM and key schedule (RFC 9180 sections 4.1 and 5.1) give both sides. Secret. */
struct hpke_context {
	uint8_t key[HPKE_KEY_LEN];
	uint8_t base_nonce[HPKE_NONCE_LEN];
};

/*
 * SetupBaseS: agree on @ctx with the owner of @to. @ephemeral is the sender's key pair of this one
 * message; @enc receives its public half. 0 or -errno. The caller wipes @ctx.
 */
int hpke_setup_s(struct hpke_context *ctx, uint8_t enc[HPKE_ENC_LEN], EVP_PKEY *ephemeral,
		 const struct p256_pub *to, const void *info, size_t info_len);
/* SetupBaseR: the same on the other side. -EBADMSG if @enc is no point of the curve. */
int hpke_setup_r(struct hpke_context *ctx, EVP_PKEY *key, const uint8_t enc[HPKE_ENC_LEN],
		 const void *info, size_t info_len);

/*
 * Encrypt @len bytes at @pt to @to, with a new ephemeral key: @enc receives the encapsulated key,
 * @ct @len + HPKE_TAG_LEN bytes. Returns 0 or -errno.
 */
int hpke_seal(uint8_t enc[HPKE_ENC_LEN], uint8_t *ct, const struct p256_pub *to, const void *info,
	      size_t info_len, const void *pt, size_t len);

/*
 * Decrypt @ct_len bytes (tag included) with the private @key: @pt receives @ct_len - HPKE_TAG_LEN
 * bytes. -EBADMSG if this key, enc, info or ciphertext do not belong together, -EINVAL if @key is
 * not a P-256 key or @info is longer than 1024 bytes.
 */
int hpke_open(uint8_t *pt, EVP_PKEY *key, const uint8_t enc[HPKE_ENC_LEN], const void *info,
	      size_t info_len, const uint8_t *ct, size_t ct_len);

#endif
