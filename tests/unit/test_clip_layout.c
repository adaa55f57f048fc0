// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: clips that direct I/O cannot write in place, that ffmpeg 5.1 decrypts only
 * in part, or whose boxes a reader believes although no recorder wrote them.
 */
#include "clip_layout.h"

#include "clip_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct clip_id id = { "20260102T030405.000006Z-0000000001" };
static const uint8_t mac_key[32] = "thirty-two bytes of a spool key";
static const uint8_t payload_sha256[32] = "as if it were a SHA-256 of them";

/* --- whole files ---------------------------------------------------------------------------- */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* Walk the file by its boxes alone: they tile it, and payload runs start and end on blocks. */
static void boxes_tile(const struct fixture_clip *c)
{
	size_t at = 0, mdats = 0, block = c->plan.block;
	char type[5] = "";

	while (at < c->size) {
		uint32_t size = be32(c->file + at);

		memcpy(type, c->file + at + 4, 4);
		assert_true(size >= 8 && size <= c->size - at);
		if (!strcmp(type, "mdat")) {
			assert_int_equal((at + 8) % block, 0);
			assert_int_equal((size - 8) % block, 0);
			mdats++;
		} else if (!strcmp(type, "moof") || !strcmp(type, "sidx")) {
			assert_int_equal(at % block, 0);
		} else if (!strcmp(type, "free")) {
			for (size_t i = 8; i < size; i++)
				assert_int_equal(c->file[at + i], 0);
		}
		at += size;
	}
	assert_string_equal(type, "mfra");
	assert_int_equal(mdats, c->n_refs);
	assert_int_equal(c->size % block, 0);
}

/* What sidx says leads from fragment to fragment and exactly to the end of the file. */
static void sidx_leads_to_the_end(const struct fixture_clip *c)
{
	const uint8_t *sidx = c->file + c->init_size;
	size_t n = sidx[30] << 8 | sidx[31];
	uint64_t at = c->init_size + be32(sidx) + be32(sidx + 24);

	assert_memory_equal(sidx + 4, "sidx", 4);
	assert_int_equal(n, c->n_refs);
	for (size_t i = 0; i < n; i++) {
		assert_memory_equal(c->file + at + 4, "moof", 4);
		assert_int_equal(be32(sidx + 32 + 12 * i) >> 31, 0);
		assert_int_equal(be32(sidx + 40 + 12 * i), c->refs[i].sync ? 0x90000000 : 0);
		at += be32(sidx + 32 + 12 * i);
	}
	assert_int_equal(at, c->size);
}

/* The last four bytes lead to mfra, and its entries to the fragments that begin at a sync sample. */
static void mfra_leads_to_sync_samples(const struct fixture_clip *c)
{
	const uint8_t *mfra = c->file + c->size - be32(c->file + c->size - 4);
	const uint8_t *entry = mfra + 8 + 24;
	uint32_t n = be32(mfra + 8 + 20), seen = 0;

	assert_memory_equal(mfra + 4, "mfra", 4);
	assert_memory_equal(mfra + 12, "tfra", 4);
	for (size_t i = 0; i < c->n_refs; i++) {
		if (!c->refs[i].sync)
			continue;
		assert_int_equal(be32(entry + 4), c->refs[i].time);
		assert_int_equal(be32(entry + 12), c->refs[i].offset);
		entry += 19;
		seen++;
	}
	assert_int_equal(n, seen);
}

static void check_file(const struct fixture_plan *plan, size_t recipients, size_t fragments)
{
	struct fixture_people people;
	struct fixture_clip c;

	fixture_people_make(&people, NULL, recipients);
	fixture_clip_make(&c, &people, plan);
	assert_int_equal(c.n_refs, fragments);
	boxes_tile(&c);
	sidx_leads_to_the_end(&c);
	mfra_leads_to_sync_samples(&c);
	fixture_clip_release(&c);
	fixture_people_release(&people);
}

static void files_are_blocks_and_boxes(void **state)
{
	(void)state;
	check_file(&(struct fixture_plan) { .samples = 25 }, 1, 3);
	check_file(&(struct fixture_plan) { .samples = 47, .slices = 4 }, 2, 5);
	check_file(&(struct fixture_plan) { .samples = 25, .block = 65536 }, 1, 3);
	check_file(&(struct fixture_plan) { .samples = 25, .gop = 7 }, 16, 3);
	check_file(&(struct fixture_plan) { .samples = 250, .duration = 450 }, 16, 3);
	check_file(&(struct fixture_plan) { .samples = 1 }, 1, 1);
}

