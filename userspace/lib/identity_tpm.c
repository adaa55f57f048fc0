// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TPM 2.0 backend of an identity: using what init made. Separate from identity.c, which knows
 * files and claims but no TPM. To know: /dev/tpmrm0 protects no object from another user, only the
 * authorisation values do; and nothing here counts towards the dictionary attack lockout (noda).
 */
#include "identity_tpm.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

static struct identity_tpm *tpm_of(struct identity_backend *backend)
{
	return (struct identity_tpm *)backend;
}

int tpm_find(struct tpm_link *link, TPM2_HANDLE handle, ESYS_TR *tr)
{
	TSS2_RC rc;

	rc = tpm_command(Esys_TR_FromTPMPublic(link->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
					       ESYS_TR_NONE, tr));
	if (tpm_code(rc) == TPM2_RC_HANDLE)
		return -ENOENT;
	return tpm_link_check(link, rc, "looking up an object");
}

static int coordinate(uint8_t out[32], const TPM2B_ECC_PARAMETER *in)
{
	if (in->size > 32)
		return -EIO;
	memset(out, 0, 32);
	memcpy(out + 32 - in->size, in->buffer, in->size);
	return 0;
}

int tpm_point(struct p256_pub *out, const TPM2B_PUBLIC *pub)
{
	const TPMS_ECC_POINT *point = &pub->publicArea.unique.ecc;

	out->point[0] = 0x04;
	if (coordinate(out->point + 1, &point->x) || coordinate(out->point + 33, &point->y))
		return -EIO;
	return 0;
}

void tpm_set_auth(struct tpm_link *link, ESYS_TR tr, const struct identity_auth *auth)
{
	TPM2B_AUTH value = { .size = IDENTITY_AUTH_LEN };

	memcpy(value.buffer, auth->text, IDENTITY_AUTH_LEN);
	Esys_TR_SetAuth(link->esys, tr, &value);
	OPENSSL_cleanse(&value, sizeof(value));
}

TSS2_RC tpm_sign_digest(struct tpm_link *link, ESYS_TR key, const uint8_t digest[P256_DIGEST_LEN],
			TPMT_SIGNATURE **signature)
{
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL }; /* the key's own */
	static const TPMT_TK_HASHCHECK ticket = { .tag = TPM2_ST_HASHCHECK,
						  .hierarchy = TPM2_RH_NULL };
	TPM_SESSION struct tpm_session session = { 0 };
	TPM2B_DIGEST in = { .size = P256_DIGEST_LEN };
	TSS2_RC rc;

	memcpy(in.buffer, digest, P256_DIGEST_LEN);
	rc = tpm_session_start(&session, link, TPM2_SE_HMAC, 0);
	if (rc)
		return rc;
	return tpm_command(Esys_Sign(link->esys, key, session.tr, ESYS_TR_NONE, ESYS_TR_NONE, &in,
				     &scheme, &ticket, signature));
}

TSS2_RC tpm_unseal(struct tpm_link *link, ESYS_TR object, TPM2B_SENSITIVE_DATA **data)
{
	TPM_SESSION struct tpm_session session = { 0 };
	TSS2_RC rc;

	rc = tpm_session_start(&session, link, TPM2_SE_HMAC, TPMA_SESSION_ENCRYPT);
	if (rc)
		return rc;
	return tpm_command(
		Esys_Unseal(link->esys, object, session.tr, ESYS_TR_NONE, ESYS_TR_NONE, data));
}

TSS2_RC tpm_increment(struct tpm_link *link, ESYS_TR counter)
{
	TPM_SESSION struct tpm_session session = { 0 };
	TSS2_RC rc;

	rc = tpm_session_start(&session, link, TPM2_SE_HMAC, 0);
	if (rc)
		return rc;
	return tpm_command(Esys_NV_Increment(link->esys, counter, counter, session.tr, ESYS_TR_NONE,
					     ESYS_TR_NONE));
}

int tpm_counter_value(struct tpm_link *link, ESYS_TR counter, uint64_t *value)
{
	TPM_FREE TPM2B_MAX_NV_BUFFER *data = NULL;
	TPM_SESSION struct tpm_session session = { 0 };
	TSS2_RC rc;
	int err;

	rc = tpm_session_start(&session, link, TPM2_SE_POLICY, 0);
	if (!rc)
		rc = tpm_command(Esys_PolicyCommandCode(link->esys, session.tr, ESYS_TR_NONE,
							ESYS_TR_NONE, ESYS_TR_NONE,
							TPM2_CC_NV_Read));
	if (!rc)
		rc = tpm_command(Esys_NV_Read(link->esys, counter, counter, session.tr,
					      ESYS_TR_NONE, ESYS_TR_NONE, sizeof(uint64_t), 0,
					      &data));
	err = tpm_link_check(link, rc, "reading the epoch counter");
	if (err)
		return err;
	if (data->size != sizeof(uint64_t))
		return -EIO;
	*value = 0;
	for (size_t i = 0; i < sizeof(uint64_t); i++)
		*value = *value << 8 | data->buffer[i];
	return 0;
}

