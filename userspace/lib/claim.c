// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Claims and the owner's file of them. A claim names its own keys, so a valid one proves only that
 * these two agreed; whether the owner is the right one is decided by who asks: claims.json on the
 * owner's side, the epoch counter on the device's.
 */
#include "claim.h"
#include "base64url.h"
#include "durable.h"
#include "json_strict.h"
#include "jws.h"
#include "scope.h"
#include "scope_openssl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define VERSION	   1
#define CERT_MAX   8192
#define CLAIMS_MAX (16u << 20) /* bytes of claims.json: a claim is about 2 KiB */
#define SHA256_LEN 32

#define N(array) (sizeof(array) / sizeof(*(array)))

static bool same_key(const struct p256_pub *a, const struct p256_pub *b)
{
	return !memcmp(a->point, b->point, sizeof(a->point));
}

static int sha256(uint8_t out[SHA256_LEN], const void *data, size_t len)
{
	return EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) ? 0 : -ENOMEM;
}

/* --- certificates ------------------------------------------------------------------------- */

static int cert_from_der(struct claim_cert *cert, const uint8_t *der, size_t len)
{
	SCOPE_OPENSSL(x509) X509 *x = NULL;
	const uint8_t *p = der;
	int rc;

	if (!len || len > CERT_MAX)
		return -EINVAL;
	x = d2i_X509(NULL, &p, (long)len);
	if (!x || p != der + len || !X509_get0_pubkey(x)) {
		ERR_clear_error();
		return -EINVAL;
	}
	if (p256_pub_from_pkey(&cert->pub, X509_get0_pubkey(x)))
		return -EINVAL;
	/* The thumbprint is of the bytes as they came, not of what a second encoding would be. */
	rc = sha256(cert->thumbprint, der, len);
	if (rc)
		return rc;
	cert->der = malloc(len);
	if (!cert->der)
		return -ENOMEM;
	memcpy(cert->der, der, len);
	cert->len = len;
	return 0;
}

static int cert_from_pem(struct claim_cert *cert, const void *data, size_t len)
{
	SCOPE_OPENSSL(bio) BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(data, (int)len) : NULL;
	char *name = NULL, *header = NULL;
	uint8_t *der = NULL;
	long der_len = 0;
	int rc = -EINVAL;

	if (bio && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1 &&
	    !strcmp(name, PEM_STRING_X509))
		rc = cert_from_der(cert, der, (size_t)der_len);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	ERR_clear_error();
	return rc;
}

int claim_cert_parse(struct claim_cert *cert, const void *data, size_t len)
{
	const uint8_t *p = data;

	memset(cert, 0, sizeof(*cert));
	/* DER begins with a SEQUENCE; its tag, '0', begins no PEM file. */
	return len && *p == 0x30 ? cert_from_der(cert, p, len) : cert_from_pem(cert, data, len);
}

void claim_cert_release(struct claim_cert *cert)
{
	free(cert->der);
	memset(cert, 0, sizeof(*cert));
}

/* --- request ------------------------------------------------------------------------------ */

static int add_terms(json_t *o, uint64_t epoch, const uint8_t *prev, bool consented)
{
	return json_object_set_new(o, "epoch", json_integer((json_int_t)epoch)) |
	       json_object_set_new(o, "prev",
				   prev ? json_strict_new_bytes(prev, SHA256_LEN) : json_null()) |
	       json_object_set_new(o, "consented", json_boolean(consented));
}

static int read_version(const json_t *o)
{
	uint64_t v;

	return json_strict_uint(o, "v", &v) || v != VERSION ? -EBADMSG : 0;
}

static int read_terms(const json_t *o, uint64_t *epoch, bool *has_prev, uint8_t prev[SHA256_LEN],
		      bool *consented)
{
	if (json_strict_uint(o, "epoch", epoch) || json_strict_bool(o, "consented", consented))
		return -EBADMSG;
	*has_prev = !json_is_null(json_object_get(o, "prev"));
	return *has_prev ? json_strict_bytes(o, "prev", prev, SHA256_LEN) : 0;
}

static int read_key(const json_t *o, const char *name, struct p256_pub *pub)
{
	return p256_pub_from_jwk(pub, json_object_get(o, name)) ? -EBADMSG : 0;
}