static void index_holds_338_references_a_block(void **state)
{
	(void)state;
	assert_int_equal(clip_index_capacity(4096, 1), 338);
	assert_int_equal(clip_index_capacity(65536, 1), 5458);
	/* 12288 - 32 leaves 4 bytes behind 1021 references, which no free box can fill. */
	assert_int_equal(clip_index_capacity(4096, 3), 1020);
	assert_int_equal(clip_index_capacity(4096, 1000), 65535);
	for (unsigned int n = 338; n <= 340; n++)
		check_file(&(struct fixture_plan) { .samples = n,
						    .duration = 90000,
						    .index_blocks = n == 338 ? 1 : 2 },
			   1, n);
}

static void index_refuses_what_it_cannot_say(void **state)
{
	uint8_t out[4096];
	struct clip_ref refs[340];

	(void)state;
	for (size_t i = 0; i < 340; i++)
		refs[i] = (struct clip_ref) { 8192 + i * 8192, 8192, i * 9000, 9000, true };
	assert_int_equal(clip_index_write(out, 4096, 1, refs, 338, 4096), 0);
	assert_int_equal(clip_index_check(out, 4096, 1, refs, 338, 4096), 0);
	assert_int_equal(clip_index_check(out, 4096, 1, refs, 338, 8192), -EBADMSG);
	assert_int_equal(clip_index_check(out, 4096, 1, refs, 337, 4096), -EBADMSG);
	assert_int_equal(clip_index_write(out, 4096, 1, refs, 339, 4096), -EINVAL);
	assert_int_equal(clip_index_write(out, 4096, 1, refs, 0, 4096), -EINVAL);
	assert_int_equal(clip_index_write(out, 4096, 1, refs, 2, 0x7fffffff), -EINVAL);
	refs[1].offset++;
	assert_int_equal(clip_index_write(out, 4096, 1, refs, 2, 4096), -EINVAL);
	refs[1].offset--;
	refs[1].time++;
	assert_int_equal(clip_index_write(out, 4096, 1, refs, 2, 4096), -EINVAL);
	clip_index_write_empty(out, 4096, 1);
	assert_int_equal(be32(out), 4096);
	assert_memory_equal(out + 4, "free\0\0\0\0", 8);
}

/* --- fragments ------------------------------------------------------------------------------ */

struct many {
	struct clip_fragment frag;
	struct clip_sample samples[CLIP_FRAG_SAMPLES + 1];
	struct cenc_subsample sub[CLIP_SUBSAMPLES_MAX + 1];
};

/* @n samples of 10 ticks; the first @n_more of them with one subsample more than @n_sub. */
static void fill(struct many *m, size_t n, size_t n_sub, size_t n_more)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i <= CLIP_SUBSAMPLES_MAX; i++)
		m->sub[i] = (struct cenc_subsample) { 5, 15 };
	for (size_t i = 0; i < n; i++) {
		size_t k = n_sub + (i < n_more);

		m->samples[i] = (struct clip_sample) { k ? 20 * k : 4096, 10, !i, k, m->sub };
	}
	m->frag = (struct clip_fragment) { 3, 1234567, 77, m->samples, n };
}

static int write_fragment(uint8_t *out, const struct many *m, uint32_t block)
{
	return clip_fragment_write(out, &m->frag, block, &id, mac_key, payload_sha256);
}

static void read_back_is_the_same(const struct many *m, const uint8_t *meta, size_t len,
				  uint32_t block)
{
	struct clip_fragment_read r;

	assert_int_equal(clip_fragment_read(&r, meta, len, block), 0);
	assert_int_equal(r.meta_size, len);
	assert_int_equal(r.payload_size, clip_fragment_padded(&m->frag, block));
	assert_int_equal(r.frag.number, 3);
	assert_int_equal(r.frag.decode_time, 1234567);
	assert_int_equal(r.frag.first_sample, 77);
	assert_int_equal(r.frag.n_samples, m->frag.n_samples);
	for (size_t i = 0; i < r.frag.n_samples; i++) {
		const struct clip_sample *a = &r.frag.samples[i], *b = &m->samples[i];

		assert_int_equal(a->size, b->size);
		assert_int_equal(a->duration, b->duration);
		assert_int_equal(a->sync, b->sync);
		assert_int_equal(a->n_sub, b->n_sub);
		for (size_t j = 0; j < a->n_sub; j++)
			assert_memory_equal(&a->sub[j], &b->sub[j], sizeof(a->sub[j]));
	}
	assert_int_equal(clip_fragment_check_mac(&r, meta, &id, mac_key, payload_sha256), 0);
	clip_fragment_read_release(&r);
}

