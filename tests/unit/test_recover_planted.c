// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a camera signs what somebody put on its disk while it was off.
 */
#include "recover_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* Fragment @i of @to becomes fragment @j of @from, as far as there is room. */
static void transplant(uint8_t *file, const struct fixture_clip *to, size_t i,
		       const struct fixture_clip *from, size_t j)
{
	size_t n = from->refs[j].size < to->refs[i].size ? from->refs[j].size : to->refs[i].size;

	memcpy(file + to->refs[i].offset, from->file + from->refs[j].offset, n);
}

static void planted_fragments_are_not_signed(void **state)
{
	struct fixture_people impostor = rec.people; /* all but the spool key */
	struct fixture_clip c, other, forged;
	uint8_t *file;
	size_t len;

	(void)state;
	memset(impostor.spool_key, 0x5a, sizeof(impostor.spool_key));
	fixture_clip_make(&c, &rec.people, &(struct fixture_plan) { .samples = 25 });
	fixture_clip_make(&other, &rec.people, &(struct fixture_plan) { .samples = 25, .seq = 2 });
	fixture_clip_make(&forged, &impostor, &(struct fixture_plan) { .samples = 25 });
	len = c.size - c.mfra_size;
	file = malloc(len);
	for (size_t i = 0; i < c.n_refs; i++) {
		for (size_t j = 0; j < c.n_refs; j++) {
			memcpy(file, c.file, len); /* of another clip of this device */
			transplant(file, &c, i, &other, j);
			assert_int_equal(whole_fragments(&c, file, len), i);
			recovers_from(&c, file, len);
			memcpy(file, c.file, len); /* of the same clip, elsewhere */
			transplant(file, &c, i, &c, j);
			recovers_from(&c, file, len);
		}
		memcpy(file, c.file, len); /* of the same place, by who has not the key */
		transplant(file, &c, i, &forged, i);
		assert_int_equal(whole_fragments(&c, file, len), i);
		recovers_from(&c, file, len);
		memcpy(file, c.file, len); /* metadata of the one, payload of the other */
		memcpy(file + c.refs[i].offset + 4096, other.file + other.refs[i].offset + 4096,
		       512);
		recovers_from(&c, file, len);
	}
	free(file);
	fixture_clip_release(&c);
	fixture_clip_release(&other);
	fixture_clip_release(&forged);
}

/* A clip that a stranger's device made, one in another's name, and one without a start. */
static void planted_clips_are_moved_aside(void **state)
{
	struct fixture_clip foreign, ours, nameless;
	char renamed[] = "20260102T030405.000006Z-0000000009";
	const char *id;

	(void)state;
	id = clip_left(&foreign, &rec.stranger, 1);
	recovers(0, 0, 0, 1);
	is_quarantined(id);

	id = clip_left(&ours, &rec.people, 2);
	assert_int_equal(rename(clip_at("open", id), clip_at("open", renamed)), 0);
	recovers(0, 0, 0, 1);
	is_quarantined(renamed);

	id = clip_left(&nameless, &rec.people, 3);
	fixture_write(clip_at("open", id), "open.jws", "", 0);
	recovers(0, 0, 0, 1);
	is_quarantined(id);
	fixture_clip_release(&foreign);
	fixture_clip_release(&ours);
	fixture_clip_release(&nameless);
}

static void folder_without_start_is_moved_aside(void **state)
{
	char id[] = "20260102T030405.000006Z-0000000004";

	(void)state;
	assert_int_equal(mkdir(clip_at("open", id), 0700), 0);
	recovers(0, 0, 0, 1);
	is_quarantined(id);
}

/* A manifest that calls itself open.jws, and the other way round. */
static void texts_of_one_kind_are_not_the_other(void **state)
{
	struct fixture_clip c;
	const char *id;

	(void)state;
	id = clip_left(&c, &rec.people, 1);
	fixture_write(clip_at("open", id), "manifest.jws", c.open_jws, strlen(c.open_jws));
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	clear_ready(id);
	fixture_clip_save_open(&c, clip_at("open", id));
	fixture_write(clip_at("open", id), "open.jws", c.jws, strlen(c.jws));
	recovers(0, 0, 0, 1);
	is_quarantined(id);
	fixture_clip_release(&c);
}