char *claim_request_encode(const struct claim_request *req)
{
	SCOPE_JSON json_t *o =
		json_pack("{s:i, s:o, s:o}", "v", VERSION, "device", p256_pub_to_jwk(&req->device),
			  "tls", p256_pub_to_jwk(&req->tls));

	if (add_terms(o, req->epoch, req->has_prev ? req->prev : NULL, req->consented))
		return NULL;
	return json_dumps(o, JSON_COMPACT);
}

int claim_request_decode(struct claim_request *req, const char *text, size_t len)
{
	static const char *const members[] = { "v", "device", "tls", "epoch", "prev", "consented" };
	SCOPE_JSON json_t *o = json_strict_parse(text, len);

	memset(req, 0, sizeof(*req));
	if (!json_strict_members(o, members, N(members)) || read_version(o) ||
	    read_key(o, "device", &req->device) || read_key(o, "tls", &req->tls))
		return -EBADMSG;
	return read_terms(o, &req->epoch, &req->has_prev, req->prev, &req->consented);
}

/* --- payload ------------------------------------------------------------------------------ */

static json_t *certs_to_json(const struct claim_cert *certs, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_strict_new_bytes(certs[i].der, certs[i].len));
	if (json_array_size(list) == n)
		return list;
	json_decref(list);
	return NULL;
}

static char *payload_encode(const struct claim_request *req, const struct p256_pub *owner,
			    const struct claim_cert *recipients, size_t n)
{
	SCOPE_JSON json_t *o =
		json_pack("{s:i, s:o, s:o, s:o, s:o}", "v", VERSION, "device",
			  p256_pub_to_jwk(&req->device), "owner", p256_pub_to_jwk(owner), "tls",
			  p256_pub_to_jwk(&req->tls), "recipients", certs_to_json(recipients, n));

	if (add_terms(o, req->epoch, req->has_prev ? req->prev : NULL, req->consented))
		return NULL;
	return json_dumps(o, JSON_COMPACT);
}

static int read_cert(const json_t *text, struct claim_cert *cert)
{
	uint8_t der[CERT_MAX];
	ssize_t n;

	if (!json_is_string(text))
		return -EBADMSG;
	n = base64url_decode(der, sizeof(der), json_string_value(text), json_string_length(text));
	if (n < 0)
		return -EBADMSG;
	return cert_from_der(cert, der, (size_t)n) ? -EBADMSG : 0;
}

static int read_recipients(const json_t *list, struct claim *c)
{
	size_t n = json_array_size(list);

	if (!n || n > CLAIM_RECIPIENTS_MAX)
		return -EBADMSG;
	for (; c->n_recipients < n; c->n_recipients++)
		if (read_cert(json_array_get(list, c->n_recipients),
			      &c->recipients[c->n_recipients]))
			return -EBADMSG;
	/* The owner can always open what his cameras recorded. */
	return same_key(&c->recipients[0].pub, &c->owner) ? 0 : -EBADMSG;
}

static int payload_read(struct claim *c, const char *text, size_t len)
{
	static const char *const members[] = { "v",	     "device", "owner", "tls",
					       "recipients", "epoch",  "prev",	"consented" };
	SCOPE_JSON json_t *o = json_strict_parse(text, len);

	if (!json_strict_members(o, members, N(members)) || read_version(o) ||
	    read_key(o, "device", &c->device) || read_key(o, "owner", &c->owner) ||
	    read_key(o, "tls", &c->tls) ||
	    read_terms(o, &c->epoch, &c->has_prev, c->prev, &c->consented))
		return -EBADMSG;
	if (p256_thumbprint(&c->device_id, &c->device) ||
	    p256_thumbprint(&c->owner_id, &c->owner) || sha256(c->payload_sha256, text, len))
		return -ENOMEM;
	return read_recipients(json_object_get(o, "recipients"), c);
}

/* --- signatures --------------------------------------------------------------------------- */

static int signature_make(json_t **out, const char *payload64, const struct p256_id *id,
			  struct signer *signer)
{
	SCOPE_FREE char *header64 = jws_header(JWS_TYP_CLAIM, id);
	uint8_t digest[P256_DIGEST_LEN], sig[P256_SIG_LEN];
	int rc;

	if (!header64 || jws_digest(digest, header64, payload64))
		return -ENOMEM;
	rc = signer->sign(signer, digest, sig);
	if (rc)
		return rc;
	*out = json_pack("{s:s, s:o}", "protected", header64, "signature",
			 json_strict_new_bytes(sig, sizeof(sig)));
	return *out ? 0 : -ENOMEM;
}

