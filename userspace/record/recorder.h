/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The recorder's loop: one thread, one ring. Opens the camera and waits for it while it is not there,
 * hands frames to footage, fragments to the writer, and drains all of it in order when the camera
 * changes, the configuration is read anew, or the program ends.
 */
#ifndef OWNFRAME_RECORD_RECORDER_H
#define OWNFRAME_RECORD_RECORDER_H

#include "config.h"
#include "spooler.h"

#include <signal.h>

struct recorder_setup {
	struct config *cfg; /* taken over */
	const sigset_t *signals; /* blocked: TERM and INT end, HUP reads the configuration anew */
	struct spool *spool;
	struct spooler_device *device;
	const char *camera; /* its id */
	const uint8_t *spool_key;
	uint32_t block;
};

/*
 * Runs until a signal ends it. The program's exit status: 0, EX_CONFIG, EX_UNAVAILABLE (the TPM or the
 * spool does not answer now), EX_OSERR.
 */
int recorder_run(const struct recorder_setup *setup);

#endif
