// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: after a power cut in the middle of a claim a camera belongs to nobody, or to
 * two; or an owner that was replaced gets it back by putting an old file back.
 *
 * Secure storage is a fake: a counter that can fail before or after it was raised, which no real one
 * does when a test asks.
 */
#include "identity_open.h"
#include "durable.h"
#include "key_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <cmocka.h>

#define FIRST_EPOCH 7

static struct key_fixture device, tls, owner, other;
static struct claim_cert owner_cert, other_cert;

enum trouble {
	NO_TROUBLE,
	DIES_BEFORE, /* the increment is not done, and the caller does not come back to life */
	DIES_AFTER, /* it is done, and the answer is lost */
};

static struct fake {
	struct identity_backend backend;
	uint64_t counter;
	enum trouble trouble;
	int steps; /* what each increment adds */
	void (*on_read)(void); /* what happens in the world right after the counter was read */
} fake;

static struct identity id;
static char folder[64];

static int fake_sign(struct identity_backend *backend, enum identity_key key,
		     const struct identity_auth *auth, const uint8_t digest[P256_DIGEST_LEN],
		     uint8_t sig[P256_SIG_LEN])
{
	struct signer *signer = &device.signer.signer;

	(void)backend;
	assert_int_equal(key, IDENTITY_SIGN);
	assert_int_equal(strlen(auth->text), IDENTITY_AUTH_LEN);
	return signer->sign(signer, digest, sig);
}

static int fake_read(struct identity_backend *backend, uint64_t *value)
{
	void (*happens)(void) = fake.on_read;

	(void)backend;
	*value = fake.counter;
	fake.on_read = NULL;
	if (happens)
		happens();
	return 0;
}

static int fake_increment(struct identity_backend *backend, const struct identity_auth *auth)
{
	(void)backend;
	assert_int_equal(strlen(auth->text), IDENTITY_AUTH_LEN);
	/* The next claim must be on the disk by now, whatever happens. */
	assert_true(identity_dir_has(&id.dir, IDENTITY_NEXT_FILE));
	if (fake.trouble != DIES_BEFORE)
		fake.counter += (uint64_t)fake.steps;
	return fake.trouble == NO_TROUBLE ? 0 : -EIO;
}

static const struct identity_backend_ops fake_ops = {
	.name = "fake",
	.sign = fake_sign,
	.counter_read = fake_read,
	.counter_increment = fake_increment,
};

static void make_cert(struct claim_cert *cert, struct key_fixture *k)
{
	size_t len;
	uint8_t *der = key_fixture_cert(k->pkey, &len);

	assert_int_equal(claim_cert_parse(cert, der, len), 0);
	free(der);
}

static int keys_setup(void **state)
{
	(void)state;
	key_fixture_init(&device);
	key_fixture_init(&tls);
	key_fixture_init(&owner);
	key_fixture_init(&other);
	make_cert(&owner_cert, &owner);
	make_cert(&other_cert, &other);
	return 0;
}

static int keys_teardown(void **state)
{
	(void)state;
	claim_cert_release(&owner_cert);
	claim_cert_release(&other_cert);
	key_fixture_release(&device);
	key_fixture_release(&tls);
	key_fixture_release(&owner);
	key_fixture_release(&other);
	return 0;
}

/* A device that nobody has claimed. */
static int setup(void **state)
{
	struct identity_auth auth;

	(void)state;
	fake = (struct fake) { .backend.ops = &fake_ops, .counter = FIRST_EPOCH, .steps = 1 };
	memset(&id, 0, sizeof(id));
	id.backend = &fake.backend;
	id.record.sign = device.pub;
	id.record.tls = tls.pub;
	id.record.first_epoch = FIRST_EPOCH;
	strcpy(folder, "/tmp/ownframe-identity-XXXXXX");
	if (!mkdtemp(folder) || identity_dir_open(&id.dir, folder, false))
		return -1;
	return identity_auth_make(&id.dir, IDENTITY_SECRET_SIGN, &auth) ||
	       identity_auth_make(&id.dir, IDENTITY_SECRET_COUNTER, &auth);
}

