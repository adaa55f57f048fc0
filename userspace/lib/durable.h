/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are there after a power cut: written, synced, renamed, and the folder synced. Names
 * may be paths, relative to the descriptor as in openat(2); AT_FDCWD is allowed.
 */
#ifndef OWNFRAME_DURABLE_H
#define OWNFRAME_DURABLE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Replace or create @name with exactly @mode, by way of ".<name>.new" beside it: old or new, never
 * half. One writer of a name at a time. 0 or -errno; on error the old file is untouched.
 */
int durable_write(int dirfd, const char *name, const void *data, size_t len, mode_t mode);
/* renameat(2) without replacing (RENAME_NOREPLACE: -EEXIST), then both folders synced. */
int durable_rename(int from_dirfd, const char *from, int to_dirfd, const char *to);
/*
 * Read a whole regular file of at most @cap bytes into new memory (caller frees), NUL after it.
 * @flags: 0, or O_NOFOLLOW where somebody else may write in the folder. 0, -EFBIG if larger, -EINVAL
 * if it is no regular file, -ELOOP if it is a link that is not followed, or -errno.
 */
int durable_read(int dirfd, const char *name, int flags, size_t cap, char **out, size_t *len);

#endif
