/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The spool, /var/lib/ownframe/spool/{open,ready,sent}: a clip's state is the folder it is in.
 *   open/   being written, by the recorder only
 *   ready/  sealed and signed, for the uploader
 *   sent/   confirmed by the store
 * plus "quarantine/" for what recovery could not attribute, and for each camera two files:
 * camera-<name> holds its random id, chain-<camera id> the head of its chain.
 *
 * Several recorders, one a camera, and an uploader work in one spool at a time. A clip in open/ is
 * flock(2)ed by whoever works on it, so a recorder that starts recovers only what is left over.
 */
#ifndef OWNFRAME_SPOOL_H
#define OWNFRAME_SPOOL_H

#include "clip_id.h"
#include "manifest.h"
#include "p256.h"

#define SPOOL_DIR      "/var/lib/ownframe/spool"
#define SPOOL_CLIP     "clip.mp4"
#define SPOOL_THUMB    "thumb"
#define SPOOL_MANIFEST "manifest.jws"
#define SPOOL_OPEN     "open.jws"

/* Longest manifest.jws or open.jws that is read: 16 recipients and hours of fragments fit. */
#define SPOOL_JWS_MAX (4u << 20)

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

/*
 * Open, making the folders that are missing: open/ and quarantine/ for the recorder only, ready/
 * and sent/ also for its group. -errno, logged with the path.
 */
int spool_open(struct spool *s, const char *path);
void spool_close(struct spool *s);

/*
 * Bytes of a block for clips on the spool's file system: what direct I/O must be aligned to
 * (statx STATX_DIOALIGN), at least 4096. -errno; -EOPNOTSUPP without direct I/O.
 */
int spool_block(const struct spool *s, uint32_t *block);

/* mkdir open/<id>, synced and locked; returns its descriptor or -errno (-EEXIST). */
int spool_clip_create(struct spool *s, const struct clip_id *id);
/*
 * Open open/<id> and lock it, to finish what a recorder that died left. -EBUSY: a living one has
 * it. The lock lasts as long as the descriptor.
 */
int spool_clip_adopt(struct spool *s, const char *id);
/* Folder of a clip in @state, opened, or -ENOENT. */
int spool_clip_open(const struct spool *s, enum spool_state state, const char *id);
/* Move it on: its files and both folders are synced. -EEXIST: there is one already. */
int spool_clip_move(struct spool *s, const char *id, enum spool_state from, enum spool_state to);
/* Unlink a clip's files, then its folder. */
int spool_clip_remove(struct spool *s, enum spool_state state, const char *id);

/*
 * Names of the clips in @state, oldest first, new array of new strings (spool_list_free()). Names
 * that are no clip ids are left out.
 */
int spool_list(const struct spool *s, enum spool_state state, char ***ids, size_t *n);
void spool_list_free(char **ids, size_t n);

/*
 * The random id of camera @name (1 to 64 of A-Z a-z 0-9 _ -), made at its first start, and a lock on
 * it in *@lock: one recorder a camera, -EBUSY for the second.
 */
int spool_camera(struct spool *s, const char *name, char id[MANIFEST_CAMERA_LEN + 1], int *lock);

/* The head of a chain: the highest seq taken, and what the next manifest's prev must be. */
struct chain {
	uint64_t seq; /* 0: none yet */
	bool has_prev;
	uint64_t signed_seq; /* of the manifest that prev is the hash of, if has_prev */
	uint8_t prev[32];
};

/*
 * Find the head for (device, camera, epoch): the highest seq found in open, ready, sent and the
 * state file. prev is that of the highest *signed* one. Only what @device signed counts: the
 * uploader may write in ready/ and sent/.
 */
int chain_find(struct chain *c, const struct spool *s, const struct p256_pub *device,
	       const char *camera, uint64_t epoch);
/*
 * Record the head durably, so that a spool that was emptied does not begin again at 1. After a
 * manifest is signed: first the manifest is written, then this, then the clip moves.
 */
int chain_store(const struct chain *c, struct spool *s, const char *camera, uint64_t epoch);

#endif
