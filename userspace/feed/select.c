// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the sensor's node by bus or serial number in sysfs and by VIDIOC_QUERYCAP. Separate because
 * it alone knows how Linux names cameras. Nodes that may not be opened are passed over: the feed's
 * user may open its own sensor only.
 */
#include "select.h"

#include "../lib/scope.h"
#include "sensor.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define SYSFS_VIDEO "/sys/class/video4linux"

static bool node_captures(int fd, struct v4l2_capability *cap)
{
	return !v4l2_call(fd, VIDIOC_QUERYCAP, cap) && (cap->capabilities & V4L2_CAP_DEVICE_CAPS) &&
	       (cap->device_caps & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE));
}

/* The serial number stands with the USB device; the node's parent is one of its interfaces. */
static bool serial_matches(const char *name, const char *serial)
{
	char path[PATH_MAX], text[256] = "";
	SCOPE_CLOSE int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), SYSFS_VIDEO "/%s/device/../serial", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	return n > 0 && !strcmp(text, serial);
}

static bool node_matches(const char *name, const char *selector)
{
	bool by_serial = !strncmp(selector, "serial:", 7);
	const char *wanted = strchr(selector, ':') + 1;
	struct v4l2_capability cap;
	SCOPE_CLOSE int fd = -1;
	char path[PATH_MAX];

	if (by_serial && !serial_matches(name, wanted))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !node_captures(fd, &cap))
		return false;
	return by_serial || !strcmp((const char *)cap.bus_info, wanted);
}

int select_sensor(char *path, size_t size, const char *selector)
{
	unsigned int number, best = UINT_MAX;
	SCOPE_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	if (selector[0] == '/') {
		if ((size_t)snprintf(path, size, "%s", selector) >= size)
			return -ENAMETOOLONG;
		return access(path, F_OK) ? -errno : 0;
	}
	dir = opendir(SYSFS_VIDEO);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (sscanf(entry->d_name, "video%u", &number) == 1 && number < best &&
		    node_matches(entry->d_name, selector))
			best = number;
	}
	if (best == UINT_MAX)
		return -ENOENT;
	snprintf(path, size, "/dev/video%u", best);
	return 0;
}

const char *select_watch(const char *selector)
{
	return selector[0] == '/' ? selector : "/dev/video";
}
