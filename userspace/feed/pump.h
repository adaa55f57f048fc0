/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves frames from the sensor to the feed node: waits for both, streams while somebody watches,
 * and starts again from wherever one of them went away. One thread.
 */
#ifndef OWNFRAME_FEED_PUMP_H
#define OWNFRAME_FEED_PUMP_H

#include "config.h"

/* Run until SIGTERM or SIGINT: 0, or -errno when it cannot run at all (logged). */
int pump_run(const struct feed_config *cfg);

#endif
