// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Index (sidx) and mfra of a clip, sealed or clear. Apart from init and fragments because they are
 * written last, over what those have become. The one thing to know: the last reference of sidx
 * reaches to the end of the file, mfra included; ffmpeg 5.1 decrypts only the last fragment of a
 * file where it does not.
 */
#include "clip_layout.h"

#include "mp4_box.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIDX_FIXED 32u /* version 0, without its references, 14496-12 8.16.3 */
#define SIDX_ENTRY 12u
#define SAP_TYPE_1 0x90000000u /* starts with a stream access point, in decoding order the first */
#define TRACK	   1u

/* @after: bytes between sidx and the first fragment; @mfra_size: counted to the last one. */
static void put_sidx(struct box_writer *w, const struct clip_ref *refs, size_t n, size_t after,
		     uint64_t mfra_size)
{
	size_t sidx = box_begin_full(w, "sidx", 0, 0);

	box_u32(w, TRACK);
	box_u32(w, CLIP_TIMESCALE);
	box_u32(w, (uint32_t)refs[0].time);
	box_u32(w, after);
	box_u16(w, 0);
	box_u16(w, n);
	for (size_t i = 0; i < n; i++) {
		box_u32(w, refs[i].size + (i + 1 == n ? mfra_size : 0));
		box_u32(w, refs[i].duration);
		box_u32(w, refs[i].sync ? SAP_TYPE_1 : 0);
	}
	box_end(w, sidx);
}

/* 8.8.10, 8.8.11: the fragments that begin at a sync sample, first sample of the only trun each. */
static void put_mfra(struct box_writer *w, const struct clip_ref *refs, size_t n)
{
	size_t mfra = box_begin(w, "mfra"), box = box_begin_full(w, "tfra", 1, 0);
	uint32_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += refs[i].sync;
	box_u32(w, TRACK);
	box_u32(w, 0); /* traf, trun and sample numbers of one byte each */
	box_u32(w, count);
	for (size_t i = 0; i < n; i++) {
		if (!refs[i].sync)
			continue;
		box_u64(w, refs[i].time);
		box_u64(w, refs[i].offset);
		box_bytes(w, "\1\1\1", 3);
	}
	box_end(w, box);
	box = box_begin_full(w, "mfro", 0, 0);
	box_u32(w, w->at + 4 - mfra);
	box_end(w, box);
	box_end(w, mfra);
}

static size_t mfra_bare_size(const struct clip_ref *refs, size_t n)
{
	struct box_writer w = { 0 };

	put_mfra(&w, refs, n);
	return w.at;
}

/* In order and without gap, and within what sidx can say. */
static bool refs_valid(const struct clip_ref *refs, size_t n, uint64_t mfra_size)
{
	if (!n || n > CLIP_REFS_MAX || refs[0].time)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (refs[i].size > CLIP_REF_SIZE_MAX)
			return false;
		if (i && (refs[i].offset != refs[i - 1].offset + refs[i - 1].size ||
			  refs[i].time != refs[i - 1].time + refs[i - 1].duration))
			return false;
	}
	return mfra_size <= CLIP_REF_SIZE_MAX - refs[n - 1].size;
}

size_t clip_index_capacity(uint32_t block, uint32_t index_blocks)
{
	uint64_t bytes = (uint64_t)block * index_blocks;
	size_t n, left;

	if (bytes < SIDX_FIXED)
		return 0;
	n = (bytes - SIDX_FIXED) / SIDX_ENTRY;
	if (n > CLIP_REFS_MAX)
		return CLIP_REFS_MAX;
	left = bytes - SIDX_FIXED - n * SIDX_ENTRY;
	return left && left < BOX_HEADER ? n - 1 : n;
}

void clip_index_write_empty(uint8_t *out, uint32_t block, uint32_t index_blocks)
{
	struct box_writer w = { .out = out };

	box_free_space(&w, (size_t)block * index_blocks);
}

