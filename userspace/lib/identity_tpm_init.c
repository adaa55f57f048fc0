// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making an identity's objects in a TPM 2.0. Separate from identity_tpm.c because it runs once,
 * as root, and every step must be repeatable. To know: an authorisation value is in its file
 * before the TPM gets it, so what is in the TPM and takes the value from our file is ours; what is
 * there without a file, or does not take the value, is somebody else's and is never touched.
 */
#include "identity_tpm.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct maker {
	struct tpm_link *link;
	const struct identity_dir *dir;
	struct tpm_transient storage; /* the storage key before it is persistent */
	TPMA_PERMANENT permanent;
};

/* " -P file:<dir>/owner.auth" once the owner's authorisation is ours; the caller frees. */
static char *owner_option(const struct maker *m)
{
	char *option = NULL;

	if (!identity_dir_has(m->dir, identity_secret_file(IDENTITY_SECRET_OWNER)))
		return strdup("");
	if (asprintf(&option, " -P file:%s/%s", m->dir->path,
		     identity_secret_file(IDENTITY_SECRET_OWNER)) < 0)
		return NULL;
	return option;
}

static int foreign(const struct maker *m, TPM2_HANDLE handle, const char *what)
{
	SCOPE_FREE char *option = owner_option(m);

	log_error("the TPM's handle 0x%08x, wanted for %s, is occupied by an object that is not "
		  "this identity's; it was not touched. If nobody needs it: %s -C o%s %s0x%08x",
		  handle, what,
		  handle == TPM_HANDLE_COUNTER ? "tpm2_nvundefine" : "tpm2_evictcontrol",
		  option ? option : "", handle == TPM_HANDLE_COUNTER ? "" : "-c ", handle);
	return -EEXIST;
}

static int permanent_read(struct maker *m)
{
	TPM_FREE TPMS_CAPABILITY_DATA *cap = NULL;
	TSS2_RC rc;
	int err;

	rc = tpm_command(Esys_GetCapability(m->link->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
					    TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT, 1, NULL,
					    &cap));
	err = tpm_link_check(m->link, rc, "reading its state");
	if (err)
		return err;
	if (!cap->data.tpmProperties.count ||
	    cap->data.tpmProperties.tpmProperty[0].property != TPM2_PT_PERMANENT)
		return -EIO;
	m->permanent = cap->data.tpmProperties.tpmProperty[0].value;
	return 0;
}

/* Before anything is changed: is every place free, or taken with a file of ours beside it? */
static int places_check(struct maker *m)
{
	static const struct {
		TPM2_HANDLE handle;
		enum identity_secret secret;
		const char *what;
	} places[] = {
		{ TPM_HANDLE_STORAGE, IDENTITY_SECRET_OWNER, "the storage key" },
		{ TPM_HANDLE_SIGN, IDENTITY_SECRET_SIGN, "the sign key" },
		{ TPM_HANDLE_TLS, IDENTITY_SECRET_TLS, "the tls key" },
		{ TPM_HANDLE_SPOOL, IDENTITY_SECRET_SPOOL, "the spool key" },
		{ TPM_HANDLE_COUNTER, IDENTITY_SECRET_COUNTER, "the epoch counter" },
	};

	if (m->permanent & TPMA_PERMANENT_OWNERAUTHSET &&
	    !identity_dir_has(m->dir, identity_secret_file(IDENTITY_SECRET_OWNER))) {
		log_error("the TPM's owner hierarchy has an authorisation value that %s does not "
			  "hold: the TPM belongs to other software, or to an identity whose "
			  "directory is lost. Remove it (tpm2_changeauth -c owner -p <old value>) "
			  "or clear the TPM in the firmware",
			  m->dir->path);
		return -EEXIST;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		ESYS_TR tr;
		int err = tpm_find(m->link, places[i].handle, &tr);

		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		Esys_TR_Close(m->link->esys, &tr);
		if (identity_dir_has(m->dir, identity_secret_file(places[i].secret)))
			continue;
		return foreign(m, places[i].handle, places[i].what);
	}
	return 0;
}

