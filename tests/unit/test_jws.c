// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a message that chooses its own algorithm, key or meaning, or that somebody
 * changed and that still counts as signed by the camera.
 */
#include "jws.h"
#include "base64url.h"
#include "key_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char payload[] = "{\"v\":1}";
static struct key_fixture key, other;

static int make_keys(void **state)
{
	(void)state;
	key_fixture_init(&key);
	key_fixture_init(&other);
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	key_fixture_release(&key);
	key_fixture_release(&other);
	return 0;
}

static char *sign(void)
{
	char *text = NULL;

	assert_int_equal(jws_sign(&text, JWS_TYP_CLIP, &key.id, payload, strlen(payload),
				  &key.signer.signer),
			 0);
	return text;
}

/* 0 if @text is accepted as a clip's, signed by @key. */
static int check(const char *text, size_t len)
{
	struct jws jws;
	int rc = jws_parse(&jws, text, len, JWS_TYP_CLIP);

	if (rc)
		return rc;
	rc = jws_verify(&jws, &key.pub);
	jws_release(&jws);
	return rc;
}

/* A JWS of any header, properly signed. */
static char *sign_header(const char *header)
{
	char *header64 = base64url_dup(header, strlen(header));
	char *payload64 = base64url_dup(payload, strlen(payload));
	uint8_t digest[32], sig[64];
	char *sig64, *text;

	assert_int_equal(jws_digest(digest, header64, payload64), 0);
	assert_int_equal(key.signer.signer.sign(&key.signer.signer, digest, sig), 0);
	sig64 = base64url_dup(sig, sizeof(sig));
	assert_true(asprintf(&text, "%s.%s.%s", header64, payload64, sig64) > 0);
	free(header64);
	free(payload64);
	free(sig64);
	return text;
}

static void what_is_signed_verifies_and_reads_back(void **state)
{
	char *text = sign(), header[256];
	struct jws jws;
	ssize_t n;

	(void)state;
	n = base64url_decode(header, sizeof(header) - 1, text, strcspn(text, "."));
	assert_true(n > 0);
	header[n] = '\0';
	assert_memory_equal(header, "{\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"",
			    48);
	assert_memory_equal(header + 48, key.id.text, P256_ID_LEN);
	assert_string_equal(header + 48 + P256_ID_LEN, "\"}");

	assert_int_equal(jws_parse(&jws, text, strlen(text), JWS_TYP_CLIP), 0);
	assert_string_equal(jws.kid.text, key.id.text);
	assert_int_equal(jws.payload_len, strlen(payload));
	assert_string_equal(jws.payload, payload);
	assert_int_equal(jws_verify(&jws, &key.pub), 0);
	jws_release(&jws);
	free(text);
}

/* open.jws must never pass for a manifest, nor a claim for either. */
static void another_typ_is_refused(void **state)
{
	static const char *const typs[] = { JWS_TYP_OPEN, JWS_TYP_CLAIM };
	struct jws jws;
	char *text;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(jws_sign(&text, typs[i], &key.id, payload, strlen(payload),
					  &key.signer.signer),
				 0);
		assert_int_equal(check(text, strlen(text)), -EBADMSG);
		assert_int_equal(jws_parse(&jws, text, strlen(text), typs[i]), 0);
		jws_release(&jws);
		free(text);
	}
}

static void another_key_is_refused(void **state)
{
	char *text = sign();
	struct jws jws;

	(void)state;
	assert_int_equal(jws_parse(&jws, text, strlen(text), JWS_TYP_CLIP), 0);
	assert_int_equal(jws_verify(&jws, &other.pub), -EBADMSG);
	jws_release(&jws);
	free(text);
	/* A good signature under another's name. */
	assert_int_equal(jws_sign(&text, JWS_TYP_CLIP, &other.id, payload, strlen(payload),
				  &key.signer.signer),
			 0);
	assert_int_equal(check(text, strlen(text)), -EBADMSG);
	free(text);
}

/* Each is signed by the right key: only the header is not what the reader has fixed. */
static void any_other_header_is_refused(void **state)
{
	static const char *const forms[] = {
		"{\"typ\":\"ownframe-clip+jws\",\"alg\":\"ES256\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"ownframe-clip+jws\"}",
		"{\"alg\": \"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"} ",
		"{\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}\n",
		"{\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\",\"b64\":false}",
		"{\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"crit\":[],\"kid\":\"%s\"}",
		"{\"alg\":\"none\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"HS256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES384\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"es256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"\\u0045S256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES256\",\"typ\":\"OWNFRAME-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES256\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES256\",\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}",
		"{\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s=\"}",
		"%s\"}",
		"\"}",
		"",
	};
	char header[512], *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(header, sizeof(header), forms[i], key.id.text);
#pragma GCC diagnostic pop
		text = sign_header(header);
		if (check(text, strlen(text)) != -EBADMSG)
			fail_msg("%s", header);
		free(text);
	}
	snprintf(header, sizeof(header),
		 "{\"alg\":\"ES256\",\"typ\":\"ownframe-clip+jws\",\"kid\":\"%s\"}", key.id.text);
	text = sign_header(header);
	assert_int_equal(check(text, strlen(text)), 0);
	free(text);
}

static void every_changed_byte_is_refused(void **state)
{
	char *text = sign();
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len; i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1 << bit);
			assert_int_equal(check(text, len), -EBADMSG);
			text[i] ^= (char)(1 << bit);
		}
	assert_int_equal(check(text, len), 0);
	free(text);
}

static void every_other_length_is_refused(void **state)
{
	static const char *const tails[] = { "\n", "=", "==", " ", ".", "A", "AAAA", ".AAAA" };
	char *text = sign(), *longer;
	size_t len = strlen(text);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(check(text, n), -EBADMSG);
	for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
		assert_true(asprintf(&longer, "%s%s", text, tails[i]) > 0);
		assert_int_equal(check(longer, strlen(longer)), -EBADMSG);
		free(longer);
		assert_true(asprintf(&longer, "%s%s", tails[i], text) > 0);
		assert_int_equal(check(longer, strlen(longer)), -EBADMSG);
		free(longer);
	}
	assert_int_equal(check(text, len + 1), -EBADMSG); /* the NUL is not part of it */
	free(text);
}

static int refuse(struct signer *signer, const uint8_t *digest, uint8_t *sig)
{
	(void)signer;
	(void)digest;
	(void)sig;
	return -EAGAIN;
}

static void a_signer_that_cannot_is_reported(void **state)
{
	struct signer locked = { .sign = refuse };
	char *text = NULL;

	(void)state;
	assert_int_equal(jws_sign(&text, JWS_TYP_CLIP, &key.id, payload, 7, &locked), -EAGAIN);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_verifies_and_reads_back),
		cmocka_unit_test(another_typ_is_refused),
		cmocka_unit_test(another_key_is_refused),
		cmocka_unit_test(any_other_header_is_refused),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(a_signer_that_cannot_is_reported),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
