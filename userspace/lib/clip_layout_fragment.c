// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The metadata of a fragment: moof with its HMAC, free, the header of mdat; and the same of the
 * clear file. The one thing to know: everything up to the payload is covered by the HMAC, which is
 * computed with its own 32 bytes as zeros.
 */
#include "clip_layout.h"

#include "mp4_box.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* 6f776e66-7261-6d65-2d6d-61632d763031 */
static const char mac_uuid[16] = "ownframe-mac-v01";

#define TFHD_BASE_IS_MOOF 0x020000
#define TRUN_FLAGS	  0x000701 /* data offset; duration, size and flags of each sample */
#define SAMPLE_SYNC	  0x02000000 /* depends on no other */
#define SAMPLE_NOT_SYNC	  0x01010000 /* depends on others, is no sync sample */
#define SENC_SUBSAMPLES	  0x000002

static size_t aux_size(size_t n_sub)
{
	return CENC_IV_LEN + (n_sub ? 2 + 6 * n_sub : 0);
}

static bool aux_uniform(const struct clip_sample *samples, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (samples[i].n_sub != samples[0].n_sub)
			return false;
	return true;
}

/* 14496-12 8.8.8 */
static void put_trun(struct box_writer *w, const struct clip_fragment *frag, size_t data_offset)
{
	size_t trun = box_begin_full(w, "trun", 0, TRUN_FLAGS);

	box_u32(w, frag->n_samples);
	box_u32(w, data_offset);
	for (size_t i = 0; i < frag->n_samples; i++) {
		box_u32(w, frag->samples[i].duration);
		box_u32(w, frag->samples[i].size);
		box_u32(w, frag->samples[i].sync ? SAMPLE_SYNC : SAMPLE_NOT_SYNC);
	}
	box_end(w, trun);
}

/* Sizes of the samples' entries in senc, 8.7.8. */
static void put_saiz(struct box_writer *w, const struct clip_fragment *frag)
{
	size_t saiz = box_begin_full(w, "saiz", 0, 0);
	bool uniform = aux_uniform(frag->samples, frag->n_samples);

	box_u8(w, uniform ? aux_size(frag->samples[0].n_sub) : 0);
	box_u32(w, frag->n_samples);
	for (size_t i = 0; !uniform && i < frag->n_samples; i++)
		box_u8(w, aux_size(frag->samples[i].n_sub));
	box_end(w, saiz);
}

/* 8.7.9; 23001-7 7.2 */
static void put_saio_senc(struct box_writer *w, size_t moof, const struct clip_fragment *frag)
{
	size_t box = box_begin_full(w, "saio", 0, 0);
	bool subsamples = frag->samples[0].n_sub;

	box_u32(w, 1);
	box_u32(w, w->at + 4 + BOX_FULL_HEADER + 4 - moof); /* the first IV, in senc */
	box_end(w, box);
	box = box_begin_full(w, "senc", 0, subsamples ? SENC_SUBSAMPLES : 0);
	box_u32(w, frag->n_samples);
	for (size_t i = 0; i < frag->n_samples; i++) {
		const struct clip_sample *s = &frag->samples[i];

		box_u64(w, frag->first_sample + i);
		if (subsamples)
			box_u16(w, s->n_sub);
		for (size_t j = 0; j < s->n_sub; j++) {
			box_u16(w, s->sub[j].clear);
			box_u32(w, s->sub[j].protected);
		}
	}
	box_end(w, box);
}

static void put_traf(struct box_writer *w, size_t moof, const struct clip_fragment *frag,
		     size_t data_offset, bool sealed)
{
	size_t traf = box_begin(w, "traf"), box;

	box = box_begin_full(w, "tfhd", 0, TFHD_BASE_IS_MOOF);
	box_u32(w, 1);
	box_end(w, box);
	box = box_begin_full(w, "tfdt", 1, 0);
	box_u64(w, frag->decode_time);
	box_end(w, box);
	put_trun(w, frag, data_offset);
	if (sealed) {
		put_saiz(w, frag);
		put_saio_senc(w, moof, frag);
	}
	box_end(w, traf);
}

/* The moof; where its HMAC is (sealed), counted from the beginning of @w. */
static size_t put_moof(struct box_writer *w, const struct clip_fragment *frag, size_t data_offset,
		       bool sealed)
{
	size_t moof = box_begin(w, "moof"), box, mac = 0;

	box = box_begin_full(w, "mfhd", 0, 0);
	box_u32(w, frag->number);
	box_end(w, box);
	put_traf(w, moof, frag, data_offset, sealed);
	if (sealed) {
		box = box_begin(w, "uuid");
		box_bytes(w, mac_uuid, sizeof(mac_uuid));
		mac = w->at;
		box_zeros(w, CLIP_MAC_LEN);
		box_end(w, box);
	}
	box_end(w, moof);
	return mac;
}

