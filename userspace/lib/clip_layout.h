/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of a sealed clip that are not samples: init, index, fragment metadata and mfra, as
 * docs/clip-format.md "File" lays them down (ISO/IEC 14496-12, 23001-7, ONVIF object storage
 * format). Writer and reader, over caller's memory: no I/O, no crypto but the fragment's HMAC.
 *
 * Order in the file:  init | index | fragment ... fragment | free + mfra
 * each part a whole number of blocks.
 *
 * A reader takes out of the bytes what it needs, lets the writer make them again, and compares: what
 * it accepts is exactly what the writer makes.
 */
#ifndef OWNFRAME_CLIP_LAYOUT_H
#define OWNFRAME_CLIP_LAYOUT_H

#include "cenc.h"
#include "content_key.h"
#include "h264.h"
#include "manifest.h"

#include <stdbool.h>

#define CLIP_TIMESCALE	    90000u
#define CLIP_FRAG_SAMPLES   100 /* samples in a fragment at most */
#define CLIP_FRAG_TICKS	    CLIP_TIMESCALE /* a sample this late after the first opens a new fragment */
#define CLIP_SUBSAMPLES_MAX 40 /* per sample: saiz counts its auxiliary bytes in 8 bits */
#define CLIP_MAC_LEN	    32
#define CLIP_BLOCK_MIN	    4096u
#define CLIP_BLOCK_MAX	    (1024u * 1024)
#define CLIP_RECIPIENTS_MAX 16
#define CLIP_REFS_MAX	    65535u /* sidx counts its references in 16 bits */
#define CLIP_REF_SIZE_MAX   0x7fffffffu /* and their bytes in 31: fragment, or last fragment + mfra */

/* A power of two from CLIP_BLOCK_MIN to CLIP_BLOCK_MAX. */
bool clip_block_valid(uint32_t block);

enum clip_codec {
	CLIP_H264
}; /* one coding a line; what encv's frma and stsd child depend on */

struct clip_init {
	uint32_t block; /* bytes */
	uint32_t index_blocks; /* blocks reserved for the index after init; not in init's bytes */
	enum clip_codec codec;
	uint16_t width, height; /* pixels */
	struct h264_params h264;
	uint8_t kid[CONTENT_KID_LEN];
	const struct recipient
		*recipients; /* in the claim's order; read: owned, clip_init_release() */
	size_t n_recipients; /* 1 to CLIP_RECIPIENTS_MAX */
	char *info; /* HPKE info, NUL-terminated */
};

/* Bytes that clip_init_write() needs for @init, a multiple of the block. 0: it is not valid. */
size_t clip_init_size(const struct clip_init *init);
/* Write exactly clip_init_size() bytes. 0 or -EINVAL. */
int clip_init_write(uint8_t *out, const struct clip_init *init);
/*
 * Read and check an init of @len bytes (a whole number of blocks): -EBADMSG for any box, value or
 * order that clip_init_write() would not have made. index_blocks is 0: the caller's business.
 */
int clip_init_read(struct clip_init *init, const uint8_t *data, size_t len, uint32_t block);
void clip_init_release(struct clip_init *init); /* after clip_init_read() */

struct clip_sample {
	uint32_t size; /* bytes, padding inside the sample included; at least 1 */
	uint32_t duration; /* ticks of CLIP_TIMESCALE; at least 1 */
	bool sync;
	uint16_t n_sub; /* subsamples, up to CLIP_SUBSAMPLES_MAX; 0 = whole sample protected */
	const struct cenc_subsample *sub;
};

/* Either all samples of a fragment have subsamples (H.264) or none has. */
struct clip_fragment {
	uint32_t number; /* mfhd, from 1 */
	uint64_t decode_time; /* tfdt, ticks */
	uint64_t first_sample; /* number of the first sample in the clip, from 1: its IV */
	const struct clip_sample *samples;
	size_t n_samples; /* 1 to CLIP_FRAG_SAMPLES */
};

/*
 * May one more sample, with @n_sub_next subsamples, be added to these? False: the fragment is full,
 * by number or because the metadata would not fit @block bytes.
 */
bool clip_fragment_fits(const struct clip_sample *samples, size_t n, size_t n_sub_next,
			uint32_t block);

/* Bytes of payload (the samples back to back) and of the payload padded to a block. */
uint64_t clip_fragment_payload(const struct clip_fragment *frag);
uint64_t clip_fragment_padded(const struct clip_fragment *frag, uint32_t block);
/* Ticks of all its samples. */
uint64_t clip_fragment_duration(const struct clip_fragment *frag);

