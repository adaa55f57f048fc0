// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a device with two ids, a key of another curve taken for one, a signature
 * that one reader in 128 refuses because its r begins with a zero, or a forged one accepted.
 */
#include "p256.h"
#include "base64url.h"
#include "key_fixture.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* RFC 7515 appendix A.3. The thumbprint (the RFC's own example is RSA) is by `jose jwk thp`. */
#define A3_X	  "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define A3_Y	  "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define A3_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define A3_PAYLOAD                                                 \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6" \
	"Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A3_SIG                                                     \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djx" \
	"La8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define A3_THUMBPRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

#define JWK(crv, kty, x, y) \
	"{\"kty\":\"" kty "\",\"crv\":\"" crv "\",\"x\":\"" x "\",\"y\":\"" y "\"}"

static int from_jwk(struct p256_pub *pub, const char *text)
{
	json_t *jwk = json_loads(text, JSON_DECODE_ANY, NULL);
	int rc;

	assert_non_null(jwk);
	rc = p256_pub_from_jwk(pub, jwk);
	json_decref(jwk);
	return rc;
}

static void a3(struct p256_pub *pub, uint8_t digest[32], uint8_t sig[64])
{
	static const char text[] = A3_HEADER "." A3_PAYLOAD;

	assert_int_equal(from_jwk(pub, JWK("P-256", "EC", A3_X, A3_Y)), 0);
	assert_true(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL));
	assert_int_equal(base64url_decode(sig, 64, A3_SIG, strlen(A3_SIG)), 64);
}

static void the_rfcs_signature_verifies_and_no_changed_bit_does(void **state)
{
	uint8_t digest[32], sig[64];
	struct p256_pub pub;

	(void)state;
	a3(&pub, digest, sig);
	assert_int_equal(p256_verify(&pub, digest, sig), 0);
	for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(p256_verify(&pub, digest, sig), -EBADMSG);
		sig[bit / 8] ^= 1 << bit % 8;
	}
	for (size_t bit = 0; bit < 8 * sizeof(digest); bit++) {
		digest[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(p256_verify(&pub, digest, sig), -EBADMSG);
		digest[bit / 8] ^= 1 << bit % 8;
	}
}

/* r = s = 0 is the forgery that naive verifiers accept; then 0 in one, and the group order. */
static void degenerate_signatures_are_refused(void **state)
{
	static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
					   0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	uint8_t digest[32], good[64], sig[64] = { 0 };
	struct p256_pub pub;

	(void)state;
	a3(&pub, digest, good);
	assert_int_equal(p256_verify(&pub, digest, sig), -EBADMSG);
	memcpy(sig, good, 32);
	assert_int_equal(p256_verify(&pub, digest, sig), -EBADMSG);
	memcpy(sig + 32, order, 32);
	assert_int_equal(p256_verify(&pub, digest, sig), -EBADMSG);
	memset(sig, 0xff, 64);
	assert_int_equal(p256_verify(&pub, digest, sig), -EBADMSG);
}

static void the_thumbprint_is_rfc_7638s(void **state)
{
	struct p256_pub pub;
	struct p256_id id;

	(void)state;
	/* Whatever the order of the members. */
	assert_int_equal(from_jwk(&pub, "{\"y\":\"" A3_Y "\",\"x\":\"" A3_X
					"\",\"kty\":\"EC\",\"crv\":\"P-256\"}"),
			 0);
	assert_int_equal(p256_thumbprint(&id, &pub), 0);
	assert_string_equal(id.text, A3_THUMBPRINT);
}