static void put_mdat_header(struct box_writer *w, uint64_t payload)
{
	box_u32(w, BOX_HEADER + payload);
	box_bytes(w, "mdat", 4);
}

/*
 * Bytes of a moof with @n samples whose entries in senc take @aux bytes: the one place where sizes
 * are added up by hand, since clip_fragment_fits() asks for a sample that is not there yet.
 */
static size_t moof_size(size_t n, size_t aux, bool uniform)
{
	const size_t mfhd = BOX_FULL_HEADER + 4, tfhd = BOX_FULL_HEADER + 4;
	const size_t tfdt = BOX_FULL_HEADER + 8, trun = BOX_FULL_HEADER + 8 + 12 * n;
	const size_t saiz = BOX_FULL_HEADER + 5 + (uniform ? 0 : n), saio = BOX_FULL_HEADER + 8;
	const size_t senc = BOX_FULL_HEADER + 4 + aux;
	const size_t uuid = BOX_HEADER + sizeof(mac_uuid) + CLIP_MAC_LEN;

	return BOX_HEADER + mfhd + BOX_HEADER + tfhd + tfdt + trun + saiz + saio + senc + uuid;
}

bool clip_fragment_fits(const struct clip_sample *samples, size_t n, size_t n_sub_next,
			uint32_t block)
{
	size_t aux = aux_size(n_sub_next);
	bool uniform = !n || (aux_uniform(samples, n) && samples[0].n_sub == n_sub_next);

	for (size_t i = 0; i < n; i++)
		aux += aux_size(samples[i].n_sub);
	return n < CLIP_FRAG_SAMPLES && moof_size(n + 1, aux, uniform) + BOX_HEADER <= block;
}

uint64_t clip_fragment_payload(const struct clip_fragment *frag)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < frag->n_samples; i++)
		sum += frag->samples[i].size;
	return sum;
}

uint64_t clip_fragment_padded(const struct clip_fragment *frag, uint32_t block)
{
	return (clip_fragment_payload(frag) + block - 1) / block * block;
}

uint64_t clip_fragment_duration(const struct clip_fragment *frag)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < frag->n_samples; i++)
		sum += frag->samples[i].duration;
	return sum;
}

static size_t moof_size_of(const struct clip_fragment *frag)
{
	size_t aux = 0;

	for (size_t i = 0; i < frag->n_samples; i++)
		aux += aux_size(frag->samples[i].n_sub);
	return moof_size(frag->n_samples, aux, aux_uniform(frag->samples, frag->n_samples));
}

size_t clip_fragment_meta_size(const struct clip_fragment *frag, uint32_t block)
{
	size_t used = moof_size_of(frag) + BOX_HEADER;

	return used + box_free_space_after(used, block);
}

static bool sample_valid(const struct clip_sample *s, bool subsamples)
{
	uint64_t sum = 0;

	if (!s->size || !s->duration || s->n_sub > CLIP_SUBSAMPLES_MAX ||
	    subsamples != (s->n_sub > 0))
		return false;
	for (size_t i = 0; i < s->n_sub; i++)
		sum += (uint64_t)s->sub[i].clear + s->sub[i].protected;
	return !subsamples || sum == s->size;
}

static bool fragment_valid(const struct clip_fragment *frag, uint32_t block)
{
	uint64_t last_begins;

	if (!clip_block_valid(block) || !frag->number || !frag->first_sample || !frag->n_samples ||
	    frag->n_samples > CLIP_FRAG_SAMPLES)
		return false;
	for (size_t i = 0; i < frag->n_samples; i++)
		if (!sample_valid(&frag->samples[i], frag->samples[0].n_sub))
			return false;
	last_begins = clip_fragment_duration(frag) - frag->samples[frag->n_samples - 1].duration;
	return last_begins < CLIP_FRAG_TICKS && clip_fragment_duration(frag) <= UINT32_MAX &&
	       moof_size_of(frag) + BOX_HEADER <= block &&
	       clip_fragment_meta_size(frag, block) + clip_fragment_padded(frag, block) <=
		       CLIP_REF_SIZE_MAX;
}

