// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: after a start a clip is signed twice, out of order, in a former owner's
 * stead, by the recorder of another camera, or never.
 */
#include "recover_fixture.h"

#include "jws.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CLIPS_EACH   8
#define OTHER_CAMERA "EBESExQVFhcYGRobHB0eHw"

static void signed_clips_are_only_moved(void **state)
{
	struct fixture_clip c;
	const char *id;
	uint8_t *data;
	size_t len;

	(void)state;
	fixture_clip_make(&c, &rec.people, &(struct fixture_plan) { .samples = 3 });
	id = c.open.head.clip.text;
	fixture_clip_save(&c, clip_at("open", id));
	fixture_write(clip_at("open", id), "open.jws", c.open_jws, strlen(c.open_jws));
	fixture_write(clip_at("open", id), ".manifest.jws.new", "half", 4);
	recovers(0, 0, 1, 0);
	data = fixture_read(clip_at("ready", id), "clip.mp4", &len);
	assert_int_equal(len, c.size);
	assert_memory_equal(data, c.file, len);
	free(data);
	data = fixture_read(clip_at("ready", id), "manifest.jws", &len);
	assert_string_equal(data, c.jws);
	free(data);
	assert_null(fixture_read(clip_at("ready", id), "open.jws", &len));
	assert_null(fixture_read(clip_at("ready", id), ".manifest.jws.new", &len));
	fixture_clip_release(&c);
}

static void read_manifest(struct manifest *m, uint8_t digest[P256_DIGEST_LEN], const char *id)
{
	struct jws jws;
	size_t len;
	uint8_t *text = fixture_read(clip_at("ready", id), "manifest.jws", &len);

	assert_non_null(text);
	assert_int_equal(jws_parse(&jws, (char *)text, len, JWS_TYP_CLIP), 0);
	assert_int_equal(manifest_decode(m, jws.payload, jws.payload_len), 0);
	memcpy(digest, jws.digest, P256_DIGEST_LEN);
	jws_release(&jws);
	free(text);
}

/* In the order of seq, although the clock went back between the two. */
static void clips_are_signed_in_order(void **state)
{
	uint8_t digest[2][P256_DIGEST_LEN];
	struct fixture_clip first, second;
	struct manifest m[2];
	struct chain chain;

	(void)state;
	clip_left(&second, &rec.people, 2);
	fixture_clip_make(&first, &rec.people,
			  &(struct fixture_plan) { .samples = 25, .start_us = 2 * FIXTURE_START });
	fixture_clip_save_open(&first, clip_at("open", first.open.head.clip.text));
	assert_true(strcmp(first.open.head.clip.text, second.open.head.clip.text) > 0);
	recovers(2, 0, 0, 0);
	read_manifest(&m[0], digest[0], first.open.head.clip.text);
	read_manifest(&m[1], digest[1], second.open.head.clip.text);
	assert_false(m[0].has_prev);
	assert_true(m[1].has_prev);
	assert_memory_equal(m[1].prev, digest[0], P256_DIGEST_LEN);
	assert_int_equal(chain_find(&chain, &rec.spool, &rec.people.device_signer.signer.pub,
				    FIXTURE_CAMERA, FIXTURE_EPOCH),
			 0);
	assert_int_equal(chain.signed_seq, 2);
	assert_memory_equal(chain.prev, digest[1], P256_DIGEST_LEN);
	manifest_release(&m[0]);
	manifest_release(&m[1]);
	fixture_clip_release(&first);
	fixture_clip_release(&second);
}

