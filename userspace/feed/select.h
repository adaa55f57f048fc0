/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which device a configuration means. A number like /dev/video0 says nothing about the camera
 * behind it; its place on the bus, or its serial number, does.
 */
#ifndef OWNFRAME_FEED_SELECT_H
#define OWNFRAME_FEED_SELECT_H

#include <stddef.h>

/*
 * Path of the capture node that @selector names into @path: the selector itself if it is a path,
 * for "bus:<text>" the lowest-numbered node whose VIDIOC_QUERYCAP bus_info is the text, for
 * "serial:<text>" the lowest whose USB device has this serial number. Metadata and output nodes of
 * the same device are passed over. -ENOENT: none now.
 */
int select_sensor(char *path, size_t size, const char *selector);

/* A path below which a change may make select_sensor() succeed. */
const char *select_watch(const char *selector);

#endif