/* What an ESYS context knew is gone with it. */
static void forget(struct identity_tpm *t)
{
	t->key[IDENTITY_SIGN] = t->key[IDENTITY_TLS] = ESYS_TR_NONE;
	t->spool = t->counter = ESYS_TR_NONE;
}

/* This TPM's storage key must be the one that the identity was made with, or it is another TPM. */
static int storage_check(struct identity_tpm *t)
{
	TPM_FREE TPM2B_NAME *name = NULL;
	ESYS_TR storage;
	TSS2_RC rc;
	int err;

	err = tpm_find(&t->link, TPM_HANDLE_STORAGE, &storage);
	if (err && err != -ENOENT)
		return err;
	if (!err) {
		rc = Esys_TR_GetName(t->link.esys, storage, &name);
		err = tpm_link_check(&t->link, rc, "reading the storage key's name");
		if (err)
			return err;
	}
	if (!name || name->size != t->record->anchor_len ||
	    memcmp(name->name, t->record->anchor, name->size) != 0) {
		log_error("the TPM does not hold this identity: it was cleared, or is another TPM; "
			  "if it will not come back, move the identity's directory away and run "
			  "\"ownframe identity init\" for a new one");
		return -ENODEV;
	}
	t->link.salt = storage;
	return 0;
}

static int tpm_bind(struct identity_backend *backend, const struct identity_record *record)
{
	struct identity_tpm *t = tpm_of(backend);

	t->record = record;
	return storage_check(t);
}

/*
 * The platform hierarchy is the firmware's and must be closed before an operating system runs. Not
 * all firmware does so (most of U-Boot's boards do not), and through it anybody with access to the
 * TPM could clear it or undefine the counter. Closed until the next reset of the TPM.
 */
static int platform_close(struct tpm_link *link)
{
	TSS2_RC rc;

	rc = tpm_command(Esys_HierarchyControl(link->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD,
					       ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_RH_PLATFORM,
					       TPM2_NO));
	switch (tpm_code(rc)) {
	case TPM2_RC_BAD_AUTH: /* the firmware set an authorisation value */
	case TPM2_RC_AUTH_FAIL:
	case TPM2_RC_HIERARCHY: /* closed already */
		return 0;
	default:
		return tpm_link_check(link, rc, "closing the platform hierarchy");
	}
}

static int tpm_lock(struct identity_backend *backend)
{
	return platform_close(&tpm_of(backend)->link);
}

static int tpm_open(struct identity_backend **backend, const char *config)
{
	struct identity_tpm *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->backend.ops = &identity_tpm;
	forget(t);
	if (config) {
		t->config = strdup(config);
		if (!t->config) {
			free(t);
			return -ENOMEM;
		}
	}
	err = tpm_link_open(&t->link, t->config);
	if (err) {
		free(t->config);
		free(t);
		return err;
	}
	err = platform_close(&t->link);
	if (err) {
		t->backend.ops->close(&t->backend);
		return err;
	}
	*backend = &t->backend;
	return 0;
}

static void tpm_close(struct identity_backend *backend)
{
	struct identity_tpm *t = tpm_of(backend);

	tpm_link_close(&t->link);
	free(t->config);
	free(t);
}

/* Before every operation: a line that was lost is made anew, once. */
static int ready(struct identity_tpm *t)
{
	int err;

	if (!t->link.lost)
		return 0;
	tpm_link_close(&t->link);
	forget(t);
	err = tpm_link_open(&t->link, t->config);
	if (!err)
		err = platform_close(&t->link);
	if (!err)
		err = storage_check(t);
	if (err)
		t->link.lost = true;
	return err;
}

/* Find an object when it is first needed. */
static int object_ready(struct identity_tpm *t, TPM2_HANDLE handle, const char *what, ESYS_TR *tr)
{
	int err = ready(t);

	if (err || *tr != ESYS_TR_NONE)
		return err;
	err = tpm_find(&t->link, handle, tr);
	if (err == -ENOENT) {
		log_error("the TPM has lost %s (0x%08x) of this identity: somebody with the "
			  "owner's authorisation removed it",
			  what, handle);
		err = -ENODEV;
	}
	return err;
}