static void only_a_p256_jwk_of_four_members_is_a_key(void **state)
{
	static const char *const bad[] = {
		JWK("P-384", "EC", A3_X, A3_Y),
		JWK("P-256", "OKP", A3_X, A3_Y),
		JWK("p-256", "EC", A3_X, A3_Y),
		JWK("P-256", "EC", A3_Y, A3_X), /* not on the curve */
		JWK("P-256", "EC", A3_X "=", A3_Y),
		JWK("P-256", "EC", A3_X "A", A3_Y),
		JWK("P-256", "EC", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		JWK("P-256", "EC", "__________________________________________8", A3_Y),
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\",\"y\":1}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\",\"y\":\"" A3_Y
		"\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\",\"y\":\"" A3_Y
		"\",\"key_ops\":[]}",
		"[]",
		"\"EC\"",
	};
	struct p256_pub pub;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (from_jwk(&pub, bad[i]) != -EINVAL)
			fail_msg("%s", bad[i]);
}

static void other_forms_of_a_point_are_refused(void **state)
{
	static const uint8_t first[] = { 0, 2, 3, 5, 6, 7 };
	struct key_fixture k;
	EVP_PKEY *pkey;

	(void)state;
	key_fixture_init(&k);
	pkey = p256_pub_to_pkey(&k.pub);
	assert_non_null(pkey);
	assert_int_equal(EVP_PKEY_eq(pkey, k.pkey), 1);
	EVP_PKEY_free(pkey);
	for (size_t i = 0; i < sizeof(first); i++) {
		k.pub.point[0] = first[i];
		assert_null(p256_pub_to_pkey(&k.pub));
	}
	k.pub.point[0] = 4;
	k.pub.point[64] ^= 1;
	assert_null(p256_pub_to_pkey(&k.pub));
	key_fixture_release(&k);
}

static void keys_of_other_curves_and_kinds_are_refused(void **state)
{
	static const char *const curves[] = { "P-384", "secp256k1", "P-224", "brainpoolP256r1" };
	struct signer_pkey signer;
	struct p256_pub pub;
	EVP_PKEY *pkey;

	(void)state;
	for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++) {
		pkey = key_fixture_new(curves[i]);
		assert_int_equal(p256_pub_from_pkey(&pub, pkey), -EINVAL);
		assert_int_equal(signer_pkey_init(&signer, pkey), -EINVAL);
		EVP_PKEY_free(pkey);
	}
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	assert_non_null(pkey);
	assert_int_equal(p256_pub_from_pkey(&pub, pkey), -EINVAL);
	EVP_PKEY_free(pkey);
}

/* A file may hold the point compressed: the id must be the same. */
static void a_compressed_key_file_gives_the_same_point(void **state)
{
	struct key_fixture k;
	struct p256_pub pub;
	EVP_PKEY *copy;
	BIO *bio = BIO_new(BIO_s_mem());

	(void)state;
	key_fixture_init(&k);
	assert_true(EVP_PKEY_set_utf8_string_param(
		k.pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"));
	assert_true(PEM_write_bio_PUBKEY(bio, k.pkey));
	copy = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	assert_non_null(copy);
	assert_int_equal(p256_pub_from_pkey(&pub, copy), 0);
	assert_memory_equal(&pub, &k.pub, sizeof(pub));
	EVP_PKEY_free(copy);
	BIO_free(bio);
	key_fixture_release(&k);
}

static void a_jwk_comes_back_as_the_same_key(void **state)
{
	struct key_fixture k;
	struct p256_pub pub;
	json_t *jwk;

	(void)state;
	key_fixture_init(&k);
	jwk = p256_pub_to_jwk(&k.pub);
	assert_int_equal(json_object_size(jwk), 4);
	assert_int_equal(p256_pub_from_jwk(&pub, jwk), 0);
	assert_memory_equal(&pub, &k.pub, sizeof(pub));
	json_decref(jwk);
	key_fixture_release(&k);
}

/* One signature in 128 has it. 20,000 without one would be a chance of 1 in 10^68. */
static void r_and_s_with_leading_zeros_are_padded(void **state)
{
	bool r = false, s = false;
	uint8_t digest[32] = { 0 }, sig[64];
	struct key_fixture k, other;

	(void)state;
	key_fixture_init(&k);
	key_fixture_init(&other);
	for (unsigned int i = 0; !r || !s; i++) {
		assert_true(i < 20000);
		memcpy(digest, &i, sizeof(i));
		assert_int_equal(k.signer.signer.sign(&k.signer.signer, digest, sig), 0);
		if (sig[0] && sig[32])
			continue;
		r |= !sig[0];
		s |= !sig[32];
		assert_int_equal(p256_verify(&k.pub, digest, sig), 0);
		assert_int_equal(p256_verify(&other.pub, digest, sig), -EBADMSG);
	}
	key_fixture_release(&k);
	key_fixture_release(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_signature_verifies_and_no_changed_bit_does),
		cmocka_unit_test(degenerate_signatures_are_refused),
		cmocka_unit_test(the_thumbprint_is_rfc_7638s),
		cmocka_unit_test(only_a_p256_jwk_of_four_members_is_a_key),
		cmocka_unit_test(other_forms_of_a_point_are_refused),
		cmocka_unit_test(keys_of_other_curves_and_kinds_are_refused),
		cmocka_unit_test(a_compressed_key_file_gives_the_same_point),
		cmocka_unit_test(a_jwk_comes_back_as_the_same_key),
		cmocka_unit_test(r_and_s_with_leading_zeros_are_padded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