/* Where the free box of @meta ends is the mdat header; how long it is. */
static size_t free_size(const uint8_t *meta, size_t len)
{
	size_t moof = be32(meta);

	assert_memory_equal(meta + 4, "moof", 4);
	assert_memory_equal(meta + len - 4, "mdat", 4);
	if (moof + 8 == len)
		return 0;
	assert_memory_equal(meta + moof + 4, "free", 4);
	assert_int_equal(be32(meta + moof), len - 8 - moof);
	return be32(meta + moof);
}

/* Every gap from 0 to 8 bytes before the mdat header: 1 to 7 cannot be filled, and cost a block. */
static void gaps_too_small_for_a_box_cost_a_block(void **state)
{
	struct many *m = malloc(sizeof(*m));
	uint8_t *meta = malloc(8192);
	unsigned int seen = 0;

	(void)state;
	for (size_t n = 60; n <= 70; n++)
		for (size_t n_sub = 4; n_sub < 8; n_sub++)
			for (size_t more = 0; more < n; more++) {
				size_t gap, size, moof;

				fill(m, n, n_sub, more);
				if (write_fragment(meta, m, 4096))
					continue;
				moof = be32(meta);
				size = clip_fragment_meta_size(&m->frag, 4096);
				gap = 4096 - moof - 8;
				if (gap > 8)
					continue;
				seen |= 1u << gap;
				assert_int_equal(size, gap && gap < 8 ? 8192 : 4096);
				assert_int_equal(free_size(meta, size), size - moof - 8);
				if (gap && gap < 8)
					read_back_is_the_same(m, meta, size, 4096);
			}
	assert_int_equal(seen, 0x1ff);
	free(meta);
	free(m);
}

/* clip_fragment_fits() says yes exactly when writing one sample more works. */
static void fits_is_what_writing_takes(void **state)
{
	static const size_t subs[] = { 0, 1, 2, 7, CLIP_SUBSAMPLES_MAX };
	struct many *m = malloc(sizeof(*m));
	uint8_t *meta = malloc(2 * 65536);

	(void)state;
	for (size_t s = 0; s < 5; s++)
		for (size_t n = 0; n <= CLIP_FRAG_SAMPLES; n++)
			for (uint32_t block = 4096; block <= 65536; block *= 16) {
				bool fits;

				fill(m, n, subs[s], 0);
				fits = clip_fragment_fits(m->samples, n, subs[s], block);
				fill(m, n + 1, subs[s], 0);
				assert_int_equal(write_fragment(meta, m, block),
						 fits ? 0 : -EINVAL);
			}
	fill(m, 99, 1, 0);
	assert_true(clip_fragment_fits(m->samples, 99, 1, 4096));
	free(meta);
	free(m);
}

static void fragments_against_the_rules_are_refused(void **state)
{
	struct many *m = malloc(sizeof(*m));
	uint8_t *meta = malloc(8192);

	(void)state;
#define REFUSED(change)                                                   \
	do {                                                              \
		fill(m, 3, 2, 0);                                         \
		assert_int_equal(write_fragment(meta, m, 4096), 0);       \
		change;                                                   \
		assert_int_equal(write_fragment(meta, m, 4096), -EINVAL); \
	} while (0)
	REFUSED(m->frag.number = 0);
	REFUSED(m->frag.first_sample = 0);
	REFUSED(m->frag.n_samples = 0);
	REFUSED(m->frag.n_samples = CLIP_FRAG_SAMPLES + 1);
	REFUSED(m->samples[1].duration = 0);
	REFUSED(m->samples[1].size = 0);
	REFUSED(m->samples[1].size++);
	REFUSED(m->samples[1].n_sub = 0);
	REFUSED(m->samples[0].n_sub = 0);
	REFUSED(m->samples[2].n_sub = CLIP_SUBSAMPLES_MAX + 1);
	REFUSED(m->samples[1].duration = CLIP_FRAG_TICKS);
	REFUSED(m->samples[2].duration = UINT32_MAX);
	REFUSED((m->samples[0].n_sub = m->samples[1].n_sub = m->samples[2].n_sub = 0,
		 m->samples[0].size = 0x7fffffff));
#undef REFUSED
	fill(m, 3, 2, 0);
	m->samples[1].duration = CLIP_FRAG_TICKS - 11;
	assert_int_equal(write_fragment(meta, m, 4096), 0);
	assert_int_equal(write_fragment(meta, m, 4095), -EINVAL);
	assert_int_equal(write_fragment(meta, m, 6144), -EINVAL);
	free(meta);
	free(m);
}

