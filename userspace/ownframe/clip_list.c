// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finding clips. Separate from judging them: this goes by names, which anybody who can write to a
 * store chooses, so it decides nothing but where to look.
 */
#include "clip_list.h"

#include "log.h"
#include "scope.h"
#include "spool.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int add(struct clip_list *list, char *path)
{
	if (!path)
		return -ENOMEM;
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 16;
		char **more = reallocarray(list->paths, cap, sizeof(*more));

		if (!more) {
			free(path);
			return -ENOMEM;
		}
		list->paths = more;
		list->cap = cap;
	}
	list->paths[list->n++] = path;
	return 0;
}

static bool holds(const char *folder, const char *name)
{
	SCOPE_FREE char *path = NULL;
	struct stat st;

	return asprintf(&path, "%s/%s", folder, name) >= 0 && !lstat(path, &st);
}

static bool ends_with(const char *name, size_t len, const char *end)
{
	return len > strlen(end) && !strcmp(name + len - strlen(end), end);
}

/* A file in a store or a spool: the clip that it is of, by the path of folder or video. */
static int add_by_file(struct clip_list *list, const FTSENT *e)
{
	size_t stem = e->fts_pathlen;
	char *path;

	if (!strcmp(e->fts_name, SPOOL_CLIP) || !strcmp(e->fts_name, SPOOL_MANIFEST))
		return add(list, strndup(e->fts_path, stem - e->fts_namelen - 1));
	if (ends_with(e->fts_name, e->fts_namelen, ".0.jws") ||
	    ends_with(e->fts_name, e->fts_namelen, ".0.mp4"))
		return asprintf(&path, "%.*s.mp4", (int)stem - 4, e->fts_path) < 0
			       ? -ENOMEM
			       : add(list, path);
	return 0;
}

static int walk(struct clip_list *list, char *folder)
{
	FTS *fts = fts_open((char *[]) { folder, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int ret = 0;

	if (!fts)
		return -errno;
	while (!ret && (errno = 0, e = fts_read(fts))) {
		if (e->fts_info == FTS_F)
			ret = add_by_file(list, e);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			ret = -e->fts_errno;
	}
	if (!ret && errno)
		ret = -errno;
	fts_close(fts);
	return ret;
}

int clip_list_add(struct clip_list *list, const char *path)
{
	SCOPE_FREE char *copy = strdup(path);
	struct stat st;
	int ret;

	if (!copy)
		return -ENOMEM;
	if (stat(path, &st) || !S_ISDIR(st.st_mode) || holds(path, SPOOL_MANIFEST) ||
	    holds(path, SPOOL_CLIP))
		return add(list, SCOPE_TAKE_PTR(copy));
	list->whole = true;
	ret = walk(list, copy);
	if (ret)
		log_error("%s: %s", path, strerror(-ret));
	return ret;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void clip_list_sort(struct clip_list *list)
{
	size_t kept = 0;

	if (!list->n)
		return;
	qsort(list->paths, list->n, sizeof(*list->paths), by_path);
	for (size_t i = 0; i < list->n; i++) {
		if (kept && !strcmp(list->paths[kept - 1], list->paths[i]))
			free(list->paths[i]);
		else
			list->paths[kept++] = list->paths[i];
	}
	list->n = kept;
}

void clip_list_release(struct clip_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct clip_list) { 0 };
}
