// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a clip's key that its owner cannot open with any other implementation of
 * RFC 9180, or that somebody else can.
 */
#include "hpke.h"
#include "gcm.h"
#include "key_fixture.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* RFC 9180 appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode. */
#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define SKEM "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb"
#define PKEM                                                                  \
	"04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98" \
	"536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
#define SKRM "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"
#define PKRM                                                                  \
	"04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826" \
	"a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0"
#define KEY   "868c066ef58aae6dc589b6cfdd18f97e"
#define NONCE "4e0bc5018beba4bf004cca59"
#define PT    "4265617574792069732074727574682c20747275746820626561757479"
#define AAD   "436f756e742d30"
#define CT                                                                   \
	"5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f90" \
	"76ac232e3ab2523f39513434"

static size_t unhex(uint8_t *out, size_t cap, const char *hex)
{
	size_t n;

	assert_true(OPENSSL_hexstr2buf_ex(out, cap, &n, hex, '\0'));
	return n;
}

/* A key pair from its two halves, as the RFC gives them. */
static EVP_PKEY *pair(const char *sk, const char *pk)
{
	uint8_t point[65];
	size_t n = unhex(point, sizeof(point), pk);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *d = NULL;
	OSSL_PARAM *params;
	EVP_PKEY *pkey = NULL;

	assert_true(BN_hex2bn(&d, sk));
	OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
	OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, n);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(d);
	return pkey;
}

static void both_sides_reach_the_rfcs_key_and_nonce(void **state)
{
	uint8_t info[32], enc[65], expected_enc[65], key[16], nonce[12], pt[64], expected_pt[64];
	uint8_t aad[16], ct[64], expected_ct[64];
	EVP_PKEY *ephemeral = pair(SKEM, PKEM), *recipient = pair(SKRM, PKRM);
	size_t info_len = unhex(info, sizeof(info), INFO);
	size_t pt_len = unhex(expected_pt, sizeof(expected_pt), PT);
	size_t ct_len = unhex(expected_ct, sizeof(expected_ct), CT);
	size_t aad_len = unhex(aad, sizeof(aad), AAD);
	struct hpke_context s, r;
	struct p256_pub to;

	(void)state;
	unhex(expected_enc, sizeof(expected_enc), PKEM);
	unhex(key, sizeof(key), KEY);
	unhex(nonce, sizeof(nonce), NONCE);
	assert_int_equal(p256_pub_from_pkey(&to, recipient), 0);

	assert_int_equal(hpke_setup_s(&s, enc, ephemeral, &to, info, info_len), 0);
	assert_memory_equal(enc, expected_enc, 65);
	assert_memory_equal(s.key, key, 16);
	assert_memory_equal(s.base_nonce, nonce, 12);

	assert_int_equal(hpke_setup_r(&r, recipient, enc, info, info_len), 0);
	assert_memory_equal(r.key, key, 16);
	assert_memory_equal(r.base_nonce, nonce, 12);

	/* Sequence number 0 of the RFC; it has an aad, which clips do not. */
	assert_int_equal(gcm_seal(ct, s.key, s.base_nonce, aad, aad_len, expected_pt, pt_len), 0);
	assert_int_equal(ct_len, pt_len + 16);
	assert_memory_equal(ct, expected_ct, ct_len);
	assert_int_equal(gcm_open(pt, r.key, r.base_nonce, aad, aad_len, ct, ct_len), 0);
	assert_memory_equal(pt, expected_pt, pt_len);
	EVP_PKEY_free(ephemeral);
	EVP_PKEY_free(recipient);
}

struct message {
	struct key_fixture to;
	uint8_t enc[HPKE_ENC_LEN], ct[16 + HPKE_TAG_LEN], pt[16];
};

static const uint8_t secret[16] = "sixteen bytes!!";
static const char info[] = "ownframe/1 device owner 7";

static void seal(struct message *m)
{
	key_fixture_init(&m->to);
	assert_int_equal(hpke_seal(m->enc, m->ct, &m->to.pub, info, strlen(info), secret, 16), 0);
}

