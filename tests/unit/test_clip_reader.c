// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: somebody sees a clip that is not theirs, or believes one that no device of
 * theirs recorded.
 */
#include "clip_reader.h"

#include "clip_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* A clip in a folder of its own, fresh for each test. */
struct world {
	char *dir, *path; /* path: dir/clip */
	struct fixture_people people, stranger; /* stranger: another owner with another device */
	struct fixture_clip clip;
};

static void world_make(struct world *w, const struct fixture_plan *plan, size_t recipients)
{
	w->dir = fixture_dir_make();
	assert_true(asprintf(&w->path, "%s/clip", w->dir) > 0);
	fixture_people_make(&w->people, NULL, recipients);
	fixture_people_make(&w->stranger, NULL, 1);
	fixture_clip_make(&w->clip, &w->people, plan);
	fixture_clip_save(&w->clip, w->path);
}

static void world_end(struct world *w)
{
	fixture_clip_release(&w->clip);
	fixture_people_release(&w->people);
	fixture_people_release(&w->stranger);
	fixture_dir_remove(w->dir);
	free(w->path);
}

/* What came out of clip_open(). */
struct catch
{
	struct clip_sink sink;
	uint8_t *data;
	size_t len;
	void (*first)(void *arg); /* called once, before the first byte is taken */
	void *arg;
};

static int catch_write(struct clip_sink *sink, const void *data, size_t len)
{
	struct catch *c = (struct catch *)sink;

	if (!c->len && c->first)
		c->first(c->arg);
	c->data = realloc(c->data, c->len + len);
	assert_non_null(c->data);
	memcpy(c->data + c->len, data, len);
	c->len += len;
	return 0;
}

static int refuse_write(struct clip_sink *sink, const void *data, size_t len)
{
	(void)sink;
	(void)data;
	(void)len;
	return -ENOSPC;
}

static enum clip_verdict verdict(const char *path, const struct claims *claims)
{
	struct clip_report report;
	enum clip_verdict v;

	assert_int_equal(clip_verify(path, claims, &report), 0);
	v = report.verdict;
	assert_int_equal(v == CLIP_VERIFIED, !report.why[0]);
	assert_int_equal(v == CLIP_VERIFIED, v == CLIP_VERIFIED && report.claim);
	clip_report_release(&report);
	return v;
}

/* Neither verified nor opened, and not a byte comes out. */
static void refused(const struct world *w, enum clip_verdict expected)
{
	struct catch video = { .sink.write = catch_write }, thumb = { .sink.write = catch_write };
	struct clip_opened opened;
	struct clip_report report;

	assert_int_equal(verdict(w->path, &w->people.claims), expected);
	assert_int_equal(clip_open(w->path, &w->people.claims, w->people.owner, &video.sink,
				   &thumb.sink, &opened, &report),
			 -EBADMSG);
	assert_int_equal(report.verdict, expected);
	assert_int_equal(video.len + thumb.len, 0);
	clip_report_release(&report);
}

/* The payloads of all mdat boxes are the samples as they were captured, and nothing is sealed. */
static void is_the_capture(const uint8_t *mp4, size_t len, const struct clip_video *v)
{
	size_t at = 0, sample = 0, used = 0;

	for (uint32_t size; at < len; at += size) {
		size = (uint32_t)mp4[at] << 24 | mp4[at + 1] << 16 | mp4[at + 2] << 8 | mp4[at + 3];
		assert_true(size >= 8 && size <= len - at);
		if (memcmp(mp4 + at + 4, "mdat", 4))
			continue;
		for (size_t i = at + 8; i < at + size; i++) {
			assert_true(sample < v->n);
			assert_int_equal(mp4[i], v->samples[sample].data[used]);
			if (++used == v->samples[sample].size) {
				sample++;
				used = 0;
			}
		}
	}
	assert_int_equal(sample, v->n);
	assert_null(memmem(mp4, len, "pssh", 4));
	assert_null(memmem(mp4, len, "encv", 4));
	assert_null(memmem(mp4, len, "senc", 4));
}

static void opens_for(const struct world *w, const char *path, EVP_PKEY *key)
{
	struct catch video = { .sink.write = catch_write }, thumb = { .sink.write = catch_write };
	struct clip_opened opened;
	struct clip_report report;

	assert_int_equal(
		clip_open(path, &w->people.claims, key, &video.sink, &thumb.sink, &opened, &report),
		0);
	assert_int_equal(report.verdict, CLIP_VERIFIED);
	is_the_capture(video.data, video.len, &w->clip.video);
	assert_int_equal(thumb.len, strlen(FIXTURE_THUMB));
	assert_memory_equal(thumb.data, FIXTURE_THUMB, thumb.len);
	assert_string_equal(opened.open.camera_name, "front");
	assert_true(opened.has_private);
	assert_string_equal(opened.private.trigger, "motion");
	clip_report_release(&report);
	free(video.data);
	free(thumb.data);
}

