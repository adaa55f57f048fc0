// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a camera that belongs to somebody who never owned it, an old owner whose
 * claim comes back, or a recipient that the owner did not choose and who can open every clip.
 */
#include "claim.h"
#include "base64url.h"
#include "json_strict.h"
#include "jws.h"
#include "key_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct key_fixture device, owner, tls, friend, foreign;
static struct claim_cert owner_cert, friend_cert, foreign_cert;
static char folder[64], path[80];

static void make_cert(struct claim_cert *cert, struct key_fixture *k)
{
	size_t len;
	uint8_t *der = key_fixture_cert(k->pkey, &len);

	assert_int_equal(claim_cert_parse(cert, der, len), 0);
	free(der);
}

static int setup(void **state)
{
	(void)state;
	key_fixture_init(&device);
	key_fixture_init(&owner);
	key_fixture_init(&tls);
	key_fixture_init(&friend);
	key_fixture_init(&foreign);
	make_cert(&owner_cert, &owner);
	make_cert(&friend_cert, &friend);
	make_cert(&foreign_cert, &foreign);
	strcpy(folder, "/tmp/ownframe-claim-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/claims.json", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key_fixture_release(&device);
	key_fixture_release(&owner);
	key_fixture_release(&tls);
	key_fixture_release(&friend);
	key_fixture_release(&foreign);
	claim_cert_release(&owner_cert);
	claim_cert_release(&friend_cert);
	claim_cert_release(&foreign_cert);
	unlink(path);
	return rmdir(folder);
}

static struct claim_request request(uint64_t epoch)
{
	struct claim_request req = { .device = device.pub, .tls = tls.pub, .epoch = epoch };

	req.consented = true;
	req.has_prev = true;
	memset(req.prev, 0x5a, sizeof(req.prev));
	return req;
}

/* The owner's half, by @who, for the request of @epoch, with a friend as further recipient. */
static char *half_by(struct key_fixture *who, struct claim_cert *cert, uint64_t epoch)
{
	struct claim_cert certs[2] = { *cert, friend_cert };
	struct claim_request req = request(epoch);
	char *half = NULL;

	assert_int_equal(claim_sign_owner(&half, &req, &who->signer.signer, certs, 2), 0);
	return half;
}

static char *claim_by(struct key_fixture *who, struct claim_cert *cert, uint64_t epoch)
{
	struct claim_request req = request(epoch);
	char *half = half_by(who, cert, epoch), *text = NULL;

	assert_int_equal(claim_sign_device(&text, half, strlen(half), &req, &device.signer.signer),
			 0);
	free(half);
	return text;
}

static char *good(void)
{
	return claim_by(&owner, &owner_cert, 42);
}

static int verdict(const char *text)
{
	struct claim c;
	int rc = claim_parse(&c, text, strlen(text));

	if (!rc)
		claim_release(&c);
	return rc;
}

static void three_steps_make_a_claim(void **state)
{
	struct claim_request req = request(42), read;
	char *asked = claim_request_encode(&req), *text;
	struct claim c;

	(void)state;
	assert_int_equal(claim_request_decode(&read, asked, strlen(asked)), 0);
	assert_memory_equal(&read.device, &req.device, sizeof(req.device));
	assert_memory_equal(&read.tls, &req.tls, sizeof(req.tls));
	assert_int_equal(read.epoch, 42);
	assert_true(read.has_prev && read.consented);
	assert_memory_equal(read.prev, req.prev, 32);
	free(asked);

	text = good();
	assert_int_equal(claim_parse(&c, text, strlen(text)), 0);
	assert_string_equal(c.device_id.text, device.id.text);
	assert_string_equal(c.owner_id.text, owner.id.text);
	assert_memory_equal(&c.tls, &tls.pub, sizeof(c.tls));
	assert_int_equal(c.epoch, 42);
	assert_int_equal(c.n_recipients, 2);
	assert_memory_equal(c.recipients[0].thumbprint, owner_cert.thumbprint, 32);
	assert_memory_equal(c.recipients[1].thumbprint, friend_cert.thumbprint, 32);
	assert_memory_equal(&c.recipients[1].pub, &friend.pub, sizeof(friend.pub));
	assert_memory_equal(c.prev, req.prev, 32);
	assert_true(c.consented);
	assert_string_equal(c.text, text);
	claim_release(&c);
	free(text);
}

static void the_first_recipient_is_the_owner(void **state)
{
	struct claim_cert swapped[2] = { friend_cert, owner_cert };
	struct claim_request req = request(42);
	char *half = NULL;

	(void)state;
	assert_int_equal(claim_sign_owner(&half, &req, &owner.signer.signer, swapped, 2), -EINVAL);
	assert_int_equal(claim_sign_owner(&half, &req, &owner.signer.signer, swapped, 0), -EINVAL);
	assert_null(half);
}

/* Parse, let @change alter it, and ask for the verdict. */
static int changed(void (*change)(json_t *claim))
{
	char *text = good();
	json_t *o = json_strict_parse(text, strlen(text));
	int rc;

	free(text);
	change(o);
	text = json_dumps(o, 0);
	json_decref(o);
	rc = verdict(text);
	free(text);
	return rc;
}

static void nothing(json_t *o)
{
	(void)o;
}

static void swap(json_t *o)
{
	json_t *list = json_object_get(o, "signatures"),
	       *first = json_incref(json_array_get(list, 0));

	json_array_remove(list, 0);
	json_array_append_new(list, first);
}

static void drop_owner(json_t *o)
{
	json_array_remove(json_object_get(o, "signatures"), 0);
}

static void drop_device(json_t *o)
{
	json_array_remove(json_object_get(o, "signatures"), 1);
}

static void drop_both(json_t *o)
{
	json_array_clear(json_object_get(o, "signatures"));
}

static void owner_twice(json_t *o)
{
	json_t *list = json_object_get(o, "signatures");

	json_array_set(list, 1, json_array_get(list, 0));
}

static void one_more(json_t *o)
{
	json_t *list = json_object_get(o, "signatures");

	json_array_append(list, json_array_get(list, 0));
}

static void no_array(json_t *o)
{
	json_object_set(o, "signatures", json_array_get(json_object_get(o, "signatures"), 0));
}

static void an_unprotected_header(json_t *o)
{
	json_object_set_new(json_array_get(json_object_get(o, "signatures"), 0), "header",
			    json_object());
}

/* What is said to be protected is not what was signed. */
static void another_protected_text(json_t *o)
{
	json_object_set_new(json_array_get(json_object_get(o, "signatures"), 0), "protected",
			    json_string("eyJhbGciOiJub25lIn0"));
}

static void a_further_member(json_t *o)
{
	json_object_set_new(o, "note", json_string("x"));
}

/* The owner's place taken by another's good signature over the same payload, under @kid. */
static void signed_by(json_t *o, size_t i, struct key_fixture *who, const struct p256_id *kid,
		      const char *typ)
{
	const char *payload64 = json_string_value(json_object_get(o, "payload"));
	char *header64 = jws_header(typ, kid), *sig64;
	uint8_t digest[32], sig[64];

	assert_int_equal(jws_digest(digest, header64, payload64), 0);
	assert_int_equal(who->signer.signer.sign(&who->signer.signer, digest, sig), 0);
	sig64 = base64url_dup(sig, 64);
	json_array_set_new(json_object_get(o, "signatures"), i,
			   json_pack("{s:s, s:s}", "protected", header64, "signature", sig64));
	free(sig64);
	free(header64);
}

static void a_foreign_owner_signed(json_t *o)
{
	signed_by(o, 0, &foreign, &foreign.id, JWS_TYP_CLAIM);
}

static void a_foreign_owner_signed_as_the_owner(json_t *o)
{
	signed_by(o, 0, &foreign, &owner.id, JWS_TYP_CLAIM);
}

static void the_owner_signed_with_a_wrong_kid(json_t *o)
{
	signed_by(o, 0, &owner, &foreign.id, JWS_TYP_CLAIM);
}

static void a_foreign_device_signed(json_t *o)
{
	signed_by(o, 1, &foreign, &device.id, JWS_TYP_CLAIM);
}

static void the_device_signed_with_a_wrong_kid(json_t *o)
{
	signed_by(o, 1, &device, &owner.id, JWS_TYP_CLAIM);
}

static void the_device_signed_a_manifest(json_t *o)
{
	signed_by(o, 1, &device, &device.id, JWS_TYP_CLIP);
}

static void signed_again_by_both(json_t *o)
{
	signed_by(o, 0, &owner, &owner.id, JWS_TYP_CLAIM);
	signed_by(o, 1, &device, &device.id, JWS_TYP_CLAIM);
}

static void exactly_these_two_signatures_in_this_order(void **state)
{
	static void (*const bad[])(json_t *) = {
		swap,
		drop_owner,
		drop_device,
		drop_both,
		owner_twice,
		one_more,
		no_array,
		an_unprotected_header,
		another_protected_text,
		a_further_member,
		a_foreign_owner_signed,
		a_foreign_owner_signed_as_the_owner,
		the_owner_signed_with_a_wrong_kid,
		a_foreign_device_signed,
		the_device_signed_with_a_wrong_kid,
		the_device_signed_a_manifest,
	};

	(void)state;
	assert_int_equal(changed(nothing), 0);
	assert_int_equal(changed(signed_again_by_both), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (changed(bad[i]) != -EBADMSG)
			fail_msg("case %zu", i);
}

/* The payload with one member changed and both signing it: only its meaning is wrong. */
static int resigned(const char *member, const char *value)
{
	char *text = good(), *payload;
	json_t *o = json_strict_parse(text, strlen(text)), *p, *v;
	uint8_t *raw;
	size_t n;
	int rc;

	free(text);
	assert_int_equal(json_strict_blob(o, "payload", &raw, &n, 1 << 20), 0);
	p = json_strict_parse((char *)raw, n);
	free(raw);
	if (value) {
		v = json_loads(value, JSON_DECODE_ANY, NULL);
		assert_non_null(v);
		json_object_set_new(p, member, v);
	} else {
		json_object_del(p, member);
	}
	payload = json_dumps(p, JSON_COMPACT);
	json_decref(p);
	text = base64url_dup(payload, strlen(payload));
	json_object_set_new(o, "payload", json_string(text));
	free(text);
	free(payload);
	signed_again_by_both(o);
	text = json_dumps(o, 0);
	json_decref(o);
	rc = verdict(text);
	free(text);
	return rc;
}

static void the_payload_has_exactly_its_members(void **state)
{
	static const char *const members[] = { "v",	     "device", "owner", "tls",
					       "recipients", "epoch",  "prev",	"consented" };
	static const struct {
		const char *member, *value;
	} wrong[] = {
		{ "v", "2" },
		{ "device", "{}" },
		{ "tls", "null" },
		{ "recipients", "[]" },
		{ "recipients", "[null]" },
		{ "recipients", "[\"\"]" },
		{ "recipients", "[\"MAAA\"]" },
		{ "recipients", "\"MAAA\"" },
		{ "epoch", "9007199254740992" },
		{ "epoch", "42.0" },
		{ "epoch", "-1" },
		{ "prev", "\"WlpaWg\"" },
		{ "consented", "1" },
		{ "consented", "null" },
		{ "extra", "1" },
	};

	(void)state;
	assert_int_equal(resigned("epoch", "9007199254740991"), 0);
	assert_int_equal(resigned("prev", "null"), 0);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		assert_int_equal(resigned(members[i], NULL), -EBADMSG);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (resigned(wrong[i].member, wrong[i].value) != -EBADMSG)
			fail_msg("%s: %s", wrong[i].member, wrong[i].value);
}

/* Certificates in other order, or one more than fits. */
static void recipients_are_checked(void **state)
{
	char *own64 = base64url_dup(owner_cert.der, owner_cert.len);
	char *friend64 = base64url_dup(friend_cert.der, friend_cert.len);
	char *list;

	(void)state;
	assert_true(asprintf(&list, "[\"%s\",\"%s\"]", friend64, own64) > 0);
	assert_int_equal(resigned("recipients", list), -EBADMSG);
	free(list);
	assert_true(asprintf(&list, "[\"%s\",\"%sAAAA\"]", own64, friend64) > 0);
	assert_int_equal(resigned("recipients", list), -EBADMSG);
	free(list);
	for (size_t n = CLAIM_RECIPIENTS_MAX; n <= CLAIM_RECIPIENTS_MAX + 1; n++) {
		json_t *many = json_array();

		for (size_t i = 0; i < n; i++)
			json_array_append_new(many, json_string(own64));
		list = json_dumps(many, 0);
		json_decref(many);
		assert_int_equal(resigned("recipients", list),
				 n > CLAIM_RECIPIENTS_MAX ? -EBADMSG : 0);
		free(list);
	}
	free(own64);
	free(friend64);
}

/* Every byte of the text changed: refused, or it is the same claim still (white space, escapes). */
static void every_changed_byte(void **state)
{
	char *text = good();
	struct claim c, same;
	size_t len = strlen(text);

	(void)state;
	assert_int_equal(claim_parse(&same, text, len), 0);
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1 << i % 8;
		if (!claim_parse(&c, text, len)) {
			assert_memory_equal(c.payload_sha256, same.payload_sha256, 32);
			claim_release(&c);
		}
		text[i] ^= 1 << i % 8;
	}
	for (size_t n = 0; n < len; n += 7)
		assert_int_equal(claim_parse(&c, text, n), -EBADMSG);
	claim_release(&same);
	free(text);
}

static void the_device_signs_only_what_it_asked_for(void **state)
{
	char *half = half_by(&owner, &owner_cert, 42), *out = NULL;
	struct claim_request asked;
	json_t *o;

	(void)state;
	for (int fault = 1; fault <= 6; fault++) {
		asked = request(42);
		switch (fault) {
		case 1:
			asked.epoch = 43;
			break;
		case 2:
			asked.prev[0] ^= 1;
			break;
		case 3:
			asked.has_prev = false;
			break;
		case 4:
			asked.consented = false;
			break;
		case 5:
			asked.tls = foreign.pub;
			break;
		case 6:
			asked.device = foreign.pub;
			break;
		}
		assert_int_equal(
			claim_sign_device(&out, half, strlen(half), &asked, &device.signer.signer),
			-ESTALE);
	}
	asked = request(42);
	assert_int_equal(
		claim_sign_device(&out, half, strlen(half), &asked, &foreign.signer.signer),
		-ESTALE);

	/* Not signed by the owner it names. */
	o = json_strict_parse(half, strlen(half));
	a_foreign_owner_signed_as_the_owner(o);
	free(half);
	half = json_dumps(o, 0);
	json_decref(o);
	assert_int_equal(claim_sign_device(&out, half, strlen(half), &asked, &device.signer.signer),
			 -EBADMSG);
	free(half);
	/* A complete claim is no half. */
	half = good();
	assert_int_equal(claim_sign_device(&out, half, strlen(half), &asked, &device.signer.signer),
			 -EBADMSG);
	free(half);
	assert_null(out);
}

static void requests_are_read_strictly(void **state)
{
	struct claim_request req = request(42);
	char *text = claim_request_encode(&req);
	size_t len = strlen(text);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(claim_request_decode(&req, text, n), -EBADMSG);
	text[len - 1] = ',';
	assert_int_equal(claim_request_decode(&req, text, len), -EBADMSG);
	free(text);
}

static void certificates_are_read_as_der_and_pem(void **state)
{
	EVP_PKEY *p384 = key_fixture_new("P-384");
	struct claim_cert cert;
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t *der;
	char *pem;
	size_t len;
	long n;

	(void)state;
	assert_true(PEM_write_bio(bio, "CERTIFICATE", "", owner_cert.der, (long)owner_cert.len));
	n = BIO_get_mem_data(bio, &pem);
	assert_int_equal(claim_cert_parse(&cert, pem, (size_t)n), 0);
	assert_int_equal(cert.len, owner_cert.len);
	assert_memory_equal(cert.thumbprint, owner_cert.thumbprint, 32);
	claim_cert_release(&cert);
	BIO_free(bio);

	der = key_fixture_cert(p384, &len);
	assert_int_equal(claim_cert_parse(&cert, der, len), -EINVAL);
	free(der);
	EVP_PKEY_free(p384);
	der = malloc(owner_cert.len + 1);
	memcpy(der, owner_cert.der, owner_cert.len);
	der[owner_cert.len] = 0;
	assert_int_equal(claim_cert_parse(&cert, der, owner_cert.len + 1), -EINVAL);
	for (len = 0; len < owner_cert.len; len++)
		assert_int_equal(claim_cert_parse(&cert, der, len), -EINVAL);
	free(der);
	assert_int_equal(claim_cert_parse(&cert, "hello", 5), -EINVAL);
}

static void the_owners_file_comes_back(void **state)
{
	char *first = claim_by(&owner, &owner_cert, 42),
	     *second = claim_by(&owner, &owner_cert, 43);
	struct claims claims, read;
	const struct claim *c;

	(void)state;
	assert_int_equal(claims_init(&claims, &owner.pub), 0);
	assert_int_equal(claims_save(&claims, path), 0);
	assert_int_equal(claims_load(&read, path), 0);
	assert_int_equal(read.n, 0);
	claims_release(&read);

	assert_int_equal(claims_add(&claims, first, strlen(first)), 0);
	assert_int_equal(claims_add(&claims, second, strlen(second)), 0);
	assert_int_equal(claims_save(&claims, path), 0);
	assert_int_equal(claims_load(&read, path), 0);
	assert_int_equal(read.n, 2);
	assert_string_equal(read.owner_id.text, owner.id.text);
	c = claims_find(&read, &device.id, 43);
	assert_non_null(c);
	assert_int_equal(c->epoch, 43);
	assert_non_null(claims_find(&read, &device.id, 42));
	assert_null(claims_find(&read, &device.id, 44));
	assert_null(claims_find(&read, &foreign.id, 42));
	claims_release(&read);
	claims_release(&claims);
	free(first);
	free(second);
}

static void one_claim_for_device_and_epoch_and_one_owner(void **state)
{
	char *text = good(), *again = good(), *other = claim_by(&foreign, &foreign_cert, 43);
	struct claims claims;

	(void)state;
	assert_int_equal(claims_init(&claims, &owner.pub), 0);
	assert_int_equal(claims_add(&claims, text, strlen(text)), 0);
	assert_int_equal(claims_add(&claims, text, strlen(text)), -EEXIST);
	assert_int_equal(claims_add(&claims, again, strlen(again)), -EEXIST);
	assert_int_equal(claims_add(&claims, other, strlen(other)), -EPERM);
	assert_int_equal(claims_add(&claims, "{}", 2), -EBADMSG);
	assert_int_equal(claims.n, 1);
	claims_release(&claims);
	free(text);
	free(again);
	free(other);
}

static int load(const char *format, ...)
{
	struct claims claims;
	FILE *f = fopen(path, "w");
	va_list ap;
	int rc;

	assert_non_null(f);
	va_start(ap, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vfprintf(f, format, ap);
#pragma GCC diagnostic pop
	va_end(ap);
	fclose(f);
	rc = claims_load(&claims, path);
	if (!rc)
		claims_release(&claims);
	return rc;
}

/* A file that somebody put together by hand. */
static void a_file_with_anything_foreign_is_refused(void **state)
{
	char *text = good(), *again = good(), *other = claim_by(&foreign, &foreign_cert, 43);
	json_t *j = p256_pub_to_jwk(&owner.pub);
	char *jwk = json_dumps(j, JSON_COMPACT);
	struct claims claims;

	(void)state;
	json_decref(j);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"claims\":[%s]}", jwk, text), 0);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"claims\":[%s,%s]}", jwk, text, text),
			 -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"claims\":[%s,%s]}", jwk, text, again),
			 -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"claims\":[%s,%s]}", jwk, text, other),
			 -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"claims\":[{}]}", jwk), -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"claims\":[null]}", jwk), -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"claims\":%s}", jwk, text), -EBADMSG);
	assert_int_equal(load("{\"v\":2,\"owner\":%s,\"claims\":[]}", jwk), -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"owner\":null,\"claims\":[]}"), -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"claims\":[%s]}", text), -EBADMSG);
	assert_int_equal(load("{\"v\":1,\"owner\":%s,\"owner\":%s,\"claims\":[]}", jwk, jwk),
			 -EBADMSG);
	assert_int_equal(load("%s", ""), -EBADMSG);
	unlink(path);
	assert_int_equal(claims_load(&claims, path), -ENOENT);
	free(jwk);
	free(text);
	free(again);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_steps_make_a_claim),
		cmocka_unit_test(the_first_recipient_is_the_owner),
		cmocka_unit_test(exactly_these_two_signatures_in_this_order),
		cmocka_unit_test(the_payload_has_exactly_its_members),
		cmocka_unit_test(recipients_are_checked),
		cmocka_unit_test(every_changed_byte),
		cmocka_unit_test(the_device_signs_only_what_it_asked_for),
		cmocka_unit_test(requests_are_read_strictly),
		cmocka_unit_test(certificates_are_read_as_der_and_pem),
		cmocka_unit_test(the_owners_file_comes_back),
		cmocka_unit_test(one_claim_for_device_and_epoch_and_one_owner),
		cmocka_unit_test(a_file_with_anything_foreign_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
