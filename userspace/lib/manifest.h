/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manifest of a clip: the payload that the device signs, docs/clip-format.md "Manifest", and
 * the payload of open.jws, which is signed at clip start. Encoding and strict decoding; no crypto
 * but what is in the fields.
 */
#ifndef OWNFRAME_MANIFEST_H
#define OWNFRAME_MANIFEST_H

#include "clip_id.h"
#include "content_key.h"
#include "hpke.h"
#include "p256.h"

#include <stdbool.h>

#define MANIFEST_CAMERA_LEN 22 /* a camera id: base64url of 16 random bytes */
#define MANIFEST_SEALED_MAX 8192

/* The content key, encrypted to one recipient. */
struct recipient {
	uint8_t thumbprint[32]; /* SHA-256 of the recipient's certificate, DER */
	uint8_t enc[HPKE_ENC_LEN];
	uint8_t key[CONTENT_KEY_LEN + HPKE_TAG_LEN];
};

struct manifest_range {
	uint64_t off, len; /* bytes */
	uint8_t sha256[32];
};

/* A text sealed with a key derived from the content key: ciphertext || tag. */
struct sealed_text {
	uint8_t *data; /* NULL: null in the payload */
	size_t len;
};

/* What open.jws and the manifest have in common: known when the clip starts. */
struct manifest_head {
	struct p256_id device, owner;
	uint64_t epoch;
	char camera[MANIFEST_CAMERA_LEN + 1];
	struct clip_id clip;
	uint64_t seq;
	bool has_key; /* false only in a "lost" manifest: content_kid, recipients and open null */
	uint8_t content_kid[CONTENT_KID_LEN];
	struct recipient *recipients;
	size_t n_recipients;
	struct sealed_text open;
};

/* Why a clip was lost; the fixed list. */
enum manifest_lost {
	MANIFEST_NOT_LOST,
	MANIFEST_LOST_DISK_FULL, /* "disk-full" */
	MANIFEST_LOST_WRITE_ERROR, /* "write-error" */
	MANIFEST_LOST_ENCODER, /* "encoder" */
	MANIFEST_LOST_INTERRUPTED, /* "interrupted": crash or power cut before the first fragment */
	MANIFEST_LOST_DROPPED, /* "dropped": removed by policy to make room */
};

struct manifest {
	struct manifest_head head;
	bool has_prev;
	uint8_t prev[32]; /* SHA-256 of the previous manifest's header.payload */
	bool recovered;
	enum manifest_lost lost;
	/* The rest is there only if lost == MANIFEST_NOT_LOST. */
	uint32_t block; /* bytes */
	uint64_t size; /* bytes, of clip.mp4 */
	struct manifest_range *ranges;
	size_t n_ranges;
	bool has_thumb;
	uint64_t thumb_size; /* bytes, of the ciphertext with its tag */
	uint8_t thumb_sha256[32]; /* of the same */
	struct sealed_text private;
};

/* The payload of open.jws. */
struct manifest_open {
	struct manifest_head head;
	uint8_t init_sha256[32];
};

/* New JSON text (caller frees), or NULL when out of memory. */
char *manifest_encode(const struct manifest *m);
char *manifest_open_encode(const struct manifest_open *m);

/*
 * 0, or -EBADMSG for anything but a well-formed payload: unknown, missing or double members,
 * numbers from 2^53, ranges that do not cover [0, size) in order without gap, a clip id whose seq
 * is another. On success release it.
 */
int manifest_decode(struct manifest *m, const char *text, size_t len);
int manifest_open_decode(struct manifest_open *m, const char *text, size_t len);
void manifest_release(struct manifest *m);
void manifest_open_release(struct manifest_open *m);

const char *manifest_lost_name(enum manifest_lost lost);

/* The text sealed into @open, docs/clip-format.md. */
struct clip_open_info {
	char camera_name[128];
	int64_t start_us; /* UTC */
	bool clock_synced;
	char boot_id[37];
	uint64_t boot_monotonic_us;
	char codec[32]; /* RFC 6381 */
	uint32_t width, height; /* pixels */
};

/* The text sealed into @private. */
struct clip_private_info {
	int64_t end_us; /* UTC */
	uint64_t samples, dropped;
	char trigger[32]; /* "motion", ... */
	char zones[128]; /* names, comma separated; "" = none configured */
	uint32_t area_ppm; /* largest moving area, millionths of the picture */
};

char *clip_open_info_encode(const struct clip_open_info *info);
int clip_open_info_decode(struct clip_open_info *info, const char *text, size_t len);
char *clip_private_info_encode(const struct clip_private_info *info);
int clip_private_info_decode(struct clip_private_info *info, const char *text, size_t len);

/*
 * The HPKE info of a clip's content key: "ownframe/1 <device id> <owner id> <epoch>", new text.
 */
char *manifest_hpke_info(const struct manifest_head *head);

#endif
