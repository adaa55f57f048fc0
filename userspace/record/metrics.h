/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recorder's figures in Prometheus's text format, named by its conventions. */
#ifndef OWNFRAME_RECORD_METRICS_H
#define OWNFRAME_RECORD_METRICS_H

#include "status.h"

/* The length, which is less than @size; -ENOSPC. */
int metrics_text(const struct status *s, const char *camera, char *text, size_t size);

#endif