static int teardown(void **state)
{
	static const char *const files[] = { "sign.auth",
					     "counter.auth",
					     IDENTITY_CLAIM_FILE,
					     IDENTITY_NEXT_FILE,
					     IDENTITY_REQUEST_FILE,
					     "kept",
					     "old" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(id.dir.fd, files[i], 0);
	identity_dir_close(&id.dir);
	return rmdir(folder);
}

static char *half_of(const struct claim_request *req, struct key_fixture *k)
{
	char *half = NULL;

	assert_int_equal(claim_sign_owner(&half, req, &k->signer.signer,
					  k == &owner ? &owner_cert : &other_cert, 1),
			 0);
	return half;
}

/* Request, sign, accept. */
static int claim_by(struct key_fixture *k, bool reset)
{
	struct claim_request req;
	char *half, *text = NULL;
	int err;

	err = identity_claim_request(&id, reset, &req);
	if (err)
		return err;
	half = half_of(&req, k);
	err = identity_claim_accept(&id, half, strlen(half), &text);
	free(text);
	free(half);
	return err;
}

static void assert_in_force(uint64_t epoch, const struct key_fixture *k)
{
	struct claim claim = { 0 };

	assert_int_equal(identity_claim(&id, &claim), 0);
	assert_int_equal(claim.epoch, epoch);
	assert_string_equal(claim.owner_id.text, k->id.text);
	claim_release(&claim);
}

static bool has(const char *name)
{
	return identity_dir_has(&id.dir, name);
}

static void copy(const char *from, const char *to)
{
	size_t len;
	char *text;

	assert_int_equal(durable_read(id.dir.fd, from, 0, IDENTITY_FILE_MAX, &text, &len), 0);
	assert_int_equal(durable_write(id.dir.fd, to, text, len, 0600), 0);
	free(text);
}

static void unclaimed_then_claimed(void **state)
{
	struct claim_request req;
	struct claim claim;
	char *half, *text;

	(void)state;
	assert_int_equal(identity_claim(&id, &claim), -ENOENT);
	assert_int_equal(identity_claim_request(&id, false, &req), 0);
	assert_int_equal(req.epoch, FIRST_EPOCH + 1);
	assert_false(req.has_prev);
	assert_true(req.consented);
	half = half_of(&req, &owner);
	assert_int_equal(identity_claim_accept(&id, half, strlen(half), &text), 0);
	assert_int_equal(claim_parse(&claim, text, strlen(text)), 0);
	assert_string_equal(claim.device_id.text, device.id.text);
	claim_release(&claim);
	assert_in_force(FIRST_EPOCH + 1, &owner);
	assert_false(has(IDENTITY_NEXT_FILE));
	assert_false(has(IDENTITY_REQUEST_FILE));
	free(text);
	free(half);
}

static void next_claim_names_the_previous(void **state)
{
	struct claim_request req;
	struct claim claim;

	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	assert_int_equal(identity_claim(&id, &claim), 0);
	assert_int_equal(identity_claim_request(&id, false, &req), 0);
	assert_true(req.has_prev);
	assert_memory_equal(req.prev, claim.payload_sha256, sizeof(req.prev));
	claim_release(&claim);
}

static void cut_before_the_counter(void **state)
{
	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	fake.trouble = DIES_BEFORE;
	assert_int_equal(claim_by(&other, true), -EIO);
	assert_true(has(IDENTITY_NEXT_FILE));
	fake.trouble = NO_TROUBLE;

	assert_in_force(FIRST_EPOCH + 1, &owner);
	assert_false(has(IDENTITY_NEXT_FILE));
	assert_int_equal(claim_by(&other, true), 0);
	assert_in_force(FIRST_EPOCH + 2, &other);
}

static void cut_after_the_counter(void **state)
{
	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	fake.trouble = DIES_AFTER;
	assert_int_equal(claim_by(&other, true), -EIO);
	fake.trouble = NO_TROUBLE;

	assert_in_force(FIRST_EPOCH + 2, &other);
	assert_false(has(IDENTITY_NEXT_FILE));
	assert_in_force(FIRST_EPOCH + 2, &other);
}

/* The first claim ever has no claim.json that could stand in. */
static void first_claim_cut_after_the_counter(void **state)
{
	(void)state;
	fake.trouble = DIES_AFTER;
	assert_int_equal(claim_by(&owner, false), -EIO);
	assert_in_force(FIRST_EPOCH + 1, &owner);
}

/* A reader that may not write (here: somebody is at work) takes what is in force as it lies. */
static void reader_during_an_accept(void **state)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	fake.trouble = DIES_AFTER;
	assert_int_equal(claim_by(&other, true), -EIO);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_in_force(FIRST_EPOCH + 2, &other);
	assert_true(has(IDENTITY_NEXT_FILE));

	/* Not yet raised: the old one, and what the other is about to do is left alone. */
	fake.counter = FIRST_EPOCH + 1;
	assert_in_force(FIRST_EPOCH + 1, &owner);
	assert_true(has(IDENTITY_NEXT_FILE));
	close(fd);
}

