// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device's identity: its directory and its secure storage brought together. Separate from the
 * backends, which know no files but the authorisation values, and from identity_claim.c. To know:
 * identity.json is written last, so its presence means that everything else is there.
 */
#include "identity_open.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct identity_backend_ops *const backends[] = { &identity_tpm };

static const struct identity_backend_ops *backend_named(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

static int record_find(struct identity *id, const char *dir)
{
	bool begun;
	int err;

	err = identity_dir_open(&id->dir, dir, false);
	if (!err)
		err = identity_record_read(&id->dir, &id->record);
	if (err != -ENOENT)
		return err;
	begun = id->dir.fd >= 0 &&
		identity_dir_has(&id->dir, identity_secret_file(IDENTITY_SECRET_OWNER));
	log_error("no identity in %s: %s \"ownframe identity init\" as root", dir,
		  begun ? "making it was interrupted, finish it with" : "make one with");
	return err;
}

int identity_open(struct identity **out, const char *dir, const char *tcti)
{
	struct identity *id = calloc(1, sizeof(*id));
	const struct identity_backend_ops *ops;
	int err;

	if (!id)
		return -ENOMEM;
	id->dir.fd = -1;
	err = record_find(id, dir);
	if (err)
		goto fail;
	ops = backend_named(id->record.backend);
	if (!ops) {
		log_error("%s: the identity is in secure storage of kind \"%s\", which this "
			  "version does not know",
			  dir, id->record.backend);
		err = -ENODEV;
		goto fail;
	}
	err = ops->open(&id->backend, tcti);
	if (!err)
		err = ops->bind(id->backend, &id->record);
	if (err)
		goto fail;
	*out = id;
	return 0;
fail:
	identity_close(id);
	return err;
}

void identity_close(struct identity *id)
{
	if (!id)
		return;
	if (id->backend)
		id->backend->ops->close(id->backend);
	for (size_t i = 0; i < sizeof(id->signers) / sizeof(id->signers[0]); i++)
		identity_auth_wipe(&id->signers[i].auth);
	identity_dir_close(&id->dir);
	free(id);
}

static int make(struct identity_backend *backend, const struct identity_dir *dir)
{
	struct identity_record record = { 0 };
	int err;

	snprintf(record.backend, sizeof(record.backend), "%s", backend->ops->name);
	err = backend->ops->init(backend, dir, &record);
	if (!err)
		err = identity_dir_share(dir);
	if (!err)
		err = identity_record_write(dir, &record);
	return err;
}

int identity_init(const char *path, const char *tcti)
{
	const struct identity_backend_ops *ops = &identity_tpm;
	__attribute__((cleanup(identity_dir_close))) struct identity_dir dir;
	struct identity_backend *backend;
	int err;

	err = identity_dir_open(&dir, path, true);
	if (err)
		return err;
	err = identity_dir_lock(&dir);
	if (err) {
		log_error("%s: another ownframe command is at work there", path);
		return err;
	}
	if (identity_dir_has(&dir, IDENTITY_RECORD_FILE)) {
		log_error("there is an identity in %s already; see \"ownframe identity show\"",
			  path);
		return -EEXIST;
	}
	err = ops->open(&backend, tcti);
	if (err)
		return err;
	err = make(backend, &dir);
	ops->close(backend);
	return err;
}

int identity_lock(const char *tcti)
{
	struct identity_backend *backend;
	int err;

	err = identity_tpm.open(&backend, tcti);
	if (err)
		return err;
	err = backend->ops->lock(backend);
	backend->ops->close(backend);
	return err;
}

static int sign(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		uint8_t sig[P256_SIG_LEN])
{
	struct identity_signer *s = (struct identity_signer *)signer;
	struct identity_backend *backend = s->id->backend;

	return backend->ops->sign(backend, s->key, &s->auth, digest, sig);
}

int identity_signer(struct identity *id, enum identity_key key, struct signer **signer)
{
	struct identity_signer *s = &id->signers[key];
	int err;

	if (!s->ready) {
		err = identity_auth_read(
			&id->dir, key == IDENTITY_SIGN ? IDENTITY_SECRET_SIGN : IDENTITY_SECRET_TLS,
			&s->auth);
		if (err)
			return err;
		identity_pub(id, key, &s->signer.pub);
		s->signer.sign = sign;
		s->id = id;
		s->key = key;
		s->ready = true;
	}
	*signer = &s->signer;
	return 0;
}

int identity_pub(struct identity *id, enum identity_key key, struct p256_pub *pub)
{
	*pub = key == IDENTITY_SIGN ? id->record.sign : id->record.tls;
	return 0;
}

int identity_epoch(struct identity *id, uint64_t *epoch)
{
	return id->backend->ops->counter_read(id->backend, epoch);
}

int identity_spool_key(struct identity *id, uint8_t key[IDENTITY_SPOOL_LEN])
{
	IDENTITY_AUTH struct identity_auth auth;
	int err;

	err = identity_auth_read(&id->dir, IDENTITY_SECRET_SPOOL, &auth);
	if (err)
		return err;
	return id->backend->ops->unseal(id->backend, &auth, key);
}
