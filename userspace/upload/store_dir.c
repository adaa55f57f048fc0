// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A folder as store: any path, a mounted disk or share. The one thing to know: an object is written
 * as ".<name>.part", synced, and only then given its name, without replacing, so that a reader
 * never sees half an object and a kill leaves nothing but a ".part", which the next attempt
 * removes.
 */
#include "store.h"

#include "../lib/durable.h"
#include "../lib/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK (1024 * 1024)

struct store {
	const char *path;
	bool mountpoint;
	char *ours, *theirs; /* CHUNK bytes each */
};

struct object {
	const char *root, *key, *name; /* name: last part of the key */
	char part[NAME_MAX + 1];
	int dir; /* folder of the object */
	char *why;
};

struct store *store_new(const struct upload_config *cfg)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->path = strchr(cfg->store, ':') + 1;
	s->mountpoint = cfg->mountpoint;
	s->ours = malloc(CHUNK);
	s->theirs = malloc(CHUNK);
	if (s->ours && s->theirs)
		return s;
	store_free(s);
	return NULL;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	free(s->ours);
	free(s->theirs);
	free(s);
}

__attribute__((format(printf, 3, 4))) static enum store_result
because(char *why, enum store_result result, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, STORE_WHY_LEN, fmt, args);
	va_end(args);
	return result;
}

static enum store_result trouble(const struct object *o, const char *doing)
{
	return because(o->why, STORE_TROUBLE, "cannot %s %s/%s: %s", doing, o->root, o->key,
		       strerror(errno));
}

static enum store_result open_root(const struct store *s, int *fd, char *why)
{
	struct statx stx;

	*fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return because(why, STORE_TROUBLE, "the store %s is not there: %s", s->path,
			       strerror(errno));
	if (!s->mountpoint)
		return STORE_DONE;
	if (statx(*fd, "", AT_EMPTY_PATH, 0, &stx) ||
	    !(stx.stx_attributes & stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT))
		return because(why, STORE_TROUBLE,
			       "the store is not there: nothing is mounted at %s", s->path);
	return STORE_DONE;
}

/* Some file systems have no fsync for folders and say EINVAL: then there is nothing to wait for. */
static int sync_folder(int fd)
{
	return fsync(fd) && errno != EINVAL ? -1 : 0;
}

static enum store_result enter(struct object *o, const char *folder)
{
	int next;

	if (mkdirat(o->dir, folder, 0777) && errno != EEXIST)
		return trouble(o, "make a folder for");
	next = openat(o->dir, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
		return because(o->why, STORE_CONFLICT, "%s/%s: \"%s\" on the way is no folder",
			       o->root, o->key, folder);
	/* Also if it was there: perhaps an attempt that a power cut ended has just made it. */
	if (next < 0 || sync_folder(o->dir)) {
		scope_close(&next);
		return trouble(o, "reach");
	}
	close(o->dir);
	o->dir = next;
	return STORE_DONE;
}

/* Go to the object's folder, making what is missing below the root. */
static enum store_result descend(struct object *o)
{
	enum store_result result = STORE_DONE;
	const char *from = o->key, *slash;

	while (result == STORE_DONE && (slash = strchr(from, '/'))) {
		char folder[NAME_MAX + 1];

		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - from), from);
		result = enter(o, folder);
		from = slash + 1;
	}
	o->name = from;
	snprintf(o->part, sizeof(o->part), ".%.200s.part", from);
	return result;
}

