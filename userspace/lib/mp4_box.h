/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boxes of an ISO base media file (ISO/IEC 14496-12 4.2), big endian, written into memory of the
 * caller's or, with no memory, only measured: sizes and bytes come from the same code.
 */
#ifndef OWNFRAME_MP4_BOX_H
#define OWNFRAME_MP4_BOX_H

#include <stddef.h>
#include <stdint.h>

#define BOX_HEADER	8u /* size and type */
#define BOX_FULL_HEADER 12u /* and version and flags */

/* @out NULL: nothing is written, @at counts. The caller has measured, so there is no bound here. */
struct box_writer {
	uint8_t *out;
	size_t at;
};

void box_u8(struct box_writer *w, uint8_t v);
void box_u16(struct box_writer *w, uint16_t v);
void box_u32(struct box_writer *w, uint32_t v);
void box_u64(struct box_writer *w, uint64_t v);
void box_bytes(struct box_writer *w, const void *data, size_t n);
void box_zeros(struct box_writer *w, size_t n);

/* Begin a box of @type (four characters); its place is for box_end(), which sets its size. */
size_t box_begin(struct box_writer *w, const char *type);
size_t box_begin_full(struct box_writer *w, const char *type, uint8_t version, uint32_t flags);
void box_end(struct box_writer *w, size_t place);

/* A free box of @n bytes in all, zero inside: 0, or 8 and more. */
void box_free_space(struct box_writer *w, size_t n);
/* What of @used, up to a multiple of @block, is left for a free box: 0, or 8 and more. */
size_t box_free_space_after(size_t used, size_t block);

static inline uint16_t box_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t box_get32(const uint8_t *p)
{
	return (uint32_t)box_get16(p) << 16 | box_get16(p + 2);
}

static inline uint64_t box_get64(const uint8_t *p)
{
	return (uint64_t)box_get32(p) << 32 | box_get32(p + 4);
}

/* Some bytes that are a sequence of boxes, or the inside of one. */
struct box_span {
	const uint8_t *data;
	size_t len;
};

/*
 * The inside of the first box of @type in @in, @skip bytes of it left out (full box header, fields
 * before the children). -EBADMSG: not there, or sizes that lead outside @in. 64-bit sizes and
 * "to the end of file" are not among the boxes that this format has.
 */
int box_find(struct box_span *inside, const struct box_span *in, const char *type, size_t skip);
/* The next box in @in, whatever it is, which is taken off @in; whole, header included. */
int box_next(struct box_span *box, struct box_span *in);

#endif
