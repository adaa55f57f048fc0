// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: somebody who can write to the store, and has no key, changes or swaps a
 * file of a clip, and its owner believes it.
 */
#include "reader_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void flip_is_seen(const struct world *w, const char *name, size_t at)
{
	poke(w, name, at, 1 << at % 8);
	assert_int_equal(verdict(w->path, &w->people.claims), CLIP_TAMPERED);
	poke(w, name, at, 1 << at % 8);
}

/* Every box header, at any depth, and a byte in every 61: so many in every range. */
static void a_changed_byte_of_the_video_is_seen(void **state)
{
	static const char containers[] = "moov trak mdia minf stbl mvex moof traf mfra ";
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 25 }, 1);
	for (size_t at = 0, size; at < w.clip.size; at += size) {
		const uint8_t *p = w.clip.file + at;
		char name[6] = "";

		size = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
		for (size_t i = 0; i < 8; i++)
			flip_is_seen(&w, "clip.mp4", at + i);
		memcpy(name, p + 4, 4);
		name[4] = ' ';
		if (strstr(containers, name))
			size = 8;
	}
	for (size_t at = 0; at < w.clip.size; at += 61)
		flip_is_seen(&w, "clip.mp4", at);
	flip_is_seen(&w, "clip.mp4", w.clip.size - 1);
	poke(&w, "clip.mp4", w.clip.size / 2, 1);
	refused(&w, CLIP_TAMPERED);
	world_end(&w);
}

static void a_changed_byte_of_thumb_or_manifest_is_seen(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	for (size_t at = 0; at < w.clip.thumb_size; at++)
		flip_is_seen(&w, "thumb", at);
	for (size_t at = 0; at < strlen(w.clip.jws); at++) {
		poke(&w, "manifest.jws", at, 1 << at % 7);
		assert_int_not_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
		poke(&w, "manifest.jws", at, 1 << at % 7);
	}
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	poke(&w, "manifest.jws", 2000, 1);
	refused(&w, CLIP_TAMPERED);
	world_end(&w);
}

static void longer_and_shorter_files_are_seen(void **state)
{
	static const char *const names[] = { "clip.mp4", "thumb", "manifest.jws" };
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	for (int i = 0; i < 3; i++) {
		uint8_t *data;
		size_t len;

		data = fixture_read(w.path, names[i], &len);
		data = realloc(data, len + 4096);
		memset(data + len, i == 2 ? '\n' : 0, 4096);
		fixture_write(w.path, names[i], data, len - 1);
		assert_int_equal(verdict(w.path, &w.people.claims), CLIP_TAMPERED);
		fixture_write(w.path, names[i], data, len + 1);
		assert_int_equal(verdict(w.path, &w.people.claims), CLIP_TAMPERED);
		fixture_write(w.path, names[i], data, len + 4096);
		assert_int_equal(verdict(w.path, &w.people.claims), CLIP_TAMPERED);
		fixture_write(w.path, names[i], data, 0);
		refused(&w, CLIP_TAMPERED);
		fixture_write(w.path, names[i], data, len);
		assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
		free(data);
	}
	world_end(&w);
}

static void missing_files_and_links_are_told(void **state)
{
	static const char *const names[] = { "clip.mp4", "thumb", "manifest.jws" };
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	for (int i = 0; i < 3; i++) {
		char path[512], aside[512];

		snprintf(path, sizeof(path), "%s/%s", w.path, names[i]);
		snprintf(aside, sizeof(aside), "%s/aside", w.dir);
		assert_int_equal(rename(path, aside), 0);
		refused(&w, CLIP_INCOMPLETE);
		assert_int_equal(symlink(aside, path), 0);
		refused(&w, CLIP_TAMPERED);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		refused(&w, CLIP_TAMPERED);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkdir(path, 0700), 0);
		refused(&w, CLIP_TAMPERED);
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(rename(aside, path), 0);
	}
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	world_end(&w);
}

static void parts_of_another_clip_are_seen(void **state)
{
	struct fixture_clip other;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	fixture_clip_make(&other, &w.people, &(struct fixture_plan) { .samples = 3, .seq = 2 });
	fixture_write(w.path, "thumb", other.thumb, other.thumb_size);
	refused(&w, CLIP_TAMPERED);
	fixture_write(w.path, "thumb", w.clip.thumb, w.clip.thumb_size);
	fixture_write(w.path, "clip.mp4", other.file, other.size);
	refused(&w, CLIP_TAMPERED);
	fixture_write(w.path, "clip.mp4", w.clip.file, w.clip.size);
	fixture_write(w.path, "manifest.jws", other.jws, strlen(other.jws));
	refused(&w, CLIP_TAMPERED);
	/* what was signed at clip start is no manifest */
	fixture_write(w.path, "manifest.jws", w.clip.open_jws, strlen(w.clip.open_jws));
	refused(&w, CLIP_TAMPERED);
	fixture_clip_release(&other);
	world_end(&w);
}

static void a_thumb_that_was_not_signed_is_seen(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3, .no_thumb = true }, 1);
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	fixture_write(w.path, "thumb", "planted", 7);
	refused(&w, CLIP_TAMPERED);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_byte_of_the_video_is_seen),
		cmocka_unit_test(a_changed_byte_of_thumb_or_manifest_is_seen),
		cmocka_unit_test(longer_and_shorter_files_are_seen),
		cmocka_unit_test(missing_files_and_links_are_told),
		cmocka_unit_test(parts_of_another_clip_are_seen),
		cmocka_unit_test(a_thumb_that_was_not_signed_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
