// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a disk that stays full of clips that are said to be lost, a clip that vanishes
 * without a word, or one of another camera that goes for this one's.
 */
#include "clip_fixture.h"
#include "jws.h"
#include "record/spool_room.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define OTHER_CAMERA "EBESExQVFhcYGRobHB0eHw"

static struct fixture_people people;
static struct fixture_clip clips[2];
static char *dir;
static struct spool spool;

static int enter_all(void **state)
{
	const uint8_t prev[32] = { 1, 2, 3 };

	(void)state;
	fixture_people_make(&people, NULL, 1);
	for (uint64_t i = 0; i < 2; i++)
		fixture_clip_make(&clips[i], &people,
				  &(struct fixture_plan) { .seq = i + 2, .prev = prev });
	return 0;
}

static int leave_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		fixture_clip_release(&clips[i]);
	fixture_people_release(&people);
	return 0;
}

static char *path_of(size_t i)
{
	char *path;

	assert_true(asprintf(&path, "%s/ready/%s", dir, clips[i].manifest.head.clip.text) > 0);
	return path;
}

/* Two clips in ready/. */
static int enter(void **state)
{
	char *path;

	(void)state;
	dir = fixture_dir_make();
	if (spool_open(&spool, dir))
		return -1;
	for (size_t i = 0; i < 2; i++) {
		path = path_of(i);
		fixture_clip_save(&clips[i], path);
		free(path);
	}
	return 0;
}

static int leave(void **state)
{
	(void)state;
	spool_close(&spool);
	fixture_dir_remove(dir);
	return 0;
}

static bool has(size_t i, const char *name)
{
	char *path = path_of(i);
	uint8_t *data;
	size_t len;

	data = fixture_read(path, name, &len);
	free(data);
	free(path);
	return data;
}

static void expect_whole(size_t i)
{
	char *path = path_of(i);
	char *text;
	size_t len;

	text = (char *)fixture_read(path, SPOOL_MANIFEST, &len);
	assert_string_equal(text, clips[i].jws);
	assert_true(has(i, SPOOL_CLIP) && has(i, SPOOL_THUMB));
	free(text);
	free(path);
}

/* The device says so, in the clip's place of the chain. */
static void expect_dropped(size_t i)
{
	char *path = path_of(i);
	struct manifest m;
	struct jws jws;
	char *text;
	size_t len;

	text = (char *)fixture_read(path, SPOOL_MANIFEST, &len);
	assert_int_equal(jws_parse(&jws, text, len, JWS_TYP_CLIP), 0);
	assert_int_equal(jws_verify(&jws, &people.device_signer.signer.pub), 0);
	assert_int_equal(manifest_decode(&m, jws.payload, jws.payload_len), 0);
	assert_int_equal(m.lost, MANIFEST_LOST_DROPPED);
	assert_int_equal(m.head.seq, clips[i].manifest.head.seq);
	assert_true(m.has_prev);
	assert_memory_equal(m.prev, clips[i].manifest.prev, sizeof(m.prev));
	assert_false(has(i, SPOOL_CLIP) || has(i, SPOOL_THUMB));
	manifest_release(&m);
	jws_release(&jws);
	free(text);
	free(path);
}

static int drop_one(const char *camera)
{
	return spool_room_drop_ready(&spool, &people.device_signer.signer, camera);
}

static void the_oldest_goes_first(void **state)
{
	(void)state;
	assert_int_equal(drop_one(OTHER_CAMERA), -ENOENT);
	assert_int_equal(drop_one(FIXTURE_CAMERA), 0);
	expect_dropped(0);
	expect_whole(1);
	assert_int_equal(drop_one(FIXTURE_CAMERA), 0);
	expect_dropped(1);
	assert_int_equal(drop_one(FIXTURE_CAMERA), -ENOENT);
}

/* A power cut after the manifest was replaced: the pictures are removed before another clip goes. */
static void a_drop_that_was_cut_short_is_finished(void **state)
{
	char *path = path_of(0);

	(void)state;
	assert_int_equal(drop_one(FIXTURE_CAMERA), 0);
	fixture_write(path, SPOOL_CLIP, clips[0].file, clips[0].size);
	fixture_write(path, SPOOL_THUMB, clips[0].thumb, clips[0].thumb_size);
	assert_int_equal(drop_one(OTHER_CAMERA), -ENOENT);
	assert_int_equal(drop_one(FIXTURE_CAMERA), 0);
	expect_dropped(0);
	expect_whole(1);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_oldest_goes_first, enter, leave),
		cmocka_unit_test_setup_teardown(a_drop_that_was_cut_short_is_finished, enter,
						leave),
	};

	return cmocka_run_group_tests(tests, enter_all, leave_all);
}
