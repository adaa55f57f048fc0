// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The claim in force, and the way from one to the next. Separate because it is a small protocol
 * between two files and a counter that must be right at every power cut:
 *
 *   claim.next written and synced     counter N      claim.json (epoch N) is in force
 *   counter raised                    counter N+1    claim.next (epoch N+1) is in force
 *   claim.next -> claim.json          counter N+1    claim.json is in force
 *
 * To know: the claim whose epoch is the counter's is in force, whichever of the two files it is in.
 */
#include "durable.h"
#include "identity_open.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define EPOCH_MAX ((1ULL << 53) - 1) /* what JSON numbers hold exactly */

#define CLAIM __attribute__((cleanup(claim_release)))

static void unlock(struct identity **id)
{
	if (*id)
		identity_dir_unlock(&(*id)->dir);
}

#define LOCKED __attribute__((cleanup(unlock)))

/* The claim in the file @name, if it is one of this device. -ENOENT is not logged. */
static int claim_read(const struct identity *id, const char *name, struct claim *claim)
{
	const struct identity_dir *d = &id->dir;
	SCOPE_FREE char *text = NULL;
	size_t len;
	int err;

	err = durable_read(d->fd, name, 0, IDENTITY_FILE_MAX, &text, &len);
	if (err == -ENOENT)
		return err;
	if (err) {
		log_error("%s/%s: %s", d->path, name, strerror(-err));
		return err;
	}
	err = claim_parse(claim, text, len);
	if (err) {
		log_error("%s/%s: not a claim signed by an owner and this device; put the claim "
			  "back (the owner's claims.json holds it), or claim the device anew with "
			  "\"ownframe claim request --reset\"",
			  d->path, name);
		return err;
	}
	if (memcmp(&claim->device, &id->record.sign, sizeof(claim->device)) != 0 ||
	    memcmp(&claim->tls, &id->record.tls, sizeof(claim->tls)) != 0) {
		log_error("%s/%s: a claim of another device", d->path, name);
		claim_release(claim);
		return -EBADMSG;
	}
	return 0;
}

/* Finish or discard what an interrupted accept left. The directory is locked. */
static int settle_locked(struct identity *id)
{
	CLAIM struct claim next = { 0 };
	uint64_t epoch;
	int err;

	if (!identity_dir_has(&id->dir, IDENTITY_NEXT_FILE))
		return 0;
	err = identity_epoch(id, &epoch);
	if (err)
		return err;
	err = claim_read(id, IDENTITY_NEXT_FILE, &next);
	if (!err && next.epoch == epoch) {
		log_info("finished the claim of epoch %llu, which was interrupted",
			 (unsigned long long)epoch);
		return identity_dir_rename(&id->dir, IDENTITY_NEXT_FILE, IDENTITY_CLAIM_FILE);
	}
	if (err && err != -EBADMSG)
		return err == -ENOENT ? 0 : err;
	log_warn("discarded an interrupted claim that had not come into force; accept it again");
	return identity_dir_remove(&id->dir, IDENTITY_NEXT_FILE);
}

/* The same by whoever may write and finds nobody at work; others read what is in force as it is. */
static void settle(struct identity *id)
{
	LOCKED struct identity *locked = NULL;

	if (!identity_dir_has(&id->dir, IDENTITY_NEXT_FILE) ||
	    faccessat(id->dir.fd, ".", W_OK, AT_EACCESS) || identity_dir_lock(&id->dir))
		return;
	locked = id;
	settle_locked(id);
}

/* The claim of @epoch. -ENOENT and -ESTALE are not logged: they may be a race with an accept. */
static int claim_at(const struct identity *id, uint64_t epoch, struct claim *claim)
{
	int err;

	err = claim_read(id, IDENTITY_NEXT_FILE, claim);
	if (!err) {
		if (claim->epoch == epoch)
			return 0;
		claim_release(claim);
	}
	err = claim_read(id, IDENTITY_CLAIM_FILE, claim);
	if (err)
		return err;
	if (claim->epoch == epoch)
		return 0;
	claim_release(claim);
	return -ESTALE;
}

