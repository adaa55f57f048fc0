// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: an owner believes what no device of theirs recorded, or the reader crashes,
 * because the lie was signed: by a device that signs what it finds on its disk, or by another's.
 */
#include "reader_fixture.h"

#include <errno.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void add_recipient(struct manifest *m, void *arg)
{
	(void)arg;
	m->head.recipients = realloc(m->head.recipients, 2 * sizeof(struct recipient));
	m->head.recipients[1] = m->head.recipients[0];
	m->head.n_recipients = 2;
}

static void other_kid(struct manifest *m, void *arg)
{
	(void)arg;
	m->head.content_kid[0] ^= 1;
}

static void other_enc(struct manifest *m, void *arg)
{
	(void)arg;
	m->head.recipients[0].enc[5] ^= 1;
}

static void other_block(struct manifest *m, void *arg)
{
	(void)arg;
	m->block *= 2;
}

/* Init and index in one range. */
static void joined_ranges(struct manifest *m, void *arg)
{
	const struct fixture_clip *c = arg;

	m->ranges[0].len += m->ranges[1].len;
	SHA256(c->file, m->ranges[0].len, m->ranges[0].sha256);
	memmove(m->ranges + 1, m->ranges + 2, (m->n_ranges - 2) * sizeof(*m->ranges));
	m->n_ranges--;
}

static void one_range(struct manifest *m, void *arg)
{
	const struct fixture_clip *c = arg;

	m->n_ranges = 1;
	m->ranges[0].len = m->size;
	SHA256(c->file, m->size, m->ranges[0].sha256);
}

static void other_thumb_size(struct manifest *m, void *arg)
{
	(void)arg;
	m->thumb_size += 100;
}

static void other_open_text(struct manifest *m, void *arg)
{
	(void)arg;
	m->head.open.data[3] ^= 1;
}

/* A claimed device that signs nonsense gets a verdict, not a crash, and shows nothing. */
static void signed_lies_are_refused(void **state)
{
	static void (*const lies[])(struct manifest * m, void *arg) = {
		add_recipient, other_kid, other_enc,	    other_block,
		joined_ranges, one_range, other_thumb_size,
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct fixture_plan plan = { .samples = 3, .edit = lies[i], .arg = &w.clip };

		world_make(&w, &plan, 1);
		refused(&w, CLIP_TAMPERED);
		world_end(&w);
	}
}

static void texts_that_do_not_open_show_nothing(void **state)
{
	struct catch video = { .sink.write = catch_write };
	struct clip_opened opened;
	struct clip_report report;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3, .edit = other_open_text }, 1);
	assert_int_equal(clip_open(w.path, &w.people.claims, w.people.owner, &video.sink, NULL,
				   &opened, &report),
			 -EBADMSG);
	assert_int_equal(report.verdict, CLIP_TAMPERED);
	assert_int_equal(video.len, 0);
	clip_report_release(&report);
	world_end(&w);
}

/* Hash what is in c->file again and sign it: a device that signs whatever it finds on its disk. */
static void sign_again(struct world *w)
{
	struct manifest *m = &w->clip.manifest;

	for (size_t i = 0; i < m->n_ranges; i++)
		SHA256(w->clip.file + m->ranges[i].off, m->ranges[i].len, m->ranges[i].sha256);
	fixture_clip_sign(&w->clip);
	fixture_write(w->path, "clip.mp4", w->clip.file, w->clip.size);
	fixture_write(w->path, "manifest.jws", w->clip.jws, strlen(w->clip.jws));
}

/* Bytes that are signed but are no clip: index, mfra and what leads from box to box. */
static void signed_files_that_are_no_clips_are_refused(void **state)
{
	struct world w;
	size_t frag, places[64], n = 0;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 25 }, 1);
	frag = w.clip.refs[1].offset;
	for (size_t i = 0; i < 8; i++) {
		places[n++] = i; /* ftyp */
		places[n++] = 28 + i; /* moov */
		places[n++] = w.clip.init_size + i; /* sidx */
		places[n++] = w.clip.size - 1 - i; /* mfro */
		places[n++] = frag + i; /* moof */
		places[n++] = frag + 16 + i; /* mfhd */
		places[n++] = frag + 4096 - 8 + i; /* mdat */
		places[n++] = frag + 4096 + (i & 3); /* length of the first NAL unit */
	}
	for (size_t i = 0; i < n; i++) {
		w.clip.file[places[i]] ^= 0x10;
		sign_again(&w);
		assert_int_equal(verdict(w.path, &w.people.claims), CLIP_TAMPERED);
		w.clip.file[places[i]] ^= 0x10;
	}
	sign_again(&w);
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	w.clip.file[w.clip.refs[1].offset - 1] = 1; /* padding of a fragment's payload */
	sign_again(&w);
	refused(&w, CLIP_TAMPERED);
	world_end(&w);
}

/* Anything a hostile device might sign: a verdict, whichever, and no fault under the sanitisers. */
static void signed_noise_is_survived(void **state)
{
	struct world w;
	unsigned int seed = 1;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 12, .slices = 2 }, 2);
	for (int round = 0; round < 400; round++) {
		size_t at = rand_r(&seed) % w.clip.size, n = 1 + rand_r(&seed) % 8;
		uint8_t *kept = malloc(w.clip.size);

		memcpy(kept, w.clip.file, w.clip.size);
		if (round % 2) /* metadata is the smaller part: aim at it */
			at = w.clip.refs[rand_r(&seed) % w.clip.n_refs].offset +
			     rand_r(&seed) % 600;
		for (size_t i = 0; i < n && at + i < w.clip.size; i++)
			w.clip.file[at + i] = rand_r(&seed);
		sign_again(&w);
		verdict(w.path, &w.people.claims);
		memcpy(w.clip.file, kept, w.clip.size);
		free(kept);
	}
	world_end(&w);
}