/* A bit anywhere in the metadata: not read, or read as what it now says; and never ours. */
static void flipped_metadata_is_never_ours(void **state)
{
	struct many *m = malloc(sizeof(*m));
	uint8_t *meta = malloc(8192), *again = malloc(8192);
	size_t read = 0;

	(void)state;
	for (size_t n_sub = 0; n_sub < 3; n_sub += 2) {
		fill(m, 5, n_sub, n_sub);
		assert_int_equal(write_fragment(meta, m, 4096), 0);
		for (size_t bit = 0; bit < 4096 * 8; bit++) {
			struct clip_fragment_read r;

			meta[bit / 8] ^= 1 << bit % 8;
			if (!clip_fragment_read(&r, meta, 4096, 4096)) {
				read++;
				assert_int_equal(clip_fragment_check_mac(&r, meta, &id, mac_key,
									 payload_sha256),
						 -EBADMSG);
				assert_int_equal(clip_fragment_write(again, &r.frag, 4096, &id,
								     mac_key, payload_sha256),
						 0);
				memcpy(again + be32(again) - 32, r.mac, sizeof(r.mac));
				assert_memory_equal(again, meta, 4096);
				clip_fragment_read_release(&r);
			}
			meta[bit / 8] ^= 1 << bit % 8;
		}
		read_back_is_the_same(m, meta, 4096, 4096);
	}
	assert_true(read >= 2 * 32 * 8);
	free(again);
	free(meta);
	free(m);
}

/* A fragment is bound to its clip, its number, its payload and the key. */
static void hmac_binds_a_fragment_to_its_place(void **state)
{
	static const struct clip_id other_id = { "20260102T030405.000006Z-0000000002" };
	static const uint8_t other_key[32] = "thirty-two bytes of another key";
	static const uint8_t other_sha256[32] = "as if it were another payload's";
	struct many *m = malloc(sizeof(*m));
	uint8_t meta[4096];
	struct clip_fragment_read r;

	(void)state;
	fill(m, 5, 1, 0);
	assert_int_equal(write_fragment(meta, m, 4096), 0);
	assert_int_equal(clip_fragment_read(&r, meta, 4096, 4096), 0);
	assert_int_equal(clip_fragment_check_mac(&r, meta, &id, mac_key, payload_sha256), 0);
	assert_int_equal(clip_fragment_check_mac(&r, meta, &other_id, mac_key, payload_sha256),
			 -EBADMSG);
	assert_int_equal(clip_fragment_check_mac(&r, meta, &id, other_key, payload_sha256),
			 -EBADMSG);
	assert_int_equal(clip_fragment_check_mac(&r, meta, &id, mac_key, other_sha256), -EBADMSG);
	r.frag.number++;
	assert_int_equal(clip_fragment_check_mac(&r, meta, &id, mac_key, payload_sha256), -EBADMSG);
	clip_fragment_read_release(&r);
	free(m);
}

static void short_metadata_asks_for_more(void **state)
{
	struct many *m = malloc(sizeof(*m));
	uint8_t *meta = malloc(8192);
	struct clip_fragment_read r;

	(void)state;
	fill(m, 100, 1, 0);
	assert_int_equal(write_fragment(meta, m, 4096), 0);
	for (size_t len = 0; len < 4096; len += 97)
		assert_int_equal(clip_fragment_read(&r, meta, len, 4096), -ENODATA);
	/* 205 + 22 n + 6 S: 4 bytes are left, so the free box needs a second block. */
	for (size_t more = 0; more < 100; more++) {
		fill(m, 61, 6, more);
		if (!write_fragment(meta, m, 4096) &&
		    clip_fragment_meta_size(&m->frag, 4096) == 8192)
			break;
	}
	assert_int_equal(clip_fragment_meta_size(&m->frag, 4096), 8192);
	assert_int_equal(clip_fragment_read(&r, meta, 4096, 4096), -ENODATA);
	assert_int_equal(clip_fragment_read(&r, meta, 8191, 4096), -ENODATA);
	read_back_is_the_same(m, meta, 8192, 4096);
	free(meta);
	free(m);
}

/* --- init ----------------------------------------------------------------------------------- */

