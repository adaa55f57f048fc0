/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scope cleanup, as in scope.h, for OpenSSL's objects. */
#ifndef OWNFRAME_SCOPE_OPENSSL_H
#define OWNFRAME_SCOPE_OPENSSL_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>

#define SCOPE_OPENSSL_FN(name, type, release)          \
	static inline void scope_##name(type **object) \
	{                                              \
		release(*object);                      \
	}

SCOPE_OPENSSL_FN(pkey, EVP_PKEY, EVP_PKEY_free)
SCOPE_OPENSSL_FN(pkey_ctx, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
SCOPE_OPENSSL_FN(cipher_ctx, EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
SCOPE_OPENSSL_FN(md_ctx, EVP_MD_CTX, EVP_MD_CTX_free)
SCOPE_OPENSSL_FN(kdf_ctx, EVP_KDF_CTX, EVP_KDF_CTX_free)
SCOPE_OPENSSL_FN(kdf, EVP_KDF, EVP_KDF_free)
SCOPE_OPENSSL_FN(bn, BIGNUM, BN_free)
SCOPE_OPENSSL_FN(ecdsa_sig, ECDSA_SIG, ECDSA_SIG_free)
SCOPE_OPENSSL_FN(x509, X509, X509_free)
SCOPE_OPENSSL_FN(bio, BIO, BIO_free)

/* SCOPE_OPENSSL(pkey) EVP_PKEY *key = ...; */
#define SCOPE_OPENSSL(name) __attribute__((cleanup(scope_##name)))

#endif
