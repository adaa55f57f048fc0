// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: who solders wires to a board's TPM reads the authorisation values and the
 * spool key off them, or holds the epoch back so that an old owner's claim counts again; or a TPM
 * that is busy for a moment costs a clip.
 */
#include "tpm_link.h"
#include "identity_tpm.h"
#include "swtpm_fixture.h"
#include "tpm_relay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct swtpm tpm;
static struct tpm_relay relay;
static char dir[96];

static int setup(void **state)
{
	(void)state;
	if (!swtpm_init(&tpm))
		return 0;
	snprintf(dir, sizeof(dir), "%s/identity", tpm.dir);
	swtpm_start(&tpm);
	tpm_relay_start(&relay, &tpm);
	return identity_init(dir, relay.tcti);
}

static int teardown(void **state)
{
	(void)state;
	if (tpm.pid) {
		tpm_relay_stop(&relay);
		swtpm_release(&tpm);
	}
	return 0;
}

static struct identity *opened(void)
{
	struct identity *id = NULL;

	if (!tpm.pid)
		skip();
	assert_int_equal(identity_open(&id, dir, relay.tcti), 0);
	return id;
}

static int sign_once(struct identity *id)
{
	static const uint8_t digest[P256_DIGEST_LEN] = { 1 };
	uint8_t sig[P256_SIG_LEN];
	struct signer *signer;

	assert_int_equal(identity_signer(id, IDENTITY_SIGN, &signer), 0);
	return signer->sign(signer, digest, sig);
}

static void nothing_secret_on_the_bus(void **state)
{
	struct identity *id = opened();
	uint8_t spool[IDENTITY_SPOOL_LEN];
	struct identity_auth auth;
	struct p256_pub pub;
	struct identity_dir d;

	(void)state;
	assert_int_equal(sign_once(id), 0);
	assert_int_equal(identity_spool_key(id, spool), 0);

	/* It did listen: the public key came by. */
	assert_int_equal(identity_pub(id, IDENTITY_SIGN, &pub), 0);
	assert_true(tpm_relay_heard(&relay, pub.point + 1, 32));
	assert_false(tpm_relay_heard(&relay, spool, 16));
	assert_int_equal(identity_dir_open(&d, dir, false), 0);
	for (int i = IDENTITY_SECRET_SIGN; i <= IDENTITY_SECRET_LOCKOUT; i++) {
		assert_int_equal(identity_auth_read(&d, (enum identity_secret)i, &auth), 0);
		assert_false(tpm_relay_heard(&relay, auth.text, 16));
	}
	identity_dir_close(&d);
	identity_close(id);
}

/* A session that is salted for the storage key has a key that nobody on the bus can compute. */
static void sessions_are_salted(void **state)
{
	static const uint8_t salted[] = { 0, 0, 1, 0x76, 0x81, 0, 0x6f, 0 };
	static const uint8_t unsalted[] = { 0, 0, 1, 0x76, 0x40, 0, 0, 7 };
	uint8_t spool[IDENTITY_SPOOL_LEN];
	struct identity *id;
	uint64_t epoch;

	(void)state;
	relay.n_heard = 0;
	id = opened();
	assert_int_equal(sign_once(id), 0);
	assert_int_equal(identity_spool_key(id, spool), 0);
	assert_int_equal(identity_epoch(id, &epoch), 0);
	assert_true(tpm_relay_heard(&relay, salted, sizeof(salted)));
	assert_false(tpm_relay_heard(&relay, unsalted, sizeof(unsalted)));
	identity_close(id);
}

/* Header 10, size of the parameters 4, size of the data 2, then the counter, big endian. */
static void forged_epoch_is_noticed(void **state)
{
	struct identity *id = opened();
	uint64_t epoch;

	(void)state;
	relay.flip_code = TPM2_CC_NV_Read;
	relay.flip_at = 10 + 4 + 2 + 7;
	assert_int_equal(identity_epoch(id, &epoch), -EIO);
	relay.flip_code = 0;
	assert_int_equal(identity_epoch(id, &epoch), 0);
	identity_close(id);
}

static void forged_spool_key_is_noticed(void **state)
{
	struct identity *id = opened();
	uint8_t spool[IDENTITY_SPOOL_LEN];

	(void)state;
	relay.flip_code = TPM2_CC_Unseal;
	relay.flip_at = 10 + 4 + 2 + 3;
	assert_int_equal(identity_spool_key(id, spool), -EIO);
	relay.flip_code = 0;
	assert_int_equal(identity_spool_key(id, spool), 0);
	identity_close(id);
}

/* The TSS itself asks five times; more than that is ours. */
static void busy_for_a_moment(void **state)
{
	static const uint32_t codes[] = { TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING };
	struct identity *id = opened();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		relay.busy_code = TPM2_CC_Sign;
		relay.busy_rc = codes[i];
		relay.busy_count = 12;
		assert_int_equal(sign_once(id), 0);
		assert_int_equal(relay.busy_count, 0);
	}
	identity_close(id);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* It ends, and says that the same may succeed later; and then it does. */
static void busy_for_ever(void **state)
{
	struct identity *id = opened();
	double began = seconds();

	(void)state;
	relay.busy_code = TPM2_CC_Sign;
	relay.busy_rc = TPM2_RC_RETRY;
	relay.busy_count = UINT32_MAX;
	assert_int_equal(sign_once(id), -EAGAIN);
	assert_true(seconds() - began < 30);
	relay.busy_rc = TPM2_RC_LOCKOUT;
	assert_int_equal(sign_once(id), -EAGAIN);
	relay.busy_count = 0;
	assert_int_equal(sign_once(id), 0);
	identity_close(id);
}

static void codes_without_their_place(void **state)
{
	(void)state;
	assert_int_equal(tpm_code(0), 0);
	assert_int_equal(tpm_code(0x98e), TPM2_RC_AUTH_FAIL); /* session 1 */
	assert_int_equal(tpm_code(0x9a2), TPM2_RC_BAD_AUTH);
	assert_int_equal(tpm_code(0x18b), TPM2_RC_HANDLE); /* handle 1 */
	assert_int_equal(tpm_code(0x1c4), TPM2_RC_VALUE); /* parameter 1 */
	assert_int_equal(tpm_code(TPM2_RC_LOCKOUT), TPM2_RC_LOCKOUT);
	assert_int_equal(tpm_code(TSS2_RESMGR_TPM_RC_LAYER | 0x18b), TPM2_RC_HANDLE);
	assert_int_equal(tpm_code(TSS2_TCTI_RC_IO_ERROR), 0);
}

#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(nothing_secret_on_the_bus),
		BUS_TEST(sessions_are_salted),
		BUS_TEST(forged_epoch_is_noticed),
		BUS_TEST(forged_spool_key_is_noticed),
		BUS_TEST(busy_for_a_moment),
		BUS_TEST(busy_for_ever),
		cmocka_unit_test(codes_without_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
