// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe identity: the device's side of who it is. All work is in lib/identity.h; this is how a
 * person asks for it and what they are told to do next.
 */
#include "identity.h"
#include "commands.h"
#include "log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

static const char usage_text[] =
	"usage: ownframe identity init|show|lock [--identity DIR] [--tcti CONFIG]\n"
	"\n"
	"  init   make the sign and tls keys, the spool key and the epoch counter in the TPM, as\n"
	"         root; finishes a run that was interrupted, overwrites nothing\n"
	"  show   device id, epoch and claim\n"
	"  lock   close the TPM's platform hierarchy until the next reset, where the firmware\n"
	"         left it open; to be run early at boot\n"
	"\n"
	"  --identity DIR   its files (default: " IDENTITY_DIR ")\n"
	"  --tcti CONFIG    the TPM (default: $OWNFRAME_TCTI, else device:/dev/tpmrm0)\n";

struct options {
	const char *identity, *tcti;
};

/* STATUS_OK, or the status to leave with (@done: help was asked for). */
static int options_parse(struct options *o, int argc, char **argv, bool *done)
{
	static const struct option longs[] = {
		{ "identity", required_argument, NULL, 'i' },
		{ "tcti", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options) { .identity = IDENTITY_DIR };
	*done = true;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			o->identity = optarg;
			break;
		case 't':
			o->tcti = optarg;
			break;
		default:
			return command_usage(usage_text, c == 'h');
		}
	}
	if (optind != argc)
		return command_usage(usage_text, false);
	*done = false;
	return STATUS_OK;
}

static int show_device(struct identity *id)
{
	struct p256_id device, tls;
	struct p256_pub pub;
	uint64_t epoch;
	int err;

	err = identity_pub(id, IDENTITY_SIGN, &pub);
	if (!err)
		err = p256_thumbprint(&device, &pub);
	if (!err)
		err = identity_pub(id, IDENTITY_TLS, &pub);
	if (!err)
		err = p256_thumbprint(&tls, &pub);
	if (!err)
		err = identity_epoch(id, &epoch);
	if (err)
		return err;
	printf("device  %s\n", device.text);
	printf("tls     %s\n", tls.text);
	printf("epoch   %llu\n", (unsigned long long)epoch);
	return 0;
}

static int init(int argc, char **argv)
{
	struct identity *id;
	struct options o;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, &done);
	if (done)
		return status;
	err = identity_init(o.identity, o.tcti);
	if (!err)
		err = identity_open(&id, o.identity, o.tcti);
	if (err)
		return command_status(err);
	err = show_device(id);
	identity_close(id);
	if (!err)
		log_info(
			"made the identity in %s: back it up, without its files the TPM cannot be "
			"used. Next: \"ownframe claim request\", or \"ownframe claim --owner DIR\" "
			"where the owner's folder is at hand",
			o.identity);
	return command_status(err);
}

static int show(int argc, char **argv)
{
	struct claim claim = { 0 };
	struct identity *id;
	struct options o;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, &done);
	if (done)
		return status;
	err = identity_open(&id, o.identity, o.tcti);
	if (err)
		return err == -ENOENT ? STATUS_NO_IDENTITY : command_status(err);
	err = show_device(id);
	if (!err) {
		/* No claim in force is a finding, not a failure, and was just logged. */
		if (identity_claim(id, &claim) == 0)
			printf("owner   %s\n", claim.owner_id.text);
		else
			printf("owner   -\n");
		claim_release(&claim);
	}
	identity_close(id);
	return command_status(err);
}

static int lock(int argc, char **argv)
{
	struct options o;
	bool done;
	int status;

	status = options_parse(&o, argc, argv, &done);
	return done ? status : command_status(identity_lock(o.tcti));
}

int cmd_identity(int argc, char **argv)
{
	static const struct command verbs[] = {
		{ "init", init, "make this device's identity in its TPM" },
		{ "show", show, "show device id, epoch and owner" },
		{ "lock", lock, "close what the firmware left open in the TPM" },
	};

	return command_run("ownframe identity", verbs, sizeof(verbs) / sizeof(verbs[0]), argc,
			   argv);
}
