/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An owner's private key on its way to a file; key_file.h is the way back. */
#ifndef OWNFRAME_OWNER_KEY_H
#define OWNFRAME_OWNER_KEY_H

#include <openssl/evp.h>

/*
 * A key as PEM text, PKCS#8 (RFC 5958), caller frees and wipes; encrypted if @passphrase is not
 * NULL: PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA-256 (RFC 8018). NULL if it fails.
 */
char *owner_key_pem(EVP_PKEY *key, const char *passphrase);

/* What is typed twice on the terminal; caller frees and wipes. -EINVAL (logged): it was not. */
int owner_passphrase_ask(char **passphrase);

#endif
