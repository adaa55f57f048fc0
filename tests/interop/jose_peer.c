// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * jose_peer: ownframe's reading side for the interop scripts, one library call a command. Prints
 * what was read; exit status 1: refused.
 *
 *	jose_peer jws TYP JWK FILE		the payload of a compact JWS signed by the key in JWK
 *	jose_peer claim FILE			device id and owner id of a claim
 *	jose_peer hpke-open KEY ENC INFO CT	the plaintext, all arguments but the PEM key raw files
 */
#include "claim.h"
#include "durable.h"
#include "hpke.h"
#include "json_strict.h"
#include "jws.h"
#include "scope.h"
#include "scope_openssl.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

struct file {
	char *data;
	size_t len;
};

static void file_release(struct file *f)
{
	free(f->data);
}

#define SCOPE_FILE __attribute__((cleanup(file_release)))

static struct file file_read(const char *path)
{
	struct file f = { 0 };
	int rc = durable_read(AT_FDCWD, path, 0, 1 << 20, &f.data, &f.len);

	if (!rc)
		return f;
	fprintf(stderr, "jose_peer: %s: %s\n", path, strerror(-rc));
	exit(2);
}

static int read_jws(char **argv)
{
	SCOPE_FILE struct file jwk_text = file_read(argv[1]), text = file_read(argv[2]);
	SCOPE_JSON json_t *jwk = json_strict_parse(jwk_text.data, jwk_text.len);
	struct p256_pub pub;
	struct jws jws;
	int rc;

	rc = p256_pub_from_jwk(&pub, jwk);
	if (!rc)
		rc = jws_parse(&jws, text.data, text.len, argv[0]);
	if (rc)
		return rc;
	rc = jws_verify(&jws, &pub);
	if (!rc)
		printf("%s\n", jws.payload);
	jws_release(&jws);
	return rc;
}

static int read_claim(char **argv)
{
	SCOPE_FILE struct file text = file_read(argv[0]);
	struct claim claim;
	int rc = claim_parse(&claim, text.data, text.len);

	if (rc)
		return rc;
	printf("%s %s\n", claim.device_id.text, claim.owner_id.text);
	claim_release(&claim);
	return 0;
}

static int open_hpke(char **argv)
{
	SCOPE_FILE struct file pem = file_read(argv[0]), enc = file_read(argv[1]);
	SCOPE_FILE struct file info = file_read(argv[2]), ct = file_read(argv[3]);
	SCOPE_OPENSSL(bio) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	SCOPE_OPENSSL(pkey) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	uint8_t pt[256];
	int rc;

	if (!key || enc.len != HPKE_ENC_LEN || ct.len < HPKE_TAG_LEN || ct.len > sizeof(pt))
		return -EINVAL;
	rc = hpke_open(pt, key, (const uint8_t *)enc.data, info.data, info.len,
		       (const uint8_t *)ct.data, ct.len);
	if (!rc)
		fwrite(pt, 1, ct.len - HPKE_TAG_LEN, stdout);
	return rc;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **argv);
} commands[] = {
	{ "jws", 3, read_jws },
	{ "claim", 1, read_claim },
	{ "hpke-open", 4, open_hpke },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int rc;

		if (argc != commands[i].args + 2 || strcmp(argv[1], commands[i].name))
			continue;
		rc = commands[i].run(argv + 2);
		if (rc)
			fprintf(stderr, "jose_peer: refused: %s\n", strerror(-rc));
		return rc ? 1 : 0;
	}
	fprintf(stderr,
		"usage: jose_peer jws TYP JWK FILE | claim FILE | hpke-open KEY ENC INFO CT\n");
	return 2;
}
