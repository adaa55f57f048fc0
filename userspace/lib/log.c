// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages to stderr, for a person or the journal. Separate from syslog(3), which would need a
 * socket in sandboxed services. A message is one write(2), so lines of two threads never mix.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048 /* the journal's LineMax is far above; a message never needs more */

static struct {
	const char *name;
	enum log_level most;
	bool journal;
} setup = { "ownframe", LOG_LEVEL_INFO, false };

/* Inherited by children whose stderr is elsewhere: systemd.exec(5) says compare. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return false;
	return !fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

void log_setup(const char *name, enum log_level most)
{
	setup.name = name;
	setup.most = most;
	setup.journal = stderr_is_journal();
}

/* A message is one line whatever a file name or a peer put into it, and moves no cursor. */
static void keep_on_one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
}

static size_t clamp(int n, size_t cap)
{
	if (n < 0)
		return 0;
	return (size_t)n < cap ? (size_t)n : cap - 1;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t n = 0;
	ssize_t written;
	va_list ap;

	if (level > setup.most)
		return;
	if (setup.journal)
		n = clamp(snprintf(line, sizeof(line), "<%d>", level), sizeof(line));
	n += clamp(snprintf(line + n, sizeof(line) - n, "%s: ", setup.name), sizeof(line) - n);
	va_start(ap, fmt);
	/* One byte is kept for the newline. */
	n += clamp(vsnprintf(line + n, sizeof(line) - 1 - n, fmt, ap), sizeof(line) - 1 - n);
	va_end(ap);
	keep_on_one_line(line);
	line[n] = '\n';
	written = write(STDERR_FILENO, line, n + 1);
	(void)written; /* there is nowhere left to tell it */
}

bool log_gate_open(struct log_gate *gate, unsigned int seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < gate->next.tv_sec ||
	    (now.tv_sec == gate->next.tv_sec && now.tv_nsec < gate->next.tv_nsec))
		return false;
	gate->next = now;
	gate->next.tv_sec += seconds;
	return true;
}
