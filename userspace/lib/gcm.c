// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * AES-128-GCM by OpenSSL. Separate because content keys and HPKE both end in it, and because the
 * rule that nothing unauthenticated leaves must be kept in one place.
 */
#include "gcm.h"
#include "scope_openssl.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

int gcm_seal(uint8_t *ct, const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN],
	     const void *aad, size_t aad_len, const void *pt, size_t len)
{
	SCOPE_OPENSSL(cipher_ctx) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	if (len > INT_MAX - GCM_TAG_LEN || aad_len > INT_MAX)
		return -EINVAL;
	if (!c || !EVP_EncryptInit_ex2(c, EVP_aes_128_gcm(), key, nonce, NULL) ||
	    !EVP_EncryptUpdate(c, NULL, &n, aad, (int)aad_len) ||
	    !EVP_EncryptUpdate(c, ct, &n, pt, (int)len) || !EVP_EncryptFinal_ex(c, ct + n, &n) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, ct + len))
		return -EIO;
	return 0;
}

static int decrypt(uint8_t *pt, const uint8_t *key, const uint8_t *nonce, const void *aad,
		   size_t aad_len, const uint8_t *ct, size_t len)
{
	SCOPE_OPENSSL(cipher_ctx) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t tag[GCM_TAG_LEN]; /* the control call takes no const */
	int n;

	memcpy(tag, ct + len, sizeof(tag));
	if (!c || !EVP_DecryptInit_ex2(c, EVP_aes_128_gcm(), key, nonce, NULL) ||
	    !EVP_DecryptUpdate(c, NULL, &n, aad, (int)aad_len) ||
	    !EVP_DecryptUpdate(c, pt, &n, ct, (int)len) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, tag))
		return -EIO;
	return EVP_DecryptFinal_ex(c, pt + n, &n) == 1 ? 0 : -EBADMSG;
}

int gcm_open(void *pt, const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN],
	     const void *aad, size_t aad_len, const uint8_t *ct, size_t ct_len)
{
	int rc;

	if (ct_len < GCM_TAG_LEN || ct_len > INT_MAX || aad_len > INT_MAX)
		return -EBADMSG;
	rc = decrypt(pt, key, nonce, aad, aad_len, ct, ct_len - GCM_TAG_LEN);
	if (rc) {
		OPENSSL_cleanse(pt, ct_len - GCM_TAG_LEN);
		ERR_clear_error(); /* a refusal is no fault for the next TLS call to report */
	}
	return rc;
}