static int key_ready(struct identity_tpm *t, enum identity_key key)
{
	static const TPM2_HANDLE handles[] = {
		[IDENTITY_SIGN] = TPM_HANDLE_SIGN,
		[IDENTITY_TLS] = TPM_HANDLE_TLS,
	};
	const struct p256_pub *expected = key == IDENTITY_SIGN ? &t->record->sign : &t->record->tls;
	TPM_FREE TPM2B_PUBLIC *pub = NULL;
	ESYS_TR *tr = &t->key[key];
	struct p256_pub point;
	TSS2_RC rc;
	int err;

	if (!t->link.lost && *tr != ESYS_TR_NONE)
		return 0;
	err = object_ready(t, handles[key], key == IDENTITY_SIGN ? "the sign key" : "the tls key",
			   tr);
	if (err)
		return err;
	rc = tpm_command(Esys_ReadPublic(t->link.esys, *tr, ESYS_TR_NONE, ESYS_TR_NONE,
					 ESYS_TR_NONE, &pub, NULL, NULL));
	err = tpm_link_check(&t->link, rc, "reading a public key");
	if (!err)
		err = tpm_point(&point, pub);
	if (!err && memcmp(&point, expected, sizeof(point)) != 0) {
		log_error("the key at 0x%08x in the TPM is not this identity's", handles[key]);
		err = -ENODEV;
	}
	if (err)
		*tr = ESYS_TR_NONE;
	return err;
}

static int tpm_sign(struct identity_backend *backend, enum identity_key key,
		    const struct identity_auth *auth, const uint8_t digest[P256_DIGEST_LEN],
		    uint8_t sig[P256_SIG_LEN])
{
	struct identity_tpm *t = tpm_of(backend);
	TPM_FREE TPMT_SIGNATURE *signature = NULL;
	const TPMS_SIGNATURE_ECC *ecdsa;
	TSS2_RC rc;
	int err;

	err = key_ready(t, key);
	if (err)
		return err;
	tpm_set_auth(&t->link, t->key[key], auth);
	rc = tpm_sign_digest(&t->link, t->key[key], digest, &signature);
	err = tpm_link_check(&t->link, rc, "signing");
	if (err)
		return err;
	ecdsa = &signature->signature.ecdsa;
	if (signature->sigAlg != TPM2_ALG_ECDSA || coordinate(sig, &ecdsa->signatureR) ||
	    coordinate(sig + 32, &ecdsa->signatureS)) {
		log_error("TPM: signing: the answer is no P-256 signature");
		return -EIO;
	}
	return 0;
}

static int tpm_spool_key(struct identity_backend *backend, const struct identity_auth *auth,
			 uint8_t key[IDENTITY_SPOOL_LEN])
{
	struct identity_tpm *t = tpm_of(backend);
	TPM_SECRET_FREE TPM2B_SENSITIVE_DATA *data = NULL;
	TSS2_RC rc;
	int err;

	err = object_ready(t, TPM_HANDLE_SPOOL, "the spool key", &t->spool);
	if (err)
		return err;
	tpm_set_auth(&t->link, t->spool, auth);
	rc = tpm_unseal(&t->link, t->spool, &data);
	err = tpm_link_check(&t->link, rc, "unsealing the spool key");
	if (err)
		return err;
	if (data->size == IDENTITY_SPOOL_LEN)
		memcpy(key, data->buffer, IDENTITY_SPOOL_LEN);
	else
		err = -EIO;
	return err;
}

static int tpm_counter_read(struct identity_backend *backend, uint64_t *value)
{
	struct identity_tpm *t = tpm_of(backend);
	int err;

	err = object_ready(t, TPM_HANDLE_COUNTER, "the epoch counter", &t->counter);
	if (err)
		return err;
	return tpm_counter_value(&t->link, t->counter, value);
}

static int tpm_counter_increment(struct identity_backend *backend, const struct identity_auth *auth)
{
	struct identity_tpm *t = tpm_of(backend);
	int err;

	err = object_ready(t, TPM_HANDLE_COUNTER, "the epoch counter", &t->counter);
	if (err)
		return err;
	tpm_set_auth(&t->link, t->counter, auth);
	return tpm_link_check(&t->link, tpm_increment(&t->link, t->counter),
			      "raising the epoch counter");
}

const struct identity_backend_ops identity_tpm = {
	.name = "tpm2",
	.open = tpm_open,
	.close = tpm_close,
	.bind = tpm_bind,
	.init = identity_tpm_init,
	.lock = tpm_lock,
	.sign = tpm_sign,
	.unseal = tpm_spool_key,
	.counter_read = tpm_counter_read,
	.counter_increment = tpm_counter_increment,
};
