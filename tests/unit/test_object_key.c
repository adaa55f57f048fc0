// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, clips land where no reader looks for them, or a made-up manifest makes the uploader
 * write outside the store.
 */
#include "upload/object_key.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct manifest_head good = {
	.device = { "dEviCe-_456789ab_0123456789abcdefghijklmnop" },
	.owner = { "Owner0123456789a00123456789abcdefghijklmnop" },
	.camera = "cameracameracameracamA",
	.clip = { "20260102T030405.000006Z-0000000007" },
	.seq = 7,
};

static void follows_the_rule(void **state)
{
	char key[OBJECT_KEY_LEN];

	(void)state;
	assert_int_equal(object_key(key, &good, "mp4"), 0);
	assert_string_equal(key, "Owner0123456789a/dEviCe-_456789ab/2026-01-02/"
				 "cameracameracameracamA/03/04-05.000006Z.0.mp4");
	assert_int_equal(object_key(key, &good, "thumb"), 0);
	assert_string_equal(strrchr(key, '/'), "/04-05.000006Z.0.thumb");
}

static void stays_below_the_store(void **state)
{
	char key[OBJECT_KEY_LEN];
	struct manifest_head bad;

	(void)state;
	bad = good;
	memcpy(bad.camera, "../../../../etc/passwd", MANIFEST_CAMERA_LEN);
	assert_int_equal(object_key(key, &bad, "mp4"), -EINVAL);
	bad = good;
	bad.owner.text[3] = '/';
	assert_int_equal(object_key(key, &bad, "mp4"), -EINVAL);
	bad = good;
	bad.device.text[20] = '\0';
	assert_int_equal(object_key(key, &bad, "mp4"), -EINVAL);
	bad = good;
	bad.clip.text[8] = '/';
	assert_int_equal(object_key(key, &bad, "mp4"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_rule),
		cmocka_unit_test(stays_below_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
