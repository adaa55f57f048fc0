/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's identity in secure storage: two ECDSA P-256 keys that cannot be exported, "sign"
 * (manifests, claims) and "tls" (the uploader's client key), the sealed spool key, and the epoch, a
 * counter that only grows. Backend: TPM 2.0 by ESAPI.
 *
 * Each object has its own authorisation value in a file that only its user can read, under
 * IDENTITY_DIR (or --identity): sign.auth and spool.auth (the recorder), tls.auth (the uploader),
 * counter.auth, owner.auth and lockout.auth (root). Who cannot read the file cannot use the object.
 * identity_dir.h lists all files. docs/identity.md says what this protects from, and what not.
 */
#ifndef OWNFRAME_IDENTITY_H
#define OWNFRAME_IDENTITY_H

#include "claim.h"
#include "p256.h"

#define IDENTITY_DIR	   "/var/lib/ownframe/identity"
#define IDENTITY_SPOOL_LEN 32

struct identity;

enum identity_key {
	IDENTITY_SIGN,
	IDENTITY_TLS
};

/*
 * Connect to secure storage for the identity in @dir. @tcti: TPM2 TCTI configuration, NULL =
 * $OWNFRAME_TCTI, else "device:/dev/tpmrm0". Errors are logged with what to do, here and below:
 * -ENOENT no identity (run "ownframe identity init"), -ENODEV no TPM or not the one that holds this
 * identity, -EACCES, -EIO. A TPM that went away and came back is connected to again.
 * One thread at a time may use an identity. Call it before threads read the environment.
 */
int identity_open(struct identity **id, const char *dir, const char *tcti);
void identity_close(struct identity *id);

/*
 * Make the keys, the spool key and the counter, set the hierarchies' authorisation, write the
 * files. Finishes a run that was interrupted. -EEXIST: there is a complete identity already, or something
 * of somebody else's is in the way in the TPM.
 */
int identity_init(const char *dir, const char *tcti);

/*
 * Close what the firmware may have left open (a TPM's platform hierarchy), through which anybody
 * with access to secure storage could clear it. Lasts until the next reset of the TPM;
 * identity_open() and identity_init() do it too.
 */
int identity_lock(const char *tcti);

/*
 * A signer over one of the keys; lives as long as @id. Reads the key's authorisation file: -EACCES
 * if the caller may not. A signature that the TPM refuses is -EIO (logged), -EAGAIN when it is in
 * lockout or busy and the same call may succeed later.
 */
int identity_signer(struct identity *id, enum identity_key key, struct signer **signer);

/* The public halves; need no authorisation. */
int identity_pub(struct identity *id, enum identity_key key, struct p256_pub *pub);

/* The counter's value now; needs no authorisation. */
int identity_epoch(struct identity *id, uint64_t *epoch);

/* Unseal the spool key into @key. The caller wipes it. */
int identity_spool_key(struct identity *id, uint8_t key[IDENTITY_SPOOL_LEN]);

/*
 * The claim in force: claim.json in the identity's directory, whose epoch must be the counter's.
 * Finishes a claim that was interrupted (claim.next). -ENOENT: unclaimed; -ESTALE: an old claim was
 * put back; -EBADMSG: not a valid claim of this device. Logged with what to do.
 */
int identity_claim(struct identity *id, struct claim *claim);

/*
 * The request for the next claim: epoch = counter + 1, prev = the claim in force. It is kept in the
 * directory, and only the last one can be accepted. @reset: the old owner is not asked (consented =
 * false); without it only the same owner can claim again, and -EPERM (logged) where a claim was in
 * force that cannot be read. A device whose counter has reached 2^53 - 1 refuses (-EOVERFLOW).
 */
int identity_claim_request(struct identity *id, bool reset, struct claim_request *req);

/*
 * Accept the owner's signed half of the outstanding request: sign, write claim.next, fsync,
 * increment the counter, read it back, rename to claim.json. The complete claim's text in *@out (caller
 * frees): the owner needs it. Logged: -EBADMSG not signed by its owner; -ESTALE not what was asked
 * for; -EPERM another owner without @reset; -ENOENT nothing was asked for.
 */
int identity_claim_accept(struct identity *id, const char *half, size_t len, char **out);

#endif
