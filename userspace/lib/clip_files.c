// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of a clip by either of its two layouts. Apart from the reader, so that what is read
 * does not depend on where it lies. The one thing to know: the folder is opened once, and all names
 * are looked up in it.
 */
#include "clip_files.h"

#include "scope.h"
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const folder_names[CLIP_FILES] = {
	[CLIP_FILE_VIDEO] = SPOOL_CLIP,
	[CLIP_FILE_THUMB] = SPOOL_THUMB,
	[CLIP_FILE_MANIFEST] = SPOOL_MANIFEST,
};

static const char *const object_suffixes[CLIP_FILES] = {
	[CLIP_FILE_VIDEO] = ".0.mp4",
	[CLIP_FILE_THUMB] = ".0.thumb",
	[CLIP_FILE_MANIFEST] = ".0.jws",
};

static int open_folder(struct clip_files *f, const char *path)
{
	f->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->dir < 0 ? -errno : 0;
}

/* Length of @base without the suffix of an object, or 0. */
static size_t object_stem(const char *base)
{
	size_t len = strlen(base);

	for (int i = 0; i < CLIP_FILES; i++) {
		size_t suffix = strlen(object_suffixes[i]);

		if (len > suffix && !strcmp(base + len - suffix, object_suffixes[i]))
			return len - suffix;
	}
	return 0;
}

static int open_object(struct clip_files *f, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	SCOPE_FREE char *folder = slash ? strndup(path, base - path) : strdup(".");
	size_t stem = object_stem(base);

	if (!folder)
		return -ENOMEM;
	if (!stem || stem + strlen(object_suffixes[CLIP_FILE_THUMB]) > NAME_MAX)
		return access(path, F_OK) ? -errno : -EINVAL;
	for (int i = 0; i < CLIP_FILES; i++)
		snprintf(f->name[i], sizeof(f->name[i]), "%.*s%s", (int)stem, base,
			 object_suffixes[i]);
	return open_folder(f, folder);
}

int clip_files_open(struct clip_files *f, const char *path)
{
	struct stat st;

	memset(f, 0, sizeof(*f));
	f->dir = -1;
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return open_object(f, path);
	for (int i = 0; i < CLIP_FILES; i++)
		snprintf(f->name[i], sizeof(f->name[i]), "%s", folder_names[i]);
	return open_folder(f, path);
}

void clip_files_close(struct clip_files *f)
{
	if (f->dir >= 0)
		close(f->dir);
	f->dir = -1;
}

int clip_files_open_one(const struct clip_files *f, enum clip_file which, uint64_t *size)
{
	SCOPE_CLOSE int fd = openat(f->dir, f->name[which],
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? -EINVAL : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*size = st.st_size;
	return SCOPE_TAKE_FD(fd);
}

int clip_files_pread(int fd, void *data, size_t len, uint64_t off)
{
	uint8_t *at = data;

	while (len) {
		ssize_t n = pread(fd, at, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (!n)
			return -ENODATA;
		at += n;
		off += n;
		len -= n;
	}
	return 0;
}

int clip_files_read(const struct clip_files *f, enum clip_file which, size_t cap, uint8_t **data,
		    size_t *len)
{
	SCOPE_FREE uint8_t *bytes = NULL;
	SCOPE_CLOSE int fd = -1;
	uint64_t size;
	int ret;

	fd = clip_files_open_one(f, which, &size);
	if (fd < 0)
		return fd;
	if (size > cap)
		return -EFBIG;
	bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	ret = clip_files_pread(fd, bytes, size, 0);
	if (ret)
		return -EIO; /* also when it became shorter meanwhile */
	bytes[size] = 0;
	*data = SCOPE_TAKE_PTR(bytes);
	*len = size;
	return 0;
}

bool clip_files_exists(const struct clip_files *f, enum clip_file which)
{
	return !faccessat(f->dir, f->name[which], F_OK, AT_SYMLINK_NOFOLLOW);
}
