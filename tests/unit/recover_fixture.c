// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Leaves clips in a spool as recorders do, and looks at what recovery made of them as their owner
 * would.
 *
 * Apart from the tests of recovery, which all need it. The one thing to know: what must have
 * survived is not asked of recovery, it is told by comparing bytes with the clip that was made.
 */
#include "recover_fixture.h"

#include "clip_reader.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct recovery rec;

int recover_enter_all(void **state)
{
	(void)state;
	log_setup("test_recover", LOG_LEVEL_ERROR); /* it tells what it does with each clip */
	fixture_people_make(&rec.people, NULL, 1);
	fixture_people_make(&rec.stranger, NULL, 1);
	return 0;
}

int recover_leave_all(void **state)
{
	(void)state;
	fixture_people_release(&rec.people);
	fixture_people_release(&rec.stranger);
	return 0;
}

int recover_enter(void **state)
{
	(void)state;
	rec.dir = fixture_dir_make();
	return spool_open(&rec.spool, rec.dir);
}

int recover_leave(void **state)
{
	(void)state;
	spool_close(&rec.spool);
	fixture_dir_remove(rec.dir);
	return 0;
}

const char *clip_at(const char *state, const char *id)
{
	static char path[4][512];
	static int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[0]), "%s/%s/%s", rec.dir, state, id);
	return path[next];
}

bool clip_there(const char *state, const char *id)
{
	struct stat st;

	return !lstat(clip_at(state, id), &st);
}

int recover_with(struct signer *signer, uint64_t epoch)
{
	const struct recover r = { .spool = &rec.spool,
				   .signer = signer,
				   .spool_key = rec.people.spool_key,
				   .camera = FIXTURE_CAMERA,
				   .epoch = epoch };

	return recover_run(&r, &rec.count);
}

void recovers(unsigned int recovered, unsigned int lost, unsigned int moved,
	      unsigned int quarantined)
{
	assert_int_equal(recover_with(&rec.people.device_signer.signer, FIXTURE_EPOCH), 0);
	assert_int_equal(rec.count.recovered, recovered);
	assert_int_equal(rec.count.lost, lost);
	assert_int_equal(rec.count.moved, moved);
	assert_int_equal(rec.count.quarantined, quarantined);
}

const char *clip_left(struct fixture_clip *c, const struct fixture_people *p, uint64_t seq)
{
	const struct fixture_plan plan = { .samples = 25, .seq = seq };

	fixture_clip_make(c, p, &plan);
	fixture_clip_save_open(c, clip_at("open", c->open.head.clip.text));
	return c->open.head.clip.text;
}

/* The folder of @c in open/ once more, with @file as its video. */
static void put_back(const struct fixture_clip *c, const uint8_t *file, size_t len)
{
	const char *id = c->open.head.clip.text;

	fixture_clip_save_open(c, clip_at("open", id));
	fixture_write(clip_at("open", id), "clip.mp4", file, len);
}

void clear_ready(const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), "chain-%s", FIXTURE_CAMERA);
	assert_int_equal(spool_clip_remove(&rec.spool, SPOOL_STATE_READY, id), 0);
	assert_int_equal(unlinkat(rec.spool.fd, path, 0), 0);
}

/* --- what is in ready/ now ------------------------------------------------------------------- */

struct mdats {
	struct clip_sink sink;
	uint8_t *data;
	size_t len;
};

static int mdats_write(struct clip_sink *sink, const void *data, size_t len)
{
	struct mdats *m = (struct mdats *)sink;

	m->data = realloc(m->data, m->len + len);
	assert_non_null(m->data);
	memcpy(m->data + m->len, data, len);
	m->len += len;
	return 0;
}

/* @samples of the capture, from the first on, lie in the clear file in order and nothing else. */
static void plays(const struct mdats *m, const struct clip_video *v, size_t samples)
{
	size_t sample = 0, used = 0;

	for (size_t at_box = 0, size; at_box < m->len; at_box += size) {
		const uint8_t *p = m->data + at_box;

		size = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
		assert_true(size >= 8 && size <= m->len - at_box);
		for (size_t i = 8; !memcmp(p + 4, "mdat", 4) && i < size; i++) {
			assert_true(sample < samples);
			assert_int_equal(p[i], v->samples[sample].data[used]);
			if (++used == v->samples[sample].size) {
				sample++;
				used = 0;
			}
		}
	}
	assert_int_equal(sample, samples);
}

static size_t samples_of(const struct fixture_clip *c, size_t fragments)
{
	return fragments == c->n_refs ? c->video.n : c->refs[fragments].time / c->plan.duration;
}

void is_ready(const struct fixture_clip *c, size_t fragments)
{
	const char *id = c->open.head.clip.text;
	struct mdats video = { .sink.write = mdats_write };
	struct clip_opened opened;
	struct clip_report report;

	assert_false(clip_there("open", id));
	assert_int_equal(clip_open(clip_at("ready", id), &rec.people.claims, rec.people.owner,
				   &video.sink, NULL, &opened, &report),
			 fragments ? 0 : -ENODATA);
	assert_int_equal(report.verdict, CLIP_VERIFIED);
	assert_true(report.manifest.recovered);
	assert_string_equal(opened.open.camera_name, "front");
	assert_false(opened.has_private);
	assert_int_equal(report.manifest.lost,
			 fragments ? MANIFEST_NOT_LOST : MANIFEST_LOST_INTERRUPTED);
	if (fragments) {
		assert_int_equal(report.manifest.n_ranges, fragments + 3);
		plays(&video, &c->video, samples_of(c, fragments));
	}
	free(video.data);
	clip_report_release(&report);
}

void is_quarantined(const char *id)
{
	assert_false(clip_there("open", id));
	assert_false(clip_there("ready", id));
	assert_true(clip_there("quarantine", id));
}

size_t whole_fragments(const struct fixture_clip *c, const uint8_t *file, size_t len)
{
	size_t n = 0;

	if (len < c->init_size || memcmp(file, c->file, c->init_size))
		return 0;
	while (n < c->n_refs && c->refs[n].offset + c->refs[n].size <= len &&
	       !memcmp(file + c->refs[n].offset, c->file + c->refs[n].offset, c->refs[n].size))
		n++;
	return n;
}

void recovers_from(const struct fixture_clip *c, const uint8_t *file, size_t len)
{
	size_t n = whole_fragments(c, file, len);

	put_back(c, file, len);
	recovers(n > 0, !n, 0, 0);
	is_ready(c, n);
	clear_ready(c->open.head.clip.text);
}
