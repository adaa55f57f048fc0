/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The feed's configuration, one file for each camera: ownframe-feed.conf(5). */
#ifndef OWNFRAME_FEED_CONFIG_H
#define OWNFRAME_FEED_CONFIG_H

#include <stdint.h>

struct feed_config {
	char *camera; /* name at the driver; the node is /dev/ownframe/<camera>/feed */
	char *sensor; /* path of a device node, "bus:<bus_info>" or "serial:<USB serial>" */
	int format; /* index into feed_config_formats; 0: the first that the sensor offers */
	uint64_t width, height; /* pixels; 0: the sensor's present size */
	uint64_t fps; /* frames per second; 0: the sensor's present rate */
	uint64_t buffers; /* frames in flight between sensor and feed node */
};

extern const char *const feed_config_formats[]; /* "auto", "NV12", ..., NULL */

/* Defaults, then @path. 0, -EINVAL (each fault logged with its line), or -errno. */
int feed_config_read(struct feed_config *cfg, const char *path);
void feed_config_free(struct feed_config *cfg);

#endif
