// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: clips whose decoder configuration players refuse, or a reader that a crafted
 * parameter set leads outside its memory.
 */
#include "h264.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* 1280x720, High, level 3.1; as libx264 writes it. */
static const uint8_t high_sps[] = { 0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05,
				    0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00,
				    0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x19, 0x60 };
static const uint8_t baseline_sps[] = { 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x1e,
					0x84, 0x00, 0x00, 0x03, 0x00, 0x04 };
static const uint8_t pps[] = { 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0 };

static void fill(struct h264_params *p, const uint8_t *sps, size_t len)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->sps, sps, len);
	p->sps_len = len;
	memcpy(p->pps, pps, sizeof(pps));
	p->pps_len = sizeof(pps);
}

/* Every byte of both records by hand, 14496-15 5.3.3.1.2. */
static void records_are_as_the_standard_says(void **state)
{
	uint8_t out[H264_AVCC_MAX], expected[H264_AVCC_MAX];
	struct h264_params p;
	size_t n = 8 + sizeof(high_sps) + 3 + sizeof(pps);
	char codec[12];

	(void)state;
	fill(&p, high_sps, sizeof(high_sps));
	memcpy(expected, "\x01\x64\x00\x1f\xff\xe1\x00\x1a", 8);
	memcpy(expected + 8, high_sps, sizeof(high_sps));
	memcpy(expected + 8 + sizeof(high_sps), "\x01\x00\x06", 3);
	memcpy(expected + 11 + sizeof(high_sps), pps, sizeof(pps));
	memcpy(expected + n, "\xfd\xf8\xf8\x00", 4);
	assert_int_equal(h264_avcc(out, sizeof(out), &p), n + 4);
	assert_memory_equal(out, expected, n + 4);
	h264_codec_string(codec, &p);
	assert_string_equal(codec, "avc1.64001f");

	fill(&p, baseline_sps, sizeof(baseline_sps));
	assert_int_equal(h264_avcc(out, sizeof(out), &p), 11 + sizeof(baseline_sps) + sizeof(pps));
	h264_codec_string(codec, &p);
	assert_string_equal(codec, "avc1.42c00a");
}

/* High 4:4:4 with 10 bits, its id and depths behind an emulation prevention byte. */
static void emulation_prevention_is_skipped(void **state)
{
	/*
	 * id 131071 (17 zeros, 1, 17 zeros), format 3, planes 0, depths 2 and 1, stop:
	 * 00000000 00000000 | 03 | 01000000 00000000 00000100 00110101
	 */
	static const uint8_t sps[] = { 0x67, 0xf4, 0x00, 0x1f, 0x00, 0x00,
				       0x03, 0x40, 0x00, 0x04, 0x35 };
	uint8_t out[H264_AVCC_MAX];
	struct h264_params p;
	int n;

	(void)state;
	fill(&p, sps, sizeof(sps));
	n = h264_avcc(out, sizeof(out), &p);
	assert_true(n > 0);
	assert_memory_equal(out + n - 4, "\xff\xfa\xf9\x00", 4);
}

static void what_is_no_parameter_set_is_refused(void **state)
{
	static const uint8_t endless[] = { 0x67, 0x64, 0, 0x1f, 0, 0, 0, 0 };
	static const uint8_t deep[] = { 0x67, 0x64, 0, 0x1f, 0xa1, 0x00, 0xff, 0xff };
	uint8_t out[H264_AVCC_MAX];
	struct h264_params p;

	(void)state;
	fill(&p, endless, sizeof(endless));
	assert_int_equal(h264_avcc(out, sizeof(out), &p), -EINVAL);
	fill(&p, deep, sizeof(deep));
	assert_int_equal(h264_avcc(out, sizeof(out), &p), -EINVAL);
	fill(&p, high_sps, 4);
	assert_int_equal(h264_avcc(out, sizeof(out), &p), -EINVAL);
	fill(&p, high_sps, sizeof(high_sps));
	p.sps[0] = 0x65;
	assert_int_equal(h264_avcc(out, sizeof(out), &p), -EINVAL);
	fill(&p, high_sps, sizeof(high_sps));
	p.pps_len = 1;
	assert_int_equal(h264_avcc(out, sizeof(out), &p), -EINVAL);
	p.pps_len = sizeof(pps);
	assert_int_equal(h264_avcc(out, 11 + sizeof(high_sps) + sizeof(pps) + 3, &p), -ENOSPC);
}

/* A record is read back exactly, and no changed or shortened one is taken for what was written. */
static void reading_accepts_what_writing_makes(void **state)
{
	uint8_t record[H264_AVCC_MAX], again[H264_AVCC_MAX];
	struct h264_params p, q;
	int n;

	(void)state;
	fill(&p, high_sps, sizeof(high_sps));
	n = h264_avcc(record, sizeof(record), &p);
	assert_int_equal(h264_avcc_read(&q, record, n), 0);
	assert_memory_equal(&p, &q, sizeof(p));
	for (int len = 0; len < n; len++)
		assert_int_equal(h264_avcc_read(&q, record, len), -EBADMSG);
	for (int i = 0; i < n * 8; i++) {
		record[i / 8] ^= 1 << i % 8;
		if (!h264_avcc_read(&q, record, n)) {
			assert_int_equal(h264_avcc(again, sizeof(again), &q), n);
			assert_memory_equal(again, record, n);
			assert_memory_not_equal(&p, &q, sizeof(p));
		}
		record[i / 8] ^= 1 << i % 8;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_as_the_standard_says),
		cmocka_unit_test(emulation_prevention_is_skipped),
		cmocka_unit_test(what_is_no_parameter_set_is_refused),
		cmocka_unit_test(reading_accepts_what_writing_makes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