/* The accept comes to its end between a reader's look at the counter and at the files. */
static void finish_elsewhere(void)
{
	fake.counter++;
	assert_int_equal(renameat(id.dir.fd, "kept", id.dir.fd, IDENTITY_CLAIM_FILE), 0);
}

static void reader_overtaken(void **state)
{
	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	copy(IDENTITY_CLAIM_FILE, "old");
	assert_int_equal(claim_by(&other, true), 0);
	copy(IDENTITY_CLAIM_FILE, "kept");

	/* The counter is read before, the files after the second claim comes into force. */
	copy("old", IDENTITY_CLAIM_FILE);
	fake.counter = FIRST_EPOCH + 1;
	fake.on_read = finish_elsewhere;
	assert_in_force(FIRST_EPOCH + 2, &other);
}

static void old_claim_put_back(void **state)
{
	struct claim claim;

	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	copy(IDENTITY_CLAIM_FILE, "kept");
	assert_int_equal(claim_by(&other, true), 0);
	copy("kept", IDENTITY_CLAIM_FILE);
	assert_int_equal(identity_claim(&id, &claim), -ESTALE);
	copy("kept", IDENTITY_NEXT_FILE);
	assert_int_equal(identity_claim(&id, &claim), -ESTALE);
}

static void other_owner_needs_a_reset(void **state)
{
	struct claim claim;

	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	assert_int_equal(claim_by(&other, false), -EPERM);
	assert_in_force(FIRST_EPOCH + 1, &owner);
	assert_int_equal(claim_by(&owner, false), 0);
	assert_int_equal(claim_by(&other, true), 0);
	assert_int_equal(identity_claim(&id, &claim), 0);
	assert_false(claim.consented);
	claim_release(&claim);
}

/* A claim file that is gone does not make a device whose owner was never asked "never claimed". */
static void lost_claim_needs_a_reset(void **state)
{
	struct claim_request req;
	struct claim claim;

	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	assert_int_equal(unlinkat(id.dir.fd, IDENTITY_CLAIM_FILE, 0), 0);
	assert_int_equal(identity_claim(&id, &claim), -ENOENT);
	assert_int_equal(identity_claim_request(&id, false, &req), -EPERM);
	assert_int_equal(identity_claim_request(&id, true, &req), 0);
	assert_false(req.consented);
	assert_false(req.has_prev);
}

static void only_the_last_request_is_accepted(void **state)
{
	struct claim_request req;
	char *half, *text;

	(void)state;
	assert_int_equal(identity_claim_request(&id, false, &req), 0);
	half = half_of(&req, &owner);
	half[strlen(half) / 2] ^= 1;
	assert_int_equal(identity_claim_accept(&id, half, strlen(half), &text), -EBADMSG);
	half[strlen(half) / 2] ^= 1;

	/* An owner who signs more than he was asked: another tls key. */
	req.tls = other.pub;
	free(half);
	half = half_of(&req, &owner);
	assert_int_equal(identity_claim_accept(&id, half, strlen(half), &text), -ESTALE);
	req.tls = tls.pub;
	free(half);
	half = half_of(&req, &owner);
	assert_int_equal(identity_claim_accept(&id, half, strlen(half), &text), 0);
	free(text);

	/* Once it was accepted, nothing is outstanding, and the same half is of the past. */
	assert_int_equal(identity_claim_accept(&id, half, strlen(half), &text), -ENOENT);
	assert_int_equal(identity_claim_request(&id, false, &req), 0);
	assert_int_equal(identity_claim_accept(&id, half, strlen(half), &text), -ESTALE);
	assert_int_equal(fake.counter, FIRST_EPOCH + 1);
	free(half);
}

