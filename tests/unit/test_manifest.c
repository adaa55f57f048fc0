// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a manifest that leaves bytes of the clip unsigned, names two owners, or is
 * read as another clip's; or one of ours that nobody can read.
 */
#include "manifest.h"
#include "base64url.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DEVICE "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
#define OWNER  "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define CAMERA "AAECAwQFBgcICQoLDA0ODw"
#define CLIP   "20260102T030405.000006Z-0000000007"

static struct recipient recipients[2];
static struct manifest_range ranges[4];
static uint8_t sealed[40];

/* A full manifest; the arrays are this file's, so it is not released. */
static struct manifest sample(void)
{
	struct manifest m = { 0 };

	for (size_t i = 0; i < 2; i++)
		memset(&recipients[i], 0x40 + (int)i, sizeof(recipients[i]));
	for (size_t i = 0, off = 0; i < 4; off += ranges[i].len, i++) {
		ranges[i].off = off;
		ranges[i].len = 4096 * (i + 1);
		memset(ranges[i].sha256, (int)i, 32);
	}
	strcpy(m.head.device.text, DEVICE);
	strcpy(m.head.owner.text, OWNER);
	strcpy(m.head.camera, CAMERA);
	strcpy(m.head.clip.text, CLIP);
	m.head.epoch = (UINT64_C(1) << 53) - 1;
	m.head.seq = 7;
	m.head.has_key = true;
	memset(m.head.content_kid, 0x11, 16);
	m.head.recipients = recipients;
	m.head.n_recipients = 2;
	m.head.open = (struct sealed_text) { sealed, sizeof(sealed) };
	m.has_prev = true;
	memset(m.prev, 0x22, 32);
	m.block = 4096;
	m.size = 40960;
	m.ranges = ranges;
	m.n_ranges = 4;
	m.has_thumb = true;
	m.thumb_size = 5000;
	memset(m.thumb_sha256, 0x33, 32);
	m.private = (struct sealed_text) { sealed, sizeof(sealed) };
	return m;
}

static int decode(const char *text)
{
	struct manifest m;
	int rc = manifest_decode(&m, text, strlen(text));

	if (!rc)
		manifest_release(&m);
	return rc;
}

/* What is written is read back as the same, member for member: compared by writing it again. */
static void check_round_trip(const struct manifest *m)
{
	char *text = manifest_encode(m), *again;
	struct manifest back;

	assert_non_null(text);
	assert_int_equal(manifest_decode(&back, text, strlen(text)), 0);
	assert_int_equal(back.head.seq, m->head.seq);
	assert_int_equal(back.head.n_recipients, m->head.n_recipients);
	assert_int_equal(back.lost, m->lost);
	again = manifest_encode(&back);
	assert_string_equal(text, again);
	free(again);
	free(text);
	manifest_release(&back);
}

static void every_kind_of_manifest_comes_back(void **state)
{
	struct manifest m = sample();

	(void)state;
	check_round_trip(&m);
	m.recovered = true;
	m.private.data = NULL;
	m.has_thumb = false;
	check_round_trip(&m);
	m = sample();
	m.head.seq = 1;
	strcpy(m.head.clip.text, "20260102T030405.000006Z-0000000001");
	m.has_prev = false;
	check_round_trip(&m);
	for (enum manifest_lost lost = MANIFEST_LOST_DISK_FULL; lost <= MANIFEST_LOST_DROPPED;
	     lost++) {
		m = sample();
		m.lost = lost;
		check_round_trip(&m);
		m.head.has_key = false;
		m.head.n_recipients = 0;
		m.head.open.data = NULL;
		check_round_trip(&m);
	}
}

