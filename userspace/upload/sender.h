/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends the clips of the spool's ready/ to the store, oldest first, each clip's manifest last, and
 * moves a clip to sent/ when the store has all of it. One thread.
 */
#ifndef OWNFRAME_UPLOAD_SENDER_H
#define OWNFRAME_UPLOAD_SENDER_H

#include "backoff.h"
#include "config.h"
#include "store.h"

#include "../lib/spool.h"

#include <stdbool.h>
#include <stddef.h>

/* A clip that cannot be sent for a reason of its own, which does not hold up the others. */
struct held_clip {
	char id[CLIP_ID_LEN + 1];
	uint64_t until_us; /* looked at again then */
};

struct sender {
	struct spool spool; /* only ready/ and sent/ are open: the rest is not the uploader's */
	struct store *store;
	struct backoff backoff;
	struct held_clip *held;
	size_t n_held;
	uint64_t sent; /* clips, since the program began */
	char said[STORE_WHY_LEN]; /* last trouble that was reported; "" while all is well */
};

/* -errno, logged. */
int sender_open(struct sender *s, const struct upload_config *cfg);
void sender_close(struct sender *s);

/*
 * Send all clips that are ready. Returns the microseconds after which to call it again although
 * nothing new is ready, UINT64_MAX: none. *@back_off: also what is new must wait for that.
 */
uint64_t sender_round(struct sender *s, bool *back_off);

#endif
