// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The init of a clip: ftyp and moov, sealed (encv, pssh) or clear (avc1). One function writes both,
 * so that what "open" makes differs from what was recorded in the protection and nothing else.
 */
#include "clip_layout.h"

#include "mp4_box.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INFO_MAX	  1024 /* bytes of HPKE info; ours has about 110 */
#define ENTRY_VERSION	  2 /* ONVIF EncryptionVersion: HPKE */
#define THUMBPRINT_SHA256 2 /* ONVIF thumbprint algorithm */
#define ENTRY_FIXED	  (2 + 4 + 32 + 1 + 3 * 2 + HPKE_ENC_LEN + 2 + 32 + 2) /* without info */
#define KEY_SIZE	  (CONTENT_KEY_LEN + HPKE_TAG_LEN)

static const uint8_t system_common[16] = { 0x10, 0x77, 0xef, 0xec, 0xc0, 0xb2, 0x4d, 0x02,
					   0xac, 0xe3, 0x3c, 0x1e, 0x52, 0xe2, 0xfb, 0x4b };
static const uint8_t system_onvif[16] = { 0xa4, 0x85, 0x2b, 0xd0, 0x80, 0xfc, 0x48, 0x4e,
					  0xb9, 0xe1, 0x78, 0xa7, 0x4d, 0x49, 0xf5, 0xce };

bool clip_block_valid(uint32_t block)
{
	return block >= CLIP_BLOCK_MIN && block <= CLIP_BLOCK_MAX && !(block & (block - 1));
}

static void put_ftyp(struct box_writer *w)
{
	size_t ftyp = box_begin(w, "ftyp");

	box_bytes(w, "iso6", 4);
	box_u32(w, 0);
	box_bytes(w, "iso6iso5mp41", 12);
	box_end(w, ftyp);
}

/* The unity matrix of mvhd and tkhd, 16.16 and 2.30 fixed point. */
static void put_matrix(struct box_writer *w)
{
	static const uint32_t unity[9] = { 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000 };

	for (int i = 0; i < 9; i++)
		box_u32(w, unity[i]);
}

/* 14496-12 8.2.2 */
static void put_mvhd(struct box_writer *w)
{
	size_t mvhd = box_begin_full(w, "mvhd", 0, 0);

	box_zeros(w, 8); /* times: the start is nobody's business but the owner's */
	box_u32(w, CLIP_TIMESCALE);
	box_u32(w, 0); /* duration: in fragments */
	box_u32(w, 0x10000); /* rate 1.0 */
	box_u16(w, 0x100); /* volume 1.0 */
	box_zeros(w, 10);
	put_matrix(w);
	box_zeros(w, 24);
	box_u32(w, 2); /* next track */
	box_end(w, mvhd);
}

/* 8.3.2 */
static void put_tkhd(struct box_writer *w, const struct clip_init *init)
{
	size_t tkhd = box_begin_full(w, "tkhd", 0, 3 /* enabled, in movie */);

	box_zeros(w, 8);
	box_u32(w, 1);
	box_zeros(w, 4 + 4 + 8 + 2 + 2 + 2 + 2); /* duration, layer, group, volume, reserved */
	put_matrix(w);
	box_u32(w, (uint32_t)init->width << 16);
	box_u32(w, (uint32_t)init->height << 16);
	box_end(w, tkhd);
}

/* 8.4.2, 8.4.3 */
static void put_media_headers(struct box_writer *w)
{
	size_t box = box_begin_full(w, "mdhd", 0, 0);

	box_zeros(w, 8);
	box_u32(w, CLIP_TIMESCALE);
	box_u32(w, 0);
	box_u16(w, 0x55c4); /* 'und' */
	box_u16(w, 0);
	box_end(w, box);
	box = box_begin_full(w, "hdlr", 0, 0);
	box_u32(w, 0);
	box_bytes(w, "vide", 4);
	box_zeros(w, 12);
	box_u8(w, 0); /* no name */
	box_end(w, box);
}

