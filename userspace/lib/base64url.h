/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base64url without padding, RFC 4648 section 5, as JOSE uses it (RFC 7515 section 2). */
#ifndef OWNFRAME_BASE64URL_H
#define OWNFRAME_BASE64URL_H

#include <stddef.h>
#include <sys/types.h>

/* Characters that @n bytes encode to, without the terminating NUL. */
#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)

/* Encode @n bytes at @data into @out, BASE64URL_LEN(@n) + 1 bytes, NUL-terminated. */
void base64url_encode(char *out, const void *data, size_t n);

/* The same into new memory (caller frees), or NULL. */
char *base64url_dup(const void *data, size_t n);

/*
 * Decode exactly @len characters of @text into @out of @cap bytes. Strict: padding, white space,
 * other alphabets, and bits left over that are not zero are -EINVAL, so a text has one form only.
 * Returns the number of bytes, -EINVAL, or -ENOSPC.
 */
ssize_t base64url_decode(void *out, size_t cap, const char *text, size_t len);

#endif