static void others_clips_are_left_alone(void **state)
{
	struct recover other = { .spool = &rec.spool,
				 .signer = &rec.people.device_signer.signer,
				 .spool_key = rec.people.spool_key,
				 .camera = OTHER_CAMERA,
				 .epoch = FIXTURE_EPOCH };
	struct fixture_clip c;
	const char *id;
	int fd;

	(void)state;
	id = clip_left(&c, &rec.people, 1);
	assert_int_equal(recover_run(&other, &rec.count), 0);
	assert_int_equal(
		rec.count.recovered + rec.count.lost + rec.count.moved + rec.count.quarantined, 0);
	assert_true(clip_there("open", id));
	fd = open(clip_at("open", id), O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	recovers(0, 0, 0, 0);
	assert_true(clip_there("open", id));
	close(fd);
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	fixture_clip_release(&c);
}

struct recorder {
	pthread_t thread;
	pthread_barrier_t *start;
	struct spool spool;
	const char *camera;
	struct recover_count count;
	int ret;
};

static void *recorder_starts(void *arg)
{
	struct recorder *r = arg;
	const struct recover recover = { .spool = &r->spool,
					 .signer = &rec.people.device_signer.signer,
					 .spool_key = rec.people.spool_key,
					 .camera = r->camera,
					 .epoch = FIXTURE_EPOCH };

	pthread_barrier_wait(r->start);
	r->ret = recover_run(&recover, &r->count);
	return NULL;
}

static void leave_of(const char *camera, uint64_t seq, int64_t start_us)
{
	const struct fixture_plan plan = {
		.samples = 3, .camera = camera, .seq = seq, .start_us = start_us
	};
	struct fixture_clip c;

	fixture_clip_make(&c, &rec.people, &plan);
	fixture_clip_save_open(&c, clip_at("open", c.open.head.clip.text));
	fixture_clip_release(&c);
}

/* After a power cut all recorders start at once, and none may be in the way of another's clips. */
static void recorders_that_start_together_leave_nothing(void **state)
{
	struct recorder all[] = { { .camera = FIXTURE_CAMERA }, { .camera = OTHER_CAMERA } };
	pthread_barrier_t start;

	(void)state;
	for (uint64_t seq = 1; seq <= CLIPS_EACH; seq++)
		for (int i = 0; i < 2; i++)
			leave_of(all[i].camera, seq, FIXTURE_START + (int64_t)(2 * seq) + i);
	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < 2; i++) {
		all[i].start = &start;
		assert_int_equal(spool_open(&all[i].spool, rec.dir), 0);
		assert_int_equal(pthread_create(&all[i].thread, NULL, recorder_starts, &all[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(all[i].thread, NULL);
		spool_close(&all[i].spool);
	}
	pthread_barrier_destroy(&start);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(all[i].ret, 0);
		assert_int_equal(all[i].count.recovered, CLIPS_EACH);
	}
}

/* The claim changed while the camera was off: the old owner's last clip is still signed, once. */
static void an_old_claims_clips_end_with_it(void **state)
{
	struct fixture_clip a, b;
	struct chain chain = { .seq = 1, .has_prev = true, .signed_seq = 1 };
	const char *id;

	(void)state;
	assert_int_equal(chain_store(&chain, &rec.spool, FIXTURE_CAMERA, FIXTURE_EPOCH), 0);
	id = clip_left(&a, &rec.people, 2);
	assert_int_equal(recover_with(&rec.people.device_signer.signer, FIXTURE_EPOCH + 1), 0);
	assert_int_equal(rec.count.recovered, 1);
	is_ready(&a, 3);
	assert_int_equal(spool_clip_remove(&rec.spool, SPOOL_STATE_READY, id), 0);
	/* the next claim's chain has begun */
	assert_int_equal(chain_store(&chain, &rec.spool, FIXTURE_CAMERA, FIXTURE_EPOCH + 1), 0);
	id = clip_left(&b, &rec.people, 3);
	assert_int_equal(recover_with(&rec.people.device_signer.signer, FIXTURE_EPOCH + 1), 0);
	assert_int_equal(rec.count.quarantined, 1);
	is_quarantined(id);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

static void a_claim_to_come_is_not_signed_for(void **state)
{
	struct fixture_clip c;
	const char *id;

	(void)state;
	id = clip_left(&c, &rec.people, 1);
	assert_int_equal(recover_with(&rec.people.device_signer.signer, FIXTURE_EPOCH - 1), 0);
	assert_int_equal(rec.count.quarantined, 1);
	is_quarantined(id);
	fixture_clip_release(&c);
}

static int sign_later(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		      uint8_t sig[P256_SIG_LEN])
{
	(void)signer;
	(void)digest;
	(void)sig;
	return -EAGAIN;
}

static int sign_never(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		      uint8_t sig[P256_SIG_LEN])
{
	(void)signer;
	(void)digest;
	(void)sig;
	return kill(getpid(), SIGKILL);
}

static void a_signer_that_waits_loses_nothing(void **state)
{
	struct signer busy = { .pub = rec.people.device_signer.signer.pub, .sign = sign_later };
	struct fixture_clip a, b;

	(void)state;
	clip_left(&a, &rec.people, 1);
	clip_left(&b, &rec.people, 2);
	assert_int_equal(recover_with(&busy, FIXTURE_EPOCH), -EAGAIN);
	assert_true(clip_there("open", a.open.head.clip.text));
	assert_true(clip_there("open", b.open.head.clip.text));
	recovers(2, 0, 0, 0);
	is_ready(&a, 3);
	is_ready(&b, 3);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

/* Killed when it was about to sign, the file closed already. */
static void a_recovery_that_was_killed_is_done_again(void **state)
{
	struct signer deadly = { .pub = rec.people.device_signer.signer.pub, .sign = sign_never };
	struct fixture_clip c;
	int status;
	pid_t pid;

	(void)state;
	clip_left(&c, &rec.people, 1);
	pid = fork();
	if (!pid) {
		recover_with(&deadly, FIXTURE_EPOCH);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	fixture_clip_release(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recover_enter, recover_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signed_clips_are_only_moved),
		TEST(clips_are_signed_in_order),
		TEST(others_clips_are_left_alone),
		TEST(recorders_that_start_together_leave_nothing),
		TEST(an_old_claims_clips_end_with_it),
		TEST(a_claim_to_come_is_not_signed_for),
		TEST(a_signer_that_waits_loses_nothing),
		TEST(a_recovery_that_was_killed_is_done_again),
	};

	return cmocka_run_group_tests(tests, recover_enter_all, recover_leave_all);
}
