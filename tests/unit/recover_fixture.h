/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A spool as a power cut left it, and what recovery must have made of it. */
#ifndef OWNFRAME_TEST_RECOVER_FIXTURE_H
#define OWNFRAME_TEST_RECOVER_FIXTURE_H

#include "clip_fixture.h"
#include "record/recover.h"

struct recovery {
	struct fixture_people people, stranger;
	char *dir; /* the spool's */
	struct spool spool;
	struct recover_count count; /* of the last run */
};

extern struct recovery rec;

/* Of a group of tests, and of each. */
int recover_enter_all(void **state);
int recover_leave_all(void **state);
int recover_enter(void **state);
int recover_leave(void **state);

/* Folder of a clip in one of the spool's; not kept for long. */
const char *clip_at(const char *state, const char *id);
bool clip_there(const char *state, const char *id);
/* A clip of three fragments, the last one short, in open/ as its recorder left it. Its id. */
const char *clip_left(struct fixture_clip *c, const struct fixture_people *p, uint64_t seq);

int recover_with(struct signer *signer, uint64_t epoch);
/* A run by the camera's own recorder makes so many of each. */
void recovers(unsigned int recovered, unsigned int lost, unsigned int moved,
	      unsigned int quarantined);
/* What is whole of @c in @file, left in its place, is recovered, and nothing else. */
void recovers_from(const struct fixture_clip *c, const uint8_t *file, size_t len);
/* Fragments of @c that @file still holds, byte for byte; 0 without its init. */
size_t whole_fragments(const struct fixture_clip *c, const uint8_t *file, size_t len);

/* The clip in ready/ is verified, recovered, and plays its first @fragments; 0: it is lost. */
void is_ready(const struct fixture_clip *c, size_t fragments);
void is_quarantined(const char *id);
/* Forget the clip and the chain. */
void clear_ready(const char *id);

#endif