/* Everything but the HMAC, whose place is returned. */
static size_t put_metadata(uint8_t *out, const struct clip_fragment *frag, uint32_t block)
{
	struct box_writer w = { .out = out };
	size_t size = clip_fragment_meta_size(frag, block), mac = put_moof(&w, frag, size, true);

	box_free_space(&w, size - BOX_HEADER - w.at);
	put_mdat_header(&w, clip_fragment_padded(frag, block));
	return mac;
}

/* HMAC over @meta, whose own 32 bytes at @mac_at count as zeros; into @mac. */
static int compute_mac(uint8_t mac[CLIP_MAC_LEN], const uint8_t *meta, size_t len, size_t mac_at,
		       const struct clip_id *clip, uint32_t number, const uint8_t key[32],
		       const uint8_t payload_sha256[32])
{
	static const uint8_t zeros[CLIP_MAC_LEN];
	const uint8_t number_be[4] = { number >> 24, number >> 16, number >> 8, number };
	OSSL_PARAM sha256[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
								 (char[]) { "SHA256" }, 0),
				OSSL_PARAM_construct_end() };
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	const uint8_t *rest = meta + mac_at + CLIP_MAC_LEN;
	size_t n = 0;
	int ok;

	ok = ctx && EVP_MAC_init(ctx, key, 32, sha256) == 1 &&
	     EVP_MAC_update(ctx, (const uint8_t *)clip->text, CLIP_ID_LEN) == 1 &&
	     EVP_MAC_update(ctx, number_be, sizeof(number_be)) == 1 &&
	     EVP_MAC_update(ctx, payload_sha256, 32) == 1 &&
	     EVP_MAC_update(ctx, meta, mac_at) == 1 &&
	     EVP_MAC_update(ctx, zeros, sizeof(zeros)) == 1 &&
	     EVP_MAC_update(ctx, rest, meta + len - rest) == 1 &&
	     EVP_MAC_final(ctx, mac, &n, CLIP_MAC_LEN) == 1 && n == CLIP_MAC_LEN;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(hmac);
	return ok ? 0 : -EIO;
}

int clip_fragment_write(uint8_t *out, const struct clip_fragment *frag, uint32_t block,
			const struct clip_id *clip, const uint8_t mac_key[32],
			const uint8_t payload_sha256[32])
{
	size_t mac;

	if (!fragment_valid(frag, block))
		return -EINVAL;
	mac = put_metadata(out, frag, block);
	return compute_mac(out + mac, out, clip_fragment_meta_size(frag, block), mac, clip,
			   frag->number, mac_key, payload_sha256);
}

/* Boxes of a moof whose bytes a reader needs. */
struct moof_spans {
	struct box_span mfhd, tfdt, trun, senc, uuid;
};

static int find_spans(struct moof_spans *m, const uint8_t *data, size_t len)
{
	struct box_span block = { data, len }, moof, traf;

	return box_find(&moof, &block, "moof", 0) || box_find(&m->mfhd, &moof, "mfhd", 4) ||
			       box_find(&traf, &moof, "traf", 0) ||
			       box_find(&m->tfdt, &traf, "tfdt", 4) ||
			       box_find(&m->trun, &traf, "trun", 4) ||
			       box_find(&m->senc, &traf, "senc", 0) ||
			       box_find(&m->uuid, &moof, "uuid", sizeof(mac_uuid)) ||
			       m->mfhd.len != 4 || m->tfdt.len != 8 || m->trun.len < 8 ||
			       m->senc.len < 8 + CENC_IV_LEN || m->uuid.len != CLIP_MAC_LEN
		       ? -EBADMSG
		       : 0;
}

/* One sample's entry at the head of @senc; takes it off. */
static int read_subsamples(struct clip_sample *s, struct cenc_subsample *sub, struct box_span *senc)
{
	size_t n;

	if (senc->len < CENC_IV_LEN + 2)
		return -EBADMSG;
	n = box_get16(senc->data + CENC_IV_LEN);
	if (!n || n > CLIP_SUBSAMPLES_MAX || senc->len < aux_size(n))
		return -EBADMSG;
	s->n_sub = n;
	s->sub = sub;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *entry = senc->data + CENC_IV_LEN + 2 + 6 * i;

		sub[i].clear = box_get16(entry);
		sub[i].protected = box_get32(entry + 2);
	}
	senc->data += aux_size(n);
	senc->len -= aux_size(n);
	return 0;
}

struct fragment_memory {
	struct clip_sample samples[CLIP_FRAG_SAMPLES];
	struct cenc_subsample sub[]; /* as many as senc has bytes for */
};

