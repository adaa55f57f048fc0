/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES-128-GCM of a whole text (NIST SP 800-38D): 12-byte nonce, 16-byte tag after the text. */
#ifndef OWNFRAME_GCM_H
#define OWNFRAME_GCM_H

#include <stddef.h>
#include <stdint.h>

#define GCM_KEY_LEN   16
#define GCM_NONCE_LEN 12
#define GCM_TAG_LEN   16

/*
 * @ct receives @len + GCM_TAG_LEN bytes. The same key and nonce never seal a second text: that is
 * the caller's duty. 0, -EINVAL (too long), or -EIO.
 */
int gcm_seal(uint8_t *ct, const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN],
	     const void *aad, size_t aad_len, const void *pt, size_t len);

/*
 * @pt receives @ct_len - GCM_TAG_LEN bytes, all zero unless they are authentic. 0, -EBADMSG: not
 * what was sealed with this key, nonce and aad, or -EIO.
 */
int gcm_open(void *pt, const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN],
	     const void *aad, size_t aad_len, const uint8_t *ct, size_t ct_len);

#endif
