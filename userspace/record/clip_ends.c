// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * First and last bytes of a clip. Separate from the writer because these calls block.
 * The one thing to know: the file is allocated ahead, not extended by writing, and cut to its size at
 * the end; until then everything behind the last fragment is zeros.
 */
#include "clip_ends.h"

#include "arena.h"
#include "durable.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>

static int write_all(int fd, const void *data, size_t len, uint64_t off)
{
	ssize_t n = pwrite(fd, data, len, (off_t)off);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

static int hash(struct manifest_range *r, const void *data, size_t len, uint64_t off)
{
	r->off = off;
	r->len = len;
	return EVP_Digest(data, len, r->sha256, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

static int write_hashed(const struct clip *clip, struct manifest_range *r, const void *data,
			size_t len, uint64_t off)
{
	int ret = hash(r, data, len, off);

	return ret ? ret : write_all(clip->fd, data, len, off);
}

static int write_init(struct clip *clip, char *info)
{
	struct clip_init init = {
		.block = clip->block,
		.index_blocks = clip->index_blocks,
		.codec = CLIP_H264,
		.width = (uint16_t)clip->width,
		.height = (uint16_t)clip->height,
		.h264 = clip->params,
		.recipients = clip->head.recipients,
		.n_recipients = clip->head.n_recipients,
		.info = info,
	};
	SCOPE_FREE uint8_t *out = NULL;
	int ret;

	memcpy(init.kid, clip->key.kid, sizeof(init.kid));
	clip->init_size = clip_init_size(&init);
	clip->index_size = (uint64_t)clip->block * clip->index_blocks;
	if (!clip->init_size)
		return -EINVAL;
	out = aligned_alloc(clip->block, clip->init_size + clip->index_size);
	if (!out)
		return -ENOMEM;
	ret = clip_init_write(out, &init);
	if (ret)
		return ret;
	clip_index_write_empty(out + clip->init_size, clip->block, clip->index_blocks);
	ret = hash(&clip->init_range, out, clip->init_size, 0);
	if (!ret)
		ret = write_all(clip->fd, out, clip->init_size + clip->index_size, 0);
	return ret;
}

int clip_ends_extend(struct clip *clip)
{
	/* Not KEEP_SIZE: writes beyond the end of a file serialise on its inode. */
	if (fallocate(clip->fd, 0, 0, (off_t)(clip->allocated + clip->preallocate)))
		return -errno;
	clip->allocated += clip->preallocate;
	return 0;
}

int clip_ends_create(struct clip *clip, struct spool *s, char *info)
{
	int ret;

	if (clip->dir < 0) {
		clip->dir = spool_clip_create(s, &clip->head.clip);
		if (clip->dir < 0)
			return clip->dir;
	}
	clip->fd = openat(clip->dir, SPOOL_CLIP,
			  O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (clip->fd < 0)
		return -errno;
	clip->allocated = 0;
	ret = clip_ends_extend(clip);
	if (!ret)
		ret = write_init(clip, info);
	if (!ret && (fsync(clip->fd) || fsync(clip->dir)))
		ret = -errno;
	if (ret)
		return ret;
	clip->tail = clip->init_size + clip->index_size;
	return 0;
}

/* Index and mfra, then the file ends. @m->ranges has room for all. */
static int write_ends(struct clip *clip, struct manifest *m, size_t n)
{
	const struct clip_ref *last = &clip->refs[n - 1];
	uint64_t end = last->offset + last->size;
	size_t mfra_size = clip_mfra_size(clip->refs, n, clip->block);
	SCOPE_FREE uint8_t *index = aligned_alloc(clip->block, clip->index_size);
	SCOPE_FREE uint8_t *mfra = aligned_alloc(clip->block, mfra_size);
	int ret;

	if (!index || !mfra)
		return -ENOMEM;
	ret = clip_index_write(index, clip->block, clip->index_blocks, clip->refs, n, mfra_size);
	if (!ret)
		ret = clip_mfra_write(mfra, clip->refs, n, clip->block);
	if (!ret)
		ret = write_hashed(clip, &m->ranges[1], index, clip->index_size, clip->init_size);
	if (!ret)
		ret = write_hashed(clip, &m->ranges[2 + n], mfra, mfra_size, end);
	if (ret)
		return ret;
	m->size = end + mfra_size;
	if (ftruncate(clip->fd, (off_t)m->size) || fsync(clip->fd))
		return -errno;
	return 0;
}

static int write_thumb(struct clip *clip, struct manifest *m)
{
	size_t len = clip->jpeg_len + CONTENT_TAG_LEN;
	SCOPE_FREE uint8_t *ct = malloc(len);
	struct manifest_range r;
	int ret;

	if (!ct)
		return -ENOMEM;
	ret = content_key_seal(&clip->key, CONTENT_THUMB, clip->head.clip.text, clip->jpeg,
			       clip->jpeg_len, ct);
	if (!ret)
		ret = hash(&r, ct, len, 0);
	if (!ret)
		ret = durable_write(clip->dir, SPOOL_THUMB, ct, len, 0640);
	if (ret)
		return ret;
	m->has_thumb = true;
	m->thumb_size = len;
	memcpy(m->thumb_sha256, r.sha256, sizeof(m->thumb_sha256));
	return 0;
}

static int seal_private(struct clip *clip, struct manifest *m, size_t n)
{
	struct clip_private_info info = {
		.end_us = clip->end_us,
		.dropped = clip->dropped + clip->coder_dropped,
		.area_ppm = clip->area_ppm,
	};
	const char *trigger = clip->moved && clip->asked ? "motion,external"
			      : clip->asked		 ? "external"
							 : "motion";
	SCOPE_FREE char *text = NULL;

	for (size_t i = 0; i < clip->n_refs; i++) {
		if (i < n)
			info.samples += clip->n_samples[i];
		else
			info.dropped += clip->n_samples[i];
	}
	strcpy(info.trigger, trigger);
	memcpy(info.zones, clip->zone_names, sizeof(info.zones));
	text = clip_private_info_encode(&info);
	if (!text)
		return -ENOMEM;
	m->private.len = strlen(text) + CONTENT_TAG_LEN;
	m->private.data = malloc(m->private.len);
	if (!m->private.data)
		return -ENOMEM;
	return content_key_seal(&clip->key, CONTENT_PRIVATE, clip->head.clip.text, text,
				strlen(text), m->private.data);
}

int clip_ends_seal(struct clip *clip)
{
	size_t n = clip->broken ? clip->broken - 1 : clip->n_refs;
	struct manifest *m = &clip->manifest;
	int ret;

	if (!n)
		return -ENODATA;
	free(m->ranges); /* of an attempt that there was no room for */
	*m = (struct manifest) { .head = clip->head, .block = clip->block, .n_ranges = n + 3 };
	m->ranges = calloc(m->n_ranges, sizeof(*m->ranges));
	if (!m->ranges)
		return -ENOMEM;
	m->ranges[0] = clip->init_range;
	memcpy(&m->ranges[2], clip->ranges, n * sizeof(*m->ranges));
	ret = write_ends(clip, m, n);
	if (!ret && clip->jpeg)
		ret = write_thumb(clip, m);
	if (!ret)
		ret = seal_private(clip, m, n);
	return ret;
}

static void unlink_known(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) && errno != ENOENT)
		log_warn("%s: cannot remove: %s", name, strerror(errno));
}

void clip_ends_lose(struct clip *clip, enum manifest_lost why)
{
	free(clip->manifest.ranges);
	free(clip->manifest.private.data);
	clip->manifest = (struct manifest) { .head = clip->head, .lost = why };
	unlink_known(clip->dir, SPOOL_CLIP);
	unlink_known(clip->dir, SPOOL_THUMB);
	unlink_known(clip->dir, SPOOL_OPEN);
}

void clip_free(struct clip *clip)
{
	if (clip->fd >= 0)
		close(clip->fd);
	if (clip->dir >= 0)
		close(clip->dir);
	if (clip->jpeg)
		OPENSSL_cleanse(clip->jpeg, clip->jpeg_len);
	free(clip->jpeg);
	free(clip->refs);
	free(clip->ranges);
	free(clip->n_samples);
	free(clip->manifest.ranges);
	free(clip->manifest.private.data);
	free(clip->head.recipients);
	free(clip->head.open.data);
	secret_free(clip, sizeof(*clip));
}
