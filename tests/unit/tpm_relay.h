/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody on the bus between a program and its TPM: he hears everything, and may answer in the
 * TPM's place or change its answers.
 */
#ifndef OWNFRAME_TPM_RELAY_H
#define OWNFRAME_TPM_RELAY_H

#include "swtpm_fixture.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct tpm_relay {
	char tcti[64]; /* connect to this instead of the TPM */
	/*
	 * Answer the next @busy_count commands of code @busy_code with @busy_rc, without asking the
	 * TPM. Set while no command is on its way.
	 */
	uint32_t busy_code, busy_rc;
	unsigned int busy_count;
	/* Flip the lowest bit of byte @flip_at of each answer to @flip_code; 0: of none. */
	uint32_t flip_code;
	size_t flip_at;
	/*
	 * Hang up at the @cut_at-th command from now that changes what the TPM keeps, before the TPM
	 * has it or, with @cut_after, before the program has the answer. 0: never. Counts down.
	 */
	unsigned int cut_at;
	bool cut_after;
	/* All that went by; may be set back while no command is on its way. */
	uint8_t *heard;
	size_t n_heard;

	const struct swtpm *tpm;
	int listen[2], end[2]; /* commands and control; @end tells the thread to end */
	pthread_t thread;
};

void tpm_relay_start(struct tpm_relay *r, const struct swtpm *tpm);
void tpm_relay_stop(struct tpm_relay *r);

/* Were these bytes on the bus? */
bool tpm_relay_heard(const struct tpm_relay *r, const void *bytes, size_t n);

#endif