/*
 * Write the metadata: moof, free, the mdat header last, so that the payload starts on a block. One
 * block normally; a free gap of 1 to 7 bytes costs one more (see clip_fragment_meta_size()).
 * @mac_key (the spool key), @clip and @payload_sha256 (of the padded payload) go into the uuid
 * box's HMAC-SHA-256. -EINVAL for a fragment against the rules above, one with a sample that begins
 * CLIP_FRAG_TICKS or more after its first, or larger than CLIP_REF_SIZE_MAX.
 */
size_t clip_fragment_meta_size(const struct clip_fragment *frag, uint32_t block);
int clip_fragment_write(uint8_t *out, const struct clip_fragment *frag, uint32_t block,
			const struct clip_id *clip, const uint8_t mac_key[32],
			const uint8_t payload_sha256[32]);

/* A fragment read back; owns its arrays. */
struct clip_fragment_read {
	struct clip_fragment frag;
	size_t meta_size; /* bytes up to the payload */
	uint64_t payload_size; /* padded */
	uint8_t mac[CLIP_MAC_LEN];
	void *memory;
};

/*
 * Read one fragment's metadata at @data; @len may hold more than it, two blocks are always enough.
 * -EBADMSG for anything clip_fragment_write() would not have made; -ENODATA when more than @len
 * bytes are needed.
 */
int clip_fragment_read(struct clip_fragment_read *r, const uint8_t *data, size_t len,
		       uint32_t block);
void clip_fragment_read_release(struct clip_fragment_read *r);
/* 0 if the HMAC in the metadata (@meta, r->meta_size bytes) is right, else -EBADMSG. */
int clip_fragment_check_mac(const struct clip_fragment_read *r, const uint8_t *meta,
			    const struct clip_id *clip, const uint8_t mac_key[32],
			    const uint8_t payload_sha256[32]);

/* What index and mfra say of each fragment. */
struct clip_ref {
	uint64_t offset; /* of the fragment in the file, bytes */
	uint64_t size; /* metadata + padded payload, bytes */
	uint64_t time; /* tfdt, ticks */
	uint32_t duration; /* ticks */
	bool sync; /* begins at a sync sample */
};

/* References that @index_blocks of @block bytes can hold: 338 in one block of 4096. */
size_t clip_index_capacity(uint32_t block, uint32_t index_blocks);
/* The index before close: one free box. @out: block * index_blocks bytes. */
void clip_index_write_empty(uint8_t *out, uint32_t block, uint32_t index_blocks);
/*
 * The index at close: sidx and free; its references sum to the end of file, mfra included. -EINVAL:
 * none or too many, one too large, or they do not follow one another.
 */
int clip_index_write(uint8_t *out, uint32_t block, uint32_t index_blocks,
		     const struct clip_ref *refs, size_t n, uint64_t mfra_size);
/* Free and mfra to the end of the file. */
size_t clip_mfra_size(const struct clip_ref *refs, size_t n, uint32_t block);
int clip_mfra_write(uint8_t *out, const struct clip_ref *refs, size_t n, uint32_t block);
/* -EBADMSG unless the bytes are exactly what the writer makes of these references. */
int clip_index_check(const uint8_t *data, uint32_t block, uint32_t index_blocks,
		     const struct clip_ref *refs, size_t n, uint64_t mfra_size);
int clip_mfra_check(const uint8_t *data, size_t len, const struct clip_ref *refs, size_t n,
		    uint32_t block);

/*
 * The same file in the clear, as "open" makes it: ftyp and moov without protection, sidx, the
 * fragments as moof and mdat without padding, mfra; nothing is aligned.
 */
size_t clip_clear_init_size(const struct clip_init *init);
int clip_clear_init_write(uint8_t *out, const struct clip_init *init);
/* moof and mdat header; the samples, back to back, follow. */
size_t clip_clear_fragment_meta_size(const struct clip_fragment *frag);
int clip_clear_fragment_write(uint8_t *out, const struct clip_fragment *frag);
/*
 * @refs with offsets and sizes of the clear file. Each reference of its sidx begins at a sync sample,
 * so there may be fewer than fragments.
 */
size_t clip_clear_index_size(const struct clip_ref *refs, size_t n);
int clip_clear_index_write(uint8_t *out, const struct clip_ref *refs, size_t n);
size_t clip_clear_mfra_size(const struct clip_ref *refs, size_t n);
int clip_clear_mfra_write(uint8_t *out, const struct clip_ref *refs, size_t n);

#endif
