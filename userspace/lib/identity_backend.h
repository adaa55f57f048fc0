/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What identity.c asks of secure storage. A backend embeds struct identity_backend and is found by
 * the name in identity.json. All calls may block as long as the storage takes; errors are logged
 * by the backend and returned as identity.h says. One thread at a time.
 */
#ifndef OWNFRAME_IDENTITY_BACKEND_H
#define OWNFRAME_IDENTITY_BACKEND_H

#include "identity.h"
#include "identity_dir.h"

struct identity_backend {
	const struct identity_backend_ops *ops;
};

struct identity_backend_ops {
	const char *name;
	/* Connect. @config: the backend's own way to say where, NULL = the usual place. */
	int (*open)(struct identity_backend **backend, const char *config);
	void (*close)(struct identity_backend *backend);
	/* Check that this is the storage that @record was made in; @record must stay valid. */
	int (*bind)(struct identity_backend *backend, const struct identity_record *record);
	/*
	 * Make what is missing of keys, spool key and counter, with authorisation values from @dir,
	 * and fill @record. Can be run again after an interruption at any point. -EEXIST: something
	 * that is not ours is in the way.
	 */
	int (*init)(struct identity_backend *backend, const struct identity_dir *dir,
		    struct identity_record *record);
	/* Shut what could remove or replace the identity without any authorisation. */
	int (*lock)(struct identity_backend *backend);
	/* r || s over @digest, as struct signer. */
	int (*sign)(struct identity_backend *backend, enum identity_key key,
		    const struct identity_auth *auth, const uint8_t digest[P256_DIGEST_LEN],
		    uint8_t sig[P256_SIG_LEN]);
	int (*unseal)(struct identity_backend *backend, const struct identity_auth *auth,
		      uint8_t key[IDENTITY_SPOOL_LEN]);
	int (*counter_read)(struct identity_backend *backend, uint64_t *value);
	int (*counter_increment)(struct identity_backend *backend,
				 const struct identity_auth *auth);
};

extern const struct identity_backend_ops identity_tpm;

#endif
