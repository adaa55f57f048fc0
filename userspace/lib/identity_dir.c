// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of an identity. Separate from identity.c so that the table of who may read what is in
 * one place. To know: authorisation values are written before the object that they protect exists,
 * so an interrupted init never leaves an object that nobody can use.
 */
#include "identity_dir.h"
#include "base64url.h"
#include "durable.h"
#include "json_strict.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define GROUP_RECORD "ownframe-record"
#define GROUP_UPLOAD "ownframe-upload"

static const struct file_rule {
	const char *name;
	mode_t mode;
	const char *group; /* NULL: root */
} rules[] = {
	{ "sign.auth", 0640, GROUP_RECORD },
	{ "tls.auth", 0640, GROUP_UPLOAD },
	{ "spool.auth", 0640, GROUP_RECORD },
	{ "counter.auth", 0600, NULL },
	{ "owner.auth", 0600, NULL },
	{ "lockout.auth", 0600, NULL },
	{ IDENTITY_RECORD_FILE, 0644, NULL },
	{ IDENTITY_REQUEST_FILE, 0600, NULL },
	{ IDENTITY_CLAIM_FILE, 0640, GROUP_RECORD },
	{ IDENTITY_NEXT_FILE, 0640, GROUP_RECORD },
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

static const struct file_rule *rule_of(const char *name)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

/* Open the folder @name in @dirfd, made and durable if it is not there: a TPM may depend on it. */
static int make_folder(int dirfd, const char *name)
{
	int fd;

	if (mkdirat(dirfd, name, 0755) == 0) {
		if (fsync(dirfd) < 0)
			return -errno;
	} else if (errno != EEXIST) {
		return -errno;
	}
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The folder @path, opened, with what is missing on the way made. */
static int make_folders(const char *path)
{
	SCOPE_FREE char *copy = strdup(path);
	char *rest = copy, *name;
	int fd;

	if (!copy)
		return -ENOMEM;
	fd = open(*path == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (fd >= 0 && (name = strsep(&rest, "/"))) {
		int parent = fd;

		if (!*name)
			continue;
		fd = make_folder(parent, name);
		close(parent);
	}
	return fd;
}

int identity_dir_open(struct identity_dir *d, const char *path, bool create)
{
	int fd;

	d->fd = -1;
	d->path = NULL;
	if (create)
		fd = make_folders(path);
	else if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		fd = -errno;
	if (fd < 0) {
		if (create || fd != -ENOENT)
			log_error("%s: %s", path, strerror(-fd));
		return fd;
	}
	d->fd = fd;
	d->path = strdup(path);
	if (!d->path) {
		identity_dir_close(d);
		return -ENOMEM;
	}
	return 0;
}

void identity_dir_close(struct identity_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	d->fd = -1;
	d->path = NULL;
}

int identity_dir_lock(struct identity_dir *d)
{
	return flock(d->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

void identity_dir_unlock(struct identity_dir *d)
{
	flock(d->fd, LOCK_UN);
}

bool identity_dir_has(const struct identity_dir *d, const char *name)
{
	return faccessat(d->fd, name, F_OK, 0) == 0;
}

/* Durably; 0, or -ESRCH if the rule's group does not exist. */
static int rule_apply(const struct identity_dir *d, const struct file_rule *rule)
{
	SCOPE_CLOSE int fd = openat(d->fd, rule->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct group grp, *found = NULL;
	char buf[4096];
	int missing = 0;

	if (fd < 0)
		return -errno;
	if (rule->group) {
		getgrnam_r(rule->group, &grp, buf, sizeof(buf), &found);
		/* Only root may give files away; anybody else's identity is for himself. */
		if (found && geteuid() == 0 && fchown(fd, 0, found->gr_gid) < 0)
			return -errno;
		if (!found)
			missing = -ESRCH;
	}
	if (fchmod(fd, missing ? 0600 : rule->mode) < 0 || fsync(fd) < 0)
		return -errno;
	return missing;
}

int identity_dir_write(const struct identity_dir *d, const char *name, const char *text)
{
	const struct file_rule *rule = rule_of(name);
	mode_t mode = rule->group ? 0600 : rule->mode; /* wider only once it has its group */
	int err;

	err = durable_write(d->fd, name, text, strlen(text), mode);
	if (!err) {
		err = rule_apply(d, rule);
		if (err == -ESRCH)
			err = 0;
	}
	if (err)
		log_error("%s/%s: cannot be written: %s", d->path, name, strerror(-err));
	return err;
}

int identity_dir_rename(const struct identity_dir *d, const char *name, const char *to)
{
	int err = 0;

	if (renameat(d->fd, name, d->fd, to) < 0 || fsync(d->fd) < 0)
		err = -errno;
	if (err)
		log_error("%s/%s: cannot be renamed to %s: %s", d->path, name, to, strerror(-err));
	return err;
}

int identity_dir_remove(const struct identity_dir *d, const char *name)
{
	int err = 0;

	if (unlinkat(d->fd, name, 0) < 0 && errno != ENOENT)
		err = -errno;
	else if (fsync(d->fd) < 0)
		err = -errno;
	if (err)
		log_error("%s/%s: cannot be removed: %s", d->path, name, strerror(-err));
	return err;
}

int identity_dir_share(const struct identity_dir *d)
{
	for (size_t i = 0; i < N_RULES; i++) {
		int err;

		if (!identity_dir_has(d, rules[i].name))
			continue;
		err = rule_apply(d, &rules[i]);
		if (err == -ESRCH) {
			log_warn("%s/%s: only root can read it, there is no group %s; once there "
				 "is: chgrp %s and chmod 640 it",
				 d->path, rules[i].name, rules[i].group, rules[i].group);
		} else if (err) {
			log_error("%s/%s: owner and mode cannot be set: %s", d->path, rules[i].name,
				  strerror(-err));
			return err;
		}
	}
	return 0;
}

const char *identity_secret_file(enum identity_secret secret)
{
	static const char *const names[] = {
		[IDENTITY_SECRET_SIGN] = "sign.auth",	[IDENTITY_SECRET_TLS] = "tls.auth",
		[IDENTITY_SECRET_SPOOL] = "spool.auth", [IDENTITY_SECRET_COUNTER] = "counter.auth",
		[IDENTITY_SECRET_OWNER] = "owner.auth", [IDENTITY_SECRET_LOCKOUT] = "lockout.auth",
	};

	return names[secret];
}

static bool auth_parse(struct identity_auth *auth, const char *text, size_t len)
{
	if (len != IDENTITY_AUTH_LEN + 1 || text[IDENTITY_AUTH_LEN] != '\n')
		return false;
	if (strspn(text, "0123456789abcdef") != IDENTITY_AUTH_LEN)
		return false;
	memcpy(auth->text, text, IDENTITY_AUTH_LEN);
	auth->text[IDENTITY_AUTH_LEN] = '\0';
	return true;
}

/* As identity_auth_read(), but for -ENOENT, which is not logged. */
static int auth_find(const struct identity_dir *d, enum identity_secret secret,
		     struct identity_auth *auth)
{
	const char *name = identity_secret_file(secret);
	char *text = NULL;
	size_t len;
	bool valid;
	int err;

	err = durable_read(d->fd, name, 0, IDENTITY_AUTH_LEN + 1, &text, &len);
	if (err == -ENOENT)
		return err;
	if (err == -EACCES) {
		log_error("%s/%s: this user may not read it, so it may not use what it protects",
			  d->path, name);
		return err;
	}
	if (err && err != -EFBIG) {
		log_error("%s/%s: %s", d->path, name, strerror(-err));
		return err;
	}
	valid = !err && auth_parse(auth, text, len);
	if (text)
		OPENSSL_cleanse(text, len);
	free(text);
	if (!valid) {
		log_error("%s/%s: not what \"ownframe identity init\" writes", d->path, name);
		return -EBADMSG;
	}
	return 0;
}

int identity_auth_read(const struct identity_dir *d, enum identity_secret secret,
		       struct identity_auth *auth)
{
	int err = auth_find(d, secret, auth);

	if (err == -ENOENT)
		log_error("%s/%s: missing; without it what it protects cannot be used, bring the "
			  "file back from a backup",
			  d->path, identity_secret_file(secret));
	return err;
}

int identity_auth_make(const struct identity_dir *d, enum identity_secret secret,
		       struct identity_auth *auth)
{
	uint8_t random[IDENTITY_AUTH_LEN / 2];
	char line[IDENTITY_AUTH_LEN + 2];
	int err;

	err = auth_find(d, secret, auth);
	if (err != -ENOENT)
		return err;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(auth->text + 2 * i, 3, "%02x", random[i]);
	snprintf(line, sizeof(line), "%s\n", auth->text);
	err = identity_dir_write(d, identity_secret_file(secret), line);
	OPENSSL_cleanse(random, sizeof(random));
	OPENSSL_cleanse(line, sizeof(line));
	return err;
}

void identity_auth_wipe(struct identity_auth *auth)
{
	OPENSSL_cleanse(auth, sizeof(*auth));
}

static int record_parse(struct identity_record *record, const char *text, size_t len)
{
	static const char *const members[] = { "v",   "backend",     "sign",
					       "tls", "first_epoch", "anchor" };
	SCOPE_JSON json_t *json = json_strict_parse(text, len);
	SCOPE_FREE uint8_t *anchor = NULL;
	uint64_t version;

	if (!json || !json_strict_members(json, members, sizeof(members) / sizeof(members[0])))
		return -EBADMSG;
	if (json_strict_uint(json, "v", &version) || version != 1 ||
	    json_strict_text(json, "backend", record->backend, sizeof(record->backend)) ||
	    json_strict_uint(json, "first_epoch", &record->first_epoch) ||
	    p256_pub_from_jwk(&record->sign, json_object_get(json, "sign")) ||
	    p256_pub_from_jwk(&record->tls, json_object_get(json, "tls")) ||
	    json_strict_blob(json, "anchor", &anchor, &record->anchor_len, IDENTITY_ANCHOR_MAX))
		return -EBADMSG;
	memcpy(record->anchor, anchor, record->anchor_len);
	return 0;
}

int identity_record_read(const struct identity_dir *d, struct identity_record *record)
{
	SCOPE_FREE char *text = NULL;
	size_t len;
	int err;

	err = durable_read(d->fd, IDENTITY_RECORD_FILE, 0, IDENTITY_FILE_MAX, &text, &len);
	if (err == -ENOENT)
		return err;
	if (!err)
		err = record_parse(record, text, len);
	if (err)
		log_error("%s/" IDENTITY_RECORD_FILE ": %s", d->path,
			  err == -EBADMSG ? "not what \"ownframe identity init\" writes"
					  : strerror(-err));
	return err;
}

int identity_record_write(const struct identity_dir *d, const struct identity_record *record)
{
	SCOPE_FREE char *anchor = base64url_dup(record->anchor, record->anchor_len);
	SCOPE_JSON json_t *json = NULL;
	SCOPE_FREE char *text = NULL;

	json = json_pack("{s:i, s:s, s:o, s:o, s:I, s:s}", "v", 1, "backend", record->backend,
			 "sign", p256_pub_to_jwk(&record->sign), "tls",
			 p256_pub_to_jwk(&record->tls), "first_epoch",
			 (json_int_t)record->first_epoch, "anchor", anchor);
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	if (!text)
		return -ENOMEM;
	return identity_dir_write(d, IDENTITY_RECORD_FILE, text);
}