static void every_recipient_opens_the_capture(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .slices = 3 }, 16);
	for (size_t i = 0; i < 16; i++)
		opens_for(&w, w.path, w.people.recipients[i]);
	world_end(&w);
	world_make(&w, &(struct fixture_plan) { .samples = 7, .block = 65536 }, 1);
	opens_for(&w, w.path, w.people.owner);
	world_end(&w);
}

static void another_key_opens_nothing(void **state)
{
	struct catch video = { .sink.write = catch_write }, thumb = { .sink.write = catch_write };
	struct clip_opened opened;
	struct clip_report report;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 2);
	assert_int_equal(clip_open(w.path, &w.people.claims, w.stranger.owner, &video.sink,
				   &thumb.sink, &opened, &report),
			 -EKEYREJECTED);
	assert_non_null(
		strstr(report.why, "this key opens nothing here: the clip is encrypted to"));
	assert_non_null(strstr(report.why, w.people.claims.owner_id.text));
	assert_int_equal(video.len + thumb.len, 0);
	clip_report_release(&report);
	/* nor with the device's own key, nor in the stranger's name */
	assert_int_equal(clip_open(w.path, &w.people.claims, w.people.device, &video.sink,
				   &thumb.sink, &opened, &report),
			 -EKEYREJECTED);
	clip_report_release(&report);
	assert_int_equal(clip_open(w.path, &w.stranger.claims, w.stranger.owner, &video.sink,
				   &thumb.sink, &opened, &report),
			 -EBADMSG);
	assert_int_equal(report.verdict, CLIP_OTHER_OWNER);
	clip_report_release(&report);
	assert_int_equal(video.len + thumb.len, 0);
	world_end(&w);
}

static void verdicts_follow_the_claims(void **state)
{
	struct fixture_people second; /* another device that names the same owner, never claimed */
	struct fixture_clip clip;
	struct claims none;
	struct world w;
	char *path;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	assert_int_equal(verdict(w.path, NULL), CLIP_UNKNOWN_DEVICE);
	assert_int_equal(verdict(w.path, &w.stranger.claims), CLIP_OTHER_OWNER);
	assert_int_equal(claims_init(&none, &w.people.owner_signer.signer.pub), 0);
	assert_int_equal(verdict(w.path, &none), CLIP_UNKNOWN_DEVICE);
	claims_release(&none);

	fixture_people_make(&second, w.people.owner, 1);
	fixture_clip_make(&clip, &second, &(struct fixture_plan) { .samples = 3 });
	assert_true(asprintf(&path, "%s/foreign", w.dir) > 0);
	fixture_clip_save(&clip, path);
	assert_int_equal(verdict(path, &second.claims), CLIP_VERIFIED);
	assert_int_equal(verdict(path, &w.people.claims), CLIP_UNKNOWN_DEVICE);
	free(path);
	fixture_clip_release(&clip);
	fixture_people_release(&second);
	world_end(&w);
}

/* --- changed bytes -------------------------------------------------------------------------- */

static void poke(const struct world *w, const char *name, size_t at, uint8_t mask)
{
	char path[512];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->path, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= mask;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

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

/* --- files that are not files ---------------------------------------------------------------- */

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

static void objects_of_a_store_are_clips(void **state)
{
	struct clip_report report;
	struct world w;
	char path[512];

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	fixture_write(w.dir, "04-05.000006Z.0.mp4", w.clip.file, w.clip.size);
	fixture_write(w.dir, "04-05.000006Z.0.thumb", w.clip.thumb, w.clip.thumb_size);
	snprintf(path, sizeof(path), "%s/04-05.000006Z.0.mp4", w.dir);
	assert_int_equal(verdict(path, &w.people.claims), CLIP_INCOMPLETE);
	fixture_write(w.dir, "04-05.000006Z.0.jws", w.clip.jws, strlen(w.clip.jws));
	assert_int_equal(verdict(path, &w.people.claims), CLIP_VERIFIED);
	opens_for(&w, path, w.people.owner);
	snprintf(path, sizeof(path), "%s/04-05.000006Z.0.jws", w.dir);
	assert_int_equal(verdict(path, &w.people.claims), CLIP_VERIFIED);
	snprintf(path, sizeof(path), "%s/04-05.000006Z.0", w.dir);
	assert_int_equal(clip_verify(path, &w.people.claims, &report), -ENOENT);
	clip_report_release(&report);
	world_end(&w);
}

/* --- whole files of others ------------------------------------------------------------------- */

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

static void lost_clips_are_their_manifest_only(void **state)
{
	struct clip_opened opened;
	struct clip_report report;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3, .lost = MANIFEST_LOST_ENCODER }, 1);
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	assert_int_equal(
		clip_open(w.path, &w.people.claims, w.people.owner, NULL, NULL, &opened, &report),
		-ENODATA);
	assert_int_equal(report.manifest.lost, MANIFEST_LOST_ENCODER);
	assert_string_equal(opened.open.camera_name, "front");
	clip_report_release(&report);
	fixture_write(w.path, "clip.mp4", w.clip.file, w.clip.size);
	refused(&w, CLIP_TAMPERED);
	world_end(&w);
}

