// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes a clip in a folder of its own, and looks at what the reader says and shows of it.
 *
 * Apart from clip_fixture.c, which makes clips and knows nothing of who reads them.
 */
#include "reader_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

void world_make(struct world *w, const struct fixture_plan *plan, size_t recipients)
{
	w->dir = fixture_dir_make();
	assert_true(asprintf(&w->path, "%s/clip", w->dir) > 0);
	fixture_people_make(&w->people, NULL, recipients);
	fixture_people_make(&w->stranger, NULL, 1);
	fixture_clip_make(&w->clip, &w->people, plan);
	fixture_clip_save(&w->clip, w->path);
}

void world_end(struct world *w)
{
	fixture_clip_release(&w->clip);
	fixture_people_release(&w->people);
	fixture_people_release(&w->stranger);
	fixture_dir_remove(w->dir);
	free(w->path);
}

int catch_write(struct clip_sink *sink, const void *data, size_t len)
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

enum clip_verdict verdict(const char *path, const struct claims *claims)
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

void refused(const struct world *w, enum clip_verdict expected)
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

void opens_for(const struct world *w, const char *path, EVP_PKEY *key)
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

void poke(const struct world *w, const char *name, size_t at, uint8_t mask)
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
