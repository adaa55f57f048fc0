// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The figures as a person reads them. Separate so that the loop only counts, and whoever tells them
 * tells the same.
 */
#include "status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const status_drop_names[STATUS_DROPS] = {
	[STATUS_DROP_MISSED] = "missed",   [STATUS_DROP_BROKEN] = "broken",
	[STATUS_DROP_BACKLOG] = "backlog", [STATUS_DROP_ENCODER] = "encoder",
	[STATUS_DROP_DISK] = "disk",
};

uint64_t status_dropped(const struct status *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < STATUS_DROPS; i++)
		sum += s->dropped[i];
	return sum;
}

size_t status_text(const struct status *s, char *text, size_t size)
{
	size_t len;

	snprintf(text, size,
		 "doing %s\nmotion %s\ncaptured %" PRIu64 "\ndropped %" PRIu64 "\ncopied %" PRIu64
		 "\nwritten %" PRIu64 "\nevents %" PRIu64 "\nsealed %" PRIu64 "\nlost %" PRIu64
		 "\n",
		 s->doing, s->disarmed ? "disarmed" : "armed", s->captured, status_dropped(s),
		 s->copied, s->written, s->events, s->sealed, s->lost);
	for (size_t i = 0; i < STATUS_DROPS; i++) {
		len = strlen(text);
		snprintf(text + len, size - len, "dropped_%s %" PRIu64 "\n", status_drop_names[i],
			 s->dropped[i]);
	}
	return strlen(text);
}

void status_doing(struct status *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->doing, sizeof(s->doing), fmt, ap);
	va_end(ap);
}
