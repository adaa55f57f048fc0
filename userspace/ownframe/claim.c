// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe claim: giving this device to an owner, from the device's side. The owner's key and the
 * device's need never meet: request, sign (elsewhere), accept; or all at once where they do.
 */
#include "claim.h"
#include "commands.h"
#include "identity.h"
#include "log.h"
#include "owner_folder.h"
#include "scope.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage_text[] =
	"usage: ownframe claim request [--reset] [-o FILE]\n"
	"       ownframe claim accept HALF [-o FILE]\n"
	"       ownframe claim show [--raw]\n"
	"       ownframe claim --owner DIR [--reset] [--recipient CERT]...\n"
	"\n"
	"  request   ask for the next claim; the owner signs that with \"ownframe owner sign\"\n"
	"  accept    take the owner's half: sign it, raise the epoch, put the claim into force;\n"
	"            the complete claim, which is written out, goes back to the owner\n"
	"            (\"ownframe owner add\")\n"
	"  show      the claim in force\n"
	"  --owner   all of that at once, where the owner's folder DIR is at hand\n"
	"\n"
	"  --reset                  do not ask the owner of the claim in force\n"
	"  --raw                    the claim itself instead of what it says\n"
	"  --recipient CERT         who else may open the clips, may be given again\n"
	"  -o FILE                  write there instead of to standard output\n"
	"  --identity DIR           the device's identity (default: " IDENTITY_DIR ")\n"
	"  --tcti CONFIG            the TPM (default: $OWNFRAME_TCTI, else device:/dev/tpmrm0)\n"
	"HALF may be - for standard input.\n";

struct options {
	const char *identity, *tcti, *output, *owner, *operand;
	const char *recipients[CLAIM_RECIPIENTS_MAX];
	size_t n_recipients;
	bool reset, raw;
};

enum {
	OPT_IDENTITY = 256,
	OPT_TCTI,
	OPT_OWNER,
	OPT_RESET,
	OPT_RAW,
	OPT_RECIPIENT,
};

static int option_take(struct options *o, int c)
{
	switch (c) {
	case OPT_IDENTITY:
		o->identity = optarg;
		return 0;
	case OPT_TCTI:
		o->tcti = optarg;
		return 0;
	case OPT_OWNER:
		o->owner = optarg;
		return 0;
	case OPT_RESET:
		o->reset = true;
		return 0;
	case OPT_RAW:
		o->raw = true;
		return 0;
	case 'o':
		o->output = optarg;
		return 0;
	case OPT_RECIPIENT:
		/* One place is the owner's own. */
		if (o->n_recipients == CLAIM_RECIPIENTS_MAX - 1) {
			log_error("more than %d recipients, the owner included",
				  CLAIM_RECIPIENTS_MAX);
			return -EINVAL;
		}
		o->recipients[o->n_recipients++] = optarg;
		return 0;
	default:
		return -EINVAL;
	}
}

static int options_parse(struct options *o, int argc, char **argv, int operands, bool *done)
{
	static const struct option longs[] = {
		{ "identity", required_argument, NULL, OPT_IDENTITY },
		{ "tcti", required_argument, NULL, OPT_TCTI },
		{ "owner", required_argument, NULL, OPT_OWNER },
		{ "reset", no_argument, NULL, OPT_RESET },
		{ "raw", no_argument, NULL, OPT_RAW },
		{ "recipient", required_argument, NULL, OPT_RECIPIENT },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options) { .identity = IDENTITY_DIR };
	*done = true;
	while ((c = getopt_long(argc, argv, "ho:", longs, NULL)) != -1) {
		if (c == 'h')
			return command_usage(usage_text, true);
		if (option_take(o, c))
			return command_usage(usage_text, false);
	}
	if (argc - optind != operands)
		return command_usage(usage_text, false);
	o->operand = operands ? argv[optind] : NULL;
	*done = false;
	return STATUS_OK;
}

static int identity_of(struct identity **id, const struct options *o)
{
	int err = identity_open(id, o->identity, o->tcti);

	return err == -ENOENT ? STATUS_NO_IDENTITY : command_status(err);
}

static int request(int argc, char **argv)
{
	SCOPE_FREE char *text = NULL;
	struct claim_request req;
	struct identity *id;
	struct p256_id device;
	struct options o;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, 0, &done);
	if (!done)
		status = identity_of(&id, &o);
	if (done || status)
		return status;
	err = identity_claim_request(id, o.reset, &req);
	identity_close(id);
	if (!err)
		err = p256_thumbprint(&device, &req.device);
	if (err)
		return command_status(err);
	text = claim_request_encode(&req);
	err = text ? command_write(o.output, text) : -ENOMEM;
	if (!err)
		log_info("asked for a claim on device %s, epoch %llu. Next, the owner: \"ownframe "
			 "owner sign\" with this file",
			 device.text, (unsigned long long)req.epoch);
	return command_status(err);
}

