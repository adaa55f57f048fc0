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
	char why[256]; /* one sentence for a person, "" if verified */
	bool has_manifest; /* the manifest below is well formed */
	struct manifest manifest; /* as far as it could be read, to be shown as evidence */
	const struct claim *claim; /* what it was verified against, borrowed from the claims */
};

/*
 * Verify the clip in folder @dir. @claims NULL: without claims the best verdict is
 * CLIP_UNKNOWN_DEVICE. Returns 0 with the verdict in @report, or -errno when nothing could be read.
 */
int clip_verify(const char *dir, const struct claims *claims, struct clip_report *report);
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
 * boxes) goes to @video, the thumbnail's JPEG to @thumb; either may be NULL. Each range's hash is
 * checked before a byte of it is passed on, from the buffer that was hashed. -EKEYREJECTED: the key
 * is no recipient's (of any, or the HPKE message does not open); -EBADMSG: the verdict is not
 * CLIP_VERIFIED; -ENODATA: the manifest says that the clip is lost.
 */
int clip_open(const char *dir, const struct claims *claims, EVP_PKEY *key, struct clip_sink *video,
	      struct clip_sink *thumb, struct clip_opened *opened, struct clip_report *report);

#endif
