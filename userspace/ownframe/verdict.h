/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A clip's verdict as the commands say it: names, exit statuses, and text that is safe to print. */
#ifndef OWNFRAME_VERDICT_H
#define OWNFRAME_VERDICT_H

#include "clip_reader.h"
#include "commands.h"

/* "verified", "tampered", ...: for programs, so never changed. */
const char *verdict_name(enum clip_verdict verdict);
enum command_status verdict_status(enum clip_verdict verdict);

/*
 * @text (a path, as whoever filled the store chose it) for a terminal: control characters become
 * "?". New memory or NULL.
 */
char *verdict_printable(const char *text);

#endif