/* Protection scheme: 14496-12 8.12, 23001-7 8.2 */
static void put_sinf(struct box_writer *w, const struct clip_init *init)
{
	size_t sinf = box_begin(w, "sinf"), schi, box;

	box = box_begin(w, "frma");
	box_bytes(w, "avc1", 4);
	box_end(w, box);
	box = box_begin_full(w, "schm", 0, 0);
	box_bytes(w, "cenc", 4);
	box_u32(w, 0x10000); /* version 1.0 */
	box_end(w, box);
	schi = box_begin(w, "schi");
	box = box_begin_full(w, "tenc", 0, 0);
	box_u16(w, 0);
	box_u8(w, 1); /* protected */
	box_u8(w, CENC_IV_LEN);
	box_bytes(w, init->kid, CONTENT_KID_LEN);
	box_end(w, box);
	box_end(w, schi);
	box_end(w, sinf);
}

/* VisualSampleEntry, 12.1.3; avcC, 14496-15 5.4.2 */
static void put_sample_entry(struct box_writer *w, const struct clip_init *init, bool sealed)
{
	size_t entry = box_begin(w, sealed ? "encv" : "avc1"), avcc;
	uint8_t record[H264_AVCC_MAX];
	int n = h264_avcc(record, sizeof(record), &init->h264);

	box_zeros(w, 6);
	box_u16(w, 1); /* data reference */
	box_zeros(w, 16);
	box_u16(w, init->width);
	box_u16(w, init->height);
	box_u32(w, 0x480000); /* 72 dpi */
	box_u32(w, 0x480000);
	box_u32(w, 0);
	box_u16(w, 1); /* frames per sample */
	box_zeros(w, 32); /* no compressor name */
	box_u16(w, 24);
	box_u16(w, 0xffff);
	avcc = box_begin(w, "avcC");
	box_bytes(w, record, n > 0 ? n : 0);
	box_end(w, avcc);
	if (sealed)
		put_sinf(w, init);
	box_end(w, entry);
}

static void put_stbl(struct box_writer *w, const struct clip_init *init, bool sealed)
{
	static const char *const empty[] = { "stts", "stsc", "stsz", "stco" };
	size_t stbl = box_begin(w, "stbl"), stsd = box_begin_full(w, "stsd", 0, 0);

	box_u32(w, 1);
	put_sample_entry(w, init, sealed);
	box_end(w, stsd);
	for (int i = 0; i < 4; i++) {
		size_t box = box_begin_full(w, empty[i], 0, 0);

		box_zeros(w, i == 2 ? 8 : 4); /* stsz has the size of all samples, too */
		box_end(w, box);
	}
	box_end(w, stbl);
}

static void put_minf(struct box_writer *w, const struct clip_init *init, bool sealed)
{
	size_t minf = box_begin(w, "minf"), dinf, dref, box;

	box = box_begin_full(w, "vmhd", 0, 1);
	box_zeros(w, 8);
	box_end(w, box);
	dinf = box_begin(w, "dinf");
	dref = box_begin_full(w, "dref", 0, 0);
	box_u32(w, 1);
	box = box_begin_full(w, "url ", 0, 1 /* in this file */);
	box_end(w, box);
	box_end(w, dref);
	box_end(w, dinf);
	put_stbl(w, init, sealed);
	box_end(w, minf);
}

static void put_trak(struct box_writer *w, const struct clip_init *init, bool sealed)
{
	size_t trak = box_begin(w, "trak"), mdia;

	put_tkhd(w, init);
	mdia = box_begin(w, "mdia");
	put_media_headers(w);
	put_minf(w, init, sealed);
	box_end(w, mdia);
	box_end(w, trak);
}

static void put_mvex(struct box_writer *w)
{
	size_t mvex = box_begin(w, "mvex"), trex = box_begin_full(w, "trex", 0, 0);

	box_u32(w, 1); /* track */
	box_u32(w, 1); /* sample description */
	box_zeros(w, 12);
	box_end(w, trex);
	box_end(w, mvex);
}

