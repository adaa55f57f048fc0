// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a camera that locks itself out of its own key after power cuts, a taken-over
 * uploader that signs clips or takes the camera away from its owner, or an init that destroys what
 * other software keeps in the TPM.
 *
 * Against swtpm, which is libtpms, the reference implementation of TPM 2.0.
 */
#include "identity.h"
#include "identity_tpm.h"
#include "log.h"
#include "swtpm_fixture.h"
#include "tpm_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define NOBODY 65534

static struct swtpm tpm;
static char dir[96];
static const uint8_t digest[P256_DIGEST_LEN] = { 1, 2, 3 };

/* A running TPM, and a path for an identity. */
static int setup_tpm(void **state)
{
	(void)state;
	if (!swtpm_init(&tpm))
		return 0;
	snprintf(dir, sizeof(dir), "%s/identity", tpm.dir);
	swtpm_start(&tpm);
	return 0;
}

static int setup(void **state)
{
	setup_tpm(state);
	return tpm.pid ? identity_init(dir, tpm.tcti) : 0;
}

static int teardown(void **state)
{
	(void)state;
	if (tpm.pid || tpm.port)
		swtpm_release(&tpm);
	return 0;
}

static void need_tpm(void)
{
	if (!tpm.port)
		skip();
}

static struct identity *opened(void)
{
	struct identity *id = NULL;

	assert_int_equal(identity_open(&id, dir, tpm.tcti), 0);
	return id;
}

static int sign_with(struct identity *id, enum identity_key key)
{
	uint8_t sig[P256_SIG_LEN];
	struct signer *signer;
	struct p256_pub pub;
	int err;

	err = identity_signer(id, key, &signer);
	if (!err)
		err = signer->sign(signer, digest, sig);
	if (err)
		return err;
	assert_int_equal(identity_pub(id, key, &pub), 0);
	return p256_verify(&pub, digest, sig);
}

static void assert_usable(void)
{
	struct identity *id = opened();
	uint8_t key[IDENTITY_SPOOL_LEN];
	uint64_t epoch;

	assert_int_equal(sign_with(id, IDENTITY_SIGN), 0);
	assert_int_equal(sign_with(id, IDENTITY_TLS), 0);
	assert_int_equal(identity_spool_key(id, key), 0);
	assert_int_equal(identity_epoch(id, &epoch), 0);
	identity_close(id);
}

static void auth_of(enum identity_secret secret, struct identity_auth *auth)
{
	struct identity_dir d;

	assert_int_equal(identity_dir_open(&d, dir, false), 0);
	assert_int_equal(identity_auth_read(&d, secret, auth), 0);
	identity_dir_close(&d);
}

static void keys_persist(void **state)
{
	uint8_t key[2][IDENTITY_SPOOL_LEN];
	struct p256_pub sign[2], tls[2];
	uint64_t epoch[2];

	(void)state;
	need_tpm();
	for (int i = 0; i < 2; i++) {
		struct identity *id = opened();

		assert_int_equal(identity_pub(id, IDENTITY_SIGN, &sign[i]), 0);
		assert_int_equal(identity_pub(id, IDENTITY_TLS, &tls[i]), 0);
		assert_int_equal(identity_spool_key(id, key[i]), 0);
		assert_int_equal(identity_epoch(id, &epoch[i]), 0);
		assert_int_equal(sign_with(id, IDENTITY_SIGN), 0);
		identity_close(id);
		if (i == 0) {
			swtpm_cut(&tpm);
			swtpm_start(&tpm);
		}
	}
	assert_memory_equal(&sign[0], &sign[1], sizeof(sign[0]));
	assert_memory_equal(&tls[0], &tls[1], sizeof(tls[0]));
	assert_memory_not_equal(&sign[0], &tls[0], sizeof(sign[0]));
	assert_memory_equal(key[0], key[1], sizeof(key[0]));
	assert_int_equal(epoch[0], epoch[1]);
}

