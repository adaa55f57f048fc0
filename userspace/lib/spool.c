// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The spool on disk: folders whose place is their state, and the files that must outlive them.
 * Separate because recorder, recovery and uploader share nothing else. The one thing to know: a
 * clip is complete in the folder where it stands; every move is a rename after everything is synced.
 */
#include "spool.h"

#include "base64url.h"
#include "durable.h"
#include "jws.h"
#include "log.h"
#include "scope.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define CAMERA_NAME_MAX 64
#define BLOCK_MIN	4096u

static const struct {
	const char *name;
	mode_t mode;
} folders[] = {
	[SPOOL_STATE_OPEN] = { "open", 0700 },
	[SPOOL_STATE_READY] = { "ready", 0770 },
	[SPOOL_STATE_SENT] = { "sent", 0770 },
	[SPOOL_STATE_QUARANTINE] = { "quarantine", 0700 },
};

#define N_FOLDERS (sizeof(folders) / sizeof(folders[0]))

static int open_folder(int dirfd, const char *name, mode_t mode)
{
	int fd;

	if (mkdirat(dirfd, name, mode) && errno != EEXIST)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int spool_open(struct spool *s, const char *path)
{
	*s = (struct spool) { .fd = -1, .state = { -1, -1, -1, -1 } };
	s->fd = open_folder(AT_FDCWD, path, 0750);
	if (s->fd < 0) {
		log_error("%s: cannot open the spool: %s", path, strerror(-s->fd));
		return s->fd;
	}
	for (size_t i = 0; i < N_FOLDERS; i++) {
		s->state[i] = open_folder(s->fd, folders[i].name, folders[i].mode);
		if (s->state[i] < 0) {
			int err = s->state[i];

			log_error("%s/%s: cannot open: %s", path, folders[i].name, strerror(-err));
			spool_close(s);
			return err;
		}
	}
	return 0;
}

void spool_close(struct spool *s)
{
	for (size_t i = 0; i < N_FOLDERS; i++)
		if (s->state[i] >= 0)
			close(s->state[i]);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct spool) { .fd = -1, .state = { -1, -1, -1, -1 } };
}

int spool_block(const struct spool *s, uint32_t *block)
{
	SCOPE_CLOSE int fd = openat(s->state[SPOOL_STATE_OPEN], ".",
				    O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	struct statx stx;

	if (fd < 0)
		return errno == EINVAL ? -EOPNOTSUPP : -errno;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx))
		return -errno;
	*block = BLOCK_MIN;
	if (!(stx.stx_mask & STATX_DIOALIGN))
		return 0; /* not told (before 6.1, overlayfs): what disks and pages have */
	if (!stx.stx_dio_offset_align)
		return -EOPNOTSUPP;
	while (*block < stx.stx_dio_offset_align || *block < stx.stx_dio_mem_align)
		*block *= 2;
	return 0;
}

/* Between mkdir and flock a recovering recorder could take the clip for a left-over: lock open/. */
static int create_locked(int open_fd, const char *id)
{
	SCOPE_CLOSE int fd = -1;

	if (mkdirat(open_fd, id, 0770))
		return -errno;
	fd = openat(open_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || fsync(open_fd)) {
		int err = -errno;

		unlinkat(open_fd, id, AT_REMOVEDIR);
		return err;
	}
	return SCOPE_TAKE_FD(fd);
}

int spool_clip_create(struct spool *s, const struct clip_id *id)
{
	int open_fd = s->state[SPOOL_STATE_OPEN];
	int ret;

	if (flock(open_fd, LOCK_EX))
		return -errno;
	ret = create_locked(open_fd, id->text);
	flock(open_fd, LOCK_UN);
	return ret;
}

int spool_clip_adopt(struct spool *s, const char *id)
{
	int open_fd = s->state[SPOOL_STATE_OPEN];
	SCOPE_CLOSE int fd = -1;
	int ret;

	if (flock(open_fd, LOCK_EX))
		return -errno;
	fd = spool_clip_open(s, SPOOL_STATE_OPEN, id);
	ret = fd < 0 ? fd : flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
	flock(open_fd, LOCK_UN);
	if (ret == -EWOULDBLOCK)
		return -EBUSY;
	return ret ? ret : SCOPE_TAKE_FD(fd);
}