/* The names and forms that other readers of the format rely on. */
static void the_text_is_as_documented(void **state)
{
	struct manifest m = sample();
	char *text = manifest_encode(&m);

	(void)state;
	assert_ptr_equal(strstr(text, "{\"v\":1,\"device\":\"" DEVICE "\",\"owner\":\"" OWNER
				      "\",\"epoch\":9007199254740991,\"camera\":\"" CAMERA
				      "\",\"clip\":\"" CLIP "\",\"seq\":7,\"prev\":\"IiIi"),
			 text);
	assert_non_null(strstr(text,
			       "\"block\":4096,\"size\":40960,\"ranges\":[{\"off\":0,\"len\":4096,"
			       "\"sha256\":\"AAAA"));
	assert_non_null(strstr(text, "\"thumb\":{\"size\":5000,\"sha256\":\"MzMz"));
	assert_non_null(strstr(text, "\"recovered\":false,\"open\":\"AAAA"));
	assert_null(strstr(text, "lost"));
	free(text);
	m.lost = MANIFEST_LOST_DISK_FULL;
	text = manifest_encode(&m);
	assert_non_null(strstr(text, ",\"lost\":\"disk-full\",\"recovered\":false,"));
	assert_non_null(strstr(text, "\"private\":null}"));
	assert_null(strstr(text, "ranges"));
	free(text);
}

