/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A software TPM for tests: own state, ports on the loopback interface, gone with the test. */
#ifndef OWNFRAME_SWTPM_FIXTURE_H
#define OWNFRAME_SWTPM_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>

struct swtpm {
	char dir[64]; /* of the test, new: the TPM's state is in tpm/, the rest is the test's */
	char tcti[64];
	int port;
	pid_t pid; /* 0: not running */
};

/* False if there is no swtpm to run. Other failures end the program, here and below. */
bool swtpm_init(struct swtpm *t);
/* Switch it on. Returns once it can be connected to. */
void swtpm_start(struct swtpm *t);
/* Pull the plug: SIGKILL, so without TPM2_Shutdown. */
void swtpm_cut(struct swtpm *t);
/* Switch it off and remove the folder. */
void swtpm_release(struct swtpm *t);

/* Two free ports in a row, for commands and control as the TCTI wants them, bound; the first. */
int swtpm_ports(int fds[2]);

#endif
