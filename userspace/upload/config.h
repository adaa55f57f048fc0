/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The uploader's configuration: ownframe-upload.conf(5). */
#ifndef OWNFRAME_UPLOAD_CONFIG_H
#define OWNFRAME_UPLOAD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct upload_config {
	char *store; /* "dir:<absolute path>" */
	bool mountpoint; /* the path counts only while something is mounted there */
	char *spool;
	uint64_t retry_first, retry_cap; /* microseconds */
};

/* Defaults, then @path. 0, -EINVAL (each fault logged with its line), or -errno. */
int upload_config_read(struct upload_config *cfg, const char *path);
void upload_config_free(struct upload_config *cfg);

#endif