static void complete_is_refused(void **state)
{
	(void)state;
	need_tpm();
	assert_int_equal(identity_init(dir, tpm.tcti), -EEXIST);
	assert_usable();
}

static void tpm_dies_and_returns(void **state)
{
	struct identity *id, *second;
	uint64_t epoch;

	(void)state;
	need_tpm();
	id = opened();
	assert_int_equal(sign_with(id, IDENTITY_SIGN), 0);
	swtpm_cut(&tpm);
	assert_int_equal(sign_with(id, IDENTITY_SIGN), -EIO);
	assert_int_equal(sign_with(id, IDENTITY_SIGN), -ENODEV);
	assert_int_equal(identity_epoch(id, &epoch), -ENODEV);
	assert_int_equal(identity_open(&second, dir, tpm.tcti), -ENODEV);
	swtpm_start(&tpm);
	assert_int_equal(sign_with(id, IDENTITY_SIGN), 0);
	assert_int_equal(identity_epoch(id, &epoch), 0);
	identity_close(id);
}

static void unclean_power_cuts(void **state)
{
	(void)state;
	need_tpm();
	for (int i = 0; i < 5; i++) {
		assert_usable();
		swtpm_cut(&tpm);
		swtpm_start(&tpm);
	}
	assert_usable();
}

/* A key of other software without noda, whose value somebody guesses wrong until the TPM locks. */
static void force_lockout(void)
{
	static const TPM2B_DATA no_info = { 0 };
	static const TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.userAuth = { 4, "good" } };
	TPM2B_AUTH wrong = { 3, "bad" };
	TPM2B_PUBLIC template = tpm_key_template;
	TPM_FREE TPM2B_PUBLIC *pub = NULL;
	TPM_FREE TPM2B_PRIVATE *private = NULL;
	TPMT_SIGNATURE *sig;
	struct tpm_link link;
	ESYS_TR parent, key;
	TSS2_RC rc = 0;

	template.publicArea.objectAttributes &= ~TPMA_OBJECT_NODA;
	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	assert_int_equal(tpm_find(&link, TPM_HANDLE_STORAGE, &parent), 0);
	assert_int_equal(Esys_Create(link.esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				     ESYS_TR_NONE, &sensitive, &template, &no_info, &no_pcrs,
				     &private, &pub, NULL, NULL, NULL),
			 0);
	assert_int_equal(Esys_Load(link.esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
				   private, pub, &key),
			 0);
	Esys_TR_SetAuth(link.esys, key, &wrong);
	for (int i = 0; i < 40 && tpm_code(rc) != TPM2_RC_LOCKOUT; i++)
		rc = tpm_sign_digest(&link, key, digest, &sig);
	assert_int_equal(tpm_code(rc), TPM2_RC_LOCKOUT);
	Esys_FlushContext(link.esys, key);
	tpm_link_close(&link);
}

static void lockout_of_others(void **state)
{
	struct identity_auth auth;
	struct tpm_link link;
	ESYS_TR tr;

	(void)state;
	need_tpm();
	force_lockout();
	assert_usable();
	auth_of(IDENTITY_SECRET_COUNTER, &auth);
	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	assert_int_equal(tpm_find(&link, TPM_HANDLE_COUNTER, &tr), 0);
	tpm_set_auth(&link, tr, &auth);
	assert_int_equal(tpm_increment(&link, tr), 0);
	tpm_link_close(&link);
}

