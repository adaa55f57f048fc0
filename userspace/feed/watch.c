// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * inotify on the folders that lead to a device node. Separate because sensor and feed node both
 * need it. The one thing to know: /dev/v4l/by-path exists only while there is a camera, so the
 * watch climbs to a folder that exists and comes down again as folders appear.
 */
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* IN_ATTRIB: udev gives a node to its user some time after the kernel made it. */
#define WATCH_MASK (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR)

int watch_open(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int watch_path(int watch, const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	while ((slash = strrchr(dir, '/'))) {
		slash[slash == dir] = '\0';
		if (inotify_add_watch(watch, dir, WATCH_MASK) >= 0)
			return 0;
		if (errno != ENOENT || slash == dir)
			return -errno;
	}
	return -EINVAL;
}

void watch_drain(int watch)
{
	char events[4096];

	while (read(watch, events, sizeof(events)) > 0)
		;
}
