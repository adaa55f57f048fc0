/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and certificates for tests, new in each run. A failure ends the program. */
#ifndef OWNFRAME_KEY_FIXTURE_H
#define OWNFRAME_KEY_FIXTURE_H

#include "p256.h"

/* New key on @curve ("P-256", "P-384", ...); EVP_PKEY_free() it. */
EVP_PKEY *key_fixture_new(const char *curve);

/* A key pair, its signer and id. */
struct key_fixture {
	EVP_PKEY *pkey;
	struct signer_pkey signer;
	struct p256_pub pub;
	struct p256_id id;
};

void key_fixture_init(struct key_fixture *k);
void key_fixture_release(struct key_fixture *k);

/* A self-signed certificate of @pkey, DER, new memory. */
uint8_t *key_fixture_cert(EVP_PKEY *pkey, size_t *len);

#endif
