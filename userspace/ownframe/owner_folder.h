/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An owner's folder: owner.key (0600), owner.crt and claims.json. It is the owner's, never a
 * board's; who has it can open every clip, who loses it can open none.
 */
#ifndef OWNFRAME_OWNER_FOLDER_H
#define OWNFRAME_OWNER_FOLDER_H

#include "claim.h"

#define OWNER_KEY    "owner.key"
#define OWNER_CERT   "owner.crt"
#define OWNER_CLAIMS "claims.json"

struct owner_folder {
	char *path;
	EVP_PKEY *key; /* NULL if opened without it */
	struct signer_pkey signer;
	struct claims claims;
	struct claim_cert recipients[CLAIM_RECIPIENTS_MAX]; /* the owner's own first */
	size_t n_recipients;
};

/*
 * Make what is missing of key, certificate (self-signed, CN = @name) and claims.json in @path.
 * @passphrase NULL: the key is not encrypted. -EEXIST (logged): all is there.
 */
int owner_folder_make(const char *path, const char *name, const char *passphrase);

/* Open it; without @with_key only the claims. Logged; close it also after an error. */
int owner_folder_open(struct owner_folder *o, const char *path, bool with_key);
void owner_folder_close(struct owner_folder *o);

/* One more recipient, a certificate of a P-256 key. Logged: -EINVAL, -ENOSPC. */
int owner_folder_recipient(struct owner_folder *o, const char *cert_path);

/* The owner's half of a claim, after saying what is signed. Logged. */
int owner_folder_sign(struct owner_folder *o, const struct claim_request *req, char **half);

/* Take a complete claim into claims.json. 0 also if it is there already. Logged. */
int owner_folder_add(struct owner_folder *o, const char *text, size_t len);

#endif
