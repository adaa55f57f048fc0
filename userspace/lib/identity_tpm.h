/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identity's objects in a TPM 2.0: where they are, what they look like, and finding them.
 * Shared by identity_tpm.c (uses them) and identity_tpm_init.c (makes them).
 *
 * Persistent handles are from the owner's range, the NV index from the range for owner-defined
 * indexes (TCG Registry of Reserved TPM 2.0 Handles and Localities).
 */
#ifndef OWNFRAME_IDENTITY_TPM_H
#define OWNFRAME_IDENTITY_TPM_H

#include "identity_backend.h"
#include "tpm_link.h"

#define TPM_HANDLE_STORAGE 0x81006f00u /* parent of the others, and what sessions are salted with */
#define TPM_HANDLE_SIGN	   0x81006f01u
#define TPM_HANDLE_TLS	   0x81006f02u
#define TPM_HANDLE_SPOOL   0x81006f03u
#define TPM_HANDLE_COUNTER 0x01806f00u

struct identity_tpm {
	struct identity_backend backend;
	struct tpm_link link;
	char *config; /* NULL: the usual place */
	const struct identity_record *record; /* NULL until bound */
	ESYS_TR key[2]; /* by enum identity_key; ESYS_TR_NONE until first used, as the others */
	ESYS_TR spool, counter;
};

/* The public areas that we ask the TPM for. */
extern const TPM2B_PUBLIC tpm_storage_template, tpm_key_template, tpm_spool_template;
/* The counter's; its policy lets anybody read and nobody write. 0 or -errno. */
int tpm_counter_template(TPM2B_NV_PUBLIC *nv);

/* True if the object was made from @template: everything but the key itself is the same. */
bool tpm_made_from(const TPM2B_PUBLIC *pub, const TPM2B_PUBLIC *template);

/* An ESYS object for @handle; -ENOENT: there is nothing (not logged). */
int tpm_find(struct tpm_link *link, TPM2_HANDLE handle, ESYS_TR *tr);

/* The point of a P-256 key's public area, coordinates padded. */
int tpm_point(struct p256_pub *out, const TPM2B_PUBLIC *pub);

void tpm_set_auth(struct tpm_link *link, ESYS_TR tr, const struct identity_auth *auth);

/*
 * One command each in a salted session, with the object's authorisation already set. The response
 * code is not logged, so that init can ask whether an object is ours.
 */
TSS2_RC tpm_sign_digest(struct tpm_link *link, ESYS_TR key, const uint8_t digest[P256_DIGEST_LEN],
			TPMT_SIGNATURE **signature);
TSS2_RC tpm_unseal(struct tpm_link *link, ESYS_TR object, TPM2B_SENSITIVE_DATA **data);
TSS2_RC tpm_increment(struct tpm_link *link, ESYS_TR counter);
/* The same for reading, which needs no authorisation. 0 or -errno, logged. */
int tpm_counter_value(struct tpm_link *link, ESYS_TR counter, uint64_t *value);

/* identity_backend_ops.init */
int identity_tpm_init(struct identity_backend *backend, const struct identity_dir *dir,
		      struct identity_record *record);

#endif
