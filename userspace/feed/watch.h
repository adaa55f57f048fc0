/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting for device nodes to come, go or change their owner, by inotify: works in a sandbox
 * without network (uevents are netlink) and without udev.
 */
#ifndef OWNFRAME_FEED_WATCH_H
#define OWNFRAME_FEED_WATCH_H

/* Descriptor to poll for input, or -errno. */
int watch_open(void);

/*
 * Watch the folder of @path, or the nearest one above it that exists: also for folders that appear
 * on the way to it. Call it before looking whether @path is there, and again after each
 * watch_drain(), so that nothing that comes in between is missed. 0 or -errno.
 */
int watch_path(int watch, const char *path);

/* Discard what was reported: the reader looks for itself. */
void watch_drain(int watch);

#endif
