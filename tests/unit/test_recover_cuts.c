// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: after a power cut what a camera saw is gone, although it is on the disk, or
 * what the cut tore is taken for what it saw.
 */
#include "recover_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum rest {
	REST_MISSING,
	REST_ZERO,
	REST_GARBAGE
};

static void cut_at(const struct fixture_clip *c, size_t where, unsigned int *seed)
{
	size_t len = c->size - c->mfra_size;
	uint8_t *file = malloc(len);

	for (int rest = REST_MISSING; rest <= REST_GARBAGE; rest++) {
		memcpy(file, c->file, len);
		clip_index_write_empty(file + c->init_size, 4096, c->plan.index_blocks);
		for (size_t i = where; i < len; i++)
			file[i] = rest == REST_GARBAGE ? rand_r(seed) : 0;
		recovers_from(c, file, rest == REST_MISSING ? where : len);
	}
	free(file);
}

/* At the edges of all boxes, at any depth, and one byte before and after. */
static void cuts_at_box_edges(void **state)
{
	static const char containers[] = "moov trak mdia minf stbl mvex moof traf ";
	struct fixture_clip c;
	unsigned int seed = 1, edges = 0;

	(void)state;
	fixture_clip_make(&c, &rec.people, &(struct fixture_plan) { .samples = 25 });
	for (size_t edge = 0, size; edge < c.size - c.mfra_size; edge += size) {
		const uint8_t *p = c.file + edge;
		char name[6] = "";

		size = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
		cut_at(&c, edge, &seed);
		if (edge > c.init_size) {
			cut_at(&c, edge - 1, &seed);
			cut_at(&c, edge + 1, &seed);
		}
		memcpy(name, p + 4, 4);
		name[4] = ' ';
		if (strstr(containers, name))
			size = 8;
		edges++;
	}
	assert_true(edges > 50);
	fixture_clip_release(&c);
}

static void cuts_anywhere(void **state)
{
	struct fixture_clip c;
	unsigned int seed = 2;

	(void)state;
	fixture_clip_make(&c, &rec.people, &(struct fixture_plan) { .samples = 25, .slices = 2 });
	for (int i = 0; i < 60; i++)
		cut_at(&c, rand_r(&seed) % (c.size - c.mfra_size), &seed);
	cut_at(&c, c.size - c.mfra_size, &seed);
	fixture_clip_release(&c);
}

/* Sectors of a metadata block, or of the index, of which some were written and some were not. */
static void torn_blocks_are_not_believed(void **state)
{
	struct fixture_clip c;
	uint8_t *file;
	size_t len;

	(void)state;
	fixture_clip_make(&c, &rec.people,
			  &(struct fixture_plan) { .samples = 100, .duration = 2000 });
	len = c.size - c.mfra_size;
	file = malloc(len);
	for (unsigned int sectors = 0; sectors < 256; sectors += 15) {
		for (size_t i = 0; i < c.n_refs; i++) {
			memcpy(file, c.file, len);
			for (size_t s = 0; s < 8; s++)
				if (!(sectors >> s & 1))
					memset(file + c.refs[i].offset + 512 * s, 0, 512);
			recovers_from(&c, file, len);
		}
		memcpy(file, c.file, len);
		for (size_t s = 0; s < 8; s++)
			if (!(sectors >> s & 1))
				memset(file + c.init_size + 512 * s, 0xa5, 512);
		assert_int_equal(whole_fragments(&c, file, len), c.n_refs);
		recovers_from(&c, file, len);
	}
	free(file);
	fixture_clip_release(&c);
}

/* A file that was closed but not signed, and one preallocated far beyond what was written. */
static void closed_and_preallocated_files_recover(void **state)
{
	struct fixture_clip c;
	uint8_t *file;

	(void)state;
	clip_left(&c, &rec.people, 1);
	fixture_write(clip_at("open", c.open.head.clip.text), "clip.mp4", c.file, c.size);
	fixture_write(clip_at("open", c.open.head.clip.text), "thumb", c.thumb, c.thumb_size);
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	clear_ready(c.open.head.clip.text);
	file = calloc(1, 4 * c.size);
	memcpy(file, c.file, c.size - c.mfra_size);
	recovers_from(&c, file, 4 * c.size);
	free(file);
	fixture_clip_release(&c);
}

static void other_blocks_and_many_recipients_recover(void **state)
{
	static const struct fixture_plan plans[] = {
		{ .samples = 25, .block = 65536 },
		{ .samples = 25, .block = 8192 },
		{ .samples = 400, .duration = 90000, .index_blocks = 5 },
	};
	struct fixture_people kept = rec.people;

	(void)state;
	fixture_people_make(&rec.people, NULL, 16);
	for (size_t i = 0; i < 3; i++) {
		struct fixture_clip c;

		fixture_clip_make(&c, &rec.people, &plans[i]);
		recovers_from(&c, c.file, c.size - c.mfra_size);
		fixture_clip_release(&c);
	}
	fixture_people_release(&rec.people);
	rec.people = kept;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, recover_enter, recover_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cuts_at_box_edges),
		TEST(cuts_anywhere),
		TEST(torn_blocks_are_not_believed),
		TEST(closed_and_preallocated_files_recover),
		TEST(other_blocks_and_many_recipients_recover),
	};

	return cmocka_run_group_tests(tests, recover_enter_all, recover_leave_all);
}
