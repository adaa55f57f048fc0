// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * base64url without padding. OpenSSL's and libjose's decoders accept several texts for the same
 * bytes; what is signed or compared here must have one form only, so this one is strict.
 */
#include "base64url.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz"
				 "0123456789-_";

void base64url_encode(char *out, const void *data, size_t n)
{
	const uint8_t *in = data;
	uint32_t acc = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < n; i++) {
		acc = acc << 8 | in[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*out++ = alphabet[acc >> (bits - 6) & 63];
	}
	if (bits)
		*out++ = alphabet[acc << (6 - bits) & 63];
	*out = '\0';
}

char *base64url_dup(const void *data, size_t n)
{
	char *out = malloc(BASE64URL_LEN(n) + 1);

	if (out)
		base64url_encode(out, data, n);
	return out;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

ssize_t base64url_decode(void *out, size_t cap, const char *text, size_t len)
{
	uint8_t *p = out;
	uint32_t acc = 0;
	unsigned int bits = 0;
	int v;

	/* One character left over holds 6 bits: no byte, so no encoder makes it. */
	if (len % 4 == 1)
		return -EINVAL;
	if (len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0) > cap)
		return -ENOSPC;
	for (size_t i = 0; i < len; i++) {
		v = value_of(text[i]);
		if (v < 0)
			return -EINVAL;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*p++ = (uint8_t)(acc >> bits);
		}
	}
	if (acc & ((1u << bits) - 1))
		return -EINVAL;
	return p - (uint8_t *)out;
}