/* Run @attempt as a user who has the TPM but no file of the identity's; its status. */
static int as_nobody(int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(99);
		_exit(attempt());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int attempt_files(void)
{
	uint8_t key[IDENTITY_SPOOL_LEN];
	struct signer *signer;
	struct identity *id;

	if (identity_open(&id, dir, tpm.tcti))
		return 1;
	if (identity_signer(id, IDENTITY_SIGN, &signer) != -EACCES)
		return 2;
	if (identity_signer(id, IDENTITY_TLS, &signer) != -EACCES)
		return 3;
	if (identity_spool_key(id, key) != -EACCES)
		return 4;
	identity_close(id);
	return 0;
}

/* What he may do: read the epoch. */
static int attempt_epoch(void)
{
	struct identity *id;
	uint64_t epoch = 0;

	if (identity_open(&id, dir, tpm.tcti) || identity_epoch(id, &epoch))
		return 1;
	identity_close(id);
	return epoch ? 0 : 2;
}

struct taker {
	struct tpm_link link;
	ESYS_TR sign, spool, counter;
};

static void taker_close(struct taker *t)
{
	tpm_link_close(&t->link);
}

#define TAKER __attribute__((cleanup(taker_close)))

static int taker_open(struct taker *t)
{
	return tpm_link_open(&t->link, tpm.tcti) || tpm_find(&t->link, TPM_HANDLE_SIGN, &t->sign) ||
	       tpm_find(&t->link, TPM_HANDLE_SPOOL, &t->spool) ||
	       tpm_find(&t->link, TPM_HANDLE_COUNTER, &t->counter);
}

static bool refused(TSS2_RC rc)
{
	switch (tpm_code(rc)) {
	case TPM2_RC_BAD_AUTH:
	case TPM2_RC_AUTH_FAIL:
	case TPM2_RC_LOCKOUT:
	case TPM2_RC_HIERARCHY:
	case TPM2_RC_DISABLED:
	case TPM2_RC_AUTH_TYPE:
	case TPM2_RC_NV_AUTHORIZATION:
	case TPM2_RC_AUTH_UNAVAILABLE:
	case TPM2_RC_POLICY_FAIL:
	case TPM2_RC_POLICY_CC:
	case TPM2_RC_ATTRIBUTES:
		return true;
	default:
		fprintf(stderr, "not refused: 0x%x\n", rc);
		return false;
	}
}

/* Without any authorisation value. */
static int attempt_use(void)
{
	TPM2B_SENSITIVE_DATA *data;
	TPMT_SIGNATURE *sig;
	TAKER struct taker t = { 0 };

	if (taker_open(&t))
		return 1;
	if (!refused(tpm_sign_digest(&t.link, t.sign, digest, &sig)))
		return 2;
	if (!refused(tpm_unseal(&t.link, t.spool, &data)))
		return 3;
	if (!refused(tpm_increment(&t.link, t.counter)))
		return 4;
	return 0;
}

/* The counter's read policy must not open the way to anything else. */
static int attempt_increment_by_policy(void)
{
	static const TPM2_CC codes[] = { TPM2_CC_NV_Read, TPM2_CC_NV_Increment };
	TAKER struct taker t = { 0 };
	TPM_SESSION struct tpm_session session = { 0 }; /* ends before t closes */

	if (taker_open(&t))
		return 1;
	for (size_t i = 0; i < 2; i++) {
		tpm_session_end(&session);
		if (tpm_session_start(&session, &t.link, TPM2_SE_POLICY, 0) ||
		    Esys_PolicyCommandCode(t.link.esys, session.tr, ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, codes[i]))
			return 2;
		if (!refused(Esys_NV_Increment(t.link.esys, t.counter, t.counter, session.tr,
					       ESYS_TR_NONE, ESYS_TR_NONE)))
			return 3;
	}
	return 0;
}

/* By the hierarchies, as which nobody has given him anything. */
static int attempt_destroy(void)
{
	static const ESYS_TR ways[] = { ESYS_TR_RH_OWNER, ESYS_TR_RH_PLATFORM };
	ESYS_TR out;
	TAKER struct taker t = { 0 };

	if (taker_open(&t))
		return 1;
	for (size_t i = 0; i < 2; i++) {
		if (!refused(Esys_NV_UndefineSpace(t.link.esys, ways[i], t.counter,
						   ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE)))
			return 2;
		if (!refused(Esys_EvictControl(t.link.esys, ways[i], t.sign, ESYS_TR_PASSWORD,
					       ESYS_TR_NONE, ESYS_TR_NONE, TPM_HANDLE_SIGN, &out)))
			return 3;
	}
	if (!refused(Esys_Clear(t.link.esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				ESYS_TR_NONE)))
		return 4;
	if (!refused(Esys_Clear(t.link.esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
				ESYS_TR_NONE)))
		return 5;
	if (!refused(Esys_ClearControl(t.link.esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD,
				       ESYS_TR_NONE, ESYS_TR_NONE, TPM2_NO)))
		return 6;
	return 0;
}

static void others_can_do_nothing(void **state)
{
	(void)state;
	need_tpm();
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(tpm.dir, 0755), 0);
	assert_int_equal(as_nobody(attempt_epoch), 0);
	assert_int_equal(as_nobody(attempt_files), 0);
	assert_int_equal(as_nobody(attempt_use), 0);
	assert_int_equal(as_nobody(attempt_increment_by_policy), 0);
	assert_int_equal(as_nobody(attempt_destroy), 0);
	assert_usable();
}