int spool_clip_open(const struct spool *s, enum spool_state state, const char *id)
{
	int fd = openat(s->state[state], id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* Open the folder @fd anew to list it: readdir's position must not be shared. */
static int list_folder(int fd, DIR **d)
{
	SCOPE_CLOSE int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (own < 0)
		return -errno;
	*d = fdopendir(own);
	if (!*d)
		return -errno;
	(void)SCOPE_TAKE_FD(own);
	return 0;
}

/* The next entry that is not "." or "..", or NULL; errno is set at an error, 0 at the end. */
static const char *next_name(DIR *d)
{
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(d);
	} while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	return e ? e->d_name : NULL;
}

static int sync_files(int clip_fd)
{
	SCOPE_CLOSEDIR DIR *d = NULL;
	const char *name;
	int ret = list_folder(clip_fd, &d);

	if (ret)
		return ret;
	while ((name = next_name(d))) {
		SCOPE_CLOSE int fd =
			openat(clip_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

		if (fd < 0 || fsync(fd))
			return -errno;
	}
	if (errno)
		return -errno;
	return fsync(clip_fd) ? -errno : 0;
}

int spool_clip_move(struct spool *s, const char *id, enum spool_state from, enum spool_state to)
{
	SCOPE_CLOSE int fd = spool_clip_open(s, from, id);
	int ret;

	if (fd < 0)
		return fd;
	ret = sync_files(fd);
	if (ret)
		return ret;
	return durable_rename(s->state[from], id, s->state[to], id);
}

int spool_clip_remove(struct spool *s, enum spool_state state, const char *id)
{
	SCOPE_CLOSE int fd = spool_clip_open(s, state, id);
	SCOPE_CLOSEDIR DIR *d = NULL;
	const char *name;
	int ret;

	if (fd < 0)
		return fd;
	ret = list_folder(fd, &d);
	if (ret)
		return ret;
	while ((name = next_name(d)))
		if (unlinkat(fd, name, 0))
			return -errno;
	if (errno)
		return -errno;
	return unlinkat(s->state[state], id, AT_REMOVEDIR) ? -errno : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int spool_list(const struct spool *s, enum spool_state state, char ***ids, size_t *n)
{
	SCOPE_CLOSEDIR DIR *d = NULL;
	char **list = NULL;
	size_t used = 0;
	const char *name;
	int ret = list_folder(s->state[state], &d);

	if (ret)
		return ret;
	while ((name = next_name(d))) {
		char **more;
		int64_t start;
		uint64_t seq;

		if (clip_id_parse(name, &start, &seq))
			continue;
		more = reallocarray(list, used + 1, sizeof(*list));
		if (more)
			list = more;
		if (!more || !(list[used] = strdup(name))) {
			spool_list_free(list, used);
			return -ENOMEM;
		}
		used++;
	}
	if (errno) {
		ret = -errno;
		spool_list_free(list, used);
		return ret;
	}
	if (used)
		qsort(list, used, sizeof(*list), by_name);
	*ids = list;
	*n = used;
	return 0;
}

void spool_list_free(char **ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
}

static bool camera_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > CAMERA_NAME_MAX || *name == '-')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_' && *name != '-')
			return false;
	return true;
}

static bool camera_id_valid(const char *id, size_t len)
{
	uint8_t raw[16];

	return len == MANIFEST_CAMERA_LEN &&
	       base64url_decode(raw, sizeof(raw), id, len) == (ssize_t)sizeof(raw);
}

static int camera_make(const struct spool *s, const char *file)
{
	char id[MANIFEST_CAMERA_LEN + 1];
	uint8_t raw[16];

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return -EIO;
	base64url_encode(id, raw, sizeof(raw));
	return durable_write(s->fd, file, id, MANIFEST_CAMERA_LEN, 0640);
}

int spool_camera(struct spool *s, const char *name, char id[MANIFEST_CAMERA_LEN + 1], int *lock)
{
	SCOPE_CLOSE int fd = -1;
	SCOPE_FREE char *text = NULL;
	char file[sizeof("camera-") + CAMERA_NAME_MAX];
	size_t len;
	int ret;

	if (!camera_name_valid(name))
		return -EINVAL;
	snprintf(file, sizeof(file), "camera-%s", name);
	if (faccessat(s->fd, file, F_OK, 0)) {
		ret = errno == ENOENT ? camera_make(s, file) : -errno;
		if (ret)
			return ret;
	}
	fd = openat(s->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	ret = durable_read(s->fd, file, O_NOFOLLOW, MANIFEST_CAMERA_LEN, &text, &len);
	if (ret)
		return ret;
	if (!camera_id_valid(text, len))
		return -EBADMSG;
	memcpy(id, text, MANIFEST_CAMERA_LEN + 1);
	*lock = SCOPE_TAKE_FD(fd);
	return 0;
}

static void chain_file(char file[sizeof("chain-") + MANIFEST_CAMERA_LEN], const char *camera)
{
	snprintf(file, sizeof("chain-") + MANIFEST_CAMERA_LEN, "chain-%s", camera);
}

/*
 * The state file: "<epoch> <seq> <seq signed last, or 0> <prev, base64url, or ->". Another epoch's
 * counts for nothing.
 */
static int chain_load(struct chain *c, const struct spool *s, const char *camera, uint64_t epoch)
{
	char file[sizeof("chain-") + MANIFEST_CAMERA_LEN];
	SCOPE_FREE char *text = NULL;
	char prev[64];
	uint64_t e;
	size_t len;
	int ret;

	chain_file(file, camera);
	ret = durable_read(s->fd, file, O_NOFOLLOW, 256, &text, &len);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %63s", &e, &c->seq, &c->signed_seq,
		   prev) != 4)
		return -EBADMSG;
	if (e != epoch) {
		*c = (struct chain) { 0 };
		return 0;
	}
	c->has_prev = c->signed_seq;
	if (c->has_prev && base64url_decode(c->prev, sizeof(c->prev), prev, strlen(prev)) !=
				   (ssize_t)sizeof(c->prev))
		return -EBADMSG;
	return 0;
}

