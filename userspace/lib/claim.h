/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Claims: who owns which device, signed by both. JWS general JSON serialisation (RFC 7515
 * section 7.2.1) with exactly two signatures, the owner's, then the device's.
 * docs/clip-format.md, "Claim".
 *
 * Making one takes three steps, since the owner's key and the device's never meet:
 *   device: claim_request      {v, device, tls, epoch, prev, consented}, unsigned
 *   owner:  claim_sign_owner   adds owner and recipients and signs
 *   device: claim_sign_device  checks that it is what it asked for and signs
 */
#ifndef OWNFRAME_CLAIM_H
#define OWNFRAME_CLAIM_H

#include "p256.h"

#include <stdbool.h>

#define CLAIM_RECIPIENTS_MAX 16

struct claim_cert {
	uint8_t *der;
	size_t len;
	uint8_t thumbprint[32]; /* SHA-256 of der */
	struct p256_pub pub; /* its key, P-256 */
};

struct claim {
	struct p256_pub device, owner, tls;
	struct p256_id device_id, owner_id;
	struct claim_cert recipients[CLAIM_RECIPIENTS_MAX]; /* the owner's first */
	size_t n_recipients;
	uint64_t epoch;
	bool has_prev;
	uint8_t prev[32]; /* SHA-256 of the previous claim's payload bytes */
	bool consented;
	uint8_t payload_sha256[32]; /* of this claim's payload bytes */
	char *text; /* the whole claim as it was read or made */
};

/* What the device asks its owner to sign. */
struct claim_request {
	struct p256_pub device, tls;
	uint64_t epoch;
	bool has_prev;
	uint8_t prev[32];
	bool consented;
};

/* New JSON text (caller frees), or NULL when out of memory. */
char *claim_request_encode(const struct claim_request *req);
/* -EBADMSG for anything but a well-formed request. */
int claim_request_decode(struct claim_request *req, const char *text, size_t len);

/*
 * The owner's half: payload and first signature, new text in *@out. @recipients: DER certificates,
 * the owner's own first (its key must be @owner's): -EINVAL otherwise.
 */
int claim_sign_owner(char **out, const struct claim_request *req, struct signer *owner,
		     const struct claim_cert *recipients, size_t n);

/*
 * The device's half: @half must be what @req asked for, signed by the owner it names. New complete
 * claim text in *@out. -EBADMSG: not signed by its owner; -ESTALE: another epoch, prev or device.
 */
int claim_sign_device(char **out, const char *half, size_t len, const struct claim_request *req,
		      struct signer *device);

/* Parse, verify both signatures with the keys the claim names. -EBADMSG if anything is off. */
int claim_parse(struct claim *claim, const char *text, size_t len);
void claim_release(struct claim *claim);

/*
 * Fill @cert from a certificate, DER or PEM (the first block), of at most 8 KiB. -EINVAL unless it
 * holds a P-256 key.
 */
int claim_cert_parse(struct claim_cert *cert, const void *data, size_t len);
void claim_cert_release(struct claim_cert *cert);

/*
 * The owner's file, claims.json = {v, owner, claims}: the trust anchor. It comes from the owner,
 * never from a store.
 */
struct claims {
	struct p256_pub owner;
	struct p256_id owner_id;
	struct claim *list;
	size_t n;
};

/*
 * Read @path. -EBADMSG: a claim in it is not signed by its two parties, is of another owner, or two
 * claims have the same device and epoch.
 */
int claims_load(struct claims *claims, const char *path);
/* Write atomically and durably, mode 0644. */
int claims_save(const struct claims *claims, const char *path);
/* Start an owner's empty file. */
int claims_init(struct claims *claims, const struct p256_pub *owner);
/*
 * Add a claim; moves the list, so what claims_find() returned before is no longer valid. -EEXIST:
 * this device and epoch is there; -EPERM: another owner's; -EBADMSG: no valid claim.
 */
int claims_add(struct claims *claims, const char *text, size_t len);
/* The claim of (device, epoch), or NULL. */
const struct claim *claims_find(const struct claims *claims, const struct p256_id *device,
				uint64_t epoch);
void claims_release(struct claims *claims);

#endif