static bool same_init(const struct clip_init *a, const struct clip_init *b)
{
	return a->width == b->width && a->height == b->height &&
	       !memcmp(&a->h264, &b->h264, sizeof(a->h264)) &&
	       !memcmp(a->kid, b->kid, sizeof(a->kid)) && a->n_recipients == b->n_recipients &&
	       !memcmp(a->recipients, b->recipients, a->n_recipients * sizeof(*a->recipients)) &&
	       !strcmp(a->info, b->info);
}

static void init_is_read_back(const struct fixture_plan *plan, size_t recipients, size_t size)
{
	struct fixture_people people;
	struct fixture_clip c;
	struct clip_init init;

	fixture_people_make(&people, NULL, recipients);
	fixture_clip_make(&c, &people, plan);
	assert_int_equal(c.init_size, size);
	assert_int_equal(clip_init_read(&init, c.file, c.init_size, c.plan.block), 0);
	assert_true(same_init(&init, &c.init));
	clip_init_release(&init);
	assert_int_equal(clip_init_read(&init, c.file, c.init_size - 1, c.plan.block), -EBADMSG);
	assert_int_equal(clip_init_read(&init, c.file, c.init_size + c.plan.block, c.plan.block),
			 -EBADMSG);
	fixture_clip_release(&c);
	fixture_people_release(&people);
}

static void inits_of_many_recipients_take_blocks(void **state)
{
	(void)state;
	init_is_read_back(&(struct fixture_plan) { .samples = 1 }, 1, 4096);
	init_is_read_back(&(struct fixture_plan) { .samples = 1 }, 16, 8192);
	init_is_read_back(&(struct fixture_plan) { .samples = 1, .block = 65536 }, 16, 65536);
}

/* A bit anywhere in init: not read, or read as what is now written there. */
static void flipped_init_is_refused_or_another(void **state)
{
	struct fixture_people people;
	struct fixture_clip c;
	size_t read = 0;

	(void)state;
	fixture_people_make(&people, NULL, 2);
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 1 });
	for (size_t bit = 0; bit < c.init_size * 8; bit++) {
		struct clip_init init;

		c.file[bit / 8] ^= 1 << bit % 8;
		if (!clip_init_read(&init, c.file, c.init_size, 4096)) {
			assert_false(same_init(&init, &c.init));
			clip_init_release(&init);
			read++;
		}
		c.file[bit / 8] ^= 1 << bit % 8;
	}
	/* thumbprints, enc and keys of both, and a few bits of parameter sets and sizes; the rest not */
	assert_true(read >= 2 * 129 * 8 && read < 2 * 129 * 8 + 800);
	fixture_clip_release(&c);
	fixture_people_release(&people);
}

static void wrong_inits_are_refused(void **state)
{
	struct recipient r[CLIP_RECIPIENTS_MAX + 1] = { 0 };
	struct fixture_people people;
	struct fixture_clip c;
	struct clip_init init;

	(void)state;
	fixture_people_make(&people, NULL, 1);
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 1 });
#define REFUSED(change)                                                    \
	do {                                                               \
		init = c.init;                                             \
		assert_int_equal(clip_init_size(&init), 4096);             \
		change;                                                    \
		assert_int_equal(clip_init_size(&init), 0);                \
		assert_int_equal(clip_init_write(c.file, &init), -EINVAL); \
	} while (0)
	REFUSED(init.block = 512);
	REFUSED(init.block = 4096 + 512);
	REFUSED(init.block = 2u << 20);
	REFUSED(init.width = 0);
	REFUSED(init.n_recipients = 0);
	REFUSED((init.recipients = r, init.n_recipients = CLIP_RECIPIENTS_MAX + 1));
	REFUSED(init.info = (char[]) { "" });
	REFUSED(init.h264.sps_len = 0);
#undef REFUSED
	fixture_clip_release(&c);
	fixture_people_release(&people);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_blocks_and_boxes),
		cmocka_unit_test(index_holds_338_references_a_block),
		cmocka_unit_test(index_refuses_what_it_cannot_say),
		cmocka_unit_test(gaps_too_small_for_a_box_cost_a_block),
		cmocka_unit_test(fits_is_what_writing_takes),
		cmocka_unit_test(fragments_against_the_rules_are_refused),
		cmocka_unit_test(flipped_metadata_is_never_ours),
		cmocka_unit_test(hmac_binds_a_fragment_to_its_place),
		cmocka_unit_test(short_metadata_asks_for_more),
		cmocka_unit_test(inits_of_many_recipients_take_blocks),
		cmocka_unit_test(flipped_init_is_refused_or_another),
		cmocka_unit_test(wrong_inits_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