static int read_samples(struct clip_fragment_read *r, const struct moof_spans *m)
{
	size_t n = box_get32(m->trun.data), taken = 0;
	struct box_span senc = { m->senc.data + 8, m->senc.len - 8 };
	bool subsamples = box_get32(m->senc.data) & SENC_SUBSAMPLES;
	struct fragment_memory *memory;

	if (!n || n > CLIP_FRAG_SAMPLES || m->trun.len != 8 + 12 * n)
		return -EBADMSG;
	memory = calloc(1, sizeof(*memory) + m->senc.len / 6 * sizeof(memory->sub[0]));
	if (!memory)
		return -ENOMEM;
	r->memory = memory;
	for (size_t i = 0; i < n; i++) {
		struct clip_sample *s = &memory->samples[i];
		const uint8_t *entry = m->trun.data + 8 + 12 * i;

		s->duration = box_get32(entry);
		s->size = box_get32(entry + 4);
		s->sync = box_get32(entry + 8) == SAMPLE_SYNC;
		if (subsamples && read_subsamples(s, memory->sub + taken, &senc))
			return -EBADMSG;
		taken += s->n_sub;
	}
	r->frag = (struct clip_fragment) { .number = box_get32(m->mfhd.data),
					   .decode_time = box_get64(m->tfdt.data),
					   .first_sample = box_get64(m->senc.data + 8),
					   .samples = memory->samples,
					   .n_samples = n };
	return 0;
}

/* Where the HMAC is in the metadata of @r. */
static size_t mac_place(const struct clip_fragment_read *r)
{
	return moof_size_of(&r->frag) - CLIP_MAC_LEN;
}

static int same_when_written(struct clip_fragment_read *r, const uint8_t *data, uint32_t block)
{
	uint8_t *again = malloc(r->meta_size);
	size_t mac;
	int ret;

	if (!again)
		return -ENOMEM;
	mac = put_metadata(again, &r->frag, block);
	memcpy(again + mac, data + mac, CLIP_MAC_LEN);
	ret = memcmp(again, data, r->meta_size) ? -EBADMSG : 0;
	free(again);
	return ret;
}

static int read_and_compare(struct clip_fragment_read *r, const uint8_t *data, size_t len,
			    uint32_t block)
{
	struct moof_spans m;
	int ret;

	if (find_spans(&m, data, block))
		return -EBADMSG;
	ret = read_samples(r, &m);
	if (ret)
		return ret;
	if (!fragment_valid(&r->frag, block))
		return -EBADMSG;
	memcpy(r->mac, m.uuid.data, CLIP_MAC_LEN);
	r->meta_size = clip_fragment_meta_size(&r->frag, block);
	r->payload_size = clip_fragment_padded(&r->frag, block);
	if (len < r->meta_size)
		return -ENODATA;
	return same_when_written(r, data, block);
}

int clip_fragment_read(struct clip_fragment_read *r, const uint8_t *data, size_t len,
		       uint32_t block)
{
	int ret;

	memset(r, 0, sizeof(*r));
	if (!clip_block_valid(block))
		return -EBADMSG;
	if (len < block)
		return -ENODATA;
	ret = read_and_compare(r, data, len, block);
	if (ret)
		clip_fragment_read_release(r);
	return ret;
}

void clip_fragment_read_release(struct clip_fragment_read *r)
{
	free(r->memory);
	memset(r, 0, sizeof(*r));
}

int clip_fragment_check_mac(const struct clip_fragment_read *r, const uint8_t *meta,
			    const struct clip_id *clip, const uint8_t mac_key[32],
			    const uint8_t payload_sha256[32])
{
	uint8_t mac[CLIP_MAC_LEN];

	if (compute_mac(mac, meta, r->meta_size, mac_place(r), clip, r->frag.number, mac_key,
			payload_sha256))
		return -EIO;
	return CRYPTO_memcmp(mac, meta + mac_place(r), CLIP_MAC_LEN) ? -EBADMSG : 0;
}

size_t clip_clear_fragment_meta_size(const struct clip_fragment *frag)
{
	struct box_writer w = { 0 };

	put_moof(&w, frag, 0, false);
	return w.at + BOX_HEADER;
}

int clip_clear_fragment_write(uint8_t *out, const struct clip_fragment *frag)
{
	struct box_writer w = { .out = out };

	if (!fragment_valid(frag, CLIP_BLOCK_MAX))
		return -EINVAL;
	put_moof(&w, frag, clip_clear_fragment_meta_size(frag), false);
	put_mdat_header(&w, clip_fragment_payload(frag));
	return 0;
}