/* After a reset the platform hierarchy is open where no firmware closes it; identity_lock() does. */
static void lock_before_anybody_else(void **state)
{
	(void)state;
	need_tpm();
	swtpm_cut(&tpm);
	swtpm_start(&tpm);
	assert_int_equal(identity_lock(tpm.tcti), 0);
	assert_int_equal(attempt_destroy(), 0);
	assert_int_equal(identity_lock(tpm.tcti), 0);
	assert_usable();
}

/* Root, too, cannot clear the TPM with what is in the directory: not even by mistake. */
static void clear_is_disabled(void **state)
{
	struct identity_auth auth;
	struct tpm_link link;

	(void)state;
	need_tpm();
	auth_of(IDENTITY_SECRET_LOCKOUT, &auth);
	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	tpm_set_auth(&link, ESYS_TR_RH_LOCKOUT, &auth);
	assert_int_equal(tpm_code(Esys_Clear(link.esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD,
					     ESYS_TR_NONE, ESYS_TR_NONE)),
			 TPM2_RC_DISABLED);
	tpm_link_close(&link);
}

/* The counter, undefined and made again by root, does not start below where it was. */
static void counter_only_grows(void **state)
{
	struct identity_auth owner, counter;
	TPM2B_NV_PUBLIC template;
	TPM2B_AUTH value = { .size = IDENTITY_AUTH_LEN };
	struct tpm_link link;
	struct identity *id;
	uint64_t before, after;
	ESYS_TR tr;

	(void)state;
	need_tpm();
	auth_of(IDENTITY_SECRET_OWNER, &owner);
	auth_of(IDENTITY_SECRET_COUNTER, &counter);
	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	tpm_set_auth(&link, ESYS_TR_RH_OWNER, &owner);
	assert_int_equal(tpm_find(&link, TPM_HANDLE_COUNTER, &tr), 0);
	tpm_set_auth(&link, tr, &counter);
	for (int i = 0; i < 5; i++)
		assert_int_equal(tpm_increment(&link, tr), 0);
	assert_int_equal(tpm_counter_value(&link, tr, &before), 0);
	assert_int_equal(Esys_NV_UndefineSpace(link.esys, ESYS_TR_RH_OWNER, tr, ESYS_TR_PASSWORD,
					       ESYS_TR_NONE, ESYS_TR_NONE),
			 0);
	memcpy(value.buffer, counter.text, IDENTITY_AUTH_LEN);
	assert_int_equal(tpm_counter_template(&template), 0);
	assert_int_equal(Esys_NV_DefineSpace(link.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
					     ESYS_TR_NONE, ESYS_TR_NONE, &value, &template, &tr),
			 0);
	tpm_set_auth(&link, tr, &counter);
	assert_int_equal(tpm_increment(&link, tr), 0);
	tpm_link_close(&link);

	id = opened();
	assert_int_equal(identity_epoch(id, &after), 0);
	assert_true(after > before);
	identity_close(id);
}