/* Read up to CHUNK bytes, less only at the end of the file. */
static ssize_t read_chunk(int fd, char *data, off_t at)
{
	size_t len = 0;
	ssize_t n;

	while (len < CHUNK) {
		n = pread(fd, data + len, CHUNK - len, at + (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static enum store_result unreadable(const struct object *o)
{
	return because(o->why, STORE_UNREADABLE, "cannot be read: %s", strerror(errno));
}

/* Is what has the name the same, and durable? */
static enum store_result compare(const struct store *s, const struct object *o, int fd)
{
	SCOPE_CLOSE int there =
		openat(o->dir, o->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n, m;
	struct stat st;

	if (there < 0 || fstat(there, &st) || !S_ISREG(st.st_mode))
		return because(o->why, STORE_CONFLICT, "%s/%s is there and cannot be compared",
			       o->root, o->key);
	for (off_t at = 0;; at += n) {
		n = read_chunk(fd, s->ours, at);
		if (n < 0)
			return unreadable(o);
		m = read_chunk(there, s->theirs, at);
		if (m < 0)
			return trouble(o, "read");
		if (n != m || memcmp(s->ours, s->theirs, (size_t)n))
			return because(o->why, STORE_CONFLICT,
				       "%s/%s is there with other content: it was not replaced",
				       o->root, o->key);
		if (n < CHUNK)
			break;
	}
	return fsync(there) || sync_folder(o->dir) ? trouble(o, "sync") : STORE_DONE;
}

static enum store_result write_all(const struct object *o, int to, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(to, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return trouble(o, "write");
		data += n;
		len -= (size_t)n;
	}
	return STORE_DONE;
}

static enum store_result write_part(const struct store *s, const struct object *o, int fd)
{
	enum store_result result = STORE_DONE;
	SCOPE_CLOSE int to = -1;
	ssize_t n = CHUNK;

	to = openat(o->dir, o->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (to < 0)
		return trouble(o, "write");
	for (off_t at = 0; n == CHUNK && result == STORE_DONE; at += n) {
		n = read_chunk(fd, s->ours, at);
		if (n < 0)
			return unreadable(o);
		result = write_all(o, to, s->ours, (size_t)n);
	}
	if (result == STORE_DONE && fsync(to))
		result = trouble(o, "sync");
	return result;
}

/* Give the part its name, without replacing: -1 with EEXIST. NFS and 9p rename only over. */
static int give_name(const struct object *o)
{
	if (!renameat2(o->dir, o->part, o->dir, o->name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(o->dir, o->part, o->dir, o->name, 0))
		return -1;
	return unlinkat(o->dir, o->part, 0);
}

static enum store_result put_new(const struct store *s, const struct object *o, int fd)
{
	enum store_result result = write_part(s, o, fd);

	if (result == STORE_DONE && give_name(o)) {
		/* It came while we wrote. */
		result = errno == EEXIST ? compare(s, o, fd) : trouble(o, "name");
		unlinkat(o->dir, o->part, 0);
		return result;
	}
	if (result == STORE_DONE)
		return sync_folder(o->dir) ? trouble(o, "sync") : STORE_DONE;
	/* A full store is not filled with halves. */
	unlinkat(o->dir, o->part, 0);
	return result;
}

enum store_result store_put(struct store *s, const char *key, int fd, char why[STORE_WHY_LEN])
{
	struct object o = { .root = s->path, .key = key, .dir = -1, .why = why };
	enum store_result result = open_root(s, &o.dir, why);
	struct stat st;

	if (result == STORE_DONE)
		result = descend(&o);
	/* Left by an attempt that was killed. */
	if (result == STORE_DONE && unlinkat(o.dir, o.part, 0) && errno != ENOENT)
		result = trouble(&o, "write");
	if (result == STORE_DONE) {
		if (!fstatat(o.dir, o.name, &st, AT_SYMLINK_NOFOLLOW))
			result = compare(s, &o, fd);
		else if (errno == ENOENT)
			result = put_new(s, &o, fd);
		else
			result = trouble(&o, "look for");
	}
	scope_close(&o.dir);
	return result;
}

enum store_result store_get(struct store *s, const char *key, size_t cap, char **data, size_t *len,
			    char why[STORE_WHY_LEN])
{
	struct object o = { .root = s->path, .key = key, .dir = -1, .why = why };
	enum store_result result = open_root(s, &o.dir, why);
	int ret;

	if (result == STORE_DONE)
		result = descend(&o);
	if (result == STORE_DONE) {
		ret = durable_read(o.dir, o.name, O_NOFOLLOW, cap, data, len);
		if (ret == -ENOENT || ret == -ELOOP || ret == -EINVAL || ret == -EFBIG) {
			result = because(why, STORE_CONFLICT, "%s/%s cannot be compared: %s",
					 o.root, o.key, strerror(-ret));
		} else if (ret || sync_folder(o.dir)) {
			errno = ret ? -ret : errno;
			result = trouble(&o, "read");
			if (!ret)
				free(*data);
		}
	}
	scope_close(&o.dir);
	return result;
}