static void put_entry(struct box_writer *w, const struct recipient *r, const char *info)
{
	box_u16(w, THUMBPRINT_SHA256);
	box_u32(w, sizeof(r->thumbprint));
	box_bytes(w, r->thumbprint, sizeof(r->thumbprint));
	box_u8(w, ENTRY_VERSION);
	box_u16(w, HPKE_KEM);
	box_u16(w, HPKE_KDF);
	box_u16(w, HPKE_AEAD);
	box_bytes(w, r->enc, HPKE_ENC_LEN);
	box_u16(w, KEY_SIZE);
	box_bytes(w, r->key, KEY_SIZE);
	box_u16(w, strlen(info));
	box_bytes(w, info, strlen(info));
}

/* 23001-7 8.1, version 1 */
static size_t begin_pssh(struct box_writer *w, const uint8_t system[16], const uint8_t *kid)
{
	size_t pssh = box_begin_full(w, "pssh", 1, 0);

	box_bytes(w, system, 16);
	box_u32(w, 1);
	box_bytes(w, kid, CONTENT_KID_LEN);
	return pssh;
}

static void put_pssh(struct box_writer *w, const struct clip_init *init)
{
	size_t pssh = begin_pssh(w, system_common, init->kid);

	box_u32(w, 0);
	box_end(w, pssh);
	pssh = begin_pssh(w, system_onvif, init->kid);
	box_u32(w, 4 + init->n_recipients * (ENTRY_FIXED + strlen(init->info)));
	box_u32(w, init->n_recipients);
	for (size_t i = 0; i < init->n_recipients; i++)
		put_entry(w, &init->recipients[i], init->info);
	box_end(w, pssh);
}

static void put_init(struct box_writer *w, const struct clip_init *init, bool sealed)
{
	size_t moov;

	put_ftyp(w);
	moov = box_begin(w, "moov");
	put_mvhd(w);
	put_trak(w, init, sealed);
	put_mvex(w);
	if (sealed)
		put_pssh(w, init);
	box_end(w, moov);
	if (sealed)
		box_free_space(w, box_free_space_after(w->at, init->block));
}

static bool picture_valid(const struct clip_init *init)
{
	uint8_t record[H264_AVCC_MAX];

	return init->codec == CLIP_H264 && init->width && init->height &&
	       h264_avcc(record, sizeof(record), &init->h264) > 0;
}

static bool init_valid(const struct clip_init *init)
{
	return clip_block_valid(init->block) && picture_valid(init) && init->n_recipients &&
	       init->n_recipients <= CLIP_RECIPIENTS_MAX && init->recipients && init->info &&
	       init->info[0] && strlen(init->info) <= INFO_MAX;
}

size_t clip_init_size(const struct clip_init *init)
{
	struct box_writer w = { 0 };

	if (!init_valid(init))
		return 0;
	put_init(&w, init, true);
	return w.at;
}

int clip_init_write(uint8_t *out, const struct clip_init *init)
{
	struct box_writer w = { .out = out };

	if (!init_valid(init))
		return -EINVAL;
	put_init(&w, init, true);
	return 0;
}

size_t clip_clear_init_size(const struct clip_init *init)
{
	struct box_writer w = { 0 };

	if (!picture_valid(init))
		return 0;
	put_init(&w, init, false);
	return w.at;
}

int clip_clear_init_write(uint8_t *out, const struct clip_init *init)
{
	struct box_writer w = { .out = out };

	if (!picture_valid(init))
		return -EINVAL;
	put_init(&w, init, false);
	return 0;
}

/* Fields of VisualSampleEntry before its boxes. */
#define SAMPLE_ENTRY_FIELDS 78u

static int read_sample_entry(struct clip_init *init, const struct box_span *moov)
{
	static const char *const path[] = { "trak", "mdia", "minf", "stbl" };
	struct box_span span = *moov, entry, box;

	for (int i = 0; i < 4; i++)
		if (box_find(&span, &span, path[i], 0))
			return -EBADMSG;
	if (box_find(&span, &span, "stsd", 8) || box_find(&entry, &span, "encv", 0) ||
	    entry.len < SAMPLE_ENTRY_FIELDS)
		return -EBADMSG;
	init->width = box_get16(entry.data + 24);
	init->height = box_get16(entry.data + 26);
	entry.data += SAMPLE_ENTRY_FIELDS;
	entry.len -= SAMPLE_ENTRY_FIELDS;
	if (box_find(&box, &entry, "avcC", 0) || h264_avcc_read(&init->h264, box.data, box.len))
		return -EBADMSG;
	if (box_find(&span, &entry, "sinf", 0) || box_find(&span, &span, "schi", 0) ||
	    box_find(&box, &span, "tenc", 8) || box.len != CONTENT_KID_LEN)
		return -EBADMSG;
	memcpy(init->kid, box.data, CONTENT_KID_LEN);
	return 0;
}