static int signature_check(const json_t *o, const char *payload64, const struct p256_id *id,
			   const struct p256_pub *pub)
{
	static const char *const members[] = { "protected", "signature" };
	const char *protected = json_string_value(json_object_get(o, "protected"));
	SCOPE_FREE char *expected = jws_header(JWS_TYP_CLAIM, id);
	uint8_t digest[P256_DIGEST_LEN], sig[P256_SIG_LEN];

	if (!expected)
		return -ENOMEM;
	if (!json_strict_members(o, members, N(members)) || !protected ||
	    strcmp(protected, expected) || json_strict_bytes(o, "signature", sig, sizeof(sig)))
		return -EBADMSG;
	if (jws_digest(digest, expected, payload64))
		return -ENOMEM;
	return p256_verify(pub, digest, sig);
}

/* Both who may sign, in the order in which they do; @n is how many must have. */
static int read_signed(struct claim *c, const json_t *o, size_t n)
{
	static const char *const members[] = { "payload", "signatures" };
	const struct p256_id *const ids[] = { &c->owner_id, &c->device_id };
	const struct p256_pub *const keys[] = { &c->owner, &c->device };
	const char *payload64 = json_string_value(json_object_get(o, "payload"));
	const json_t *signatures = json_object_get(o, "signatures");
	SCOPE_FREE uint8_t *payload = NULL;
	size_t len;
	int rc;

	if (!json_strict_members(o, members, N(members)) || !payload64 ||
	    !json_is_array(signatures) || json_array_size(signatures) != n)
		return -EBADMSG;
	rc = json_strict_blob(o, "payload", &payload, &len, CLAIMS_MAX);
	if (rc)
		return rc;
	rc = payload_read(c, (const char *)payload, len);
	for (size_t i = 0; !rc && i < n; i++)
		rc = signature_check(json_array_get(signatures, i), payload64, ids[i], keys[i]);
	return rc;
}

int claim_sign_owner(char **out, const struct claim_request *req, struct signer *owner,
		     const struct claim_cert *recipients, size_t n)
{
	SCOPE_FREE char *payload = NULL;
	SCOPE_FREE char *payload64 = NULL;
	SCOPE_JSON json_t *o = NULL;
	json_t *signature;
	struct p256_id id;
	int rc;

	if (!n || n > CLAIM_RECIPIENTS_MAX || !same_key(&recipients[0].pub, &owner->pub))
		return -EINVAL;
	payload = payload_encode(req, &owner->pub, recipients, n);
	payload64 = payload ? base64url_dup(payload, strlen(payload)) : NULL;
	if (!payload64 || p256_thumbprint(&id, &owner->pub))
		return -ENOMEM;
	rc = signature_make(&signature, payload64, &id, owner);
	if (rc)
		return rc;
	o = json_pack("{s:s, s:[o]}", "payload", payload64, "signatures", signature);
	*out = o ? json_dumps(o, JSON_COMPACT) : NULL;
	return *out ? 0 : -ENOMEM;
}

static bool is_what_was_asked(const struct claim *c, const struct claim_request *req)
{
	return same_key(&c->device, &req->device) && same_key(&c->tls, &req->tls) &&
	       c->epoch == req->epoch && c->has_prev == req->has_prev &&
	       (!req->has_prev || !memcmp(c->prev, req->prev, sizeof(c->prev))) &&
	       c->consented == req->consented;
}

int claim_sign_device(char **out, const char *half, size_t len, const struct claim_request *req,
		      struct signer *device)
{
	SCOPE_JSON json_t *o = json_strict_parse(half, len);
	struct claim c = { 0 };
	json_t *signature;
	bool asked;
	int rc;

	rc = read_signed(&c, o, 1);
	asked = !rc && is_what_was_asked(&c, req) && same_key(&device->pub, &req->device);
	claim_release(&c);
	if (rc)
		return rc;
	if (!asked)
		return -ESTALE;
	rc = signature_make(&signature, json_string_value(json_object_get(o, "payload")),
			    &c.device_id, device);
	if (rc)
		return rc;
	if (json_array_append_new(json_object_get(o, "signatures"), signature))
		return -ENOMEM;
	*out = json_dumps(o, JSON_COMPACT);
	return *out ? 0 : -ENOMEM;
}

