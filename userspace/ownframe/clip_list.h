/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which clips a person means: single ones, or all below the folder of a store or a spool. */
#ifndef OWNFRAME_CLIP_LIST_H
#define OWNFRAME_CLIP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct clip_list {
	char **paths; /* as clip_verify() takes them */
	size_t n, cap;
	bool whole; /* a folder of clips was named: none of its clips should be missing */
};

/*
 * Add the clip at @path, or all below it if it is a folder and not a clip's. Links are not followed.
 * Logged; -errno.
 */
int clip_list_add(struct clip_list *list, const char *path);
/* In the order of their paths, each once. */
void clip_list_sort(struct clip_list *list);
void clip_list_release(struct clip_list *list);

#endif