/* The storage key, as a transient object; from then on sessions are salted with it. */
static int storage_make(struct maker *m)
{
	static const TPM2B_SENSITIVE_CREATE empty = { 0 };
	static const TPM2B_DATA no_info = { 0 };
	static const TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM_SESSION struct tpm_session session = { 0 };
	TSS2_RC rc;
	int err;

	if (m->permanent & TPMA_PERMANENT_OWNERAUTHSET) {
		IDENTITY_AUTH struct identity_auth auth;

		err = identity_auth_read(m->dir, IDENTITY_SECRET_OWNER, &auth);
		if (err)
			return err;
		tpm_set_auth(m->link, ESYS_TR_RH_OWNER, &auth);
	}
	/* Not salted yet, but an HMAC session all the same: the value does not cross the bus. */
	rc = tpm_session_start(&session, m->link, TPM2_SE_HMAC, 0);
	if (!rc)
		rc = tpm_command(Esys_CreatePrimary(m->link->esys, ESYS_TR_RH_OWNER, session.tr,
						    ESYS_TR_NONE, ESYS_TR_NONE, &empty,
						    &tpm_storage_template, &no_info, &no_pcrs,
						    &m->storage.tr, NULL, NULL, NULL, NULL));
	if (tpm_code(rc) == TPM2_RC_BAD_AUTH) {
		log_error("the TPM does not take %s/owner.auth: the TPM's owner hierarchy belongs "
			  "to somebody else. Clear the TPM in the firmware, or remove that value",
			  m->dir->path);
		return -EEXIST;
	}
	err = tpm_link_check(m->link, rc, "making the storage key");
	if (!err) {
		m->storage.link = m->link;
		m->link->salt = m->storage.tr;
	}
	return err;
}

static int hierarchy_auth_set(struct maker *m, ESYS_TR hierarchy, enum identity_secret secret,
			      const char *what)
{
	IDENTITY_AUTH struct identity_auth auth;
	TPM_SESSION struct tpm_session session = { 0 };
	TPM2B_AUTH value = { .size = IDENTITY_AUTH_LEN };
	TSS2_RC rc;
	int err;

	err = identity_auth_make(m->dir, secret, &auth);
	if (err)
		return err;
	memcpy(value.buffer, auth.text, IDENTITY_AUTH_LEN);
	rc = tpm_session_start(&session, m->link, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT);
	if (!rc)
		rc = tpm_command(Esys_HierarchyChangeAuth(m->link->esys, hierarchy, session.tr,
							  ESYS_TR_NONE, ESYS_TR_NONE, &value));
	OPENSSL_cleanse(&value, sizeof(value));
	err = tpm_link_check(m->link, rc, what);
	if (!err)
		tpm_set_auth(m->link, hierarchy, &auth);
	return err;
}

static int owner_take(struct maker *m)
{
	if (m->permanent & TPMA_PERMANENT_OWNERAUTHSET)
		return 0;
	return hierarchy_auth_set(m, ESYS_TR_RH_OWNER, IDENTITY_SECRET_OWNER,
				  "setting the owner's authorisation");
}

/*
 * Who has the lockout authorisation may clear the TPM. A wrong guess at it locks it for a day, so
 * it is never tried: only a value that we set ourselves is used.
 */
static int lockout_take(struct maker *m)
{
	IDENTITY_AUTH struct identity_auth auth;
	TPM_SESSION struct tpm_session session = { 0 };
	TSS2_RC rc;
	int err;

	if (!(m->permanent & TPMA_PERMANENT_LOCKOUTAUTHSET)) {
		err = hierarchy_auth_set(m, ESYS_TR_RH_LOCKOUT, IDENTITY_SECRET_LOCKOUT,
					 "setting the lockout authorisation");
		if (err)
			return err;
	} else if (identity_dir_has(m->dir, identity_secret_file(IDENTITY_SECRET_LOCKOUT))) {
		err = identity_auth_read(m->dir, IDENTITY_SECRET_LOCKOUT, &auth);
		if (err)
			return err;
		tpm_set_auth(m->link, ESYS_TR_RH_LOCKOUT, &auth);
	} else {
		log_warn("the TPM's lockout authorisation was set by somebody else, who can clear "
			 "the TPM and with it this identity");
		return 0;
	}
	if (m->permanent & TPMA_PERMANENT_DISABLECLEAR)
		return 0;
	rc = tpm_session_start(&session, m->link, TPM2_SE_HMAC, 0);
	if (!rc)
		rc = tpm_command(Esys_ClearControl(m->link->esys, ESYS_TR_RH_LOCKOUT, session.tr,
						   ESYS_TR_NONE, ESYS_TR_NONE, TPM2_YES));
	return tpm_link_check(m->link, rc, "disabling TPM2_Clear");
}

