/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thumbnail of a clip: JPEG by libjpeg-turbo, at most 320 pixels wide, of a raw frame. */
#ifndef OWNFRAME_THUMB_H
#define OWNFRAME_THUMB_H

#include "frame.h"

#define THUMB_WIDTH_MAX 320

/* New JPEG (caller frees) of @frame scaled down; the frame is only read. 0 or -errno. */
int thumb_make(const struct frame *frame, const struct frame_format *format, uint8_t **jpeg,
	       size_t *len);

#endif
