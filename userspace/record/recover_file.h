/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The video file of a clip that was never closed: what of it is ours and whole, and closing it. */
#ifndef OWNFRAME_RECORD_RECOVER_FILE_H
#define OWNFRAME_RECORD_RECOVER_FILE_H

#include "clip_layout.h"

/* What was found, in the order of the file. */
struct recover_file {
	int fd;
	uint64_t file_size;
	const struct clip_id *clip;
	const uint8_t *mac_key;
	uint32_t block, index_blocks;
	uint64_t init_size;
	uint8_t init_sha256[32];
	struct clip_ref *refs; /* the good fragments */
	uint8_t (*sha256)[32]; /* of each, metadata and payload */
	size_t n;
	uint64_t end; /* of the last */
	uint8_t index_sha256[32], mfra_sha256[32]; /* after recover_file_close() */
	uint64_t mfra_size;
};

/*
 * Look at clip.mp4 in the folder @dir: its init must hash to @init_sha256, then the fragments count
 * whose HMAC is right, up to the first where it is not. Nothing is believed before its hash or HMAC
 * is checked, the index not at all. 0 with f->n >= 1; -ENODATA: not one fragment; or -errno.
 * @clip and @mac_key are borrowed.
 */
int recover_file_open(struct recover_file *f, int dir, const struct clip_id *clip,
		      const uint8_t init_sha256[32], const uint8_t mac_key[32]);
/* Cut off what is not good, write mfra and index, sync. May be done again after an interruption. */
int recover_file_close(struct recover_file *f);
void recover_file_release(struct recover_file *f);

#endif