int chain_store(const struct chain *c, struct spool *s, const char *camera, uint64_t epoch)
{
	char file[sizeof("chain-") + MANIFEST_CAMERA_LEN];
	char prev[BASE64URL_LEN(32) + 1] = "-";
	char text[256];

	chain_file(file, camera);
	if (c->has_prev)
		base64url_encode(prev, c->prev, sizeof(c->prev));
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", epoch, c->seq,
		 c->has_prev ? c->signed_seq : 0, prev);
	return durable_write(s->fd, file, text, strlen(text), 0640);
}

static bool head_in_chain(const struct manifest_head *h, const char *id, const char *camera,
			  uint64_t epoch)
{
	return h->epoch == epoch && !strcmp(h->camera, camera) && !strcmp(h->clip.text, id);
}

/* Read and check a signed file of the clip folder @fd; -ENOENT, or -EBADMSG: not @device's. */
static int signed_read(struct jws *jws, int fd, const char *name, const char *typ,
		       const struct p256_pub *device)
{
	SCOPE_FREE char *text = NULL;
	size_t len;
	int ret = durable_read(fd, name, O_NOFOLLOW, SPOOL_JWS_MAX, &text, &len);

	if (!ret)
		ret = jws_parse(jws, text, len, typ);
	if (ret)
		return ret;
	ret = jws_verify(jws, device);
	if (ret)
		jws_release(jws);
	return ret;
}

struct chain_scan {
	struct chain *head;
	const struct p256_pub *device;
	const char *camera;
	uint64_t epoch;
};

static void scan_manifest(struct chain_scan *scan, int fd, const char *id)
{
	struct manifest m;
	struct jws jws;

	if (signed_read(&jws, fd, SPOOL_MANIFEST, JWS_TYP_CLIP, scan->device))
		return;
	if (!manifest_decode(&m, jws.payload, jws.payload_len)) {
		if (head_in_chain(&m.head, id, scan->camera, scan->epoch)) {
			if (m.head.seq > scan->head->seq)
				scan->head->seq = m.head.seq;
			if (m.head.seq > scan->head->signed_seq) {
				scan->head->signed_seq = m.head.seq;
				scan->head->has_prev = true;
				memcpy(scan->head->prev, jws.digest, sizeof(jws.digest));
			}
		}
		manifest_release(&m);
	}
	jws_release(&jws);
}

static void scan_open(struct chain_scan *scan, int fd, const char *id)
{
	struct manifest_open m;
	struct jws jws;

	if (signed_read(&jws, fd, SPOOL_OPEN, JWS_TYP_OPEN, scan->device))
		return;
	if (!manifest_open_decode(&m, jws.payload, jws.payload_len)) {
		if (head_in_chain(&m.head, id, scan->camera, scan->epoch) &&
		    m.head.seq > scan->head->seq)
			scan->head->seq = m.head.seq;
		manifest_open_release(&m);
	}
	jws_release(&jws);
}

static int scan_state(struct chain_scan *scan, const struct spool *s, enum spool_state state)
{
	char **ids = NULL;
	size_t n = 0;
	int ret = spool_list(s, state, &ids, &n);

	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) {
		SCOPE_CLOSE int fd = -1;
		int64_t start;
		uint64_t seq;

		/* Most clips are older than the best so far: their name says so. */
		if (clip_id_parse(ids[i], &start, &seq) ||
		    (seq <= scan->head->seq && seq <= scan->head->signed_seq))
			continue;
		fd = spool_clip_open(s, state, ids[i]);
		if (fd < 0)
			continue; /* moved on meanwhile */
		scan_manifest(scan, fd, ids[i]);
		if (state == SPOOL_STATE_OPEN)
			scan_open(scan, fd, ids[i]);
	}
	spool_list_free(ids, n);
	return 0;
}

int chain_find(struct chain *c, const struct spool *s, const struct p256_pub *device,
	       const char *camera, uint64_t epoch)
{
	struct chain head = { 0 };
	struct chain_scan scan = {
		.head = &head, .device = device, .camera = camera, .epoch = epoch
	};
	int ret = chain_load(&head, s, camera, epoch);

	/* Along a clip's life, so that one that moves on meanwhile is seen twice, not never. */
	for (int state = SPOOL_STATE_OPEN; !ret && state <= SPOOL_STATE_SENT; state++)
		ret = scan_state(&scan, s, state);
	if (ret)
		return ret;
	*c = head;
	return 0;
}
