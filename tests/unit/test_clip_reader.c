// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: somebody sees a clip that is not theirs, or an owner does not see theirs,
 * or a file that changes while it is shown is shown.
 */
#include "reader_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int refuse_write(struct clip_sink *sink, const void *data, size_t len)
{
	(void)sink;
	(void)data;
	(void)len;
	return -ENOSPC;
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

/* It is verified and tells what it was and why it is lost, and there is nothing to show. */
static void is_lost(const struct world *w, enum manifest_lost why)
{
	struct clip_opened opened;
	struct clip_report report;

	assert_int_equal(verdict(w->path, &w->people.claims), CLIP_VERIFIED);
	assert_int_equal(clip_open(w->path, &w->people.claims, w->people.owner, NULL, NULL, &opened,
				   &report),
			 -ENODATA);
	assert_int_equal(report.manifest.lost, why);
	assert_string_equal(opened.open.camera_name, "front");
	clip_report_release(&report);
}

static void lost_clips_are_their_manifest_only(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3, .lost = MANIFEST_LOST_ENCODER }, 1);
	is_lost(&w, MANIFEST_LOST_ENCODER);
	fixture_write(w.path, "clip.mp4", w.clip.file, w.clip.size);
	refused(&w, CLIP_TAMPERED);
	world_end(&w);
}

/* What was dropped to make room may have been on its way to the store: that is nobody's forgery. */
static void a_dropped_clip_may_have_left_its_video(void **state)
{
	struct world w;

	(void)state;
	world_make(&w, &(struct fixture_plan) { .samples = 3, .lost = MANIFEST_LOST_DROPPED }, 1);
	fixture_write(w.path, "clip.mp4", "a video", 7);
	fixture_write(w.path, "thumb", "a thumbnail", 11);
	is_lost(&w, MANIFEST_LOST_DROPPED);
	world_end(&w);
}

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
		cmocka_unit_test(objects_of_a_store_are_clips),
		cmocka_unit_test(lost_clips_are_their_manifest_only),
		cmocka_unit_test(a_dropped_clip_may_have_left_its_video),
		cmocka_unit_test(bytes_are_hashed_when_they_are_shown),
		cmocka_unit_test(errors_of_the_sink_are_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
