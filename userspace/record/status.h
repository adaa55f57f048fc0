/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the recorder knows about itself: counted wherever it happens, told by report.h and orders.h. */
#ifndef OWNFRAME_RECORD_STATUS_H
#define OWNFRAME_RECORD_STATUS_H

#include "histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a frame that the camera took was lost. */
enum status_drop {
	STATUS_DROP_MISSED, /* before it came here: a gap in the numbers of frames */
	STATUS_DROP_BROKEN, /* came as no whole picture */
	STATUS_DROP_BACKLOG, /* no memory was free: the encoder or the disk is too slow */
	STATUS_DROP_ENCODER, /* not encoded: it failed, or its clip had been given up */
	STATUS_DROP_DISK, /* encoded, and not written */
	STATUS_DROPS
};

extern const char *const status_drop_names[STATUS_DROPS];

struct status {
	uint64_t captured; /* frames that came from the driver as whole pictures */
	uint64_t dropped[STATUS_DROPS]; /* frames */
	uint64_t copied; /* frames that the CPU copied or converted on their way */
	uint64_t events; /* clips begun */
	uint64_t sealed; /* clips in ready/ */
	uint64_t lost; /* clips lost */
	uint64_t written; /* bytes of fragments on the disk */
	struct histogram frame_latency; /* from its capture to its being looked at */
	struct histogram write_time; /* of a fragment, from submission to the disk's word */
	struct histogram seal_time; /* of a clip, from its last fragment to ready/ */
	/* As it is now. */
	char doing[128]; /* a few words for a person */
	bool streaming, recording, disarmed, paused;
	uint64_t pending; /* clips begun and not signed yet */
};

uint64_t status_dropped(const struct status *s);
/* All figures for people, "name value" a line. Returns the length, which is less than @size. */
size_t status_text(const struct status *s, char *text, size_t size);
__attribute__((format(printf, 2, 3))) void status_doing(struct status *s, const char *fmt, ...);

#endif