static int read_info(struct clip_init *init, const uint8_t *entry, size_t left)
{
	size_t n;

	if (left < ENTRY_FIXED)
		return -EBADMSG;
	n = box_get16(entry + ENTRY_FIXED - 2);
	if (!n || n > INFO_MAX || n > left - ENTRY_FIXED)
		return -EBADMSG;
	init->info = strndup((const char *)entry + ENTRY_FIXED, n);
	return init->info ? 0 : -ENOMEM;
}

/* Entries of equal size, since all have the same info. */
static int read_entries(struct clip_init *init, const uint8_t *data, size_t len)
{
	struct recipient *list;
	uint32_t n = box_get32(data);
	size_t entry_size;
	int ret;

	if (!n || n > CLIP_RECIPIENTS_MAX)
		return -EBADMSG;
	ret = read_info(init, data + 4, len - 4);
	if (ret)
		return ret;
	entry_size = ENTRY_FIXED + strlen(init->info);
	if (len - 4 != n * entry_size)
		return -EBADMSG;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *entry = data + 4 + i * entry_size;

		memcpy(list[i].thumbprint, entry + 6, sizeof(list[i].thumbprint));
		memcpy(list[i].enc, entry + 45, HPKE_ENC_LEN);
		memcpy(list[i].key, entry + 45 + HPKE_ENC_LEN + 2, KEY_SIZE);
	}
	init->recipients = list;
	init->n_recipients = n;
	return 0;
}

/* Fields of pssh version 1 with one KID, up to its data's size. */
#define PSSH_FIELDS (4u + 16 + 4 + CONTENT_KID_LEN)

static int read_recipients(struct clip_init *init, const struct box_span *moov)
{
	struct box_span rest = *moov, box;

	while (!box_next(&box, &rest)) {
		const uint8_t *fields = box.data + BOX_HEADER;

		if (memcmp(box.data + 4, "pssh", 4) || box.len < BOX_HEADER + PSSH_FIELDS + 4 + 4 ||
		    memcmp(fields + 4, system_onvif, 16))
			continue;
		if (box_get32(fields + PSSH_FIELDS) != box.len - BOX_HEADER - PSSH_FIELDS - 4)
			return -EBADMSG;
		return read_entries(init, fields + PSSH_FIELDS + 4,
				    box.len - BOX_HEADER - PSSH_FIELDS - 4);
	}
	return -EBADMSG;
}

static int same_when_written(const struct clip_init *init, const uint8_t *data, size_t len)
{
	uint8_t *again;
	int ret;

	if (clip_init_size(init) != len)
		return -EBADMSG;
	again = malloc(len);
	if (!again)
		return -ENOMEM;
	ret = clip_init_write(again, init) || memcmp(again, data, len) ? -EBADMSG : 0;
	free(again);
	return ret;
}

int clip_init_read(struct clip_init *init, const uint8_t *data, size_t len, uint32_t block)
{
	struct box_span file = { data, len }, moov;
	int ret;

	memset(init, 0, sizeof(*init));
	if (!clip_block_valid(block))
		return -EBADMSG;
	init->block = block;
	init->codec = CLIP_H264;
	if (box_find(&moov, &file, "moov", 0) || read_sample_entry(init, &moov))
		return -EBADMSG;
	ret = read_recipients(init, &moov);
	if (!ret)
		ret = same_when_written(init, data, len);
	if (ret)
		clip_init_release(init);
	return ret;
}

void clip_init_release(struct clip_init *init)
{
	free((void *)init->recipients);
	free(init->info);
	init->recipients = NULL;
	init->n_recipients = 0;
	init->info = NULL;
}