static void exchanged_videos_are_not_signed(void **state)
{
	struct fixture_clip a, b;

	(void)state;
	clip_left(&a, &rec.people, 1);
	clip_left(&b, &rec.people, 2);
	fixture_write(clip_at("open", a.open.head.clip.text), "clip.mp4", b.file,
		      b.size - b.mfra_size);
	fixture_write(clip_at("open", b.open.head.clip.text), "clip.mp4", a.file,
		      a.size - a.mfra_size);
	recovers(0, 2, 0, 0);
	is_ready(&a, 0);
	is_ready(&b, 0);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

/* What clip.mp4 links to is neither signed nor written to, and a planted thumbnail goes. */
static void links_are_not_followed(void **state)
{
	struct fixture_clip c;
	char target[512];
	uint8_t *data;
	const char *id;
	size_t len;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", rec.dir);
	fixture_clip_make(&c, &rec.people, &(struct fixture_plan) { .samples = 25 });
	id = c.open.head.clip.text;
	fixture_write(rec.dir, "target", c.file, c.size - c.mfra_size);
	for (int hard = 0; hard < 2; hard++) {
		char path[512];

		fixture_clip_save_open(&c, clip_at("open", id));
		snprintf(path, sizeof(path), "%s/clip.mp4", clip_at("open", id));
		assert_int_equal(unlink(path), 0);
		assert_int_equal(hard ? link(target, path) : symlink(target, path), 0);
		fixture_write(clip_at("open", id), "thumb", "planted", 7);
		recovers(0, 1, 0, 0);
		is_ready(&c, 0);
		clear_ready(id);
		data = fixture_read(rec.dir, "target", &len);
		assert_int_equal(len, c.size - c.mfra_size);
		assert_memory_equal(data, c.file, c.init_size);
		free(data);
	}
	fixture_clip_release(&c);
}

static void a_planted_manifest_counts_for_nothing(void **state)
{
	struct fixture_clip c, foreign;
	const char *id;

	(void)state;
	id = clip_left(&c, &rec.people, 1);
	fixture_clip_make(&foreign, &rec.stranger, &(struct fixture_plan) { .samples = 25 });
	fixture_write(clip_at("open", id), "manifest.jws", foreign.jws, strlen(foreign.jws));
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	fixture_clip_release(&c);
	fixture_clip_release(&foreign);
}

/* One number is signed once: a folder of old put back is not signed again, whatever is left. */
static void clips_put_back_are_not_signed_again(void **state)
{
	struct fixture_clip a, b;
	const char *first, *second;

	(void)state;
	first = clip_left(&a, &rec.people, 1);
	second = clip_left(&b, &rec.people, 2);
	recovers(2, 0, 0, 0);
	assert_int_equal(spool_clip_remove(&rec.spool, SPOOL_STATE_READY, first), 0);
	assert_int_equal(spool_clip_remove(&rec.spool, SPOOL_STATE_READY, second), 0);
	fixture_clip_save_open(&a, clip_at("open", first));
	fixture_clip_save_open(&b, clip_at("open", second));
	recovers(0, 0, 0, 2);
	is_quarantined(first);
	is_quarantined(second);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

/* The uploader may write in ready/, but not stop recovery there. */
static void what_is_in_the_way_does_not_stop_it(void **state)
{
	struct fixture_clip a, b;
	const char *id;

	(void)state;
	id = clip_left(&a, &rec.people, 1);
	clip_left(&b, &rec.people, 2);
	assert_int_equal(mkdir(clip_at("ready", id), 0700), 0);
	recovers(1, 0, 0, 1);
	assert_true(clip_there("quarantine", id));
	is_ready(&b, 3);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recover_enter, recover_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(planted_fragments_are_not_signed),
		TEST(planted_clips_are_moved_aside),
		TEST(folder_without_start_is_moved_aside),
		TEST(texts_of_one_kind_are_not_the_other),
		TEST(exchanged_videos_are_not_signed),
		TEST(links_are_not_followed),
		TEST(a_planted_manifest_counts_for_nothing),
		TEST(clips_put_back_are_not_signed_again),
		TEST(what_is_in_the_way_does_not_stop_it),
	};

	return cmocka_run_group_tests(tests, recover_enter_all, recover_leave_all);
}