/* Change one member of a good manifest: value NULL removes it. Returns the verdict. */
static int with(const char *member, const char *value)
{
	struct manifest m = sample();
	char *text = manifest_encode(&m);
	json_t *o = json_loads(text, 0, NULL), *v;
	int rc;

	free(text);
	assert_non_null(o);
	if (value) {
		v = json_loads(value, JSON_DECODE_ANY, NULL);
		assert_non_null(v);
		json_object_set_new(o, member, v);
	} else {
		assert_int_equal(json_object_del(o, member), 0);
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	rc = decode(text);
	free(text);
	return rc;
}

static void wrong_values_are_refused(void **state)
{
	static const struct {
		const char *member, *value;
	} cases[] = {
		{ "v", "2" },
		{ "v", "0" },
		{ "v", "\"1\"" },
		{ "device", "\"" OWNER "A\"" },
		{ "device", "\"../../../../../../../../../../../../../../..\"" },
		{ "device", "null" },
		{ "owner", "\"\"" },
		{ "epoch", "9007199254740992" },
		{ "epoch", "-1" },
		{ "epoch", "1.0" },
		{ "camera", "\"front\"" },
		{ "camera", "\"AAECAwQFBgcICQoLDA0OD/\"" },
		{ "clip", "\"20260102T030405.000006Z-0000000008\"" }, /* seq says 7 */
		{ "clip", "\"../20260102T030405.000006Z-0000000007\"" },
		{ "clip", "\"20260230T030405.000006Z-0000000007\"" },
		{ "seq", "8" },
		{ "seq", "0" },
		{ "prev", "\"\"" },
		{ "prev", "1" },
		{ "content_kid", "null" },
		{ "content_kid", "\"EREREREREREREREREREREQ==\"" },
		{ "recipients", "[]" },
		{ "recipients", "null" },
		{ "recipients", "{}" },
		{ "recipients", "[{}]" },
		{ "open", "null" },
		{ "open", "\"\"" },
		{ "private", "1" },
		{ "private", "\"AAAA\"" }, /* shorter than a tag */
		{ "block", "0" },
		{ "block", "2048" },
		{ "block", "4097" },
		{ "block", "12288" },
		{ "block", "8192" }, /* ranges are not multiples */
		{ "block", "4294971392" }, /* 2^32 + 4096 */
		{ "size", "40959" },
		{ "size", "45056" },
		{ "size", "36864" },
		{ "size", "0" },
		{ "ranges", "[]" },
		{ "ranges", "null" },
		{ "thumb", "{}" },
		{ "thumb", "{\"size\":5000}" },
		{ "thumb", "[]" },
		{ "recovered", "null" },
		{ "recovered", "0" },
		{ "recovered", "true" }, /* with a private part */
		{ "lost", "\"disk-full\"" }, /* and a file */
		{ "lost", "null" },
		{ "extra", "null" },
	};

	(void)state;
	assert_int_equal(with("v", "1"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (with(cases[i].member, cases[i].value) != -EBADMSG)
			fail_msg("%s: %s", cases[i].member, cases[i].value);
}

/* Sizes that fit the block in all but that it is one: the ranges are of @block bytes each. */
static int with_block(uint32_t block)
{
	struct manifest m = sample();
	char *text;
	int rc;

	for (size_t i = 0; i < 4; i++) {
		ranges[i].off = (uint64_t)block * i;
		ranges[i].len = block;
	}
	m.block = block;
	m.size = 4 * (uint64_t)block;
	text = manifest_encode(&m);
	rc = decode(text);
	free(text);
	return rc;
}

static void a_block_is_a_power_of_two(void **state)
{
	(void)state;
	assert_int_equal(with_block(4096), 0);
	assert_int_equal(with_block(65536), 0);
	assert_int_equal(with_block(1 << 20), 0);
	assert_int_equal(with_block(12288), -EBADMSG);
	assert_int_equal(with_block(2048), -EBADMSG);
	assert_int_equal(with_block(1 << 21), -EBADMSG);
}

static void the_first_clip_follows_none(void **state)
{
	struct manifest m = sample();
	char *text;

	(void)state;
	m.head.seq = 1;
	strcpy(m.head.clip.text, "20260102T030405.000006Z-0000000001");
	text = manifest_encode(&m);
	assert_int_equal(decode(text), -EBADMSG);
	free(text);
}

static void recipients_have_a_limit(void **state)
{
	struct recipient many[17] = { 0 };
	struct manifest m = sample();
	char *text;

	(void)state;
	m.head.recipients = many;
	for (m.head.n_recipients = 16; m.head.n_recipients <= 17; m.head.n_recipients++) {
		text = manifest_encode(&m);
		assert_int_equal(decode(text), m.head.n_recipients == 17 ? -EBADMSG : 0);
		free(text);
	}
}

static void every_member_is_needed(void **state)
{
	static const char *const members[] = { "v",	      "device",	    "owner",	 "epoch",
					       "camera",      "clip",	    "seq",	 "prev",
					       "content_kid", "recipients", "block",	 "size",
					       "ranges",      "thumb",	    "recovered", "open",
					       "private" };

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		assert_int_equal(with(members[i], NULL), -EBADMSG);
}

static void no_member_may_come_twice(void **state)
{
	struct manifest m = sample();
	char *text = manifest_encode(&m), *doubled;

	(void)state;
	assert_true(asprintf(&doubled, "{\"owner\":\"" DEVICE "\",%s", text + 1) > 0);
	assert_int_equal(decode(doubled), -EBADMSG);
	free(doubled);
	free(text);
}

static void ranges_cover_the_file_exactly(void **state)
{
	struct manifest m;
	char *text;

	(void)state;
	for (int fault = 0; fault <= 6; fault++) {
		m = sample();
		switch (fault) {
		case 1: /* a gap */
			ranges[2].off += 4096;
			break;
		case 2: /* an overlap */
			ranges[2].off -= 4096;
			break;
		case 3: /* two exchanged */
			ranges[1] = ranges[2];
			ranges[2].off = 4096;
			ranges[2].len = 8192;
			ranges[1].off = 12288;
			break;
		case 4: /* the last missing */
			m.n_ranges = 3;
			break;
		case 5: /* an empty one */
			ranges[3].len = 0;
			m.size -= 16384;
			break;
		case 6: /* not starting at 0 */
			m.ranges++;
			m.n_ranges = 3;
			break;
		}
		text = manifest_encode(&m);
		assert_int_equal(decode(text), fault ? -EBADMSG : 0);
		free(text);
	}
	/* A sum that wraps to the right size. */
	m = sample();
	m.n_ranges = 4;
	for (size_t i = 0; i < 4; i++) {
		ranges[i].len = (UINT64_C(1) << 53) - 4096;
		ranges[i].off = i * ranges[i].len;
	}
	text = manifest_encode(&m);
	assert_int_equal(decode(text), -EBADMSG);
	free(text);
}

/* @text with @from, which is in it, replaced by @to. Frees @text. */
static char *replaced(char *text, const char *from, const char *to)
{
	const char *hit = strstr(text, from);
	char *out;

	assert_non_null(hit);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(hit - text), text, to, hit + strlen(from)) >
		    0);
	free(text);
	return out;
}

static void a_lost_clip_has_no_file(void **state)
{
	static const char *const reasons[] = { "\"none\"", "\"\"", "\"DISK-FULL\"", "\"dropped \"",
					       "1" };
	struct manifest m = sample();
	char *text;

	(void)state;
	assert_string_equal(manifest_lost_name(MANIFEST_LOST_DROPPED), "dropped");
	m.lost = MANIFEST_LOST_DROPPED;
	text = manifest_encode(&m);
	assert_int_equal(decode(text), 0);
	free(text);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		text = replaced(manifest_encode(&m), "\"dropped\"", reasons[i]);
		assert_int_equal(decode(text), -EBADMSG);
		free(text);
	}
}

