/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One clip, its owner and a stranger, and what the reader must make of it. */
#ifndef OWNFRAME_TEST_READER_FIXTURE_H
#define OWNFRAME_TEST_READER_FIXTURE_H

#include "clip_fixture.h"
#include "clip_reader.h"

/* A clip in a folder of its own, fresh for each test. */
struct world {
	char *dir, *path; /* path: dir/clip */
	struct fixture_people people, stranger; /* stranger: another owner with another device */
	struct fixture_clip clip;
};

void world_make(struct world *w, const struct fixture_plan *plan, size_t recipients);
void world_end(struct world *w);

/* What came out of clip_open(). */
struct catch
{
	struct clip_sink sink;
	uint8_t *data;
	size_t len;
	void (*first)(void *arg); /* called once, before the first byte is taken */
	void *arg;
};

int catch_write(struct clip_sink *sink, const void *data, size_t len);

enum clip_verdict verdict(const char *path, const struct claims *claims);
/* Neither verified nor opened, and not a byte comes out. */
void refused(const struct world *w, enum clip_verdict expected);
/* The clip at @path shows who has @key the capture and the thumbnail as they were. */
void opens_for(const struct world *w, const char *path, EVP_PKEY *key);
/* Change bits of one byte of a file of the clip. */
void poke(const struct world *w, const char *name, size_t at, uint8_t mask);

#endif
