/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The spool, /var/lib/ownframe/spool/{open,ready,sent}: a clip's state is the folder it is in.
 *   open/   being written, by the recorder only
 *   ready/  sealed and signed, for the uploader
 *   sent/   confirmed by the store
 * plus "quarantine/" for what recovery could not attribute and chain-<camera> state files.
 */
#ifndef OWNFRAME_SPOOL_H
#define OWNFRAME_SPOOL_H

#include "clip_id.h"
#include "manifest.h"

#define SPOOL_DIR      "/var/lib/ownframe/spool"
#define SPOOL_CLIP     "clip.mp4"
#define SPOOL_THUMB    "thumb"
#define SPOOL_MANIFEST "manifest.jws"
#define SPOOL_OPEN     "open.jws"

enum spool_state {
	SPOOL_STATE_OPEN,
	SPOOL_STATE_READY,
	SPOOL_STATE_SENT,
	SPOOL_STATE_QUARANTINE
};

struct spool {
	int fd; /* the spool's folder */
	int state[4]; /* its four, by enum spool_state */
};

/* Open, making the folders that are missing (0750). -errno, logged with the path. */
int spool_open(struct spool *s, const char *path);
void spool_close(struct spool *s);

/* mkdir open/<id>, synced; returns its descriptor or -errno. */
int spool_clip_create(struct spool *s, const struct clip_id *id);
/* Folder of a clip in @state, opened, or -ENOENT. */
int spool_clip_open(const struct spool *s, enum spool_state state, const char *id);
/* Move it on: its files and both folders are synced. */
int spool_clip_move(struct spool *s, const char *id, enum spool_state from, enum spool_state to);
/* Unlink a clip's known files, then its folder. */
int spool_clip_remove(struct spool *s, enum spool_state state, const char *id);

/*
 * Names of the clips in @state, oldest first, new array of new strings (spool_list_free()). Names
 * that are no clip ids are left out.
 */
int spool_list(const struct spool *s, enum spool_state state, char ***ids, size_t *n);
void spool_list_free(char **ids, size_t n);

/* The head of a chain: the highest seq taken, and what the next manifest's prev must be. */
struct chain {
	uint64_t seq; /* 0: none yet */
	bool has_prev;
	uint8_t prev[32];
};

/*
 * Find the head for (device, camera, epoch): the highest seq found in open, ready, sent and the
 * state file. prev is that of the highest *signed* one.
 */
int chain_find(struct chain *c, const struct spool *s, const struct p256_id *device,
	       const char *camera, uint64_t epoch);
/* Record the head durably, so that a spool that was emptied does not begin again at 1. */
int chain_store(const struct chain *c, struct spool *s, const char *camera, uint64_t epoch);

#endif