int clip_index_write(uint8_t *out, uint32_t block, uint32_t index_blocks,
		     const struct clip_ref *refs, size_t n, uint64_t mfra_size)
{
	struct box_writer w = { .out = out };
	size_t left;

	if (n > clip_index_capacity(block, index_blocks) || !refs_valid(refs, n, mfra_size))
		return -EINVAL;
	left = (size_t)block * index_blocks - SIDX_FIXED - n * SIDX_ENTRY;
	put_sidx(&w, refs, n, left, mfra_size);
	box_free_space(&w, left);
	return 0;
}

size_t clip_mfra_size(const struct clip_ref *refs, size_t n, uint32_t block)
{
	size_t bare = mfra_bare_size(refs, n);

	return bare + box_free_space_after(bare, block);
}

int clip_mfra_write(uint8_t *out, const struct clip_ref *refs, size_t n, uint32_t block)
{
	struct box_writer w = { .out = out };

	if (!refs_valid(refs, n, 0))
		return -EINVAL;
	box_free_space(&w, box_free_space_after(mfra_bare_size(refs, n), block));
	put_mfra(&w, refs, n);
	return 0;
}

int clip_index_check(const uint8_t *data, uint32_t block, uint32_t index_blocks,
		     const struct clip_ref *refs, size_t n, uint64_t mfra_size)
{
	size_t len = (size_t)block * index_blocks;
	uint8_t *again = malloc(len);
	int ret;

	if (!again)
		return -ENOMEM;
	ret = clip_index_write(again, block, index_blocks, refs, n, mfra_size) ||
			      memcmp(again, data, len)
		      ? -EBADMSG
		      : 0;
	free(again);
	return ret;
}

int clip_mfra_check(const uint8_t *data, size_t len, const struct clip_ref *refs, size_t n,
		    uint32_t block)
{
	uint8_t *again;
	int ret;

	if (!refs_valid(refs, n, len) || clip_mfra_size(refs, n, block) != len)
		return -EBADMSG;
	again = malloc(len);
	if (!again)
		return -ENOMEM;
	ret = clip_mfra_write(again, refs, n, block) || memcmp(again, data, len) ? -EBADMSG : 0;
	free(again);
	return ret;
}

/*
 * References of the clear file, into @out unless it is NULL; how many. Each begins at a sync sample
 * and takes in the fragments up to the next: ffmpeg 5.1 starts decoding where sidx leads, whatever
 * it says of access points there.
 */
static size_t merge_refs(struct clip_ref *out, const struct clip_ref *refs, size_t n,
			 uint64_t mfra_size)
{
	struct clip_ref merged = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t duration = (uint64_t)merged.duration + refs[i].duration;

		if (!count || refs[i].sync || duration > UINT32_MAX ||
		    merged.size + refs[i].size + mfra_size > CLIP_REF_SIZE_MAX) {
			merged = refs[i];
			count++;
		} else {
			merged.size += refs[i].size;
			merged.duration = duration;
		}
		if (out)
			out[count - 1] = merged;
	}
	return count;
}

size_t clip_clear_index_size(const struct clip_ref *refs, size_t n)
{
	return SIDX_FIXED + merge_refs(NULL, refs, n, mfra_bare_size(refs, n)) * SIDX_ENTRY;
}

int clip_clear_index_write(uint8_t *out, const struct clip_ref *refs, size_t n)
{
	struct box_writer w = { .out = out };
	size_t mfra = mfra_bare_size(refs, n);
	struct clip_ref *merged;

	if (!refs_valid(refs, n, mfra))
		return -EINVAL;
	merged = calloc(n, sizeof(*merged));
	if (!merged)
		return -ENOMEM;
	put_sidx(&w, merged, merge_refs(merged, refs, n, mfra), 0, mfra);
	free(merged);
	return 0;
}

size_t clip_clear_mfra_size(const struct clip_ref *refs, size_t n)
{
	return mfra_bare_size(refs, n);
}

int clip_clear_mfra_write(uint8_t *out, const struct clip_ref *refs, size_t n)
{
	struct box_writer w = { .out = out };

	if (!refs_valid(refs, n, 0))
		return -EINVAL;
	put_mfra(&w, refs, n);
	return 0;
}
