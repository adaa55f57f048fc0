// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Boxes of an ISO base media file. Apart from the clip's layout, which says what is in them. The
 * one thing to know: writing without memory measures, so no size is ever computed by a second rule.
 */
#include "mp4_box.h"

#include <errno.h>
#include <string.h>

void box_bytes(struct box_writer *w, const void *data, size_t n)
{
	if (w->out && n)
		memcpy(w->out + w->at, data, n);
	w->at += n;
}

void box_zeros(struct box_writer *w, size_t n)
{
	if (w->out && n)
		memset(w->out + w->at, 0, n);
	w->at += n;
}

void box_u8(struct box_writer *w, uint8_t v)
{
	box_bytes(w, &v, 1);
}

void box_u16(struct box_writer *w, uint16_t v)
{
	box_bytes(w, (uint8_t[]) { v >> 8, v & 0xff }, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

void box_u32(struct box_writer *w, uint32_t v)
{
	uint8_t bytes[4];

	put32(bytes, v);
	box_bytes(w, bytes, sizeof(bytes));
}

void box_u64(struct box_writer *w, uint64_t v)
{
	box_u32(w, v >> 32);
	box_u32(w, (uint32_t)v);
}

size_t box_begin(struct box_writer *w, const char *type)
{
	size_t place = w->at;

	box_u32(w, 0);
	box_bytes(w, type, 4);
	return place;
}

size_t box_begin_full(struct box_writer *w, const char *type, uint8_t version, uint32_t flags)
{
	size_t place = box_begin(w, type);

	box_u32(w, (uint32_t)version << 24 | flags);
	return place;
}

void box_end(struct box_writer *w, size_t place)
{
	if (w->out)
		put32(w->out + place, w->at - place);
}

void box_free_space(struct box_writer *w, size_t n)
{
	size_t place;

	if (!n)
		return;
	place = box_begin(w, "free");
	box_zeros(w, n - BOX_HEADER);
	box_end(w, place);
}

size_t box_free_space_after(size_t used, size_t block)
{
	size_t left = (block - used % block) % block;

	return left && left < BOX_HEADER ? left + block : left;
}

int box_next(struct box_span *box, struct box_span *in)
{
	uint32_t size;

	if (in->len < BOX_HEADER)
		return -EBADMSG;
	size = box_get32(in->data);
	if (size < BOX_HEADER || size > in->len)
		return -EBADMSG;
	*box = (struct box_span) { in->data, size };
	in->data += size;
	in->len -= size;
	return 0;
}

int box_find(struct box_span *inside, const struct box_span *in, const char *type, size_t skip)
{
	struct box_span rest = *in, box;

	while (!box_next(&box, &rest)) {
		if (memcmp(box.data + 4, type, 4))
			continue;
		if (box.len < BOX_HEADER + skip)
			return -EBADMSG;
		*inside = (struct box_span) { box.data + BOX_HEADER + skip,
					      box.len - BOX_HEADER - skip };
		return 0;
	}
	return -EBADMSG;
}
