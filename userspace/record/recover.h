/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a recorder that died left in open/: every committed fragment is kept, and nothing is signed
 * that this device did not record. docs/clip-format.md, "Recovery".
 */
#ifndef OWNFRAME_RECORD_RECOVER_H
#define OWNFRAME_RECORD_RECOVER_H

#include "p256.h"
#include "spool.h"

struct recover {
	struct spool *spool;
	struct signer *signer; /* the device's sign key */
	const uint8_t *spool_key; /* 32 bytes */
	const char *camera; /* id; other cameras' clips are left to their recorders */
	uint64_t epoch; /* of the claim in force */
};

struct recover_count {
	unsigned int recovered; /* signed now, with what was committed of them */
	unsigned int lost; /* signed now as lost: nothing had been committed */
	unsigned int moved; /* had been signed, only moved on */
	unsigned int quarantined; /* whose they are is not known: moved aside, not signed */
};

/*
 * Finish every clip of the camera that is left in open/ and that nobody has locked, in the order of
 * seq, and update the chain's state. Each is logged. Blocks as long as the signer does.
 *
 * 0, or the -errno of what stopped it: the signer (-EAGAIN: try again later), or the disk. What was
 * not finished is in open/ as before, and no clip of the chain may be signed until a later call
 * returned 0: manifests are signed in the order of seq, and one behind the head would count as put
 * back by somebody. May be interrupted at any point and called again.
 */
int recover_run(const struct recover *r, struct recover_count *count);

#endif
