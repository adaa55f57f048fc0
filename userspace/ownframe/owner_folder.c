// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An owner's folder. Separate from owner.c because "claim --owner" uses it too. To know: nothing in
 * it is ever overwritten but claims.json, which only grows.
 */
#include "owner_folder.h"
#include "commands.h"
#include "durable.h"
#include "key_file.h"
#include "log.h"
#include "owner_key.h"
#include "scope.h"
#include "scope_openssl.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_MAX_LEN 64 /* ub-common-name, RFC 5280 appendix A */

static char *path_join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static bool extend(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int done;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	done = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return done;
}

/* A random serial number, positive and of at most 20 octets: RFC 5280 section 4.1.2.2. */
static bool serial_set(X509 *cert)
{
	SCOPE_OPENSSL(bn) BIGNUM *number = BN_new();

	return number && BN_rand(number, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	       BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
}

/*
 * Self-signed; the name is for people, the owner is the key. Without an end (RFC 5280 section
 * 4.1.2.5): a clip must open for as long as the owner has the key.
 */
static X509 *cert_make(EVP_PKEY *key, const char *name)
{
	SCOPE_OPENSSL(x509) X509 *cert = X509_new();
	X509_NAME *subject;

	if (!cert)
		return NULL;
	subject = X509_get_subject_name(cert);
	if (!X509_set_version(cert, X509_VERSION_3) || !serial_set(cert) ||
	    !X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
					(const unsigned char *)name, -1, -1, 0) ||
	    !X509_set_issuer_name(cert, subject) || !X509_set_pubkey(cert, key) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), 0) ||
	    !ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), "99991231235959Z") ||
	    !extend(cert, NID_basic_constraints, "critical,CA:FALSE") ||
	    !extend(cert, NID_key_usage, "critical,digitalSignature,keyAgreement") ||
	    !extend(cert, NID_subject_key_identifier, "hash") ||
	    !X509_sign(cert, key, EVP_sha256()))
		return NULL;
	return SCOPE_TAKE_PTR(cert);
}

static int key_write(int dirfd, EVP_PKEY *key, const char *passphrase)
{
	char *pem = owner_key_pem(key, passphrase);
	int err;

	if (!pem)
		return -EIO;
	err = durable_write(dirfd, OWNER_KEY, pem, strlen(pem), 0600);
	OPENSSL_cleanse(pem, strlen(pem));
	free(pem);
	return err;
}

static int cert_write(int dirfd, EVP_PKEY *key, const char *name)
{
	SCOPE_OPENSSL(x509) X509 *cert = cert_make(key, name);
	SCOPE_OPENSSL(bio) BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long len;

	if (!cert || !bio || !PEM_write_bio_X509(bio, cert))
		return -EIO;
	len = BIO_get_mem_data(bio, &pem);
	return durable_write(dirfd, OWNER_CERT, pem, (size_t)len, 0644);
}

static int claims_write(const char *path, EVP_PKEY *key)
{
	SCOPE_FREE char *file = path_join(path, OWNER_CLAIMS);
	struct claims claims = { 0 };
	struct p256_pub pub;
	int err;

	err = file ? p256_pub_from_pkey(&pub, key) : -ENOMEM;
	if (!err)
		err = claims_init(&claims, &pub);
	if (!err)
		err = claims_save(&claims, file);
	claims_release(&claims);
	return err;
}

static bool there(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, 0) == 0;
}

/* The owner's key: the one that an interrupted run left, or a new one. */
static int key_make(int dirfd, const char *path, const char *passphrase, EVP_PKEY **key)
{
	SCOPE_FREE char *file = path_join(path, OWNER_KEY);
	int err;

	if (!file)
		return -ENOMEM;
	if (there(dirfd, OWNER_KEY))
		return key_file_read(key, file);
	*key = EVP_EC_gen("P-256");
	if (!*key)
		return -EIO;
	err = key_write(dirfd, *key, passphrase);
	if (err)
		log_error("%s: cannot be written: %s", file, strerror(-err));
	return err;
}

int owner_folder_make(const char *path, const char *name, const char *passphrase)
{
	SCOPE_OPENSSL(pkey) EVP_PKEY *key = NULL;
	SCOPE_CLOSE int dirfd = -1;
	int err = 0;

	if (!*name || strlen(name) > NAME_MAX_LEN) {
		log_error("the owner's name must have 1 to %d bytes", NAME_MAX_LEN);
		return -EINVAL;
	}
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		err = -errno;
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	if (there(dirfd, OWNER_KEY) && there(dirfd, OWNER_CERT) && there(dirfd, OWNER_CLAIMS)) {
		log_error("there is an owner in %s already; nothing was changed", path);
		return -EEXIST;
	}
	err = key_make(dirfd, path, passphrase, &key);
	if (err)
		return err;
	if (!there(dirfd, OWNER_CERT))
		err = cert_write(dirfd, key, name);
	if (!err && !there(dirfd, OWNER_CLAIMS))
		err = claims_write(path, key);
	if (err)
		log_error("%s: cannot be written: %s", path, strerror(-err));
	return err;
}

