/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compact JWS (RFC 7515 section 3.1), ES256 only, with a header of exactly
 * {"alg":"ES256","typ":<typ>,"kid":<id>}, compared byte for byte. The reader fixes algorithm,
 * curve and typ, and the caller brings the key: it is never taken from the message.
 */
#ifndef OWNFRAME_JWS_H
#define OWNFRAME_JWS_H

#include "p256.h"

#define JWS_TYP_CLIP  "ownframe-clip+jws"
#define JWS_TYP_OPEN  "ownframe-open+jws"
#define JWS_TYP_CLAIM "ownframe-claim+jws"

/*
 * Sign @payload; @kid is put in the header. Returns new text without newline (caller frees) in
 * *@out, or -errno of the signer. Blocks as long as the signer does.
 */
int jws_sign(char **out, const char *typ, const struct p256_id *kid, const void *payload,
	     size_t len, struct signer *signer);

/* A JWS taken apart, signature not checked yet. */
struct jws {
	struct p256_id kid;
	char *payload; /* decoded, NUL after it */
	size_t payload_len;
	uint8_t digest[P256_DIGEST_LEN]; /* SHA-256 of header.payload, what is signed and chained */
	uint8_t sig[P256_SIG_LEN];
};

/* -EBADMSG: not a JWS of this @typ in exactly the form above. On success jws_release() it. */
int jws_parse(struct jws *jws, const char *text, size_t len, const char *typ);

/* 0, or -EBADMSG: @key did not sign it, or kid is not @key's thumbprint. */
int jws_verify(const struct jws *jws, const struct p256_pub *key);

void jws_release(struct jws *jws);

/*
 * The protected header of @typ and @kid, base64url (new memory), and the SHA-256 of
 * header || "." || @payload64: for the general serialisation, whose parts are the same.
 */
char *jws_header(const char *typ, const struct p256_id *kid);
int jws_digest(uint8_t digest[P256_DIGEST_LEN], const char *header64, const char *payload64);

#endif
