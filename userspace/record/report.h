/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The status to whoever watches: the service manager, a file for people and one for Prometheus. Main
 * thread only; nothing here waits.
 */
#ifndef OWNFRAME_RECORD_REPORT_H
#define OWNFRAME_RECORD_REPORT_H

#include "config.h"
#include "notify.h"
#include "publish.h"
#include "status.h"

struct report {
	struct notify notify;
	struct publish status, metrics;
	char told[1024]; /* what the manager and the file were told last */
	uint64_t metrics_us; /* CLOCK_MONOTONIC, when they were written last */
};

void report_init(struct report *r, struct ring *ring, const struct config *cfg);
/* Other files, from now on. */
void report_configure(struct report *r, const struct config *cfg);
/* The service is up, or its new configuration is in force, or refused. */
void report_ready(struct report *r);
void report_reloading(struct report *r);
/* Once a second. @alive: what should go on goes on, which feeds the watchdog. */
void report_tell(struct report *r, const struct status *s, const char *camera, bool alive);
/* The last figures, and a line in the log; report_is_done() when they are written. */
void report_stop(struct report *r, const struct status *s, const char *camera);
bool report_is_done(const struct report *r);
/* After ring_exit(). */
void report_exit(struct report *r);

#endif