static int key_open(struct owner_folder *o)
{
	SCOPE_FREE char *key = path_join(o->path, OWNER_KEY);
	SCOPE_FREE char *cert = path_join(o->path, OWNER_CERT);
	int err;

	if (!key || !cert)
		return -ENOMEM;
	err = key_file_read(&o->key, key);
	if (!err)
		err = signer_pkey_init(&o->signer, o->key);
	if (!err && memcmp(&o->signer.signer.pub, &o->claims.owner, sizeof(o->claims.owner)) != 0) {
		log_error("%s is not the key of the owner in %s/" OWNER_CLAIMS, key, o->path);
		err = -EINVAL;
	}
	return err ? err : owner_folder_recipient(o, cert);
}

int owner_folder_open(struct owner_folder *o, const char *path, bool with_key)
{
	SCOPE_FREE char *claims = path_join(path, OWNER_CLAIMS);
	int err;

	memset(o, 0, sizeof(*o));
	o->path = strdup(path);
	if (!o->path || !claims)
		return -ENOMEM;
	err = claims_load(&o->claims, claims);
	if (err) {
		log_error("%s: %s", claims,
			  err == -ENOENT    ? "missing; is this an owner's folder? Make one with "
					      "\"ownframe owner new\""
			  : err == -EBADMSG ? "not an owner's claims, or one of them is not genuine"
					    : strerror(-err));
		return err;
	}
	return with_key ? key_open(o) : 0;
}

void owner_folder_close(struct owner_folder *o)
{
	for (size_t i = 0; i < o->n_recipients; i++)
		claim_cert_release(&o->recipients[i]);
	claims_release(&o->claims);
	EVP_PKEY_free(o->key);
	free(o->path);
}

int owner_folder_recipient(struct owner_folder *o, const char *cert_path)
{
	SCOPE_FREE char *data = NULL;
	size_t len;
	int err;

	if (o->n_recipients == CLAIM_RECIPIENTS_MAX) {
		log_error("%s: more than %d recipients, the owner included", cert_path,
			  CLAIM_RECIPIENTS_MAX);
		return -ENOSPC;
	}
	err = command_read(cert_path, &data, &len);
	if (err)
		return err;
	err = claim_cert_parse(&o->recipients[o->n_recipients], data, len);
	if (err) {
		log_error("%s: expected a certificate of a P-256 key, PEM or DER", cert_path);
		return err;
	}
	o->n_recipients++;
	return 0;
}

int owner_folder_sign(struct owner_folder *o, const struct claim_request *req, char **half)
{
	struct p256_id device;
	int err;

	err = p256_thumbprint(&device, &req->device);
	if (err)
		return err;
	if (!req->consented)
		log_warn("this device had another owner or lost its claim, and that owner has not "
			 "consented; the claim will say so");
	err = claim_sign_owner(half, req, &o->signer.signer, o->recipients, o->n_recipients);
	if (err == -EINVAL)
		log_error("%s/" OWNER_CERT " is not the certificate of " OWNER_KEY, o->path);
	else if (err)
		log_error("the claim cannot be signed: %s", strerror(-err));
	else
		log_info("signed a claim of owner %s on device %s, epoch %llu",
			 o->claims.owner_id.text, device.text, (unsigned long long)req->epoch);
	return err;
}

/* True if the very same claim is in the owner's file. */
static bool known(const struct owner_folder *o, const char *text, size_t len)
{
	const struct claim *same;
	struct claim claim = { 0 };
	bool found;

	if (claim_parse(&claim, text, len))
		return false;
	same = claims_find(&o->claims, &claim.device_id, claim.epoch);
	found = same && memcmp(same->payload_sha256, claim.payload_sha256,
			       sizeof(claim.payload_sha256)) == 0;
	claim_release(&claim);
	return found;
}

int owner_folder_add(struct owner_folder *o, const char *text, size_t len)
{
	SCOPE_FREE char *file = path_join(o->path, OWNER_CLAIMS);
	int err;

	if (!file)
		return -ENOMEM;
	err = claims_add(&o->claims, text, len);
	if (err == -EEXIST && known(o, text, len))
		return 0;
	if (!err)
		err = claims_save(&o->claims, file);
	switch (err) {
	case 0:
		break;
	case -EEXIST:
		log_error("%s holds another claim on this device and epoch", file);
		break;
	case -EPERM:
		log_error("this is a claim of another owner than the one of %s", file);
		break;
	case -EBADMSG:
		log_error("this is not a claim signed by its owner and its device");
		break;
	default:
		log_error("%s: %s", file, strerror(-err));
	}
	return err;
}
