/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a clip withheld? Every clip of a (device, camera, epoch) has the next seq and names the
 * manifest before it, so what is missing, exchanged or forked shows. docs/clip-format.md, "Chain".
 *
 * A clip that its device dropped after it was signed has a second manifest ("lost": "dropped"); the
 * next clip names the first one. That is no fork, and no broken link.
 */
#ifndef OWNFRAME_CLIP_CHAIN_H
#define OWNFRAME_CLIP_CHAIN_H

#include "clip_reader.h"

struct clip_chain_link {
	struct p256_id device;
	char camera[MANIFEST_CAMERA_LEN + 1];
	uint64_t epoch, seq;
	bool has_prev, dropped;
	uint8_t prev[P256_DIGEST_LEN], digest[P256_DIGEST_LEN];
};

struct clip_chain {
	struct clip_chain_link *links;
	size_t n, cap;
};

enum clip_chain_fault {
	CLIP_CHAIN_GAP, /* clips @from to @to are not there */
	CLIP_CHAIN_BROKEN, /* clip @from does not name the manifest of the one before it */
	CLIP_CHAIN_FORKED, /* there are two different clips @from */
};

struct clip_chain_finding {
	enum clip_chain_fault fault;
	const struct clip_chain_link *link; /* which chain, and the clip at which it was seen */
	uint64_t from, to; /* seq */
};

/*
 * Take note of a clip. Only a manifest whose signature was verified says anything: others are left
 * out, and so show as a gap. 0 or -ENOMEM.
 */
int clip_chain_add(struct clip_chain *chain, const struct clip_report *report);
/*
 * Call @found for everything that is wrong, in the order of seq in each chain; the same clip twice
 * is nothing wrong. @from_first: all clips from seq 1 should be there, else those between the first
 * and the last. Returns the number of findings. Sorts the links.
 */
size_t clip_chain_check(struct clip_chain *chain, bool from_first,
			void (*found)(const struct clip_chain_finding *finding, void *arg),
			void *arg);
void clip_chain_release(struct clip_chain *chain);

#endif
