// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a view may see of a picture: the part inside the crop, but for what is under a mask.
 *
 * Which bytes these are is worked out once, when policy or format change, as a list of blocks. A
 * frame is then copied by going through the list, so what is masked or cut away is never read.
 *
 * The one thing to know: crop and masks are drawn on a picture of some size and scale with the
 * feed's. Where an edge falls between two pixels that can be told apart, the view sees less.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "ownframe.h"

/* n masks have 2 n upper and lower edges, and as many to the left and right. */
#define MAX_EDGES	(2 * OWNFRAME_MAX_MASKS + 2)
#define MAX_TILES	((MAX_EDGES - 1) * (MAX_EDGES - 1))

/**
 * struct tile - a part of the picture of a view that is seen, or is black
 * @left: of all four: pixels of the view
 * @top: the first line
 * @right: the first column that is no longer part of it
 * @bottom: the first line that is no longer part of it
 * @black: it is under a mask
 */
struct tile {
	u32 left;
	u32 top;
	u32 right;
	u32 bottom;
	bool black;
};

struct tiling {
	unsigned int num;
	struct tile tiles[MAX_TILES];
};

/* An edge of something that was drawn on @drawn pixels, on a picture of @pixels. */
static u32 scale_down(u32 edge, u32 drawn, u32 pixels, u32 grid)
{
	return rounddown(edge * pixels / drawn, grid);
}

static u32 scale_up(u32 edge, u32 drawn, u32 pixels, u32 grid)
{
	return min(roundup(DIV_ROUND_UP(edge * pixels, drawn), grid), pixels);
}

/* Inward: nothing is seen of a pixel that is not wholly inside. Both sides 0 if none is. */
static struct v4l2_rect scale_crop(const struct ownframe_drawing *drawing,
				   const struct v4l2_rect *rect, const struct v4l2_pix_format *pix)
{
	u32 columns, rows, left, top, right, bottom;

	ownframe_format_grid(pix, &columns, &rows);
	left = scale_up(rect->left, drawing->width, pix->width, columns);
	top = scale_up(rect->top, drawing->height, pix->height, rows);
	right = scale_down(rect->left + rect->width, drawing->width, pix->width, columns);
	bottom = scale_down(rect->top + rect->height, drawing->height, pix->height, rows);
	if (left >= right || top >= bottom)
		return (struct v4l2_rect) {};
	return (struct v4l2_rect) { left, top, right - left, bottom - top };
}

/* Outward, and then what of it is inside of @crop, from whose corner it is measured. */
static struct v4l2_rect scale_mask(const struct ownframe_drawing *drawing,
				   const struct v4l2_rect *rect, const struct v4l2_pix_format *pix,
				   const struct v4l2_rect *crop)
{
	u32 columns, rows, left, top, right, bottom;

	ownframe_format_grid(pix, &columns, &rows);
	left = scale_down(rect->left, drawing->width, pix->width, columns);
	top = scale_down(rect->top, drawing->height, pix->height, rows);
	right = scale_up(rect->left + rect->width, drawing->width, pix->width, columns);
	bottom = scale_up(rect->top + rect->height, drawing->height, pix->height, rows);

	left = max_t(u32, left, crop->left);
	top = max_t(u32, top, crop->top);
	right = min_t(u32, right, crop->left + crop->width);
	bottom = min_t(u32, bottom, crop->top + crop->height);
	if (left >= right || top >= bottom)
		return (struct v4l2_rect) {};
	return (struct v4l2_rect) {
		left - crop->left, top - crop->top, right - left, bottom - top
	};
}

static int compare_edges(const void *a, const void *b)
{
	return *(const u32 *)a < *(const u32 *)b ? -1 : *(const u32 *)a > *(const u32 *)b;
}

/* The mask that is met first on the way to the right, from @x, between two edges. */
static const struct v4l2_rect *next_mask(const struct v4l2_rect *masks, unsigned int num,
					 u32 x, u32 top, u32 bottom)
{
	const struct v4l2_rect *mask, *next = NULL;

	for (mask = masks; mask < masks + num; mask++)
		if (mask->top <= top && mask->top + mask->height >= bottom &&
		    mask->left + mask->width > x && (!next || mask->left < next->left))
			next = mask;
	return next;
}

