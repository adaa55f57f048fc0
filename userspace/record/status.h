/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the recorder tells about itself: to the service manager, a file, and the log at the end. */
#ifndef OWNFRAME_RECORD_STATUS_H
#define OWNFRAME_RECORD_STATUS_H

#include <stdbool.h>
#include <stdint.h>

struct status {
	uint64_t captured; /* frames that came from the driver as whole pictures */
	uint64_t
		dropped; /* frames that the camera took and that were lost on the way to here, or here */
	uint64_t copied; /* frames that the CPU copied or converted on their way */
	uint64_t events; /* clips begun */
	uint64_t sealed; /* clips in ready/ */
	uint64_t lost; /* clips lost */
	char doing[128]; /* a few words for a person */
	/* Its own. */
	const char *file; /* or NULL */
	char told[512];
	bool watchdog;
};

/* @file: rewritten when something changed; NULL: none. */
void status_init(struct status *s, const char *file);
/* The service is up: READY=1. */
void status_ready(void);
__attribute__((format(printf, 2, 3))) void status_doing(struct status *s, const char *fmt, ...);
/* Once a second: tell what changed, and that the loop is alive. */
void status_tell(struct status *s);
/* STOPPING=1, the last figures, and a line in the log. */
void status_stop(struct status *s);

#endif