/* A request that the counter has overtaken costs nothing: the counter is not raised for it. */
static void outdated_request(void **state)
{
	struct claim_request req;
	char *half, *text;

	(void)state;
	assert_int_equal(identity_claim_request(&id, false, &req), 0);
	half = half_of(&req, &owner);
	fake.counter += 5;
	assert_int_equal(identity_claim_accept(&id, half, strlen(half), &text), -ESTALE);
	assert_int_equal(fake.counter, FIRST_EPOCH + 5);
	free(half);
}

/* Somebody else raised the counter in between: the claim was for an epoch that is now past. */
static void counter_raised_by_another(void **state)
{
	struct claim claim;

	(void)state;
	fake.steps = 2;
	assert_int_equal(claim_by(&owner, false), -ESTALE);
	assert_int_equal(identity_claim(&id, &claim), -ENOENT);
	assert_false(has(IDENTITY_NEXT_FILE));
}

static void another_devices_claim(void **state)
{
	struct claim claim;

	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	id.record.sign = other.pub;
	assert_int_equal(identity_claim(&id, &claim), -EBADMSG);
	id.record.sign = device.pub;
	id.record.tls = other.pub;
	assert_int_equal(identity_claim(&id, &claim), -EBADMSG);
}

static void garbage_for_a_claim(void **state)
{
	struct claim claim;

	(void)state;
	assert_int_equal(claim_by(&owner, false), 0);
	assert_int_equal(durable_write(id.dir.fd, IDENTITY_CLAIM_FILE, "{}", 2, 0600), 0);
	assert_int_equal(identity_claim(&id, &claim), -EBADMSG);
	/* Beside a good one, garbage for the next is nothing. */
	assert_int_equal(claim_by(&owner, true), 0);
	assert_int_equal(durable_write(id.dir.fd, IDENTITY_NEXT_FILE, "{}", 2, 0600), 0);
	assert_in_force(FIRST_EPOCH + 2, &owner);
	assert_false(has(IDENTITY_NEXT_FILE));
}

static void counter_at_its_end(void **state)
{
	struct claim_request req;

	(void)state;
	fake.counter = id.record.first_epoch = (1ULL << 53) - 2;
	assert_int_equal(identity_claim_request(&id, false, &req), 0);
	assert_int_equal(req.epoch, (1ULL << 53) - 1);
	fake.counter = id.record.first_epoch = (1ULL << 53) - 1;
	assert_int_equal(identity_claim_request(&id, false, &req), -EOVERFLOW);
	fake.counter = id.record.first_epoch = UINT64_MAX;
	assert_int_equal(identity_claim_request(&id, false, &req), -EOVERFLOW);
}

static void two_at_once(void **state)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(claim_by(&owner, false), -EWOULDBLOCK);
	close(fd);
	assert_int_equal(claim_by(&owner, false), 0);
}

#define DEVICE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICE_TEST(unclaimed_then_claimed),
		DEVICE_TEST(next_claim_names_the_previous),
		DEVICE_TEST(cut_before_the_counter),
		DEVICE_TEST(cut_after_the_counter),
		DEVICE_TEST(first_claim_cut_after_the_counter),
		DEVICE_TEST(reader_during_an_accept),
		DEVICE_TEST(reader_overtaken),
		DEVICE_TEST(old_claim_put_back),
		DEVICE_TEST(other_owner_needs_a_reset),
		DEVICE_TEST(lost_claim_needs_a_reset),
		DEVICE_TEST(only_the_last_request_is_accepted),
		DEVICE_TEST(outdated_request),
		DEVICE_TEST(counter_raised_by_another),
		DEVICE_TEST(another_devices_claim),
		DEVICE_TEST(garbage_for_a_claim),
		DEVICE_TEST(counter_at_its_end),
		DEVICE_TEST(two_at_once),
	};

	return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