/* What was dropped to make room may have been on its way to the store: that is nobody's forgery. */
static void a_dropped_clip_may_have_left_its_video(void **state)
{
	struct clip_opened opened;
	struct clip_report report;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3, .lost = MANIFEST_LOST_DROPPED }, 1);
	fixture_write(w.path, "clip.mp4", "a video", 7);
	fixture_write(w.path, "thumb", "a thumbnail", 11);
	assert_int_equal(verdict(w.path, &w.people.claims), CLIP_VERIFIED);
	assert_int_equal(
		clip_open(w.path, &w.people.claims, w.people.owner, NULL, NULL, &opened, &report),
		-ENODATA);
	clip_report_release(&report);
	world_end(&w);
}

/* --- devices that lie ------------------------------------------------------------------------ */

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

/* --- while it is read ------------------------------------------------------------------------ */

static void spoil_last_fragment(void *arg)
{
	const struct world *w = arg;

	poke(w, "clip.mp4", w->clip.refs[w->clip.n_refs - 1].offset + 4096 + 20, 0xff);
}

/* A file that changes between verifying and opening: what was not hashed is not shown. */
static void bytes_are_hashed_when_they_are_shown(void **state)
{
	struct clip_opened opened;
	struct clip_report report;
	struct catch video = { .sink.write = catch_write };
	struct world w;
	size_t last;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 25 }, 1);
	video.first = spoil_last_fragment;
	video.arg = &w;
	assert_int_equal(clip_open(w.path, &w.people.claims, w.people.owner, &video.sink, NULL,
				   &opened, &report),
			 -EBADMSG);
	assert_int_equal(report.verdict, CLIP_TAMPERED);
	last = w.clip.video.samples[24].size;
	assert_null(memmem(video.data, video.len, w.clip.video.samples[24].data, last));
	assert_non_null(memmem(video.data, video.len, w.clip.video.samples[0].data,
			       w.clip.video.samples[0].size));
	clip_report_release(&report);
	free(video.data);
	world_end(&w);
}

static void errors_of_the_sink_are_passed_on(void **state)
{
	struct clip_sink full = { refuse_write };
	struct clip_opened opened;
	struct clip_report report;
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3 }, 1);
	assert_int_equal(
		clip_open(w.path, &w.people.claims, w.people.owner, &full, NULL, &opened, &report),
		-ENOSPC);
	clip_report_release(&report);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_recipient_opens_the_capture),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(verdicts_follow_the_claims),
		cmocka_unit_test(a_changed_byte_of_the_video_is_seen),
		cmocka_unit_test(a_changed_byte_of_thumb_or_manifest_is_seen),
		cmocka_unit_test(longer_and_shorter_files_are_seen),
		cmocka_unit_test(missing_files_and_links_are_told),
		cmocka_unit_test(objects_of_a_store_are_clips),
		cmocka_unit_test(parts_of_another_clip_are_seen),
		cmocka_unit_test(a_thumb_that_was_not_signed_is_seen),
		cmocka_unit_test(lost_clips_are_their_manifest_only),
		cmocka_unit_test(a_dropped_clip_may_have_left_its_video),
		cmocka_unit_test(signed_lies_are_refused),
		cmocka_unit_test(texts_that_do_not_open_show_nothing),
		cmocka_unit_test(signed_files_that_are_no_clips_are_refused),
		cmocka_unit_test(signed_noise_is_survived),
		cmocka_unit_test(signed_fragments_out_of_place_are_refused),
		cmocka_unit_test(a_nal_unit_that_is_cut_off_is_refused),
		cmocka_unit_test(recipients_beyond_the_claim_are_seen),
		cmocka_unit_test(a_foreign_signature_is_seen),
		cmocka_unit_test(bytes_are_hashed_when_they_are_shown),
		cmocka_unit_test(errors_of_the_sink_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