static void tile_add(struct tiling *tiling, struct tile tile)
{
	if (tile.left < tile.right)
		tiling->tiles[tiling->num++] = tile;
}

/* The lines between two edges that follow each other: no mask begins or ends there. */
static void tile_band(struct tiling *tiling, const struct v4l2_rect *masks, unsigned int num,
		      u32 width, u32 top, u32 bottom)
{
	const struct v4l2_rect *mask;
	u32 x = 0, left;

	while ((mask = next_mask(masks, num, x, top, bottom))) {
		left = max_t(u32, x, mask->left);
		tile_add(tiling, (struct tile) { x, top, left, bottom, false });
		x = mask->left + mask->width;
		tile_add(tiling, (struct tile) { left, top, x, bottom, true });
	}
	tile_add(tiling, (struct tile) { x, top, width, bottom, false });
}

static void tile_picture(struct tiling *tiling, const struct v4l2_rect *masks, unsigned int num,
			 u32 width, u32 height)
{
	u32 edges[MAX_EDGES] = { 0, height };
	unsigned int num_edges = 2, i;

	for (i = 0; i < num; i++) {
		edges[num_edges++] = masks[i].top;
		edges[num_edges++] = masks[i].top + masks[i].height;
	}
	sort(edges, num_edges, sizeof(*edges), compare_edges, NULL);
	tiling->num = 0;
	for (i = 1; i < num_edges; i++)
		if (edges[i - 1] < edges[i])
			tile_band(tiling, masks, num, width, edges[i - 1], edges[i]);
}

/* Bytes from the start of a picture to a pixel. */
static u32 pixel_offset(const struct ownframe_plane *plane, const struct v4l2_pix_format *pix,
			u32 x, u32 y)
{
	return plane->offset + y * plane->rows / pix->height * plane->stride +
	       x * plane->line / pix->width;
}

/* Lines without room between them are one long line. */
static void block_straighten(struct ownframe_block *block)
{
	if (block->to_step != block->length || (!block->black && block->from_step != block->length))
		return;
	block->length *= block->rows;
	block->rows = 1;
}

/* Does @block begin where @before, which is of the same kind, ends? */
static bool block_follows(const struct ownframe_block *before, const struct ownframe_block *block)
{
	return before->rows == 1 && block->rows == 1 && !before->black && !block->black &&
	       before->to + before->length == block->to &&
	       before->from + before->length == block->from;
}

static void cut_add_block(struct ownframe_cut *cut, const struct ownframe_block *block)
{
	struct ownframe_block *last = cut->blocks + cut->num_blocks - 1;

	if (cut->num_blocks && block_follows(last, block))
		last->length += block->length;
	else
		cut->blocks[cut->num_blocks++] = *block;
}

static void cut_add_blocks(struct ownframe_cut *cut, const struct tiling *tiling,
			   const struct v4l2_pix_format *format, const struct v4l2_rect *crop)
{
	struct ownframe_plane from[OWNFRAME_MAX_PLANES];
	struct ownframe_plane to[OWNFRAME_MAX_PLANES];
	unsigned int planes = ownframe_format_planes(&cut->format, to);
	const struct tile *tile;
	unsigned int i;

	ownframe_format_planes(format, from);
	for (i = 0; i < planes; i++) {
		for (tile = tiling->tiles; tile < tiling->tiles + tiling->num; tile++) {
			struct ownframe_block block = {
				.to = pixel_offset(&to[i], &cut->format, tile->left, tile->top),
				.from = pixel_offset(&from[i], format, crop->left + tile->left,
						     crop->top + tile->top),
				.to_step = to[i].stride,
				.from_step = from[i].stride,
				.length = (tile->right - tile->left) * to[i].line /
					  cut->format.width,
				.rows = (tile->bottom - tile->top) * to[i].rows /
					cut->format.height,
				.black = tile->black,
				.shade = { to[i].black[0], to[i].black[1] },
			};

			block_straighten(&block);
			cut_add_block(cut, &block);
		}
	}
}

