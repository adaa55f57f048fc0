// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a clip that is in no folder or in two, a recorder that recovers the clip that
 * another one is writing, a chain that begins again or follows what a stranger put into the spool.
 */
#include "clip_fixture.h"
#include "jws.h"
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define OTHER_CAMERA "EBESExQVFhcYGRobHB0eHw"

static struct fixture_people people;
static char *dir;
static struct spool spool;

static int enter_all(void **state)
{
	(void)state;
	fixture_people_make(&people, NULL, 1);
	return 0;
}

static int leave_all(void **state)
{
	(void)state;
	fixture_people_release(&people);
	return 0;
}

static int enter(void **state)
{
	(void)state;
	dir = fixture_dir_make();
	return spool_open(&spool, dir);
}

static int leave(void **state)
{
	(void)state;
	spool_close(&spool);
	fixture_dir_remove(dir);
	return 0;
}

static struct clip_id id_of(uint64_t seq)
{
	struct clip_id id;

	clip_id_make(&id, FIXTURE_START + (int64_t)seq * 1000000, seq);
	return id;
}

/* A signed clip of the fixture's camera in @state; *@digest is what it is in the chain. */
static void put_clip(const struct fixture_people *who, enum spool_state state, uint64_t seq,
		     uint8_t digest[32], bool open)
{
	static const char *const names[] = { "open", "ready", "sent" };
	const struct fixture_plan plan = { .seq = seq, .samples = 3 };
	struct fixture_clip clip;
	char path[512];

	fixture_clip_make(&clip, who, &plan);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, names[state], clip.manifest.head.clip.text);
	if (open)
		fixture_clip_save_open(&clip, path);
	else
		fixture_clip_save(&clip, path);
	if (digest)
		memcpy(digest, clip.digest, 32);
	fixture_clip_release(&clip);
}

static void find(struct chain *c, const char *camera, uint64_t epoch)
{
	assert_int_equal(chain_find(c, &spool, &people.device_signer.signer.pub, camera, epoch), 0);
}

static void a_clip_is_in_one_folder_at_a_time(void **state)
{
	const struct clip_id id = id_of(1);
	int fd = spool_clip_create(&spool, &id);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(spool_clip_create(&spool, &id), -EEXIST);
	close(openat(fd, SPOOL_CLIP, O_CREAT | O_WRONLY, 0640));
	close(fd);
	assert_int_equal(spool_clip_move(&spool, id.text, SPOOL_STATE_OPEN, SPOOL_STATE_READY), 0);
	assert_int_equal(spool_clip_open(&spool, SPOOL_STATE_OPEN, id.text), -ENOENT);
	fd = spool_clip_open(&spool, SPOOL_STATE_READY, id.text);
	assert_true(fd >= 0);
	assert_int_equal(faccessat(fd, SPOOL_CLIP, F_OK, 0), 0);
	close(fd);
	assert_int_equal(spool_clip_remove(&spool, SPOOL_STATE_READY, id.text), 0);
	assert_int_equal(spool_clip_open(&spool, SPOOL_STATE_READY, id.text), -ENOENT);
}

static void a_move_replaces_nothing(void **state)
{
	const struct clip_id id = id_of(1);

	(void)state;
	close(spool_clip_create(&spool, &id));
	assert_int_equal(mkdirat(spool.state[SPOOL_STATE_READY], id.text, 0770), 0);
	assert_int_equal(spool_clip_move(&spool, id.text, SPOOL_STATE_OPEN, SPOOL_STATE_READY),
			 -EEXIST);
	assert_int_equal(
		spool_clip_move(&spool, id_of(2).text, SPOOL_STATE_OPEN, SPOOL_STATE_READY),
		-ENOENT);
}

static void a_clip_being_written_is_not_adopted(void **state)
{
	const struct clip_id id = id_of(1);
	int fd = spool_clip_create(&spool, &id), adopted;

	(void)state;
	assert_int_equal(spool_clip_adopt(&spool, id.text), -EBUSY);
	close(fd);
	adopted = spool_clip_adopt(&spool, id.text);
	assert_true(adopted >= 0);
	assert_int_equal(spool_clip_adopt(&spool, id.text), -EBUSY);
	close(adopted);
	assert_int_equal(spool_clip_adopt(&spool, id_of(2).text), -ENOENT);
}

