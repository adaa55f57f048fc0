// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small files that survive a power cut. Separate because the order matters and is easy to get
 * wrong: data before name, name before the caller goes on; a rename is durable only once the
 * folder's own fsync returned.
 */
#include "durable.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The folder that @path is in, opened so that it can be synced; or -errno. */
static int open_folder(int dirfd, const char *path)
{
	const char *base = base_of(path);
	char folder[PATH_MAX];
	size_t n = (size_t)(base - path);
	int fd;

	if (n >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, n);
	folder[n] = '\0';
	fd = openat(dirfd, n ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int fill(int folder, const char *tmp, const void *data, size_t len, mode_t mode)
{
	SCOPE_CLOSE int fd = -1;
	int rc;

	/* What an interrupted run left is not continued: it may be another's, with another mode. */
	if (unlinkat(folder, tmp, 0) && errno != ENOENT)
		return -errno;
	fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, data, len);
	if (rc)
		return rc;
	if (fchmod(fd, mode) || fsync(fd))
		return -errno;
	return 0;
}

int durable_write(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	SCOPE_CLOSE int folder = open_folder(dirfd, name);
	const char *base = base_of(name);
	char tmp[NAME_MAX + 1];
	int rc;

	if (folder < 0)
		return folder;
	rc = snprintf(tmp, sizeof(tmp), ".%s.new", base);
	if (rc < 0 || (size_t)rc >= sizeof(tmp))
		return -ENAMETOOLONG;
	rc = fill(folder, tmp, data, len, mode);
	if (!rc && renameat(folder, tmp, folder, base))
		rc = -errno;
	if (rc) {
		unlinkat(folder, tmp, 0);
		return rc;
	}
	return fsync(folder) ? -errno : 0;
}

int durable_rename(int from_dirfd, const char *from, int to_dirfd, const char *to)
{
	SCOPE_CLOSE int source = open_folder(from_dirfd, from);
	SCOPE_CLOSE int target = open_folder(to_dirfd, to);

	if (source < 0)
		return source;
	if (target < 0)
		return target;
	if (renameat2(source, base_of(from), target, base_of(to), RENAME_NOREPLACE))
		return -errno;
	/* The new name first: cut between the two, a file with both names is better than with none. */
	if (fsync(target) || fsync(source))
		return -errno;
	return 0;
}

int durable_read(int dirfd, const char *name, int flags, size_t cap, char **out, size_t *len)
{
	SCOPE_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
	SCOPE_FREE char *data = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uintmax_t)st.st_size > cap)
		return -EFBIG;
	/* The size read may be more than the size asked: one spare byte tells, and holds the NUL. */
	cap = (size_t)st.st_size;
	data = malloc(cap + 1);
	if (!data)
		return -ENOMEM;
	while ((got = read(fd, data + n, cap + 1 - n)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n += (size_t)got;
		if (n > cap)
			return -EBUSY;
	}
	data[n] = '\0';
	*out = SCOPE_TAKE_PTR(data);
	*len = n;
	return 0;
}
