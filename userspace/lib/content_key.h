/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A clip's content key, random per clip and never used again, and the three keys derived from it
 * by HKDF-SHA-256 (RFC 5869; salt = KID, info = label): each encrypts one text of the clip with
 * AES-128-GCM, nonce 12 zero bytes, aad = clip id. docs/clip-format.md, "Encryption".
 */
#ifndef OWNFRAME_CONTENT_KEY_H
#define OWNFRAME_CONTENT_KEY_H

#include <stddef.h>
#include <stdint.h>

#define CONTENT_KEY_LEN 16
#define CONTENT_KID_LEN 16
#define CONTENT_TAG_LEN 16

struct content_key {
	uint8_t kid[CONTENT_KID_LEN];
	uint8_t key[CONTENT_KEY_LEN];
};

enum content_label {
	CONTENT_THUMB,
	CONTENT_PRIVATE,
	CONTENT_OPEN
};

/* Fill @ck from the system's random generator; 0 or -EIO. */
int content_key_new(struct content_key *ck);

/* @ct receives @len + CONTENT_TAG_LEN bytes. Use each label at most once per key. 0 or -errno. */
int content_key_seal(const struct content_key *ck, enum content_label label, const char *clip_id,
		     const void *pt, size_t len, uint8_t *ct);

/* @pt receives @ct_len - CONTENT_TAG_LEN bytes. -EBADMSG: not sealed by this key for this clip. */
int content_key_open(const struct content_key *ck, enum content_label label, const char *clip_id,
		     const uint8_t *ct, size_t ct_len, void *pt);

/* Overwrite the key so that the compiler cannot leave it out. */
void content_key_wipe(struct content_key *ck);

#endif
