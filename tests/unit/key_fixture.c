// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys and certificates for tests, made by OpenSSL alone, so that tests do not rest on our code. */
#include "key_fixture.h"
#include "scope_openssl.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "key_fixture: %s failed\n", what);
	abort();
}

EVP_PKEY *key_fixture_new(const char *curve)
{
	EVP_PKEY *pkey = EVP_EC_gen(curve);

	must(pkey, "EVP_EC_gen");
	return pkey;
}

void key_fixture_init(struct key_fixture *k)
{
	k->pkey = key_fixture_new("P-256");
	must(!signer_pkey_init(&k->signer, k->pkey), "signer_pkey_init");
	k->pub = k->signer.signer.pub;
	must(!p256_thumbprint(&k->id, &k->pub), "p256_thumbprint");
}

void key_fixture_release(struct key_fixture *k)
{
	EVP_PKEY_free(k->pkey);
	k->pkey = NULL;
}

uint8_t *key_fixture_cert(EVP_PKEY *pkey, size_t *len)
{
	SCOPE_OPENSSL(x509) X509 *cert = X509_new();
	uint8_t *der = NULL, *copy;
	int n;

	must(cert && X509_set_version(cert, X509_VERSION_3) &&
		     ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
		     X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
		     X509_gmtime_adj(X509_getm_notAfter(cert), 3600) &&
		     X509_set_pubkey(cert, pkey) &&
		     X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
						(const uint8_t *)"test owner", -1, -1, 0) &&
		     X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
		     X509_sign(cert, pkey, EVP_sha256()) > 0,
	     "making a certificate");
	n = i2d_X509(cert, &der);
	must(n > 0, "i2d_X509");
	/* From malloc, so that tests free it like our own. */
	copy = malloc((size_t)n);
	must(copy, "malloc");
	memcpy(copy, der, (size_t)n);
	OPENSSL_free(der);
	*len = (size_t)n;
	return copy;
}
