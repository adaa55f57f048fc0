// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The video file of a clip that was never closed. Apart from recover.c, which decides whose a clip
 * is, by its signature. The one thing to know: the file may hold anything, leftovers of the disk or
 * what somebody planted, so sizes count only once an HMAC has covered them.
 */
#include "recover_file.h"

#include "scope.h"
#include "scope_openssl.h"
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK (1u << 20) /* bytes of payload in memory at a time */

/* Bytes that a bad disk or a short file does not give are not good ones: -ENODATA. */
static int read_exactly(int fd, void *data, size_t len, uint64_t off)
{
	uint8_t *at = data;

	while (len) {
		ssize_t n = pread(fd, at, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -ENODATA;
		at += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int write_exactly(int fd, const void *data, size_t len, uint64_t off)
{
	const uint8_t *at = data;

	while (len) {
		ssize_t n = pwrite(fd, at, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		off += n;
		len -= n;
	}
	return 0;
}

static int open_file(struct recover_file *f, int dir)
{
	struct stat st;

	f->fd = openat(dir, SPOOL_CLIP, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (f->fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == EISDIR || errno == ENXIO
			       ? -ENODATA
			       : -errno;
	if (fstat(f->fd, &st))
		return -errno;
	/* A file with a second name is somebody else's, too: it would be written to. */
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return -ENODATA;
	f->file_size = st.st_size;
	return 0;
}

/* Bytes from the start that hash to f->init_sha256: how long init is, believing none of it. */
static int find_init(struct recover_file *f, uint8_t *init)
{
	SCOPE_OPENSSL(md_ctx) EVP_MD_CTX *all = EVP_MD_CTX_new();
	SCOPE_OPENSSL(md_ctx) EVP_MD_CTX *here = EVP_MD_CTX_new();
	uint8_t digest[32];

	if (!all || !here || !EVP_DigestInit_ex(all, EVP_sha256(), NULL))
		return -ENOMEM;
	for (uint64_t at = 0; at < CLIP_BLOCK_MAX; at += CLIP_BLOCK_MIN) {
		if (read_exactly(f->fd, init + at, CLIP_BLOCK_MIN, at))
			return -ENODATA;
		if (!EVP_DigestUpdate(all, init + at, CLIP_BLOCK_MIN) ||
		    !EVP_MD_CTX_copy_ex(here, all) || !EVP_DigestFinal_ex(here, digest, NULL))
			return -ENOMEM;
		f->init_size = at + CLIP_BLOCK_MIN;
		if (!memcmp(digest, f->init_sha256, sizeof(digest)))
			return 0;
	}
	return -ENODATA;
}

/* --- fragments ----------------------------------------------------------------------------- */

/* What a fragment must be to come next, and what it turned out to be. */
struct candidate {
	uint64_t offset;
	uint32_t number;
	uint64_t first_sample, time;
	struct clip_fragment_read read;
	uint8_t sha256[32]; /* of metadata and payload */
};

/* Both hashes of a fragment in one pass over its payload. */
static int hash_fragment(const struct recover_file *f, struct candidate *c, const uint8_t *meta,
			 uint8_t payload_sha256[32])
{
	SCOPE_OPENSSL(md_ctx) EVP_MD_CTX *payload = EVP_MD_CTX_new();
	SCOPE_OPENSSL(md_ctx) EVP_MD_CTX *both = EVP_MD_CTX_new();
	SCOPE_FREE uint8_t *chunk = malloc(CHUNK);
	uint64_t at = c->offset + c->read.meta_size, left = c->read.payload_size;

	if (!payload || !both || !chunk || !EVP_DigestInit_ex(payload, EVP_sha256(), NULL) ||
	    !EVP_DigestInit_ex(both, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(both, meta, c->read.meta_size))
		return -ENOMEM;
	for (size_t n; left; at += n, left -= n) {
		n = left < CHUNK ? left : CHUNK;
		if (read_exactly(f->fd, chunk, n, at))
			return -ENODATA;
		if (!EVP_DigestUpdate(payload, chunk, n) || !EVP_DigestUpdate(both, chunk, n))
			return -ENOMEM;
	}
	return EVP_DigestFinal_ex(payload, payload_sha256, NULL) &&
			       EVP_DigestFinal_ex(both, c->sha256, NULL)
		       ? 0
		       : -ENOMEM;
}

/* The metadata at @c->offset, if it can be that of the fragment that is expected there. */
static int read_meta(const struct recover_file *f, struct candidate *c, uint8_t *meta)
{
	uint64_t left = f->file_size - c->offset;
	size_t len = left < 2 * f->block ? left : 2 * f->block;
	int ret;

	if (c->offset > f->file_size || read_exactly(f->fd, meta, len, c->offset))
		return -ENODATA;
	ret = clip_fragment_read(&c->read, meta, len, f->block);
	if (ret)
		return ret == -ENOMEM ? ret : -ENODATA;
	if (c->read.frag.number == c->number && c->read.frag.first_sample == c->first_sample &&
	    c->read.frag.decode_time == c->time && c->read.meta_size + c->read.payload_size <= left)
		return 0;
	clip_fragment_read_release(&c->read);
	return -ENODATA;
}

/* 0 with c->read to be released: this fragment is ours. -ENODATA: it is not. */
static int check_candidate(const struct recover_file *f, struct candidate *c)
{
	SCOPE_FREE uint8_t *meta = malloc(2 * f->block);
	uint8_t payload_sha256[32];
	int ret = meta ? read_meta(f, c, meta) : -ENOMEM;

	if (ret)
		return ret;
	ret = hash_fragment(f, c, meta, payload_sha256);
	if (!ret)
		ret = clip_fragment_check_mac(&c->read, meta, f->clip, f->mac_key, payload_sha256);
	if (ret)
		clip_fragment_read_release(&c->read);
	return ret == -EBADMSG ? -ENODATA : ret;
}

static int keep(struct recover_file *f, const struct candidate *c)
{
	struct clip_ref *refs = reallocarray(f->refs, f->n + 1, sizeof(*refs));
	uint8_t(*sha256)[32];

	if (!refs)
		return -ENOMEM;
	f->refs = refs;
	sha256 = reallocarray(f->sha256, f->n + 1, sizeof(*sha256));
	if (!sha256)
		return -ENOMEM;
	f->sha256 = sha256;
	refs[f->n] = (struct clip_ref) { .offset = c->offset,
					 .size = c->read.meta_size + c->read.payload_size,
					 .time = c->time,
					 .duration = clip_fragment_duration(&c->read.frag),
					 .sync = c->read.frag.samples[0].sync };
	memcpy(sha256[f->n], c->sha256, sizeof(c->sha256));
	f->end = c->offset + refs[f->n].size;
	f->n++;
	return 0;
}

/* Keep @c, and turn it into what is expected after it. */
static int take(struct recover_file *f, struct candidate *c)
{
	int ret = keep(f, c);

	c->offset = f->end;
	c->number++;
	c->first_sample += c->read.frag.n_samples;
	c->time += clip_fragment_duration(&c->read.frag);
	clip_fragment_read_release(&c->read);
	return ret;
}

/* Fragments from @offset on; 0 also when there is none. */
static int take_all(struct recover_file *f, uint64_t offset)
{
	struct candidate c = { .offset = offset, .number = 1, .first_sample = 1 };
	int ret = 0;

	while (!ret && f->n < clip_index_capacity(f->block, f->index_blocks)) {
		ret = check_candidate(f, &c);
		if (!ret)
			ret = take(f, &c);
	}
	return ret == -ENODATA ? 0 : ret;
}

/*
 * The first fragment says where the index ends: that is written last, so a torn one says nothing.
 */
static int survey(struct recover_file *f)
{
	uint32_t most = 2;
	int ret = 0;

	while (clip_index_capacity(f->block, most) < CLIP_REFS_MAX)
		most *= 2;
	for (f->index_blocks = 1; !f->n && f->index_blocks <= most; f->index_blocks++) {
		uint64_t offset = f->init_size + (uint64_t)f->index_blocks * f->block;

		if (offset >= f->file_size)
			break;
		ret = take_all(f, offset);
		if (ret || f->n)
			break;
	}
	return ret;
}

static void forget_fragments(struct recover_file *f)
{
	free(f->refs);
	free(f->sha256);
	f->refs = NULL;
	f->sha256 = NULL;
	f->n = 0;
}

/*
 * The size of a block is written nowhere, and an init may be right for more than one: the one with
 * which most of the file makes sense is meant.
 */
static int survey_blocks(struct recover_file *f, const uint8_t *init)
{
	struct recover_file best = *f;
	int ret = 0;

	for (f->block = CLIP_BLOCK_MIN; !ret && f->block <= f->init_size; f->block *= 2) {
		struct clip_init parsed;

		if (f->init_size % f->block ||
		    clip_init_read(&parsed, init, f->init_size, f->block))
			continue;
		clip_init_release(&parsed);
		ret = survey(f);
		if (f->n > best.n) {
			forget_fragments(&best);
			best = *f;
			f->refs = NULL;
			f->sha256 = NULL;
		}
		forget_fragments(f);
	}
	*f = best;
	return ret ? ret : f->n ? 0 : -ENODATA;
}

int recover_file_open(struct recover_file *f, int dir, const struct clip_id *clip,
		      const uint8_t init_sha256[32], const uint8_t mac_key[32])
{
	SCOPE_FREE uint8_t *init = malloc(CLIP_BLOCK_MAX);
	int ret;

	*f = (struct recover_file) { .fd = -1, .clip = clip, .mac_key = mac_key };
	memcpy(f->init_sha256, init_sha256, sizeof(f->init_sha256));
	if (!init)
		return -ENOMEM;
	ret = open_file(f, dir);
	if (!ret)
		ret = find_init(f, init);
	if (!ret)
		ret = survey_blocks(f, init);
	if (ret)
		recover_file_release(f);
	return ret;
}

/* Mfra behind the last fragment, then the index. */
static int write_ends(struct recover_file *f, uint8_t *mfra, uint8_t *index)
{
	size_t index_size = (size_t)f->block * f->index_blocks;
	int ret = clip_mfra_write(mfra, f->refs, f->n, f->block);

	if (!ret)
		ret = clip_index_write(index, f->block, f->index_blocks, f->refs, f->n,
				       f->mfra_size);
	if (ret)
		return ret;
	SHA256(mfra, f->mfra_size, f->mfra_sha256);
	SHA256(index, index_size, f->index_sha256);
	if (ftruncate(f->fd, f->end))
		return -errno;
	ret = write_exactly(f->fd, mfra, f->mfra_size, f->end);
	if (!ret)
		ret = write_exactly(f->fd, index, index_size, f->init_size);
	return ret ? ret : fsync(f->fd) ? -errno : 0;
}

int recover_file_close(struct recover_file *f)
{
	SCOPE_FREE uint8_t *mfra = NULL;
	SCOPE_FREE uint8_t *index = malloc((size_t)f->block * f->index_blocks);

	f->mfra_size = clip_mfra_size(f->refs, f->n, f->block);
	mfra = malloc(f->mfra_size);
	return mfra && index ? write_ends(f, mfra, index) : -ENOMEM;
}

void recover_file_release(struct recover_file *f)
{
	forget_fragments(f);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}
