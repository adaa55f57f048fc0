// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Strict reading of JSON members. Two readers that disagree about what a signed text says are an
 * attack, so whatever two parsers could read differently (double members, fractions, numbers that
 * a double cannot hold, NUL in a string) is refused here, in one place.
 */
#include "json_strict.h"
#include "base64url.h"
#include "scope.h"

#include <errno.h>
#include <string.h>

#define NUMBER_MAX ((UINT64_C(1) << 53) - 1) /* beyond it JavaScript's numbers skip integers */

json_t *json_strict_parse(const char *text, size_t len)
{
	return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

bool json_strict_members(const json_t *object, const char *const *names, size_t n)
{
	if (!json_is_object(object) || json_object_size(object) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!json_object_get(object, names[i]))
			return false;
	return true;
}

int json_strict_uint(const json_t *object, const char *name, uint64_t *value)
{
	const json_t *v = json_object_get(object, name);

	/* Negative ones are beyond it too once unsigned. */
	if (!json_is_integer(v) || (uint64_t)json_integer_value(v) > NUMBER_MAX)
		return -EBADMSG;
	*value = (uint64_t)json_integer_value(v);
	return 0;
}

int json_strict_bool(const json_t *object, const char *name, bool *value)
{
	const json_t *v = json_object_get(object, name);

	if (!json_is_boolean(v))
		return -EBADMSG;
	*value = json_is_true(v);
	return 0;
}

int json_strict_bytes(const json_t *object, const char *name, void *out, size_t n)
{
	const json_t *v = json_object_get(object, name);

	if (!json_is_string(v) ||
	    base64url_decode(out, n, json_string_value(v), json_string_length(v)) != (ssize_t)n)
		return -EBADMSG;
	return 0;
}

json_t *json_strict_new_bytes(const void *data, size_t n)
{
	SCOPE_FREE char *text = base64url_dup(data, n);

	return text ? json_string(text) : NULL;
}

int json_strict_blob(const json_t *object, const char *name, uint8_t **out, size_t *n, size_t cap)
{
	const json_t *v = json_object_get(object, name);
	SCOPE_FREE uint8_t *data = NULL;
	ssize_t got;

	if (!json_is_string(v) || json_string_length(v) > BASE64URL_LEN(cap))
		return -EBADMSG;
	data = malloc(json_string_length(v) + 1); /* never 0: NULL means no memory */
	if (!data)
		return -ENOMEM;
	got = base64url_decode(data, cap, json_string_value(v), json_string_length(v));
	if (got < 0)
		return -EBADMSG;
	*out = SCOPE_TAKE_PTR(data);
	*n = (size_t)got;
	return 0;
}

int json_strict_text(const json_t *object, const char *name, char *out, size_t cap)
{
	const json_t *v = json_object_get(object, name);
	size_t len = json_string_length(v);

	if (!json_is_string(v) || !len || len >= cap || memchr(json_string_value(v), '\0', len))
		return -EBADMSG;
	memcpy(out, json_string_value(v), len);
	out[len] = '\0';
	return 0;
}
