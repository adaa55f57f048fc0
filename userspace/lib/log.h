/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line to stderr for each message, with the priority prefix of sd-daemon(3) ("<3>") when
 * stderr is the journal (JOURNAL_STREAM set), without it on a terminal. Thread-safe: one write(2)
 * a line. The program's name is put in front. Never logs key material or frame contents.
 */
#ifndef OWNFRAME_LOG_H
#define OWNFRAME_LOG_H

#include <stdbool.h>
#include <time.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Set the name put before each line; @name must stay valid. Messages above @most are dropped. */
void log_setup(const char *name, enum log_level most);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * True at most once every @seconds for one @gate (zero-initialised by the caller): an error that
 * comes with every frame is logged once, not sixty times a second.
 */
struct log_gate {
	struct timespec next;
};
bool log_gate_open(struct log_gate *gate, unsigned int seconds);

#endif
