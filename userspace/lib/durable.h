/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are there after a power cut: written, synced, renamed, and the folder synced. */
#ifndef OWNFRAME_DURABLE_H
#define OWNFRAME_DURABLE_H

#include <stddef.h>
#include <sys/types.h>

/* Replace or create @name in @dirfd by way of a temporary file: old or new, never half. */
int durable_write(int dirfd, const char *name, const void *data, size_t len, mode_t mode);
/* renameat(2) without replacing (RENAME_NOREPLACE), then both folders synced. */
int durable_rename(int from_dirfd, const char *from, int to_dirfd, const char *to);
/* Read a whole file of at most @cap bytes into new memory, NUL after it; -EFBIG if larger. */
int durable_read(int dirfd, const char *name, size_t cap, char **out, size_t *len);

#endif
