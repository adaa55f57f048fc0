/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room for new clips on a disk that is full: what was sent goes first, then by policy. */
#ifndef OWNFRAME_RECORD_SPOOL_ROOM_H
#define OWNFRAME_RECORD_SPOOL_ROOM_H

#include "spool.h"

/* True if @bytes, and what manifests and folders take, are free. */
bool spool_room_free(const struct spool *s, uint64_t bytes);
/* Remove the oldest sent clip. 0, or -ENOENT: there is none that can be removed. */
int spool_room_drop_sent(struct spool *s);

/*
 * Replace the oldest clip of @camera that waits in ready/ by a "lost: dropped" manifest: new text by
 * @signer, the same head and prev. The chain goes on from the manifest that was replaced: the store may
 * have that one already, and then keeps it. May be interrupted at any point: the next call goes on. 0,
 * -ENOENT: there is none that holds pictures, or -errno.
 */
int spool_room_drop_ready(struct spool *s, struct signer *signer, const char *camera);

#endif