static int persist(struct maker *m, ESYS_TR object, TPM2_HANDLE handle, const char *what)
{
	TPM_SESSION struct tpm_session session = { 0 };
	ESYS_TR persistent = ESYS_TR_NONE;
	TSS2_RC rc;

	rc = tpm_session_start(&session, m->link, TPM2_SE_HMAC, 0);
	if (!rc)
		rc = tpm_command(Esys_EvictControl(m->link->esys, ESYS_TR_RH_OWNER, object,
						   session.tr, ESYS_TR_NONE, ESYS_TR_NONE, handle,
						   &persistent));
	if (!rc)
		Esys_TR_Close(m->link->esys, &persistent);
	return tpm_link_check(m->link, rc, what);
}

static int storage_persist(struct maker *m, struct identity_record *record)
{
	TPM_FREE TPM2B_NAME *ours = NULL, *there = NULL;
	ESYS_TR tr;
	TSS2_RC rc;
	int err;

	rc = Esys_TR_GetName(m->link->esys, m->storage.tr, &ours);
	err = tpm_link_check(m->link, rc, "reading the storage key's name");
	if (err)
		return err;
	memcpy(record->anchor, ours->name, ours->size);
	record->anchor_len = ours->size;

	err = tpm_find(m->link, TPM_HANDLE_STORAGE, &tr);
	if (err == -ENOENT)
		return persist(m, m->storage.tr, TPM_HANDLE_STORAGE, "keeping the storage key");
	if (err)
		return err;
	rc = Esys_TR_GetName(m->link->esys, tr, &there);
	Esys_TR_Close(m->link->esys, &tr);
	err = tpm_link_check(m->link, rc, "reading the storage key's name");
	if (err)
		return err;
	if (there->size != ours->size || memcmp(there->name, ours->name, ours->size) != 0)
		return foreign(m, TPM_HANDLE_STORAGE, "the storage key");
	return 0;
}

/* Create under the storage key, load, make persistent at @handle. */
static int child_make(struct maker *m, TPM2_HANDLE handle, const TPM2B_PUBLIC *template,
		      const struct identity_auth *auth, const void *data, size_t len,
		      const char *what)
{
	static const TPM2B_DATA no_info = { 0 };
	static const TPML_PCR_SELECTION no_pcrs = { 0 };
	TPM2B_SENSITIVE_CREATE sensitive = { .sensitive.userAuth.size = IDENTITY_AUTH_LEN,
					     .sensitive.data.size = (UINT16)len };
	TPM_TRANSIENT struct tpm_transient object = { m->link, ESYS_TR_NONE };
	TPM_SESSION struct tpm_session session = { 0 };
	TPM_FREE TPM2B_PRIVATE *private = NULL;
	TPM_FREE TPM2B_PUBLIC *public = NULL;
	TSS2_RC rc;
	int err;

	memcpy(sensitive.sensitive.userAuth.buffer, auth->text, IDENTITY_AUTH_LEN);
	if (len)
		memcpy(sensitive.sensitive.data.buffer, data, len);
	rc = tpm_session_start(&session, m->link, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT);
	if (!rc)
		rc = tpm_command(Esys_Create(m->link->esys, m->storage.tr, session.tr, ESYS_TR_NONE,
					     ESYS_TR_NONE, &sensitive, template, &no_info, &no_pcrs,
					     &private, &public, NULL, NULL, NULL));
	OPENSSL_cleanse(&sensitive, sizeof(sensitive));
	if (!rc)
		rc = Esys_TRSess_SetAttributes(m->link->esys, session.tr, 0, TPMA_SESSION_DECRYPT);
	if (!rc)
		rc = tpm_command(Esys_Load(m->link->esys, m->storage.tr, session.tr, ESYS_TR_NONE,
					   ESYS_TR_NONE, private, public, &object.tr));
	err = tpm_link_check(m->link, rc, what);
	return err ? err : persist(m, object.tr, handle, what);
}

