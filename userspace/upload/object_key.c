// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ONVIF object key rule. Separate because every store uses it. The one thing to know: a
 * manifest comes from a folder that others can write, so what becomes part of a path is looked at
 * here once more, whoever decoded it.
 */
#include "object_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID_LEN 16

static bool is_base64url(const char *text, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";

	return strlen(text) == len && strspn(text, alphabet) == len;
}

int object_key(char key[OBJECT_KEY_LEN], const struct manifest_head *head, const char *kind)
{
	char time[CLIP_TIME_LEN + 1];
	int64_t start_us;
	uint64_t seq;

	if (!is_base64url(head->owner.text, P256_ID_LEN) ||
	    !is_base64url(head->device.text, P256_ID_LEN) ||
	    !is_base64url(head->camera, MANIFEST_CAMERA_LEN) ||
	    clip_id_parse(head->clip.text, &start_us, &seq))
		return -EINVAL;
	clip_time_format(time, start_us); /* YYYY-MM-DDThh:mm:ss.ffffffZ */
	snprintf(key, OBJECT_KEY_LEN, "%.*s/%.*s/%.10s/%s/%.2s/%.2s-%.2s.%.6sZ.0.%s", ID_LEN,
		 head->owner.text, ID_LEN, head->device.text, time, head->camera, time + 11,
		 time + 14, time + 17, time + 20, kind);
	return 0;
}