/* As identity_claim(), but -ENOENT and -ESTALE are not logged. */
static int claim_in_force(struct identity *id, struct claim *claim, uint64_t *epoch)
{
	uint64_t now;
	int err;

	err = identity_epoch(id, epoch);
	while (!err) {
		err = claim_at(id, *epoch, claim);
		if (err != -ENOENT && err != -ESTALE)
			return err;
		/* Only if the counter has not moved meanwhile is that the truth. */
		if (identity_epoch(id, &now) || now == *epoch)
			return err;
		*epoch = now;
		err = 0;
	}
	return err;
}

int identity_claim(struct identity *id, struct claim *claim)
{
	uint64_t epoch;
	int err;

	settle(id);
	err = claim_in_force(id, claim, &epoch);
	if (err == -ENOENT && epoch == id->record.first_epoch)
		log_error("no owner has claimed this device: begin with "
			  "\"ownframe claim request\"");
	else if (err == -ENOENT)
		log_error("%s/" IDENTITY_CLAIM_FILE
			  ": missing; put it back (the owner's claims.json "
			  "holds it), or claim the device anew with \"ownframe claim request "
			  "--reset\"",
			  id->dir.path);
	else if (err == -ESTALE)
		log_error("%s/" IDENTITY_CLAIM_FILE ": an old claim was put back, the device is at "
			  "epoch %llu; put the claim of that epoch back (the owner's claims.json "
			  "holds it), or claim the device anew with \"ownframe claim request "
			  "--reset\"",
			  id->dir.path, (unsigned long long)epoch);
	return err;
}

static int lock_for_write(struct identity *id)
{
	int err = identity_dir_lock(&id->dir);

	if (err)
		log_error("%s: another ownframe command is at work there", id->dir.path);
	return err;
}

/* What the next claim follows on: prev and consented. */
static int request_fill(struct identity *id, bool reset, struct claim_request *req)
{
	CLAIM struct claim claim = { 0 };
	uint64_t epoch;
	int err;

	err = claim_in_force(id, &claim, &epoch);
	if (err && err != -ENOENT && err != -ESTALE && err != -EBADMSG)
		return err;
	if (epoch >= EPOCH_MAX) {
		log_error("the TPM's counter is at its end (%llu): this device cannot be claimed",
			  (unsigned long long)epoch);
		return -EOVERFLOW;
	}
	req->epoch = epoch + 1;
	if (!err) {
		req->has_prev = true;
		memcpy(req->prev, claim.payload_sha256, sizeof(req->prev));
		req->consented = !reset;
		return 0;
	}
	if (err == -ENOENT && epoch == id->record.first_epoch) {
		req->consented = true;
		return 0;
	}
	/* It was claimed, and by whom cannot be shown: then nobody has consented. */
	if (!reset) {
		log_error("the claim in force cannot be read, so its owner cannot be asked: put "
			  "%s/" IDENTITY_CLAIM_FILE " back, or begin anew without that owner with "
			  "\"ownframe claim request --reset\"",
			  id->dir.path);
		return -EPERM;
	}
	return 0;
}

int identity_claim_request(struct identity *id, bool reset, struct claim_request *req)
{
	SCOPE_FREE char *text = NULL;
	LOCKED struct identity *locked = NULL;
	int err;

	memset(req, 0, sizeof(*req));
	err = lock_for_write(id);
	if (err)
		return err;
	locked = id;
	err = settle_locked(id);
	if (err)
		return err;
	identity_pub(id, IDENTITY_SIGN, &req->device);
	identity_pub(id, IDENTITY_TLS, &req->tls);
	err = request_fill(id, reset, req);
	if (err)
		return err;
	text = claim_request_encode(req);
	if (!text)
		return -ENOMEM;
	return identity_dir_write(&id->dir, IDENTITY_REQUEST_FILE, text);
}