int claim_parse(struct claim *claim, const char *text, size_t len)
{
	SCOPE_JSON json_t *o = json_strict_parse(text, len);
	int rc;

	memset(claim, 0, sizeof(*claim));
	rc = read_signed(claim, o, 2);
	if (!rc) {
		claim->text = strndup(text, len);
		rc = claim->text ? 0 : -ENOMEM;
	}
	if (rc)
		claim_release(claim);
	return rc;
}

void claim_release(struct claim *claim)
{
	for (size_t i = 0; i < claim->n_recipients; i++)
		claim_cert_release(&claim->recipients[i]);
	free(claim->text);
	claim->n_recipients = 0;
	claim->text = NULL;
}

/* --- claims.json -------------------------------------------------------------------------- */

int claims_init(struct claims *claims, const struct p256_pub *owner)
{
	memset(claims, 0, sizeof(*claims));
	claims->owner = *owner;
	return p256_thumbprint(&claims->owner_id, owner);
}

int claims_add(struct claims *claims, const char *text, size_t len)
{
	struct claim claim, *list;
	int rc = claim_parse(&claim, text, len);

	if (rc)
		return rc;
	if (!same_key(&claim.owner, &claims->owner))
		rc = -EPERM;
	else if (claims_find(claims, &claim.device_id, claim.epoch))
		rc = -EEXIST;
	list = rc ? NULL : reallocarray(claims->list, claims->n + 1, sizeof(*list));
	if (!list) {
		claim_release(&claim);
		return rc ? rc : -ENOMEM;
	}
	list[claims->n++] = claim;
	claims->list = list;
	return 0;
}

const struct claim *claims_find(const struct claims *claims, const struct p256_id *device,
				uint64_t epoch)
{
	for (size_t i = 0; i < claims->n; i++)
		if (claims->list[i].epoch == epoch &&
		    !strcmp(claims->list[i].device_id.text, device->text))
			return &claims->list[i];
	return NULL;
}

static int claims_read(struct claims *claims, const json_t *o)
{
	static const char *const members[] = { "v", "owner", "claims" };
	const json_t *list = json_object_get(o, "claims");
	struct p256_pub owner;
	int rc;

	if (!json_strict_members(o, members, N(members)) || read_version(o) ||
	    read_key(o, "owner", &owner) || !json_is_array(list))
		return -EBADMSG;
	rc = claims_init(claims, &owner);
	for (size_t i = 0; !rc && i < json_array_size(list); i++) {
		SCOPE_FREE char *text = json_dumps(json_array_get(list, i), JSON_COMPACT);

		rc = text ? claims_add(claims, text, strlen(text)) : -EBADMSG;
	}
	return rc == 0 || rc == -ENOMEM ? rc : -EBADMSG;
}

int claims_load(struct claims *claims, const char *path)
{
	SCOPE_FREE char *text = NULL;
	SCOPE_JSON json_t *o = NULL;
	size_t len;
	int rc;

	memset(claims, 0, sizeof(*claims));
	rc = durable_read(AT_FDCWD, path, 0, CLAIMS_MAX, &text, &len);
	if (rc)
		return rc;
	o = json_strict_parse(text, len);
	rc = claims_read(claims, o);
	if (rc)
		claims_release(claims);
	return rc;
}

int claims_save(const struct claims *claims, const char *path)
{
	json_t *list = json_array();
	SCOPE_JSON json_t *o = json_pack("{s:i, s:o, s:o}", "v", VERSION, "owner",
					 p256_pub_to_jwk(&claims->owner), "claims", list);
	SCOPE_FREE char *text = NULL;

	if (!o)
		return -ENOMEM;
	for (size_t i = 0; i < claims->n; i++)
		if (json_array_append_new(list, json_strict_parse(claims->list[i].text,
								  strlen(claims->list[i].text))))
			return -ENOMEM;
	text = json_dumps(o, JSON_INDENT(1));
	return text ? durable_write(AT_FDCWD, path, text, strlen(text), 0644) : -ENOMEM;
}

void claims_release(struct claims *claims)
{
	for (size_t i = 0; i < claims->n; i++)
		claim_release(&claims->list[i]);
	free(claims->list);
	memset(claims, 0, sizeof(*claims));
}