/*
 * The power is cut at each command of init that changes the TPM, before and after the TPM has done
 * it, and init is run again: it finishes, and there is one identity.
 */
static void init_cut_anywhere(void **state)
{
	struct tpm_relay relay;
	unsigned int at;
	bool after = false;
	int err = -EIO;

	(void)state;
	need_tpm();
	for (at = 1; err; at += after, after = !after) {
		teardown(NULL);
		setup_tpm(NULL);
		tpm_relay_start(&relay, &tpm);
		relay.cut_at = at;
		relay.cut_after = after;
		err = identity_init(dir, relay.tcti);
		tpm_relay_stop(&relay);
		if (!err)
			break;
		assert_int_equal(err, -EIO);
		swtpm_cut(&tpm);
		swtpm_start(&tpm);
		assert_int_equal(identity_init(dir, tpm.tcti), 0);
		assert_usable();
	}
	/* Two values, one control, four persistent objects, one counter and its first value. */
	assert_int_equal(at, 10);
}

/* Something is at one of our places that we did not put there: it stays, and init says so. */
static void put_foreign_object(TPM2_HANDLE handle)
{
	static const TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.userAuth = { 5, "theirs" } };
	static const TPM2B_DATA no_info = { 0 };
	static const TPML_PCR_SELECTION no_pcrs = { 0 };
	struct tpm_link link;
	ESYS_TR key, persistent;

	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	assert_int_equal(Esys_CreatePrimary(link.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
					    ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
					    &tpm_key_template, &no_info, &no_pcrs, &key, NULL, NULL,
					    NULL, NULL),
			 0);
	assert_int_equal(Esys_EvictControl(link.esys, ESYS_TR_RH_OWNER, key, ESYS_TR_PASSWORD,
					   ESYS_TR_NONE, ESYS_TR_NONE, handle, &persistent),
			 0);
	Esys_FlushContext(link.esys, key);
	tpm_link_close(&link);
}

static void remove_foreign_object(TPM2_HANDLE handle)
{
	struct tpm_link link;
	ESYS_TR tr, out;

	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	assert_int_equal(tpm_find(&link, handle, &tr), 0);
	assert_int_equal(Esys_EvictControl(link.esys, ESYS_TR_RH_OWNER, tr, ESYS_TR_PASSWORD,
					   ESYS_TR_NONE, ESYS_TR_NONE, handle, &out),
			 0);
	tpm_link_close(&link);
}

static void foreign_objects_stay(void **state)
{
	static const TPM2_HANDLE handles[] = { TPM_HANDLE_STORAGE, TPM_HANDLE_SIGN, TPM_HANDLE_TLS,
					       TPM_HANDLE_SPOOL };

	(void)state;
	need_tpm();
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
		put_foreign_object(handles[i]);
		assert_int_equal(identity_init(dir, tpm.tcti), -EEXIST);
		/* It is there, and the owner hierarchy still has no value: nothing was changed. */
		remove_foreign_object(handles[i]);
	}
	assert_int_equal(identity_init(dir, tpm.tcti), 0);
	assert_usable();
}