static unsigned int cut_tile(struct tiling *tiling, const struct ownframe_policy *policy,
			     const struct v4l2_pix_format *format, const struct v4l2_rect *crop)
{
	struct v4l2_rect masks[OWNFRAME_MAX_MASKS];
	unsigned int i;

	for (i = 0; i < policy->masks.num; i++)
		masks[i] = scale_mask(&policy->masks, &policy->masks.rects[i], format, crop);
	tile_picture(tiling, masks, policy->masks.num, crop->width, crop->height);
	return tiling->num;
}

/* A picture that is opaque cannot be cut, and of a stream of changes none can be left out. */
static bool can_be_cut(const struct v4l2_pix_format *format, const struct ownframe_policy *policy)
{
	if (policy->max_rate && !ownframe_format_is_divisible(format))
		return false;
	return ownframe_format_is_raw(format) || (!policy->crop.num && !policy->masks.num);
}

static struct ownframe_cut *cut_alloc(unsigned int blocks, const struct v4l2_pix_format *format)
{
	struct ownframe_cut *cut = kvzalloc(struct_size(cut, blocks, blocks), GFP_KERNEL);

	if (!cut)
		return NULL;
	cut->format = *format;
	ownframe_format_pack(&cut->format);
	return cut;
}

static struct ownframe_cut *cut_new_raw(const struct v4l2_pix_format *format,
					const struct ownframe_policy *policy,
					const struct v4l2_rect *crop)
{
	struct tiling *tiling = kvmalloc(sizeof(*tiling), GFP_KERNEL);
	struct v4l2_pix_format pix = *format;
	struct ownframe_cut *cut;

	if (!tiling)
		return NULL;
	pix.width = crop->width;
	pix.height = crop->height;
	cut = cut_alloc(cut_tile(tiling, policy, format, crop) * OWNFRAME_MAX_PLANES, &pix);
	if (cut)
		cut_add_blocks(cut, tiling, format, crop);
	kvfree(tiling);
	return cut;
}

/**
 * ownframe_cut_new() - work out what a view may see
 * @format: of the feed
 * @policy: of the view
 *
 * Return: the cut, to be given to ownframe_cut_free(), or NULL if there is no memory.
 */
struct ownframe_cut *ownframe_cut_new(const struct v4l2_pix_format *format,
				      const struct ownframe_policy *policy)
{
	struct v4l2_rect crop = { 0, 0, format->width, format->height };
	bool possible = can_be_cut(format, policy);
	struct ownframe_cut *cut;

	if (possible && policy->crop.num) {
		crop = scale_crop(&policy->crop, &policy->crop.rects[0], format);
		possible = crop.width;
	}
	if (possible && ownframe_format_is_raw(format))
		return cut_new_raw(format, policy, &crop);
	cut = cut_alloc(0, format);
	if (cut)
		cut->refused = !possible;
	return cut;
}

void ownframe_cut_free(struct ownframe_cut *cut)
{
	kvfree(cut);
}

static void block_copy(const struct ownframe_block *block, struct ownframe_mem *mem,
		       const struct iosys_map *from)
{
	u32 row;

	for (row = 0; row < block->rows; row++)
		if (block->black)
			ownframe_mem_fill(mem, block->to + row * block->to_step, block->shade,
					  block->length);
		else
			ownframe_mem_write(mem, block->to + row * block->to_step, from,
					   block->from + row * block->from_step, block->length);
}

/**
 * ownframe_cut_copy() - copy what may be seen of a frame
 * @cut: of a view, not refused
 * @mem: a buffer of at least the size of the cut's format
 * @frame: of the format that the cut was made for
 *
 * Return: the bytes that are in the buffer now.
 */
u32 ownframe_cut_copy(const struct ownframe_cut *cut, struct ownframe_mem *mem,
		      const struct ownframe_frame *frame)
{
	unsigned int i;

	if (!cut->num_blocks) {
		ownframe_mem_write(mem, 0, &frame->map, 0, frame->bytesused);
		return frame->bytesused;
	}
	for (i = 0; i < cut->num_blocks; i++)
		block_copy(&cut->blocks[i], mem, &frame->map);
	return cut->format.sizeimage;
}