static void the_owner_opens_what_was_sealed_to_him(void **state)
{
	uint8_t enc[HPKE_ENC_LEN], ct[16 + HPKE_TAG_LEN];
	struct message m;

	(void)state;
	seal(&m);
	assert_int_equal(hpke_open(m.pt, m.to.pkey, m.enc, info, strlen(info), m.ct, sizeof(m.ct)),
			 0);
	assert_memory_equal(m.pt, secret, 16);
	/* A second message has its own ephemeral key. */
	assert_int_equal(hpke_seal(enc, ct, &m.to.pub, info, strlen(info), secret, 16), 0);
	assert_memory_not_equal(enc, m.enc, sizeof(enc));
	assert_memory_not_equal(ct, m.ct, sizeof(ct));
	key_fixture_release(&m.to);
}

static void nobody_else_does(void **state)
{
	static const uint8_t zero[16];
	struct key_fixture other;
	struct message m;

	(void)state;
	seal(&m);
	key_fixture_init(&other);
	memset(m.pt, 0xaa, sizeof(m.pt));
	assert_int_equal(hpke_open(m.pt, other.pkey, m.enc, info, strlen(info), m.ct, sizeof(m.ct)),
			 -EBADMSG);
	assert_memory_equal(m.pt, zero, 16);
	key_fixture_release(&other);
	key_fixture_release(&m.to);
}

/* The info binds the key to device, owner and epoch: moved to another clip, it opens nothing. */
static void another_info_opens_nothing(void **state)
{
	static const char *const infos[] = { "", "ownframe/1 device owner 8",
					     "ownframe/1 device owner 77" };
	struct message m;

	(void)state;
	seal(&m);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(hpke_open(m.pt, m.to.pkey, m.enc, infos[i], strlen(infos[i]), m.ct,
					   sizeof(m.ct)),
				 -EBADMSG);
	key_fixture_release(&m.to);
}

static void every_changed_bit_is_refused(void **state)
{
	struct message m;

	(void)state;
	seal(&m);
	for (size_t bit = 0; bit < 8 * sizeof(m.enc); bit++) {
		m.enc[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(
			hpke_open(m.pt, m.to.pkey, m.enc, info, strlen(info), m.ct, sizeof(m.ct)),
			-EBADMSG);
		m.enc[bit / 8] ^= 1 << bit % 8;
	}
	for (size_t bit = 0; bit < 8 * sizeof(m.ct); bit++) {
		m.ct[bit / 8] ^= 1 << bit % 8;
		assert_int_equal(
			hpke_open(m.pt, m.to.pkey, m.enc, info, strlen(info), m.ct, sizeof(m.ct)),
			-EBADMSG);
		m.ct[bit / 8] ^= 1 << bit % 8;
	}
	for (size_t len = 0; len < sizeof(m.ct); len++)
		assert_int_equal(hpke_open(m.pt, m.to.pkey, m.enc, info, strlen(info), m.ct, len),
				 -EBADMSG);
	key_fixture_release(&m.to);
}

/* A point off the curve would leak the owner's key, bit by bit (invalid curve attack). */
static void points_off_the_curve_are_refused(void **state)
{
	struct message m;
	struct p256_pub bad;

	(void)state;
	seal(&m);
	memset(m.enc + 1, 0, 64);
	assert_int_equal(hpke_open(m.pt, m.to.pkey, m.enc, info, strlen(info), m.ct, sizeof(m.ct)),
			 -EBADMSG);
	memset(&bad, 0x11, sizeof(bad));
	bad.point[0] = 4;
	assert_int_equal(hpke_seal(m.enc, m.ct, &bad, info, strlen(info), secret, 16), -EBADMSG);
	key_fixture_release(&m.to);
}

static void a_key_of_another_curve_is_refused(void **state)
{
	EVP_PKEY *p384 = key_fixture_new("P-384");
	struct message m;

	(void)state;
	seal(&m);
	assert_int_equal(hpke_open(m.pt, p384, m.enc, info, strlen(info), m.ct, sizeof(m.ct)),
			 -EINVAL);
	EVP_PKEY_free(p384);
	key_fixture_release(&m.to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_reach_the_rfcs_key_and_nonce),
		cmocka_unit_test(the_owner_opens_what_was_sealed_to_him),
		cmocka_unit_test(nobody_else_does),
		cmocka_unit_test(another_info_opens_nothing),
		cmocka_unit_test(every_changed_bit_is_refused),
		cmocka_unit_test(points_off_the_curve_are_refused),
		cmocka_unit_test(a_key_of_another_curve_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
