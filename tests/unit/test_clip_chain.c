// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: somebody withholds a clip, or exchanges one, and the owner is told that all
 * is there; or is told of gaps that are none.
 */
#include "clip_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define NOBODY 0 /* in @prev: null */

static struct clip_chain chain;
static char found_text[512];

static int enter(void **state)
{
	(void)state;
	chain = (struct clip_chain) { 0 };
	return 0;
}

static int leave(void **state)
{
	(void)state;
	clip_chain_release(&chain);
	return 0;
}

/* A clip whose manifest hashes to @digest and names @prev. */
static void add_to(const char *camera, uint64_t epoch, uint64_t seq, uint8_t digest, uint8_t prev,
		   enum manifest_lost lost)
{
	static const struct claim claim;
	struct clip_report report = { .has_manifest = true, .claim = &claim };
	struct manifest *m = &report.manifest;

	strcpy(m->head.device.text, "device");
	strcpy(m->head.camera, camera);
	m->head.epoch = epoch;
	m->head.seq = seq;
	m->lost = lost;
	m->has_prev = prev != NOBODY;
	memset(m->prev, prev, sizeof(m->prev));
	memset(report.digest, digest, sizeof(report.digest));
	assert_int_equal(clip_chain_add(&chain, &report), 0);
}

static void add(uint64_t seq, uint8_t digest, uint8_t prev)
{
	add_to("front", 7, seq, digest, prev, MANIFEST_NOT_LOST);
}

static void note(const struct clip_chain_finding *f, void *arg)
{
	static const char *const names[] = { "gap", "broken", "forked" };
	size_t at = strlen(found_text);

	assert_null(arg);
	snprintf(found_text + at, sizeof(found_text) - at, "%s/%d %s %d-%d; ", f->link->camera,
		 (int)f->link->epoch, names[f->fault], (int)f->from, (int)f->to);
}

/* The findings, in order, are exactly @expected. */
static void finds(bool from_first, const char *expected)
{
	size_t n = 0;

	found_text[0] = '\0';
	for (const char *p = expected; (p = strchr(p, ';')); p++)
		n++;
	assert_int_equal(clip_chain_check(&chain, from_first, note, NULL), n);
	assert_string_equal(found_text, expected);
}

static void whole_chains_are_whole(void **state)
{
	(void)state;
	finds(true, "");
	add(3, 'c', 'b');
	add(1, 'a', NOBODY);
	add(2, 'b', 'a');
	add(2, 'b', 'a'); /* the same clip, in the spool and in the store */
	add_to("back", 7, 1, 'x', NOBODY, MANIFEST_NOT_LOST);
	add_to("front", 8, 1, 'y', NOBODY, MANIFEST_LOST_ENCODER);
	add_to("front", 8, 2, 'z', 'y', MANIFEST_NOT_LOST);
	finds(true, "");
	finds(false, "");
}

static void gaps_are_seen(void **state)
{
	(void)state;
	add(3, 'c', 'b');
	add(6, 'f', 'e');
	add(8, 'h', 'g');
	add_to("back", 7, 2, 'x', 'w', MANIFEST_NOT_LOST);
	finds(true, "back/7 gap 1-1; front/7 gap 1-2; front/7 gap 4-5; front/7 gap 7-7; ");
	finds(false, "front/7 gap 4-5; front/7 gap 7-7; ");
}

static void exchanged_and_forked_clips_are_seen(void **state)
{
	(void)state;
	add(1, 'a', 'z'); /* the first follows nothing */
	add(2, 'b', 'a');
	add(3, 'c', 'a'); /* names the one before the one before */
	add(4, 'd', NOBODY);
	add(5, 'e', 'd');
	add(5, 'f', 'd');
	finds(true,
	      "front/7 broken 1-1; front/7 broken 3-3; front/7 broken 4-4; front/7 forked 5-5; ");
}

/* Dropped after it was signed: a second manifest of its number, the next names the first or it. */
static void dropped_clips_are_no_fork(void **state)
{
	(void)state;
	add(1, 'a', NOBODY);
	add(2, 'b', 'a');
	add_to("front", 7, 2, 'q', 'a', MANIFEST_LOST_DROPPED);
	add(3, 'c', 'b');
	add_to("front", 7, 4, 'r', 'c', MANIFEST_LOST_DROPPED);
	add(5, 'e', 'd');
	add(6, 'g', 'e');
	add_to("front", 7, 6, 'f', 'e', MANIFEST_LOST_DROPPED);
	add(7, 'h', 'f'); /* of a device that forgot the first one */
	finds(true, "");
	add(3, 'C', 'b');
	finds(true, "front/7 forked 3-3; ");
}

/* What was not verified proves nothing: it leaves a gap. */
static void unverified_clips_do_not_count(void **state)
{
	struct clip_report report = { .has_manifest = true };

	(void)state;
	report.manifest.head.seq = 2;
	add(1, 'a', NOBODY);
	add(3, 'c', 'b');
	assert_int_equal(clip_chain_add(&chain, &report), 0);
	finds(true, "front/7 gap 2-2; ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_chains_are_whole),
		TEST(gaps_are_seen),
		TEST(exchanged_and_forked_clips_are_seen),
		TEST(dropped_clips_are_no_fork),
		TEST(unverified_clips_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
