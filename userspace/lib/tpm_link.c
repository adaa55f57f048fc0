// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The line to a TPM. Separate from identity_tpm.c because it holds what every command needs and no
 * command decides. To know: a session lives for one operation, never longer, so nothing has to be
 * restored after suspend, a TPM reset or a resource manager that dropped it.
 */
#include "tpm_link.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#define BUSY_TRIES    7
#define BUSY_FIRST_NS 10000000L /* doubled each time: 1.3 s in all */

/*
 * The loader answers any failure with one code, and the reason matters to a person: look at the
 * device first.
 */
static int device_check(const char *config)
{
	const char *path;

	if (strncmp(config, "device:", 7) != 0)
		return 0;
	path = config + 7;
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0)
		return 0;
	if (errno == EACCES || errno == EPERM) {
		log_error("no access to the TPM: %s may not be opened by this user; "
			  "it needs the group of the device (usually tss)",
			  path);
		return -EACCES;
	}
	log_error("no TPM: %s: %s; is there one, enabled in the firmware, its driver loaded?", path,
		  strerror(errno));
	return -ENODEV;
}

static void library_quiet(void)
{
	/* Each error is reported here, with what it means; the library would report it again. */
	setenv("TSS2_LOG", "all+none", 0);
}

int tpm_link_open(struct tpm_link *link, const char *config)
{
	TSS2_RC rc;
	int err;

	memset(link, 0, sizeof(*link));
	link->salt = ESYS_TR_NONE;
	library_quiet();
	if (!config)
		config = secure_getenv("OWNFRAME_TCTI");
	if (!config || !*config)
		config = TPM_LINK_TCTI;
	err = device_check(config);
	if (err)
		return err;

	rc = Tss2_TctiLdr_Initialize(config, &link->tcti);
	if (rc) {
		log_error("no TPM: cannot connect to \"%s\": %s", config, Tss2_RC_Decode(rc));
		return -ENODEV;
	}
	link->config = strdup(config);
	if (!link->config) {
		tpm_link_close(link);
		return -ENOMEM;
	}
	rc = Esys_Initialize(&link->esys, link->tcti, NULL);
	if (rc) {
		err = tpm_link_check(link, rc, "starting the TPM software stack");
		tpm_link_close(link);
		return err;
	}
	return 0;
}

void tpm_link_close(struct tpm_link *link)
{
	if (link->esys)
		Esys_Finalize(&link->esys);
	if (link->tcti)
		Tss2_TctiLdr_Finalize(&link->tcti);
	free(link->config);
	link->config = NULL;
}

TPM2_RC tpm_code(TSS2_RC rc)
{
	/* A resource manager in user space passes the TPM's codes on in a layer of its own. */
	TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

	if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER)
		return 0;
	rc &= ~TSS2_RC_LAYER_MASK;
	if (rc & TPM2_RC_FMT1)
		return rc & (TPM2_RC_FMT1 | 0x3f);
	return rc;
}

static bool busy(TSS2_RC rc)
{
	switch (tpm_code(rc)) {
	case TPM2_RC_RETRY:
	case TPM2_RC_YIELDED:
	case TPM2_RC_TESTING:
	case TPM2_RC_NV_RATE:
		return true;
	default:
		return false;
	}
}

bool tpm_link_again(TSS2_RC rc, unsigned int *try)
{
	struct timespec pause = { 0, BUSY_FIRST_NS << *try };

	if (!busy(rc) || *try == BUSY_TRIES)
		return false;
	(*try)++;
	nanosleep(&pause, NULL);
	return true;
}

static int code_errno(TSS2_RC rc)
{
	if (busy(rc))
		return -EAGAIN;
	switch (tpm_code(rc)) {
	case TPM2_RC_BAD_AUTH:
	case TPM2_RC_AUTH_FAIL:
	case TPM2_RC_AUTH_UNAVAILABLE:
		return -EACCES;
	case TPM2_RC_LOCKOUT:
	case TPM2_RC_NV_UNAVAILABLE:
		return -EAGAIN;
	case TPM2_RC_HANDLE:
		return -ENODEV;
	default:
		return -EIO;
	}
}

int tpm_link_check(struct tpm_link *link, TSS2_RC rc, const char *what)
{
	if (!rc)
		return 0;
	if (!tpm_code(rc))
		link->lost = true;
	log_error("TPM: %s: %s (0x%x)", what, Tss2_RC_Decode(rc), rc);
	return code_errno(rc);
}

TSS2_RC tpm_session_start(struct tpm_session *session, struct tpm_link *link, TPM2_SE type,
			  TPMA_SESSION attributes)
{
	static const TPMT_SYM_DEF aes = {
		.algorithm = TPM2_ALG_AES,
		.keyBits.aes = 128,
		.mode.aes = TPM2_ALG_CFB,
	};
	TSS2_RC rc;

	session->link = link;
	session->tr = ESYS_TR_NONE;
	rc = tpm_command(Esys_StartAuthSession(link->esys, link->salt, ESYS_TR_NONE, ESYS_TR_NONE,
					       ESYS_TR_NONE, ESYS_TR_NONE, NULL, type, &aes,
					       TPM2_ALG_SHA256, &session->tr));
	if (!rc)
		rc = Esys_TRSess_SetAttributes(link->esys, session->tr,
					       attributes | TPMA_SESSION_CONTINUESESSION, 0xff);
	return rc;
}

static void flush(struct tpm_link *link, ESYS_TR *tr)
{
	if (*tr == ESYS_TR_NONE || !link)
		return;
	/* On a lost line there is nobody to flush at; closing the context frees our half. */
	if (!link->lost && link->esys)
		tpm_command(Esys_FlushContext(link->esys, *tr));
	*tr = ESYS_TR_NONE;
}

void tpm_session_end(struct tpm_session *session)
{
	flush(session->link, &session->tr);
}

void tpm_transient_flush(struct tpm_transient *object)
{
	flush(object->link, &object->tr);
}
