/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a clip's parts stand in a store, docs/clip-format.md "Object keys":
 *
 *	<owner id, 16>/<device id, 16>/YYYY-MM-DD/<camera id>/HH/MM-SS.ffffffZ.0.mp4
 *
 * with the siblings .0.thumb and .0.jws. Everything in it is what the manifest says; whether the
 * manifest tells the truth is for the reader to verify, who has the owner's claims.
 */
#ifndef OWNFRAME_UPLOAD_OBJECT_KEY_H
#define OWNFRAME_UPLOAD_OBJECT_KEY_H

#include "../lib/manifest.h"

/* 16 + 1 + 16 + 1 + 10 + 1 + 22 + 1 + 2 + 1 + 13 + ".0" + ".thumb" + NUL, rounded up */
#define OBJECT_KEY_LEN 128

/* @kind: "mp4", "thumb" or "jws". -EINVAL if a member of @head is no part for a path. */
int object_key(char key[OBJECT_KEY_LEN], const struct manifest_head *head, const char *kind);

#endif