/* A clip without keys is one that was lost before it had any; half of them is a lie. */
static void keys_are_all_there_or_none(void **state)
{
	struct manifest m = sample();
	struct manifest_open o = { .head = m.head }, back;
	char *text;

	(void)state;
	m.head.has_key = false;
	m.head.open.data = NULL;
	text = manifest_encode(&m);
	assert_int_equal(decode(text), -EBADMSG); /* not lost */
	free(text);
	o.head = m.head;
	text = manifest_open_encode(&o);
	assert_int_equal(manifest_open_decode(&back, text, strlen(text)), -EBADMSG);
	free(text);

	m.lost = MANIFEST_LOST_ENCODER;
	text = manifest_encode(&m);
	assert_int_equal(decode(text), 0);
	text = replaced(text, "\"recipients\":null", "\"recipients\":[]");
	assert_int_equal(decode(text), -EBADMSG);
	free(text);
	m.head.open = (struct sealed_text) { sealed, sizeof(sealed) };
	text = manifest_encode(&m);
	assert_int_equal(decode(text), -EBADMSG);
	free(text);
	m = sample();
	m.lost = MANIFEST_LOST_ENCODER;
	text = replaced(manifest_encode(&m), "\"private\":null",
			"\"private\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"");
	assert_int_equal(decode(text), -EBADMSG);
	free(text);
}

/* Not authentic without its signature, but nothing that can be done to it may crash a reader. */
static void no_changed_or_cut_text_harms(void **state)
{
	struct manifest m = sample(), back;
	char *text = manifest_encode(&m), *again;
	size_t len = strlen(text), accepted = 0;

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_int_equal(manifest_decode(&back, text, n), -EBADMSG);
	for (size_t i = 0; i < len; i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1 << bit);
			if (!manifest_decode(&back, text, len)) {
				/* Then it says what it says, and says it again. */
				struct manifest third;

				accepted++;
				again = manifest_encode(&back);
				assert_int_equal(manifest_decode(&third, again, strlen(again)), 0);
				manifest_release(&third);
				free(again);
				manifest_release(&back);
			}
			text[i] ^= (char)(1 << bit);
		}
	assert_in_range(accepted, 1, 8 * len - 1);
	free(text);
}