static void lists_clips_oldest_first_and_nothing_else(void **state)
{
	static const uint64_t seqs[] = { 3, 1, 2 };
	char **ids;
	size_t n;

	(void)state;
	assert_int_equal(spool_list(&spool, SPOOL_STATE_OPEN, &ids, &n), 0);
	assert_int_equal(n, 0);
	spool_list_free(ids, n);
	for (size_t i = 0; i < 3; i++) {
		const struct clip_id id = id_of(seqs[i]);

		close(spool_clip_create(&spool, &id));
	}
	assert_int_equal(mkdirat(spool.state[SPOOL_STATE_OPEN], "lost+found", 0700), 0);
	assert_int_equal(mkdirat(spool.state[SPOOL_STATE_OPEN], ".new", 0700), 0);
	assert_int_equal(spool_list(&spool, SPOOL_STATE_OPEN, &ids, &n), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(ids[i], id_of(i + 1).text);
	spool_list_free(ids, n);
}

static void others_cannot_look_into_open(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(fstat(spool.state[SPOOL_STATE_OPEN], &st), 0);
	assert_int_equal(st.st_mode & 0077, 0);
	assert_int_equal(fstat(spool.state[SPOOL_STATE_QUARANTINE], &st), 0);
	assert_int_equal(st.st_mode & 0077, 0);
	assert_int_equal(fstat(spool.state[SPOOL_STATE_READY], &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
}

static void a_block_suits_direct_io(void **state)
{
	uint32_t block = 0;
	int ret = spool_block(&spool, &block);

	(void)state;
	if (ret == -EOPNOTSUPP)
		skip(); /* $TMPDIR is on a file system without */
	assert_int_equal(ret, 0);
	assert_true(clip_block_valid(block));
}

static void a_camera_keeps_its_id_and_has_one_recorder(void **state)
{
	char id[MANIFEST_CAMERA_LEN + 1], again[MANIFEST_CAMERA_LEN + 1];
	int lock, other;

	(void)state;
	assert_int_equal(spool_camera(&spool, "front", id, &lock), 0);
	assert_int_equal(strlen(id), MANIFEST_CAMERA_LEN);
	assert_int_equal(spool_camera(&spool, "front", again, &other), -EBUSY);
	assert_int_equal(spool_camera(&spool, "back", again, &other), 0);
	assert_string_not_equal(id, again);
	close(other);
	close(lock);
	assert_int_equal(spool_camera(&spool, "front", again, &lock), 0);
	assert_string_equal(id, again);
	close(lock);
}

static void camera_names_are_no_paths(void **state)
{
	static const char *const bad[] = { "", "../x", "a/b", "-x", "a b", "a.b" };
	char id[MANIFEST_CAMERA_LEN + 1];
	int lock;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(spool_camera(&spool, bad[i], id, &lock), -EINVAL);
}

static void a_damaged_camera_id_is_not_used(void **state)
{
	char id[MANIFEST_CAMERA_LEN + 1];
	int lock;

	(void)state;
	fixture_write(dir, "camera-front", "AAAAAAAAAAAAAAAAAAAAA!", 22);
	assert_int_equal(spool_camera(&spool, "front", id, &lock), -EBADMSG);
	fixture_write(dir, "camera-back", "AAAA", 4);
	assert_int_equal(spool_camera(&spool, "back", id, &lock), -EBADMSG);
}

static void a_new_chain_begins_at_nothing(void **state)
{
	struct chain c;

	(void)state;
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 0);
	assert_false(c.has_prev);
}

static void the_head_is_the_highest_in_any_folder(void **state)
{
	uint8_t digest[32];
	struct chain c;

	(void)state;
	put_clip(&people, SPOOL_STATE_SENT, 4, NULL, false);
	put_clip(&people, SPOOL_STATE_READY, 5, digest, false);
	put_clip(&people, SPOOL_STATE_SENT, 3, NULL, false);
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 5);
	assert_true(c.has_prev);
	assert_int_equal(c.signed_seq, 5);
	assert_memory_equal(c.prev, digest, 32);
	put_clip(&people, SPOOL_STATE_OPEN, 7, NULL, true);
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 7);
	assert_memory_equal(c.prev, digest, 32); /* 7 has no manifest yet */
	find(&c, OTHER_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 0);
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH + 1);
	assert_int_equal(c.seq, 0);
}

