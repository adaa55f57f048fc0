/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a clip's three files are, in a spool or in a store: a folder with clip.mp4, thumb and
 * manifest.jws, or the object <key>.0.mp4 with its siblings .0.thumb and .0.jws. Whoever filled
 * the folder is not trusted: no link is followed, nothing but plain files is opened.
 */
#ifndef OWNFRAME_CLIP_FILES_H
#define OWNFRAME_CLIP_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum clip_file {
	CLIP_FILE_VIDEO,
	CLIP_FILE_THUMB,
	CLIP_FILE_MANIFEST,
	CLIP_FILES
};

struct clip_files {
	int dir; /* the folder that they are in */
	char name[CLIP_FILES][NAME_MAX + 1];
};

/*
 * Find the clip at @path: its folder, or one of its objects in a store. The files themselves need
 * not be there. 0; -EINVAL: not the name of either; -ENOENT: nor is there such a file; -errno: the
 * folder cannot be opened.
 */
int clip_files_open(struct clip_files *f, const char *path);
void clip_files_close(struct clip_files *f);

/* A descriptor for reading and the size; -ENOENT; -EINVAL: not a plain file. */
int clip_files_open_one(const struct clip_files *f, enum clip_file which, uint64_t *size);
/* Read it whole into new memory, at most @cap bytes; -EFBIG if larger. */
int clip_files_read(const struct clip_files *f, enum clip_file which, size_t cap, uint8_t **data,
		    size_t *len);
/* Is there something of that name, whatever it is? */
bool clip_files_exists(const struct clip_files *f, enum clip_file which);

/* Read exactly @len bytes at @off, or -EIO; -ENODATA at the end of the file. */
int clip_files_pread(int fd, void *data, size_t len, uint64_t off);

#endif
