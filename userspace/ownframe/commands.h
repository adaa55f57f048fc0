/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The subcommands of ownframe, what they share, and the exit statuses: the only list of them, which
 * ownframe(1) repeats for people. Scripts rely on the numbers, so one is never given a new meaning.
 */
#ifndef OWNFRAME_COMMANDS_H
#define OWNFRAME_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

enum command_status {
	STATUS_OK = 0, /* done; verify: verified */
	STATUS_FAILED = 1, /* something else went wrong, see the message */
	STATUS_USAGE = 2,
	/* verify and open: what the clip is */
	STATUS_TAMPERED = 3,
	STATUS_UNKNOWN_DEVICE = 4, /* consistent, but no claim of this owner's names the device */
	STATUS_OTHER_OWNER = 5,
	STATUS_INCOMPLETE = 6, /* no manifest (yet), or a file is missing */
	STATUS_LOST = 7, /* open: the signed manifest says that the clip was lost */
	STATUS_NO_RECIPIENT = 8, /* open: the key opens nothing of it */
	STATUS_CHAIN = 9, /* verify: verified, but some are missing or do not follow each other */
	/* identity and claim: the state of the device */
	STATUS_NO_IDENTITY = 10,
	STATUS_NO_STORAGE = 11, /* no TPM, or not the one that holds the identity */
	STATUS_NO_ACCESS = 12, /* this user may not */
	STATUS_UNCLAIMED = 13,
	STATUS_STALE = 14, /* an old claim was put back, or the request is outdated */
	STATUS_EXISTS = 15, /* there already; nothing was overwritten */
	/* arm, disarm, record, pause, resume, status, metrics */
	STATUS_NO_RECORDER = 16, /* none runs, or it does not answer */
};

int cmd_identity(int argc, char **argv);
int cmd_owner(int argc, char **argv);
int cmd_claim(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_open(int argc, char **argv);
int cmd_recorder(int argc, char **argv);

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; a command_status */
	const char *purpose; /* one line of help */
};

/*
 * Run the command that argv[1] names with the rest of the arguments. None, or an unknown one: say
 * which there are on stderr, STATUS_USAGE; "help", "-h" or "--help": on stdout, STATUS_OK.
 * @program is what stands before the command: "ownframe owner".
 */
int command_run(const char *program, const struct command *table, size_t n, int argc, char **argv);

/* @text to stdout and STATUS_OK if it was asked for, else to stderr and STATUS_USAGE. */
int command_usage(const char *text, bool asked);

/* The status for a -errno of identity.h or claim.h. */
int command_status(int err);

/* A whole file into new memory, NUL after it; "-" is stdin. Logged; -errno. */
int command_read(const char *path, char **text, size_t *len);
/* @text and a newline to @path, NULL or "-" being stdout. Logged; -errno. */
int command_write(const char *path, const char *text);

#endif
