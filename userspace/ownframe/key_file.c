// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private keys of people. Separate because it talks to a person: the passphrase is asked for on the
 * terminal and never taken from an argument, which other users could read.
 */
#include "key_file.h"

#include "log.h"
#include "p256.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* PEM's callback: *@arg is set when a passphrase was needed. */
static int ask(char *buf, int size, int writing, void *arg)
{
	*(bool *)arg = true;
	return PEM_def_callback(buf, size, writing, NULL);
}

static int refuse(const char *path, bool encrypted)
{
	ERR_clear_error();
	log_error("%s: %s", path,
		  encrypted ? "not the passphrase of this key" : "not a P-256 private key in PEM");
	return -EINVAL;
}

int key_file_read(EVP_PKEY **key, const char *path)
{
	struct p256_pub pub;
	bool encrypted = false;
	FILE *f = fopen(path, "re");

	if (!f) {
		log_error("%s: %s", path, strerror(errno));
		return -errno;
	}
	EVP_set_pw_prompt("Passphrase of the key:");
	*key = PEM_read_PrivateKey(f, NULL, ask, &encrypted);
	fclose(f);
	if (!*key)
		return refuse(path, encrypted);
	if (p256_pub_from_pkey(&pub, *key)) {
		EVP_PKEY_free(*key);
		return refuse(path, false);
	}
	return 0;
}
