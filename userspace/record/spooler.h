/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The spooler: a thread for what blocks. It opens and closes clips: claim and epoch, content keys to
 * the claim's recipients, folder and file, signatures in the order of seq, room on the disk. A TPM
 * that is slow delays it and nobody else; one that does not answer leaves clips waiting in open/.
 */
#ifndef OWNFRAME_RECORD_SPOOLER_H
#define OWNFRAME_RECORD_SPOOLER_H

#include "claim.h"
#include "clip.h"
#include "config.h"
#include "log.h"
#include "spool.h"

/* The device as the spooler sees it; called in its thread only, once it runs. */
struct spooler_device {
	struct signer *signer; /* the sign key */
	/* The counter now; 0 or -errno. */
	int (*epoch)(struct spooler_device *dev, uint64_t *epoch);
	/* The claim in force; 0 or -errno (logged, with what to do). */
	int (*claim)(struct spooler_device *dev, struct claim *claim);
};

struct spooler {
	pthread_t thread;
	struct mailbox jobs;
	struct mailbox *reply; /* main's */
	struct letter quit, claim_ended;
	struct spool *spool;
	struct spooler_device *device;
	const uint8_t *spool_key;
	char camera_name[128];
	char camera[MANIFEST_CAMERA_LEN + 1];
	/* The thread's own, once it runs. */
	bool claimed;
	struct claim claim; /* last known to be in force, if claimed */
	uint64_t epoch; /* its, and the chain's */
	struct chain chain; /* seq: the highest taken */
	uint64_t noted_seq; /* the highest that something signed has: what the state file gets */
	bool recovered; /* what was left in open/ is finished: only then may the chain go on */
	struct clip *clips; /* opened and not signed off, in the order of seq */
	uint64_t retry_us, retry_delay_us; /* CLOCK_MONOTONIC; 0: nothing failed */
	uint64_t check_us; /* when to compare the epoch again while a clip is open */
	bool claim_ended_posted;
	bool full; /* recording stopped because there is no room */
	struct log_gate tpm_gate, room_gate;
};

struct spooler_setup {
	struct spool *spool;
	struct spooler_device *device;
	const uint8_t *spool_key;
	const char *camera_name;
	const char *camera; /* its id, of spool_camera() */
	struct mailbox *reply;
};

/* Look up claim and chain, in the caller's thread: -errno of device->claim() (logged). */
int spooler_init(struct spooler *s, const struct spooler_setup *setup);
/* Start the thread: first it finishes what was left in open/. */
int spooler_start(struct spooler *s);
/* Try what is left once more, answer all letters, end. Blocks as long as the TPM does. */
void spooler_exit(struct spooler *s);

/*
 * The three steps of a clip; each is answered with its MAIN_ letter, clip->error set. Opening:
 * -ENOKEY: there is no claim in force; -ENOSPC: no room; or what else kept the file from being made.
 */
void spooler_open(struct spooler *s, struct clip *clip);
void spooler_extend(struct spooler *s, struct clip *clip);
/*
 * Seal, sign, move to ready/. clip->error: 0; -ENODATA: lost, its manifest says why; -EEXIST: signed,
 * but there is something of its name in ready/, so it is in quarantine/; -EAGAIN: it stays in open/ for
 * recovery, since the device did not sign until spooler_exit().
 */
void spooler_close(struct spooler *s, struct clip *clip);

#endif
