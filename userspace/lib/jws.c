// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compact JWS. Not a JOSE library: there is one algorithm and one header, written out and compared
 * byte for byte, so none of JOSE's choices (alg, jwk, crit, b64) is an attacker's to make.
 */
#include "jws.h"
#include "base64url.h"
#include "scope.h"
#include "scope_openssl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER_MAX 160 /* the longest typ, a kid, and the constant text */
#define SIG64_LEN  BASE64URL_LEN(P256_SIG_LEN)

static int header_text(char out[HEADER_MAX], const char *typ, const char *kid)
{
	int n = snprintf(out, HEADER_MAX, "{\"alg\":\"ES256\",\"typ\":\"%s\",\"kid\":\"%s\"}", typ,
			 kid);

	return n < 0 || n >= HEADER_MAX ? -EINVAL : n;
}

char *jws_header(const char *typ, const struct p256_id *kid)
{
	char text[HEADER_MAX];
	int n = header_text(text, typ, kid->text);

	return n < 0 ? NULL : base64url_dup(text, (size_t)n);
}

static int digest_of(uint8_t digest[P256_DIGEST_LEN], const char *header64, size_t header_len,
		     const char *payload64, size_t payload_len)
{
	SCOPE_OPENSSL(md_ctx) EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(md, header64, header_len) || !EVP_DigestUpdate(md, ".", 1) ||
	    !EVP_DigestUpdate(md, payload64, payload_len) || !EVP_DigestFinal_ex(md, digest, NULL))
		return -ENOMEM;
	return 0;
}

int jws_digest(uint8_t digest[P256_DIGEST_LEN], const char *header64, const char *payload64)
{
	return digest_of(digest, header64, strlen(header64), payload64, strlen(payload64));
}

int jws_sign(char **out, const char *typ, const struct p256_id *kid, const void *payload,
	     size_t len, struct signer *signer)
{
	SCOPE_FREE char *header64 = jws_header(typ, kid);
	SCOPE_FREE char *payload64 = base64url_dup(payload, len);
	uint8_t digest[P256_DIGEST_LEN], sig[P256_SIG_LEN];
	char sig64[SIG64_LEN + 1];
	int rc;

	if (!header64 || !payload64)
		return -ENOMEM;
	rc = jws_digest(digest, header64, payload64);
	if (rc)
		return rc;
	rc = signer->sign(signer, digest, sig);
	if (rc)
		return rc;
	base64url_encode(sig64, sig, sizeof(sig));
	return asprintf(out, "%s.%s.%s", header64, payload64, sig64) < 0 ? -ENOMEM : 0;
}

/* The kid is what varies: take it from where it must be, then the whole must be what we write. */
static int header_read(struct p256_id *kid, const char *typ, const char *text, size_t len)
{
	const size_t tail = P256_ID_LEN + strlen("\"}");
	char header[HEADER_MAX], expected[HEADER_MAX];
	uint8_t thumbprint[P256_DIGEST_LEN];
	ssize_t n = base64url_decode(header, sizeof(header), text, len);

	if (n < (ssize_t)tail)
		return -EBADMSG;
	memcpy(kid->text, header + n - tail, P256_ID_LEN);
	kid->text[P256_ID_LEN] = '\0';
	if (base64url_decode(thumbprint, sizeof(thumbprint), kid->text, P256_ID_LEN) !=
	    sizeof(thumbprint))
		return -EBADMSG;
	if (header_text(expected, typ, kid->text) != n || memcmp(header, expected, (size_t)n))
		return -EBADMSG;
	return 0;
}

static int payload_read(struct jws *jws, const char *text, size_t len)
{
	SCOPE_FREE char *payload = malloc(len + 1);
	ssize_t n;

	if (!payload)
		return -ENOMEM;
	n = base64url_decode(payload, len, text, len);
	if (n < 0)
		return -EBADMSG;
	payload[n] = '\0';
	jws->payload = SCOPE_TAKE_PTR(payload);
	jws->payload_len = (size_t)n;
	return 0;
}

int jws_parse(struct jws *jws, const char *text, size_t len, const char *typ)
{
	const char *end = text + len;
	const char *dot = memchr(text, '.', len);
	const char *payload, *sig;
	int rc;

	payload = dot ? dot + 1 : NULL;
	dot = payload ? memchr(payload, '.', (size_t)(end - payload)) : NULL;
	if (!dot)
		return -EBADMSG;
	sig = dot + 1;
	if (end - sig != SIG64_LEN ||
	    base64url_decode(jws->sig, sizeof(jws->sig), sig, SIG64_LEN) != sizeof(jws->sig))
		return -EBADMSG;
	rc = header_read(&jws->kid, typ, text, (size_t)(payload - 1 - text));
	if (rc)
		return rc;
	rc = digest_of(jws->digest, text, (size_t)(payload - 1 - text), payload,
		       (size_t)(dot - payload));
	if (rc)
		return rc;
	return payload_read(jws, payload, (size_t)(dot - payload));
}

int jws_verify(const struct jws *jws, const struct p256_pub *key)
{
	struct p256_id id;
	int rc = p256_thumbprint(&id, key);

	if (rc)
		return rc;
	if (strcmp(id.text, jws->kid.text))
		return -EBADMSG;
	return p256_verify(key, jws->digest, jws->sig);
}

void jws_release(struct jws *jws)
{
	free(jws->payload);
	jws->payload = NULL;
}
