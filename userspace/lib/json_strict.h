/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading signed JSON without leniency: an object has exactly the members that its table names,
 * once each and of the right type; everything else is refused. jansson parses
 * (JSON_REJECT_DUPLICATES), this checks.
 */
#ifndef OWNFRAME_JSON_STRICT_H
#define OWNFRAME_JSON_STRICT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void scope_json(json_t **j)
{
	json_decref(*j);
}

/* Scope cleanup, as in scope.h. */
#define SCOPE_JSON __attribute__((cleanup(scope_json)))

/* Parse @len bytes as one JSON text, duplicates refused; new reference or NULL. */
json_t *json_strict_parse(const char *text, size_t len);

/* True if @object is an object with exactly the @n members of @names, in any order. */
bool json_strict_members(const json_t *object, const char *const *names, size_t n);

/* Integer in 0 .. 2^53 - 1. 0 or -EBADMSG, as all below. */
int json_strict_uint(const json_t *object, const char *name, uint64_t *value);
int json_strict_bool(const json_t *object, const char *name, bool *value);
/* Exactly @n bytes as base64url. */
int json_strict_bytes(const json_t *object, const char *name, void *out, size_t n);
/* What json_strict_bytes() reads; NULL when out of memory. */
json_t *json_strict_new_bytes(const void *data, size_t n);
/* Up to @cap bytes as base64url into new memory (caller frees). */
int json_strict_blob(const json_t *object, const char *name, uint8_t **out, size_t *n, size_t cap);
/* A string of 1 to @cap - 1 bytes without NUL, copied. */
int json_strict_text(const json_t *object, const char *name, char *out, size_t cap);

#endif