/*
 * Is the object at @handle, already looked up as @tr, ours? It must look as we make it (so that a
 * wrong authorisation value does not count towards the TPM's lockout) and take our value.
 */
static int child_verify(struct maker *m, ESYS_TR tr, TPM2_HANDLE handle,
			const TPM2B_PUBLIC *template, const struct identity_auth *auth,
			const char *what)
{
	static const uint8_t digest[P256_DIGEST_LEN];
	TPM_SECRET_FREE TPM2B_SENSITIVE_DATA *data = NULL;
	TPM_FREE TPMT_SIGNATURE *signature = NULL;
	TPM_FREE TPM2B_PUBLIC *pub = NULL;
	TSS2_RC rc;
	int err;

	rc = tpm_command(Esys_ReadPublic(m->link->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE,
					 ESYS_TR_NONE, &pub, NULL, NULL));
	err = tpm_link_check(m->link, rc, "reading a public area");
	if (err)
		return err;
	if (!tpm_made_from(pub, template))
		return foreign(m, handle, what);
	tpm_set_auth(m->link, tr, auth);
	if (pub->publicArea.type == TPM2_ALG_ECC)
		rc = tpm_sign_digest(m->link, tr, digest, &signature);
	else
		rc = tpm_unseal(m->link, tr, &data);
	if (tpm_code(rc) == TPM2_RC_BAD_AUTH)
		return foreign(m, handle, what);
	return tpm_link_check(m->link, rc, what);
}

static int child_ensure(struct maker *m, TPM2_HANDLE handle, const TPM2B_PUBLIC *template,
			enum identity_secret secret, const void *data, size_t len, const char *what)
{
	IDENTITY_AUTH struct identity_auth auth;
	ESYS_TR tr;
	int err;

	err = identity_auth_make(m->dir, secret, &auth);
	if (err)
		return err;
	err = tpm_find(m->link, handle, &tr);
	if (err == -ENOENT)
		return child_make(m, handle, template, &auth, data, len, what);
	if (err)
		return err;
	err = child_verify(m, tr, handle, template, &auth, what);
	Esys_TR_Close(m->link->esys, &tr);
	return err;
}

static int key_ensure(struct maker *m, TPM2_HANDLE handle, enum identity_secret secret,
		      const char *what, struct p256_pub *point)
{
	TPM_FREE TPM2B_PUBLIC *pub = NULL;
	ESYS_TR tr;
	TSS2_RC rc;
	int err;

	err = child_ensure(m, handle, &tpm_key_template, secret, NULL, 0, what);
	if (!err)
		err = tpm_find(m->link, handle, &tr);
	if (err)
		return err;
	rc = tpm_command(Esys_ReadPublic(m->link->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE,
					 ESYS_TR_NONE, &pub, NULL, NULL));
	Esys_TR_Close(m->link->esys, &tr);
	err = tpm_link_check(m->link, rc, "reading a public area");
	return err ? err : tpm_point(point, pub);
}

static int spool_ensure(struct maker *m)
{
	uint8_t key[IDENTITY_SPOOL_LEN];
	int err;

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -EIO;
	err = child_ensure(m, TPM_HANDLE_SPOOL, &tpm_spool_template, IDENTITY_SECRET_SPOOL, key,
			   sizeof(key), "the spool key");
	OPENSSL_cleanse(key, sizeof(key));
	return err;
}