static int accept_half(struct identity *id, const struct options *o)
{
	SCOPE_FREE char *claim = NULL;
	SCOPE_FREE char *half = NULL;
	size_t len;
	int err;

	err = command_read(o->operand, &half, &len);
	if (err)
		return err;
	/* A file that went through an editor or a shell has a newline at its end. */
	while (len && half[len - 1] == '\n')
		half[--len] = '\0';
	err = identity_claim_accept(id, half, len, &claim);
	if (err)
		return err;
	log_info(
		"the claim is in force. It must go back to the owner, who verifies clips against "
		"it: \"ownframe owner add\" with this file (again: \"ownframe claim show --raw\")");
	return command_write(o->output, claim);
}

static int take(int argc, char **argv)
{
	struct identity *id;
	struct options o;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, 1, &done);
	if (!done)
		status = identity_of(&id, &o);
	if (done || status)
		return status;
	err = accept_half(id, &o);
	identity_close(id);
	return command_status(err);
}

static void hex(const char *label, const uint8_t *bytes, size_t n)
{
	printf("%s", label);
	for (size_t i = 0; i < n; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
}

static int print(const struct claim *claim, const struct options *o)
{
	if (o->raw)
		return command_write(o->output, claim->text);
	printf("device     %s\n", claim->device_id.text);
	printf("owner      %s\n", claim->owner_id.text);
	printf("epoch      %llu\n", (unsigned long long)claim->epoch);
	printf("consented  %s\n", claim->consented ? "yes" : "no");
	hex("claim      ", claim->payload_sha256, sizeof(claim->payload_sha256));
	if (claim->has_prev)
		hex("previous   ", claim->prev, sizeof(claim->prev));
	for (size_t i = 0; i < claim->n_recipients; i++)
		hex("recipient  ", claim->recipients[i].thumbprint,
		    sizeof(claim->recipients[i].thumbprint));
	return 0;
}

static int show(int argc, char **argv)
{
	struct claim claim = { 0 };
	struct identity *id;
	struct options o;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, 0, &done);
	if (!done)
		status = identity_of(&id, &o);
	if (done || status)
		return status;
	err = identity_claim(id, &claim);
	identity_close(id);
	if (!err) {
		err = print(&claim, &o);
		claim_release(&claim);
	}
	return err == -ENOENT ? STATUS_UNCLAIMED : command_status(err);
}

/* The whole way, with both ends at hand. */
static int claim_for(struct owner_folder *folder, struct identity *id, const struct options *o)
{
	SCOPE_FREE char *claim = NULL;
	SCOPE_FREE char *half = NULL;
	struct claim_request req;
	int err = 0;

	for (size_t i = 0; !err && i < o->n_recipients; i++)
		err = owner_folder_recipient(folder, o->recipients[i]);
	if (!err)
		err = identity_claim_request(id, o->reset, &req);
	if (!err)
		err = owner_folder_sign(folder, &req, &half);
	if (!err)
		err = identity_claim_accept(id, half, strlen(half), &claim);
	if (err)
		return err;
	err = owner_folder_add(folder, claim, strlen(claim));
	if (err)
		log_error("the claim is in force, but the owner does not have it yet: \"ownframe "
			  "claim show --raw\", then \"ownframe owner add\"");
	else
		log_info("the device belongs to owner %s; %s/" OWNER_CLAIMS " is what clips are "
			 "verified against",
			 folder->claims.owner_id.text, folder->path);
	return err;
}

static int at_once(int argc, char **argv)
{
	struct owner_folder folder;
	struct identity *id;
	struct options o;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, 0, &done);
	if (done)
		return status;
	if (!o.owner)
		return command_usage(usage_text, false);
	err = owner_folder_open(&folder, o.owner, true);
	status = err ? command_status(err) : identity_of(&id, &o);
	if (!status) {
		status = command_status(claim_for(&folder, id, &o));
		identity_close(id);
	}
	owner_folder_close(&folder);
	return status;
}

int cmd_claim(int argc, char **argv)
{
	static const struct command verbs[] = {
		{ "request", request, "ask for the next claim" },
		{ "accept", take, "take the owner's half and put the claim into force" },
		{ "show", show, "show the claim in force" },
	};
	bool verb = argc < 2 || argv[1][0] != '-';

	if (verb)
		return command_run("ownframe claim", verbs, sizeof(verbs) / sizeof(verbs[0]), argc,
				   argv);
	return at_once(argc, argv);
}