static void foreign_counter_stays(void **state)
{
	TPM2B_AUTH value = { 6, "theirs" };
	TPM2B_NV_PUBLIC template;
	struct tpm_link link;
	uint64_t before, after;
	ESYS_TR tr;

	(void)state;
	need_tpm();
	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	assert_int_equal(tpm_counter_template(&template), 0);
	assert_int_equal(Esys_NV_DefineSpace(link.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
					     ESYS_TR_NONE, ESYS_TR_NONE, &value, &template, &tr),
			 0);
	Esys_TR_SetAuth(link.esys, tr, &value);
	assert_int_equal(tpm_increment(&link, tr), 0);
	assert_int_equal(tpm_counter_value(&link, tr, &before), 0);
	tpm_link_close(&link);

	/* Twice: without, and with files of ours that do not belong to it. */
	for (int i = 0; i < 2; i++) {
		struct identity_auth auth;
		struct identity_dir d;

		assert_int_equal(identity_init(dir, tpm.tcti), -EEXIST);
		assert_int_equal(identity_dir_open(&d, dir, false), 0);
		assert_int_equal(identity_auth_make(&d, IDENTITY_SECRET_COUNTER, &auth), 0);
		identity_dir_close(&d);
	}
	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	assert_int_equal(tpm_find(&link, TPM_HANDLE_COUNTER, &tr), 0);
	assert_int_equal(tpm_counter_value(&link, tr, &after), 0);
	assert_int_equal(before, after);
	tpm_link_close(&link);
}

/* A TPM that other software owns. */
static void foreign_owner_is_left_alone(void **state)
{
	TPM2B_AUTH value = { 6, "theirs" };
	struct identity_auth auth;
	struct identity_dir d;
	struct tpm_link link;

	(void)state;
	need_tpm();
	assert_int_equal(tpm_link_open(&link, tpm.tcti), 0);
	assert_int_equal(Esys_HierarchyChangeAuth(link.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
						  ESYS_TR_NONE, ESYS_TR_NONE, &value),
			 0);
	tpm_link_close(&link);
	assert_int_equal(identity_init(dir, tpm.tcti), -EEXIST);
	assert_int_equal(identity_dir_open(&d, dir, false), 0);
	assert_int_equal(identity_auth_make(&d, IDENTITY_SECRET_OWNER, &auth), 0);
	identity_dir_close(&d);
	assert_int_equal(identity_init(dir, tpm.tcti), -EEXIST);
}

/* A board whose TPM was exchanged, or a directory that was copied to another board. */
static void another_tpm(void **state)
{
	struct swtpm first;
	struct identity *id;

	(void)state;
	need_tpm();
	first = tpm;
	swtpm_cut(&first);
	assert_true(swtpm_init(&tpm));
	swtpm_start(&tpm);
	assert_int_equal(identity_open(&id, dir, tpm.tcti), -ENODEV);
	swtpm_release(&first);
}

static void no_tpm(void **state)
{
	struct identity *id;

	(void)state;
	need_tpm();
	assert_int_equal(identity_open(&id, dir, "device:/nonexistent/tpmrm0"), -ENODEV);
	assert_int_equal(identity_open(&id, "/nonexistent", tpm.tcti), -ENOENT);
	assert_int_equal(identity_init(dir, "device:/nonexistent/tpmrm0"), -EEXIST);
	assert_int_equal(identity_lock("device:/nonexistent/tpmrm0"), -ENODEV);
}

#define IDENTITY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TPM_TEST(f)	 cmocka_unit_test_setup_teardown(f, setup_tpm, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IDENTITY_TEST(keys_persist),
		IDENTITY_TEST(complete_is_refused),
		IDENTITY_TEST(tpm_dies_and_returns),
		IDENTITY_TEST(unclean_power_cuts),
		IDENTITY_TEST(lockout_of_others),
		IDENTITY_TEST(others_can_do_nothing),
		IDENTITY_TEST(lock_before_anybody_else),
		IDENTITY_TEST(clear_is_disabled),
		IDENTITY_TEST(counter_only_grows),
		IDENTITY_TEST(another_tpm),
		IDENTITY_TEST(no_tpm),
		TPM_TEST(init_cut_anywhere),
		TPM_TEST(foreign_objects_stay),
		TPM_TEST(foreign_counter_stays),
		TPM_TEST(foreign_owner_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