static void what_others_signed_counts_for_nothing(void **state)
{
	struct fixture_people strangers;
	struct chain c;

	(void)state;
	fixture_people_make(&strangers, NULL, 1);
	put_clip(&strangers, SPOOL_STATE_READY, 900, NULL, false);
	put_clip(&strangers, SPOOL_STATE_OPEN, 901, NULL, true);
	put_clip(&people, SPOOL_STATE_READY, 2, NULL, false);
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 2);
	fixture_people_release(&strangers);
}

/* A signed clip under another name, as whoever may write in ready/ can put it there. */
static void a_renamed_clip_counts_for_nothing(void **state)
{
	const struct clip_id id = id_of(800);
	char **ids;
	struct chain c;
	size_t n;

	(void)state;
	put_clip(&people, SPOOL_STATE_READY, 2, NULL, false);
	assert_int_equal(spool_list(&spool, SPOOL_STATE_READY, &ids, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(renameat(spool.state[SPOOL_STATE_READY], ids[0],
				  spool.state[SPOOL_STATE_READY], id.text),
			 0);
	spool_list_free(ids, n);
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 0);
}

static void an_emptied_spool_goes_on_where_it_was(void **state)
{
	struct chain c = { .seq = 41, .has_prev = true, .signed_seq = 40 };

	(void)state;
	memset(c.prev, 0xa5, sizeof(c.prev));
	assert_int_equal(chain_store(&c, &spool, FIXTURE_CAMERA, FIXTURE_EPOCH), 0);
	memset(&c, 0, sizeof(c));
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 41);
	assert_true(c.has_prev);
	assert_int_equal(c.signed_seq, 40);
	assert_int_equal(c.prev[31], 0xa5);
	find(&c, OTHER_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 0);
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH + 1);
	assert_int_equal(c.seq, 0);
	assert_false(c.has_prev);
}

static void the_younger_of_file_and_folders_is_the_head(void **state)
{
	struct chain c = { .seq = 6, .has_prev = true, .signed_seq = 4 };
	uint8_t digest[32];

	(void)state;
	assert_int_equal(chain_store(&c, &spool, FIXTURE_CAMERA, FIXTURE_EPOCH), 0);
	put_clip(&people, SPOOL_STATE_READY, 5, digest, false);
	find(&c, FIXTURE_CAMERA, FIXTURE_EPOCH);
	assert_int_equal(c.seq, 6);
	assert_int_equal(c.signed_seq, 5);
	assert_memory_equal(c.prev, digest, 32);
}

static void a_damaged_state_file_is_no_fresh_start(void **state)
{
	struct chain c;

	(void)state;
	fixture_write(dir, "chain-" FIXTURE_CAMERA, "7 x", 3);
	assert_int_equal(chain_find(&c, &spool, &people.device_signer.signer.pub, FIXTURE_CAMERA,
				    FIXTURE_EPOCH),
			 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		T(a_clip_is_in_one_folder_at_a_time),
		T(a_move_replaces_nothing),
		T(a_clip_being_written_is_not_adopted),
		T(lists_clips_oldest_first_and_nothing_else),
		T(others_cannot_look_into_open),
		T(a_block_suits_direct_io),
		T(a_camera_keeps_its_id_and_has_one_recorder),
		T(camera_names_are_no_paths),
		T(a_damaged_camera_id_is_not_used),
		T(a_new_chain_begins_at_nothing),
		T(the_head_is_the_highest_in_any_folder),
		T(what_others_signed_counts_for_nothing),
		T(a_renamed_clip_counts_for_nothing),
		T(an_emptied_spool_goes_on_where_it_was),
		T(the_younger_of_file_and_folders_is_the_head),
		T(a_damaged_state_file_is_no_fresh_start),
#undef T
	};

	return cmocka_run_group_tests(tests, enter_all, leave_all);
}
