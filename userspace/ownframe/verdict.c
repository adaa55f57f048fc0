// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Words and numbers for a verdict, in one table for verify and open.
 */
#include "verdict.h"

#include <string.h>

static const struct {
	const char *name;
	enum command_status status;
} verdicts[] = {
	[CLIP_VERIFIED] = { "verified", STATUS_OK },
	[CLIP_TAMPERED] = { "tampered", STATUS_TAMPERED },
	[CLIP_UNKNOWN_DEVICE] = { "unknown-device", STATUS_UNKNOWN_DEVICE },
	[CLIP_OTHER_OWNER] = { "other-owner", STATUS_OTHER_OWNER },
	[CLIP_INCOMPLETE] = { "incomplete", STATUS_INCOMPLETE },
};

const char *verdict_name(enum clip_verdict verdict)
{
	return verdicts[verdict].name;
}

enum command_status verdict_status(enum clip_verdict verdict)
{
	return verdicts[verdict].status;
}

char *verdict_printable(const char *text)
{
	char *out = strdup(text);

	for (unsigned char *c = (unsigned char *)out; c && *c; c++) {
		bool c1 = *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0; /* U+0080 to U+009F */

		if (*c < 0x20 || *c == 0x7f || c1)
			*c = '?';
		if (c1)
			*++c = '?';
	}
	return out;
}
