// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The owner's private key as a file. Separate from owner_folder.c because of what it must wipe. To
 * know: it is the only private key of the system that is ever in a file; a device's never is.
 */
#include "owner_key.h"
#include "log.h"
#include "scope_openssl.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>
#include <string.h>

#define PASSPHRASE_MIN 8
#define PASSPHRASE_MAX 512 /* what OpenSSL can ask for */
#define PBKDF2_ROUNDS  600000 /* about a quarter of a second on a desktop in 2024 */

int owner_passphrase_ask(char **passphrase)
{
	char *typed = calloc(1, PASSPHRASE_MAX + 1);

	if (!typed)
		return -ENOMEM;
	if (EVP_read_pw_string_min(typed, PASSPHRASE_MIN, PASSPHRASE_MAX,
				   "Passphrase for the owner's key: ", 1)) {
		log_error("no passphrase: expected %d characters at least, twice the same",
			  PASSPHRASE_MIN);
		OPENSSL_cleanse(typed, PASSPHRASE_MAX);
		free(typed);
		return -EINVAL;
	}
	*passphrase = typed;
	return 0;
}

static int write_encrypted(BIO *bio, EVP_PKEY *key, const char *passphrase)
{
	PKCS8_PRIV_KEY_INFO *clear = EVP_PKEY2PKCS8(key);
	X509_SIG *sealed = NULL;
	int done = 0;

	if (clear)
		sealed = PKCS8_encrypt(-1, EVP_aes_256_cbc(), passphrase, (int)strlen(passphrase),
				       NULL, 0, PBKDF2_ROUNDS, clear);
	if (sealed)
		done = PEM_write_bio_PKCS8(bio, sealed);
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(clear);
	return done;
}

char *owner_key_pem(EVP_PKEY *key, const char *passphrase)
{
	SCOPE_OPENSSL(bio) BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	long len;
	int done;

	if (!bio)
		return NULL;
	done = passphrase ? write_encrypted(bio, key, passphrase)
			  : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	if (!done)
		return NULL;
	len = BIO_get_mem_data(bio, &data);
	return strndup(data, (size_t)len);
}
