/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one way to read a sealed clip: verify before decrypt, decrypt before anything leaves, from
 * the same bytes. Used by "ownframe verify", "ownframe open" and whatever shows clips.
 */
#ifndef OWNFRAME_CLIP_READER_H
#define OWNFRAME_CLIP_READER_H

#include "claim.h"
#include "manifest.h"

#include <openssl/evp.h>

enum clip_verdict {
	CLIP_VERIFIED = 0, /* signed by a device of this owner's claims, every byte as signed */
	CLIP_TAMPERED, /* bytes, signature or structure are not what a device signed */
	CLIP_UNKNOWN_DEVICE, /* consistent, but no claim of this owner's names device and epoch */
	CLIP_OTHER_OWNER, /* names another owner than the claims' */
	CLIP_INCOMPLETE, /* no manifest (yet), or a file of it is missing */
};

struct clip_report {
	enum clip_verdict verdict;
	char why[1024]; /* one sentence for a person, "" if verified */
	bool has_manifest; /* the manifest below is well formed */
	struct manifest manifest; /* as far as it could be read, to be shown as evidence */
	uint8_t digest[P256_DIGEST_LEN]; /* with it: what the next manifest's prev must be */
	const struct claim *claim; /* what it was verified against, borrowed from the claims */
};

/*
 * Verify the clip at @path: its folder, or its object in a store (see clip_files.h). @claims NULL:
 * without claims the best verdict is CLIP_UNKNOWN_DEVICE. What the manifest says counts, not what
 * folder or object are called. Returns 0 with the verdict in @report, or -errno when nothing could be
 * read; clip_report_release() it in either case. Needs memory for the largest range, a fragment as a
 * rule.
 */
int clip_verify(const char *path, const struct claims *claims, struct clip_report *report);
void clip_report_release(struct clip_report *report);

/* Where opened bytes go. @write gets the clear file in order; non-zero ends it with that error. */
struct clip_sink {
	int (*write)(struct clip_sink *sink, const void *data, size_t len);
};

/* What "open" tells beside the picture. */
struct clip_opened {
	struct clip_open_info open;
	bool has_private;
	struct clip_private_info private;
};

/*
 * Verify and decrypt with the recipient's private @key: the clear MP4 (plain avc1, no protection
 * boxes) goes to @video, the thumbnail's JPEG to @thumb; either may be NULL. The whole clip is
 * verified before the first byte is passed on; then each range is read and its hash checked again,
 * and it is decrypted in the buffer that was hashed.
 *
 * 0; -EKEYREJECTED: the key is no recipient's (report->why says whose it must be); -EBADMSG: the
 * verdict is not CLIP_VERIFIED; -ENODATA: the manifest says that the clip is lost; or the sink's error.
 */
int clip_open(const char *path, const struct claims *claims, EVP_PKEY *key, struct clip_sink *video,
	      struct clip_sink *thumb, struct clip_opened *opened, struct clip_report *report);

#endif