static void open_jws_has_its_own_members(void **state)
{
	struct manifest m = sample();
	struct manifest_open o = { .head = m.head }, back;
	char *text, *again;

	(void)state;
	memset(o.init_sha256, 0x44, 32);
	text = manifest_open_encode(&o);
	assert_int_equal(manifest_open_decode(&back, text, strlen(text)), 0);
	again = manifest_open_encode(&back);
	assert_string_equal(text, again);
	assert_int_equal(decode(text), -EBADMSG); /* never a manifest */
	free(again);
	manifest_open_release(&back);
	for (size_t i = 0, len = strlen(text); i < len; i++)
		assert_int_equal(manifest_open_decode(&back, text, i), -EBADMSG);
	free(text);
	text = manifest_encode(&m);
	assert_int_equal(manifest_open_decode(&back, text, strlen(text)), -EBADMSG);
	free(text);
}

static void the_sealed_texts_come_back(void **state)
{
	struct clip_open_info open = { .camera_name = "Haust\xc3\xbcr \"vorn\"",
				       .start_us = INT64_C(1767323045000006),
				       .clock_synced = true,
				       .boot_id = "0f6bd4f5-70a4-4f6a-9f5a-1d3d0c7c1b1a",
				       .boot_monotonic_us = 123456789,
				       .codec = "avc1.64001f",
				       .width = 640,
				       .height = 480 },
			      open_back;
	struct clip_private_info private = { .end_us = INT64_C(1767323055000006),
					     .samples = 150,
					     .dropped = 2,
					     .trigger = "motion",
					     .zones = "door,path",
					     .area_ppm = 12345 },
				 private_back;
	char *text = clip_open_info_encode(&open);

	(void)state;
	assert_non_null(
		strstr(text, "\"start\":\"2026-01-02T03:04:05.000006Z\",\"clock\":\"synced\""));
	assert_int_equal(clip_open_info_decode(&open_back, text, strlen(text)), 0);
	assert_string_equal(open_back.camera_name, open.camera_name);
	assert_true(open_back.start_us == open.start_us);
	assert_true(open_back.clock_synced);
	assert_string_equal(open_back.boot_id, open.boot_id);
	assert_int_equal(open_back.boot_monotonic_us, 123456789);
	assert_string_equal(open_back.codec, open.codec);
	assert_int_equal(open_back.width, 640);
	assert_int_equal(open_back.height, 480);
	assert_int_equal(clip_private_info_decode(&private_back, text, strlen(text)), -EBADMSG);
	free(text);

	text = clip_private_info_encode(&private);
	assert_int_equal(clip_private_info_decode(&private_back, text, strlen(text)), 0);
	assert_true(private_back.end_us == private.end_us);
	assert_int_equal(private_back.samples, 150);
	assert_int_equal(private_back.dropped, 2);
	assert_string_equal(private_back.trigger, "motion");
	assert_string_equal(private_back.zones, "door,path");
	assert_int_equal(private_back.area_ppm, 12345);
	free(text);
	private.zones[0] = '\0';
	text = clip_private_info_encode(&private);
	assert_int_equal(clip_private_info_decode(&private_back, text, strlen(text)), 0);
	assert_string_equal(private_back.zones, "");
	free(text);
}

static void the_hpke_info_names_device_owner_and_epoch(void **state)
{
	struct manifest m = sample();
	char *text = manifest_hpke_info(&m.head);

	(void)state;
	assert_string_equal(text, "ownframe/1 " DEVICE " " OWNER " 9007199254740991");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_manifest_comes_back),
		cmocka_unit_test(the_text_is_as_documented),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(a_block_is_a_power_of_two),
		cmocka_unit_test(the_first_clip_follows_none),
		cmocka_unit_test(recipients_have_a_limit),
		cmocka_unit_test(keys_are_all_there_or_none),
		cmocka_unit_test(every_member_is_needed),
		cmocka_unit_test(no_member_may_come_twice),
		cmocka_unit_test(ranges_cover_the_file_exactly),
		cmocka_unit_test(a_lost_clip_has_no_file),
		cmocka_unit_test(no_changed_or_cut_text_harms),
		cmocka_unit_test(open_jws_has_its_own_members),
		cmocka_unit_test(the_sealed_texts_come_back),
		cmocka_unit_test(the_hpke_info_names_device_owner_and_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
