/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identity's directory: who may read what, and its files, each written durably.
 *
 *   identity.json   0644 root                    what the identity is; its presence says complete
 *   sign.auth       0640 root:ownframe-record    authorisation values, one line of text each
 *   spool.auth      0640 root:ownframe-record
 *   tls.auth        0640 root:ownframe-upload
 *   counter.auth    0600 root
 *   owner.auth      0600 root
 *   lockout.auth    0600 root
 *   request.json    0600 root                    the request for a claim that is outstanding
 *   claim.json      0640 root:ownframe-record    the claim in force
 *   claim.next      0640 root:ownframe-record    a claim being accepted
 */
#ifndef OWNFRAME_IDENTITY_DIR_H
#define OWNFRAME_IDENTITY_DIR_H

#include "p256.h"

#include <stdbool.h>
#include <sys/types.h>

#define IDENTITY_RECORD_FILE  "identity.json"
#define IDENTITY_REQUEST_FILE "request.json"
#define IDENTITY_CLAIM_FILE   "claim.json"
#define IDENTITY_NEXT_FILE    "claim.next"

/* Longest file in the directory that is read: a claim with all its recipients' certificates. */
#define IDENTITY_FILE_MAX (256 * 1024)

struct identity_dir {
	int fd;
	char *path; /* for messages */
};

/* -ENOENT: there is none (not logged); other errors are logged. @create: make it, 0755. */
int identity_dir_open(struct identity_dir *d, const char *path, bool create);
void identity_dir_close(struct identity_dir *d);

/*
 * One writer at a time, across processes: the lock lasts until identity_dir_unlock() or close.
 * -EWOULDBLOCK if another process has it (not logged).
 */
int identity_dir_lock(struct identity_dir *d);
void identity_dir_unlock(struct identity_dir *d);

bool identity_dir_has(const struct identity_dir *d, const char *name);

/*
 * Replace a file by way of durable_write(), with the owner and mode of the table above. A group
 * that does not exist (yet) leaves the file to root.
 */
int identity_dir_write(const struct identity_dir *d, const char *name, const char *text);
/* @name to @to, replacing it, synced. */
int identity_dir_rename(const struct identity_dir *d, const char *name, const char *to);
/* Removed and synced; 0 if it was not there. */
int identity_dir_remove(const struct identity_dir *d, const char *name);
/* Give every file that is there the owner and mode of the table; says which groups are missing. */
int identity_dir_share(const struct identity_dir *d);

/* What has an authorisation value of its own. */
enum identity_secret {
	IDENTITY_SECRET_SIGN,
	IDENTITY_SECRET_TLS,
	IDENTITY_SECRET_SPOOL,
	IDENTITY_SECRET_COUNTER,
	IDENTITY_SECRET_OWNER,
	IDENTITY_SECRET_LOCKOUT
};

/*
 * 128 random bits as text: no zero byte, which a TPM would cut off, and short enough for the
 * smallest digest in use (32 bytes).
 */
#define IDENTITY_AUTH_LEN 32

struct identity_auth {
	char text[IDENTITY_AUTH_LEN + 1];
};

const char *identity_secret_file(enum identity_secret secret);
/* -EACCES and -ENOENT are logged with what to do, -EBADMSG if it is not what init wrote. */
int identity_auth_read(const struct identity_dir *d, enum identity_secret secret,
		       struct identity_auth *auth);
/* Read it, or make and write it first if it is not there. */
int identity_auth_make(const struct identity_dir *d, enum identity_secret secret,
		       struct identity_auth *auth);
void identity_auth_wipe(struct identity_auth *auth);

#define IDENTITY_AUTH __attribute__((cleanup(identity_auth_wipe)))

/* Most bytes by which a backend knows its storage again. */
#define IDENTITY_ANCHOR_MAX 128

/* identity.json: the public half, needs no secure storage to be read. */
struct identity_record {
	char backend[16];
	struct p256_pub sign, tls;
	uint64_t first_epoch; /* the counter when it was made: there, nothing was claimed */
	uint8_t anchor[IDENTITY_ANCHOR_MAX];
	size_t anchor_len;
};

/* -ENOENT: there is none (not logged). -EBADMSG: logged. */
int identity_record_read(const struct identity_dir *d, struct identity_record *record);
int identity_record_write(const struct identity_dir *d, const struct identity_record *record);

#endif