/* The outstanding request; the device signs only what it has asked for itself. */
static int request_read(struct identity *id, struct claim_request *req)
{
	SCOPE_FREE char *text = NULL;
	uint64_t epoch;
	size_t len;
	int err;

	err = durable_read(id->dir.fd, IDENTITY_REQUEST_FILE, 0, IDENTITY_FILE_MAX, &text, &len);
	if (err == -ENOENT) {
		log_error("no request for a claim is outstanding: make one with \"ownframe claim "
			  "request\" and have the owner sign that");
		return err;
	}
	if (!err)
		err = claim_request_decode(req, text, len);
	if (err) {
		log_error("%s/" IDENTITY_REQUEST_FILE ": %s", id->dir.path, strerror(-err));
		return err;
	}
	err = identity_epoch(id, &epoch);
	if (err)
		return err;
	if (req->epoch != epoch + 1) {
		log_error("the outstanding request is of another epoch (%llu, the device is at "
			  "%llu): make a new one with \"ownframe claim request\"",
			  (unsigned long long)req->epoch, (unsigned long long)epoch);
		return -ESTALE;
	}
	return 0;
}

/* A change of owner that says the old one consented must not be. */
static int consent_check(struct identity *id, const struct claim *next)
{
	CLAIM struct claim claim = { 0 };
	uint64_t epoch;
	int err;

	if (!next->has_prev || !next->consented)
		return 0;
	err = claim_in_force(id, &claim, &epoch);
	if (err)
		return err;
	if (memcmp(&claim.owner, &next->owner, sizeof(claim.owner)) == 0)
		return 0;
	log_error("this device belongs to owner %s; for another one (%s) to take it without the "
		  "first one's consent, which the claim will say, make the request with \"ownframe "
		  "claim request --reset\"",
		  claim.owner_id.text, next->owner_id.text);
	return -EPERM;
}

static int sign_half(struct identity *id, const char *half, size_t len, char **text)
{
	CLAIM struct claim claim = { 0 };
	struct claim_request req;
	struct signer *signer;
	int err;

	err = request_read(id, &req);
	if (!err)
		err = identity_signer(id, IDENTITY_SIGN, &signer);
	if (err)
		return err;
	err = claim_sign_device(text, half, len, &req, signer);
	if (err == -EBADMSG)
		log_error("this is not a claim signed by the owner it names: make it with "
			  "\"ownframe owner sign\"");
	else if (err == -ESTALE)
		log_error("this is not the claim that this device asked for last: have the owner "
			  "sign the request that \"ownframe claim request\" made last");
	if (err)
		return err;
	err = claim_parse(&claim, *text, strlen(*text));
	return err ? err : consent_check(id, &claim);
}

static int counter_raise(struct identity *id, uint64_t to)
{
	IDENTITY_AUTH struct identity_auth auth;
	uint64_t now;
	int err;

	err = identity_auth_read(&id->dir, IDENTITY_SECRET_COUNTER, &auth);
	if (!err)
		err = id->backend->ops->counter_increment(id->backend, &auth);
	if (!err)
		err = identity_epoch(id, &now);
	if (!err && now != to) {
		log_error("the epoch is %llu where %llu was expected: somebody else raised it; "
			  "begin again with \"ownframe claim request\"",
			  (unsigned long long)now, (unsigned long long)to);
		err = -ESTALE;
	}
	return err;
}

int identity_claim_accept(struct identity *id, const char *half, size_t len, char **out)
{
	SCOPE_FREE char *text = NULL;
	LOCKED struct identity *locked = NULL;
	CLAIM struct claim claim = { 0 };
	int err;

	err = lock_for_write(id);
	if (err)
		return err;
	locked = id;
	err = settle_locked(id);
	if (!err)
		err = sign_half(id, half, len, &text);
	if (!err)
		err = claim_parse(&claim, text, strlen(text));
	if (!err)
		err = identity_dir_write(&id->dir, IDENTITY_NEXT_FILE, text);
	if (!err)
		err = counter_raise(id, claim.epoch);
	/* After an error claim.next stays: only the counter can tell whether it came into force. */
	if (!err)
		err = identity_dir_rename(&id->dir, IDENTITY_NEXT_FILE, IDENTITY_CLAIM_FILE);
	if (!err)
		err = identity_dir_remove(&id->dir, IDENTITY_REQUEST_FILE);
	if (!err)
		*out = SCOPE_TAKE_PTR(text);
	return err;
}
