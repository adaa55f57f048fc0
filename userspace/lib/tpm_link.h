/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line to a TPM 2.0: connecting through a TCTI, asking again while the TPM is busy, sessions,
 * and turning response codes into -errno and one line for a person. Knows nothing of identities.
 *
 * TPM 2.0 Library, Part 1 section 17 (sessions), 18.6 (salting), 21 (parameter encryption).
 */
#ifndef OWNFRAME_TPM_LINK_H
#define OWNFRAME_TPM_LINK_H

#include <openssl/crypto.h>
#include <stdbool.h>
#include <tss2/tss2_esys.h>

#define TPM_LINK_TCTI "device:/dev/tpmrm0"

struct tpm_link {
	ESYS_CONTEXT *esys;
	TSS2_TCTI_CONTEXT *tcti;
	char *config;
	bool lost; /* a command did not reach the TPM: reconnect before the next */
	/* Storage key that sessions are salted with; ESYS_TR_NONE until the caller knows one. */
	ESYS_TR salt;
};

/*
 * Connect. @config as in TPM2TOOLS_TCTI ("device:/dev/tpmrm0", "swtpm:port=2321"), NULL =
 * $OWNFRAME_TCTI, else TPM_LINK_TCTI. Logged: -ENODEV no TPM there, -EACCES the caller may not use
 * it, -EIO. Sets TSS2_LOG unless it is set, so call it before threads read the environment.
 */
int tpm_link_open(struct tpm_link *link, const char *config);
void tpm_link_close(struct tpm_link *link);

/*
 * Run an Esys call, again for about a second while the TPM says that it is busy (TPM_RC_RETRY,
 * YIELDED, TESTING, NV_RATE). The value is the last response code.
 */
#define tpm_command(call)                           \
	({                                          \
		unsigned int try_ = 0;              \
		TSS2_RC rc_;                        \
		do                                  \
			rc_ = (call);               \
		while (tpm_link_again(rc_, &try_)); \
		rc_;                                \
	})
bool tpm_link_again(TSS2_RC rc, unsigned int *try);

/*
 * The TPM's own code, without the number of the handle, session or parameter that it is about; 0 if
 * it is success or comes from the software on the way.
 */
TPM2_RC tpm_code(TSS2_RC rc);

/*
 * 0 for success. Else logs "<what>: <the TSS's text>" once and returns -EACCES (authorisation not
 * accepted), -EAGAIN (lockout or busy: later the same may succeed), -ENODEV (the TPM has no such
 * object) or -EIO; notes a lost connection in @link.
 */
int tpm_link_check(struct tpm_link *link, TSS2_RC rc, const char *what);

/*
 * A session of @type for one operation: with @link->salt, its HMACs are keyed by a secret that only
 * this TPM can know, so who taps the bus learns no authorisation value and forges no response.
 * @attributes: TPMA_SESSION_DECRYPT encrypts the command's first parameter, TPMA_SESSION_ENCRYPT
 * the response's. Not logged.
 */
struct tpm_session {
	struct tpm_link *link;
	ESYS_TR tr;
};

TSS2_RC tpm_session_start(struct tpm_session *session, struct tpm_link *link, TPM2_SE type,
			  TPMA_SESSION attributes);
void tpm_session_end(struct tpm_session *session);

#define TPM_SESSION __attribute__((cleanup(tpm_session_end)))

/* A transient object that is flushed when it leaves its scope. */
struct tpm_transient {
	struct tpm_link *link;
	ESYS_TR tr;
};

void tpm_transient_flush(struct tpm_transient *object);

#define TPM_TRANSIENT __attribute__((cleanup(tpm_transient_flush)))

/* What the TSS allocated, Esys_Free. */
static inline void tpm_free(void *p)
{
	Esys_Free(*(void **)p);
}

/* An unsealed secret: wiped first. */
static inline void tpm_secret_free(TPM2B_SENSITIVE_DATA **data)
{
	if (*data)
		OPENSSL_cleanse(*data, sizeof(**data));
	Esys_Free(*data);
}

#define TPM_FREE	__attribute__((cleanup(tpm_free)))
#define TPM_SECRET_FREE __attribute__((cleanup(tpm_secret_free)))

#endif