static int counter_define(struct maker *m, const TPM2B_NV_PUBLIC *template,
			  const struct identity_auth *auth)
{
	TPM_SESSION struct tpm_session session = { 0 };
	TPM2B_AUTH value = { .size = IDENTITY_AUTH_LEN };
	ESYS_TR tr = ESYS_TR_NONE;
	TSS2_RC rc;

	memcpy(value.buffer, auth->text, IDENTITY_AUTH_LEN);
	rc = tpm_session_start(&session, m->link, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT);
	if (!rc)
		rc = tpm_command(Esys_NV_DefineSpace(m->link->esys, ESYS_TR_RH_OWNER, session.tr,
						     ESYS_TR_NONE, ESYS_TR_NONE, &value, template,
						     &tr));
	OPENSSL_cleanse(&value, sizeof(value));
	if (!rc)
		Esys_TR_Close(m->link->esys, &tr);
	return tpm_link_check(m->link, rc, "defining the epoch counter");
}

static int counter_verify(struct maker *m, ESYS_TR tr, const TPM2B_NV_PUBLIC *template)
{
	TPM_FREE TPM2B_NV_PUBLIC *nv = NULL;
	const TPMS_NV_PUBLIC *a, *b = &template->nvPublic;
	TSS2_RC rc;
	int err;

	rc = tpm_command(Esys_NV_ReadPublic(m->link->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE,
					    ESYS_TR_NONE, &nv, NULL));
	err = tpm_link_check(m->link, rc, "reading the epoch counter's public area");
	if (err)
		return err;
	a = &nv->nvPublic;
	if ((a->attributes & ~TPMA_NV_WRITTEN) != b->attributes || a->nameAlg != b->nameAlg ||
	    a->dataSize != b->dataSize || a->authPolicy.size != b->authPolicy.size ||
	    memcmp(a->authPolicy.buffer, b->authPolicy.buffer, a->authPolicy.size) != 0)
		return foreign(m, TPM_HANDLE_COUNTER, "the epoch counter");
	return 0;
}

/*
 * Raised at every run: the first time is what makes a counter readable, and later ones show that
 * it takes our value. It may start anywhere.
 */
static int counter_ensure(struct maker *m, uint64_t *value)
{
	IDENTITY_AUTH struct identity_auth auth;
	TPM2B_NV_PUBLIC template;
	ESYS_TR tr = ESYS_TR_NONE;
	TSS2_RC rc;
	int err;

	err = tpm_counter_template(&template);
	if (!err)
		err = identity_auth_make(m->dir, IDENTITY_SECRET_COUNTER, &auth);
	if (err)
		return err;
	err = tpm_find(m->link, TPM_HANDLE_COUNTER, &tr);
	if (err == -ENOENT) {
		err = counter_define(m, &template, &auth);
		if (!err)
			err = tpm_find(m->link, TPM_HANDLE_COUNTER, &tr);
	} else if (!err) {
		err = counter_verify(m, tr, &template);
	}
	if (err)
		return err;
	tpm_set_auth(m->link, tr, &auth);
	rc = tpm_increment(m->link, tr);
	if (tpm_code(rc) == TPM2_RC_BAD_AUTH)
		return foreign(m, TPM_HANDLE_COUNTER, "the epoch counter");
	err = tpm_link_check(m->link, rc, "raising the epoch counter");
	return err ? err : tpm_counter_value(m->link, tr, value);
}

int identity_tpm_init(struct identity_backend *backend, const struct identity_dir *dir,
		      struct identity_record *record)
{
	struct identity_tpm *t = (struct identity_tpm *)backend;
	struct maker m = { .link = &t->link, .dir = dir, .storage.tr = ESYS_TR_NONE };
	int err;

	err = permanent_read(&m);
	if (!err)
		err = places_check(&m);
	if (!err)
		err = storage_make(&m);
	if (!err)
		err = owner_take(&m);
	if (!err)
		err = lockout_take(&m);
	if (!err)
		err = storage_persist(&m, record);
	if (!err)
		err = key_ensure(&m, TPM_HANDLE_SIGN, IDENTITY_SECRET_SIGN, "the sign key",
				 &record->sign);
	if (!err)
		err = key_ensure(&m, TPM_HANDLE_TLS, IDENTITY_SECRET_TLS, "the tls key",
				 &record->tls);
	if (!err)
		err = spool_ensure(&m);
	if (!err)
		err = counter_ensure(&m, &record->first_epoch);
	tpm_transient_flush(&m.storage);
	m.link->salt = ESYS_TR_NONE;
	return err;
}
