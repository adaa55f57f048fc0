// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe owner: the owner's side, done on the owner's own machine. All work is in
 * owner_folder.h; this is how a person asks for it and what they are told to do next.
 */
#include "commands.h"
#include "log.h"
#include "owner_folder.h"
#include "owner_key.h"
#include "scope.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage_text[] =
	"usage: ownframe owner new --name NAME --dir DIR [--passphrase]\n"
	"       ownframe owner sign REQUEST --dir DIR [--device ID] [--recipient CERT]...\n"
	"                      [-o FILE]\n"
	"       ownframe owner add CLAIM --dir DIR\n"
	"\n"
	"  new    make an owner: DIR/owner.key, DIR/owner.crt and DIR/claims.json\n"
	"  sign   sign a device's request (\"ownframe claim request\"): the owner's half\n"
	"  add    keep a complete claim (\"ownframe claim accept\") in DIR/claims.json, against\n"
	"         which clips are verified\n"
	"\n"
	"  --name NAME              what people call the owner, goes into the certificate\n"
	"  --dir DIR                the owner's folder\n"
	"  --device ID              sign for this device id only, see \"ownframe identity show\"\n"
	"  --recipient CERT         who else may open the clips, may be given again\n"
	"  --passphrase             encrypt the key, ask for a passphrase\n"
	"  -o FILE                  write there instead of to standard output\n"
	"REQUEST and CLAIM may be - for standard input.\n";

struct options {
	const char *name, *dir, *device, *output;
	const char *recipients[CLAIM_RECIPIENTS_MAX];
	size_t n_recipients;
	bool passphrase;
	const char *operand;
};

enum {
	OPT_NAME = 256,
	OPT_DIR,
	OPT_DEVICE,
	OPT_RECIPIENT,
	OPT_PASSPHRASE,
};

static int option_take(struct options *o, int c)
{
	switch (c) {
	case OPT_NAME:
		o->name = optarg;
		return 0;
	case OPT_DIR:
		o->dir = optarg;
		return 0;
	case OPT_DEVICE:
		o->device = optarg;
		return 0;
	case OPT_PASSPHRASE:
		o->passphrase = true;
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
		{ "name", required_argument, NULL, OPT_NAME },
		{ "dir", required_argument, NULL, OPT_DIR },
		{ "device", required_argument, NULL, OPT_DEVICE },
		{ "recipient", required_argument, NULL, OPT_RECIPIENT },
		{ "passphrase", no_argument, NULL, OPT_PASSPHRASE },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options) { 0 };
	*done = true;
	while ((c = getopt_long(argc, argv, "ho:", longs, NULL)) != -1) {
		if (c == 'h')
			return command_usage(usage_text, true);
		if (option_take(o, c))
			return command_usage(usage_text, false);
	}
	if (argc - optind != operands || !o->dir)
		return command_usage(usage_text, false);
	o->operand = operands ? argv[optind] : NULL;
	*done = false;
	return STATUS_OK;
}

static int tell_new(const char *dir)
{
	struct owner_folder o;
	int err;

	err = owner_folder_open(&o, dir, false);
	if (!err) {
		printf("owner   %s\n", o.claims.owner_id.text);
		log_info(
			"made the owner in %s. Keep " OWNER_KEY
			" safe and back it up: without it no "
			"clip can be opened. Next, on the device: \"ownframe claim request\", then "
			"\"ownframe owner sign\" here",
			dir);
	}
	owner_folder_close(&o);
	return err;
}

static int new (int argc, char **argv)
{
	char *passphrase = NULL;
	struct options o;
	bool done;
	int status, err = 0;

	status = options_parse(&o, argc, argv, 0, &done);
	if (done)
		return status;
	if (!o.name)
		return command_usage(usage_text, false);
	if (o.passphrase)
		err = owner_passphrase_ask(&passphrase);
	if (!err)
		err = owner_folder_make(o.dir, o.name, passphrase);
	if (passphrase)
		OPENSSL_cleanse(passphrase, strlen(passphrase));
	free(passphrase);
	if (!err)
		err = tell_new(o.dir);
	return command_status(err);
}

static int request_read(const struct options *o, struct claim_request *req)
{
	SCOPE_FREE char *text = NULL;
	struct p256_id device;
	size_t len;
	int err;

	err = command_read(o->operand, &text, &len);
	if (err)
		return err;
	err = claim_request_decode(req, text, len);
	if (err) {
		log_error("%s: not a request that \"ownframe claim request\" made", o->operand);
		return err;
	}
	err = p256_thumbprint(&device, &req->device);
	if (!err && o->device && strcmp(o->device, device.text) != 0) {
		log_error("%s: the request is device %s's; nothing was signed", o->operand,
			  device.text);
		err = -EINVAL;
	}
	return err;
}

static int sign(int argc, char **argv)
{
	SCOPE_FREE char *half = NULL;
	struct claim_request req;
	struct owner_folder folder;
	struct options o;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, 1, &done);
	if (done)
		return status;
	err = request_read(&o, &req);
	if (err)
		return command_status(err);
	err = owner_folder_open(&folder, o.dir, true);
	for (size_t i = 0; !err && i < o.n_recipients; i++)
		err = owner_folder_recipient(&folder, o.recipients[i]);
	if (!err)
		err = owner_folder_sign(&folder, &req, &half);
	if (!err)
		err = command_write(o.output, half);
	owner_folder_close(&folder);
	if (!err && !o.device)
		log_info("compare that device id with \"ownframe identity show\" on the device");
	if (!err)
		log_info("next, on the device: \"ownframe claim accept\" with this file");
	return command_status(err);
}

static int add(int argc, char **argv)
{
	SCOPE_FREE char *text = NULL;
	struct owner_folder folder;
	struct options o;
	size_t len;
	bool done;
	int status, err;

	status = options_parse(&o, argc, argv, 1, &done);
	if (done)
		return status;
	err = command_read(o.operand, &text, &len);
	if (err)
		return command_status(err);
	/* A file that went through an editor or a shell has a newline at its end. */
	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	err = owner_folder_open(&folder, o.dir, false);
	if (!err)
		err = owner_folder_add(&folder, text, len);
	if (!err)
		log_info("%s/" OWNER_CLAIMS " holds %zu claim(s)", o.dir, folder.claims.n);
	owner_folder_close(&folder);
	return command_status(err);
}

int cmd_owner(int argc, char **argv)
{
	static const struct command verbs[] = {
		{ "new", new, "make an owner's key, certificate and file of claims" },
		{ "sign", sign, "sign a device's request for a claim" },
		{ "add", add, "keep a complete claim" },
	};

	return command_run("ownframe owner", verbs, sizeof(verbs) / sizeof(verbs[0]), argc, argv);
}
