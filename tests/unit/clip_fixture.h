/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sealed clips for tests, made by the book: real H.264, the writer's half of the library, keys in
 * memory in place of a TPM. Whatever cannot be made stops the test.
 */
#ifndef OWNFRAME_TEST_CLIP_FIXTURE_H
#define OWNFRAME_TEST_CLIP_FIXTURE_H

#include "claim.h"
#include "clip_layout.h"
#include "clip_video.h"

#define FIXTURE_EPOCH  7
#define FIXTURE_CAMERA "AAECAwQFBgcICQoLDA0ODw"
#define FIXTURE_START  INT64_C(1767323045000006) /* 2026-01-02T03:04:05.000006Z */
#define FIXTURE_THUMB  "not quite a JPEG, but every byte of it counts"

/* A device, its owner, and what they signed together. */
struct fixture_people {
	EVP_PKEY *owner, *device, *tls;
	struct signer_pkey owner_signer, device_signer;
	EVP_PKEY *recipients
		[CLAIM_RECIPIENTS_MAX]; /* the owner's first; each has its own reference */
	size_t n_recipients;
	struct claims claims; /* the owner's file: one claim, of FIXTURE_EPOCH */
	const struct claim *claim;
	uint8_t spool_key[32];
};

/* @owner NULL: a new one, else shared with other people. */
void fixture_people_make(struct fixture_people *p, EVP_PKEY *owner, size_t n_recipients);
void fixture_people_release(struct fixture_people *p);
/* Save claims.json and owner.key in @dir. */
void fixture_people_save(const struct fixture_people *p, const char *dir);

struct fixture_plan {
	uint32_t block, index_blocks; /* 0: 4096, and as many as it takes */
	unsigned int width, height; /* 0: 64x64 */
	unsigned int samples; /* 0: 25 */
	unsigned int gop, slices; /* 0: 10 and 1 */
	uint32_t duration; /* ticks of a sample; 0: 9000, ten a second */
	const char *camera; /* NULL: FIXTURE_CAMERA */
	uint64_t seq; /* 0: 1 */
	int64_t start_us; /* of the clip id; 0: FIXTURE_START, and a minute later for each seq */
	bool no_thumb, recovered;
	enum manifest_lost lost;
	const uint8_t *prev; /* 32 bytes; NULL: none */
	/* Called on the manifest before it is encoded: to tell lies in it. */
	void (*edit)(struct manifest *m, void *arg);
	void *arg;
};

struct fixture_clip {
	const struct fixture_people *people;
	struct fixture_plan plan; /* with the defaults filled in */
	struct clip_video video;
	struct content_key ck;
	struct manifest_open open;
	char *open_jws;
	struct clip_init init;
	struct clip_ref *refs;
	size_t n_refs;
	uint8_t *file; /* clip.mp4 as it is when sealed */
	size_t size, init_size, index_size, mfra_size;
	uint8_t *thumb; /* ciphertext */
	size_t thumb_size;
	struct manifest manifest;
	char *jws;
	uint8_t digest[P256_DIGEST_LEN]; /* what the next manifest's prev is */
};

void fixture_clip_make(struct fixture_clip *c, const struct fixture_people *p,
		       const struct fixture_plan *plan);
void fixture_clip_release(struct fixture_clip *c);
/* Make folder @dir with clip.mp4, thumb and manifest.jws. */
void fixture_clip_save(const struct fixture_clip *c, const char *dir);
/* The same as it is in open/ just before it is closed: index empty, no mfra, @size bytes. */
void fixture_clip_save_open(const struct fixture_clip *c, const char *dir);
/* Sign c->manifest (again) into c->jws. */
void fixture_clip_sign(struct fixture_clip *c);

/* A new folder under $TMPDIR, removed with all in it by fixture_dir_remove(). */
char *fixture_dir_make(void);
void fixture_dir_remove(char *dir);
void fixture_write(const char *dir, const char *name, const void *data, size_t len);
/* Whole file, NUL after it; NULL if it is not there. */
uint8_t *fixture_read(const char *dir, const char *name, size_t *len);

#define FIXTURE_NEED(cond)                                                         \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

#endif
