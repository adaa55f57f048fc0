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

/*
 * Encrypt @len bytes at @pt to @to: @enc receives the encapsulated key, @ct @len + HPKE_TAG_LEN
 * bytes. Returns 0 or -errno.
 */
int hpke_seal(uint8_t enc[HPKE_ENC_LEN], uint8_t *ct, const struct p256_pub *to, const void *info,
	      size_t info_len, const void *pt, size_t len);

/* hpke_seal() with a given ephemeral key: for the RFC's vectors. */
int hpke_seal_ephemeral(uint8_t enc[HPKE_ENC_LEN], uint8_t *ct, EVP_PKEY *ephemeral,
			const struct p256_pub *to, const void *info, size_t info_len,
			const void *pt, size_t len);

/*
 * Decrypt @ct_len bytes (tag included) with the private @key: @pt receives @ct_len - HPKE_TAG_LEN
 * bytes. -EBADMSG if this key, enc, info or ciphertext do not belong together.
 */
int hpke_open(uint8_t *pt, EVP_PKEY *key, const uint8_t enc[HPKE_ENC_LEN], const void *info,
	      size_t info_len, const uint8_t *ct, size_t ct_len);

#endif
