// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe, the command: a device's identity, its owner, what the owner does with clips, and
 * requests to recorders.
 * A table of subcommands and nothing else; each is in the file of its name.
 */
#include "commands.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
	{ "identity", cmd_identity, "make and show this device's keys in its TPM" },
	{ "owner", cmd_owner, "make an owner, sign and keep the claims on their devices" },
	{ "claim", cmd_claim, "give this device to an owner" },
	{ "verify", cmd_verify, "is a clip what a device of this owner recorded?" },
	{ "open", cmd_open, "decrypt a clip for whom it is encrypted to" },
	{ "arm", cmd_recorder, "let motion begin clips" },
	{ "disarm", cmd_recorder, "let motion begin no clips" },
	{ "record", cmd_recorder, "make a clip now, armed or not" },
	{ "pause", cmd_recorder, "let go of the camera" },
	{ "resume", cmd_recorder, "use the camera again" },
	{ "status", cmd_recorder, "what recorders do, and their figures" },
	{ "metrics", cmd_recorder, "a recorder's figures for Prometheus" },
};

int main(int argc, char **argv)
{
	log_setup("ownframe", LOG_LEVEL_INFO);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("ownframe " OWNFRAME_VERSION);
		return STATUS_OK;
	}
	return command_run("ownframe", commands, sizeof(commands) / sizeof(commands[0]), argc,
			   argv);
}