/* Fragments whose metadata is well formed, but which do not follow one another. */
static void signed_fragments_out_of_place_are_refused(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 25 }, 1);
	for (int what = 0; what < 3; what++) {
		uint8_t *meta = w.clip.file + w.clip.refs[1].offset, kept[4096];
		struct clip_fragment_read r;

		memcpy(kept, meta, sizeof(kept));
		assert_int_equal(clip_fragment_read(&r, meta, sizeof(kept), 4096), 0);
		r.frag.number += what == 0;
		r.frag.first_sample += what == 1;
		r.frag.decode_time += what == 2;
		assert_int_equal(clip_fragment_write(meta, &r.frag, 4096, &w.clip.open.head.clip,
						     w.people.spool_key, kept),
				 0);
		clip_fragment_read_release(&r);
		sign_again(&w);
		refused(&w, CLIP_TAMPERED);
		memcpy(meta, kept, sizeof(kept));
	}
	world_end(&w);
}

/* A NAL unit of one byte where the payload ends: nothing beyond it is looked at. */
static void a_nal_unit_that_is_cut_off_is_refused(void **state)
{
	struct cenc_subsample sub[2];
	struct clip_fragment_read r;
	struct clip_sample *s;
	struct world w;
	uint8_t *meta, *nal;
	uint64_t payload;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 10 }, 1);
	meta = w.clip.file + w.clip.refs[0].offset;
	assert_int_equal(clip_fragment_read(&r, meta, 4096, 4096), 0);
	payload = clip_fragment_payload(&r.frag);
	assert_true(r.meta_size + r.payload_size >= w.clip.init_size);
	s = (struct clip_sample *)&r.frag.samples[r.frag.n_samples - 1];
	nal = meta + r.meta_size + payload - s->size;
	s->size += r.payload_size - payload;
	sub[0] = (struct cenc_subsample) { 5, s->size - 6 };
	sub[1] = (struct cenc_subsample) { 1, 0 };
	s->sub = sub;
	s->n_sub = 2;
	for (int i = 0; i < 4; i++)
		nal[i] = (sub[0].protected + 1) >> (24 - 8 * i);
	assert_int_equal(clip_fragment_write(meta, &r.frag, 4096, &w.clip.open.head.clip,
					     w.people.spool_key, nal),
			 0);
	clip_fragment_read_release(&r);
	sign_again(&w);
	refused(&w, CLIP_TAMPERED);
	world_end(&w);
}

/* The claim of the same device and epoch with one recipient less than @people's. */
static void claim_without_last_recipient(struct claims *claims, const struct fixture_people *people)
{
	const struct claim *claim = people->claim;
	struct claim_request req = {
		.device = claim->device, .tls = claim->tls, .epoch = claim->epoch, .consented = true
	};
	char *half, *whole;

	assert_int_equal(claim_sign_owner(&half, &req,
					  &((struct fixture_people *)people)->owner_signer.signer,
					  claim->recipients, claim->n_recipients - 1),
			 0);
	assert_int_equal(
		claim_sign_device(&whole, half, strlen(half), &req,
				  &((struct fixture_people *)people)->device_signer.signer),
		0);
	assert_int_equal(claims_init(claims, &claim->owner), 0);
	assert_int_equal(claims_add(claims, whole, strlen(whole)), 0);
	free(half);
	free(whole);
}

/* A device that encrypts to one more than the owner named is told on. */
static void recipients_beyond_the_claim_are_seen(void **state)
{
	struct claims claims;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 2);
	claim_without_last_recipient(&claims, &w.people);
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	assert_int_equal(verdict(w.path, &claims), CLIP_TAMPERED);
	claims_release(&claims);
	world_end(&w);
}

static void a_foreign_signature_is_seen(void **state)
{
	struct fixture_people impostor;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	/* the claimed device's manifest, signed with another device's key */
	impostor = w.people;
	impostor.device_signer = w.stranger.device_signer;
	w.clip.people = &impostor;
	fixture_clip_sign(&w.clip);
	fixture_write(w.path, "manifest.jws", w.clip.jws, strlen(w.clip.jws));
	refused(&w, CLIP_TAMPERED);
	/* and honestly in the other's name */
	impostor.claim = w.stranger.claim;
	fixture_clip_sign(&w.clip);
	fixture_write(w.path, "manifest.jws", w.clip.jws, strlen(w.clip.jws));
	refused(&w, CLIP_TAMPERED);
	assert_int_equal(verdict(w.path, NULL), CLIP_TAMPERED);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_lies_are_refused),
		cmocka_unit_test(texts_that_do_not_open_show_nothing),
		cmocka_unit_test(signed_files_that_are_no_clips_are_refused),
		cmocka_unit_test(signed_noise_is_survived),
		cmocka_unit_test(signed_fragments_out_of_place_are_refused),
		cmocka_unit_test(a_nal_unit_that_is_cut_off_is_refused),
		cmocka_unit_test(recipients_beyond_the_claim_are_seen),
		cmocka_unit_test(a_foreign_signature_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
