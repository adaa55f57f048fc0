/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clip ids, "<UTC start, YYYYMMDDThhmmss.ffffffZ>-<seq, 10 digits>", and the times of clips. */
#ifndef OWNFRAME_CLIP_ID_H
#define OWNFRAME_CLIP_ID_H

#include <stdint.h>

#define CLIP_ID_LEN   34 /* "20260102T030405.000006Z-0000000001" */
#define CLIP_TIME_LEN 27 /* "2026-01-02T03:04:05.000006Z" */

struct clip_id {
	char text[CLIP_ID_LEN + 1];
};

/* @start_us: microseconds since 1970-01-01 UTC, as are all times here; @seq from 1. */
void clip_id_make(struct clip_id *id, int64_t start_us, uint64_t seq);
/* Refuses (-EINVAL) what clip_id_make() cannot have made, so a clip id is safe as a file name. */
int clip_id_parse(const char *text, int64_t *start_us, uint64_t *seq);

void clip_time_format(char out[CLIP_TIME_LEN + 1], int64_t us);
int clip_time_parse(const char *text, int64_t *us);

#endif
