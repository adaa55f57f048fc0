// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The writing half of a clip's life. Separate because its states follow the ring's results.
 * The one thing to know: a run is never encrypted again. A write that is tried again writes the same
 * sealed bytes, and one that fails for good ends the clip at the fragment before.
 */
#include "clip_writer.h"

#include "log.h"
#include "monotonic.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define TRIES 3

static void on_payload(struct ring_op *op, int res, unsigned int flags);
static void on_sync(struct ring_op *op, int res, unsigned int flags);
static void on_meta(struct ring_op *op, int res, unsigned int flags);

static void submit(struct clip_writer *w, struct run *run)
{
	int fd = run->clip->fd;

	run->payload_op.done = on_payload;
	run->sync_op.done = on_sync;
	run->meta_op.done = on_meta;
	run->under_way = 3;
	run->failed = 0;
	run->tries++;
	ring_reserve(w->ring, 3);
	ring_write(w->ring, &run->payload_op, fd, run->payload, run->used,
		   run->off + run->meta_size, run->region, false, RING_THEN);
	ring_datasync(w->ring, &run->sync_op, fd, RING_THEN);
	ring_write(w->ring, &run->meta_op, fd, run->meta, run->meta_size, run->off, run->region,
		   true, RING_ALONE);
}

/*
 * The range's hash. It begins with the metadata, which holds the HMAC over the payload's own hash, so
 * the payload is read for it a second time: at an encoder's rates a thousandth of a core.
 */
static int hash(uint8_t sha256[32], const struct run *run)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(ctx, run->meta, run->meta_size) &&
		    EVP_DigestUpdate(ctx, run->payload, run->used) &&
		    EVP_DigestFinal_ex(ctx, sha256, NULL);

	EVP_MD_CTX_free(ctx);
	return good ? 0 : -EIO;
}

/* Note the fragment in what index, mfra and manifest will say. */
static int record(struct clip *clip, const struct run *run)
{
	size_t i = clip->n_refs++;

	clip->n_samples[i] = (uint8_t)run->frag.n_samples;
	clip->refs[i] = (struct clip_ref) {
		.offset = run->off,
		.size = run->meta_size + run->used,
		.time = run->frag.decode_time,
		.duration = (uint32_t)clip_fragment_duration(&run->frag),
		.sync = run->samples[0].sync,
	};
	clip->ranges[i].off = run->off;
	clip->ranges[i].len = run->meta_size + run->used;
	return hash(clip->ranges[i].sha256, run);
}

/* The clip ends before fragment @number. */
static void give_up(struct clip *clip, uint32_t number, int err)
{
	if (!clip->broken || number < clip->broken)
		clip->broken = number;
	if (clip->reason == MANIFEST_NOT_LOST)
		clip->reason = err == -ENOSPC ? MANIFEST_LOST_DISK_FULL : MANIFEST_LOST_WRITE_ERROR;
	atomic_store(&clip->abandoned, true);
}

static void home(struct clip_writer *w, struct run *run)
{
	struct clip *clip = run->clip;

	w->out--;
	mailbox_post(w->runs, &run->letter, 0);
	w->progress(w, clip);
}

static void drop(struct clip_writer *w, struct run *run)
{
	run->clip->dropped += run->frag.n_samples;
	run->clip->unwritten += run->frag.n_samples;
	home(w, run);
}

static void start(struct clip_writer *w, struct run *run)
{
	struct clip *clip = run->clip;
	int ret = -EFBIG;

	run->off = clip->tail;
	run->meta_size = clip_fragment_meta_size(&run->frag, clip->block);
	run->tries = 0;
	run->submitted_us = monotonic_us();
	if (clip->n_refs < clip->max_refs)
		ret = clip_fragment_write(run->meta, &run->frag, clip->block, &clip->head.clip,
					  w->mac_key, run->sha256);
	if (!ret)
		ret = record(clip, run);
	if (ret) {
		log_error("%s: fragment %u: %s", clip->head.clip.text, run->frag.number,
			  strerror(-ret));
		give_up(clip, run->frag.number, ret);
		drop(w, run);
		return;
	}
	clip->tail += run->meta_size + run->used;
	clip->writing++;
	submit(w, run);
}

/* Would the fragment end beyond what is allocated? Two blocks are the most its metadata takes. */
static bool has_room(const struct clip *clip, const struct run *run)
{
	return clip->tail + 2 * (uint64_t)clip->block + run->used <= clip->allocated;
}

static void push(struct clip *clip, struct run *run)
{
	run->next = NULL;
	if (!clip->waiting)
		clip->waiting_end = &clip->waiting;
	*clip->waiting_end = run;
	clip->waiting_end = &run->next;
}

static void pump(struct clip_writer *w, struct clip *clip)
{
	struct run *run;

	while ((run = clip->waiting) && clip->opened && !clip->extending) {
		bool broken = clip->broken;

		if (!broken && !has_room(clip, run)) {
			clip->extending = true;
			w->extend(w, clip);
			return;
		}
		clip->waiting = run->next;
		if (broken)
			drop(w, run);
		else
			start(w, run);
	}
}

void clip_writer_add(struct clip_writer *w, struct run *run)
{
	struct clip *clip = run->clip;

	run->writer = w;
	w->out++;
	push(clip, run);
	pump(w, clip);
}

void clip_writer_resume(struct clip_writer *w, struct clip *clip)
{
	if (clip->error)
		give_up(clip, (uint32_t)clip->n_refs + 1, clip->error);
	clip->opened = true;
	clip->extending = false;
	pump(w, clip);
	w->progress(w, clip);
}

bool clip_writer_idle(const struct clip *clip)
{
	return clip->opened && !clip->extending && !clip->waiting && !clip->writing;
}

static bool worth_another_try(const struct run *run)
{
	return run->tries < TRIES && (run->failed == -EAGAIN || run->failed == -EINTR);
}

/* One of a run's three results; @err 0 or why not. The last of them decides. */
static void on_result(struct run *run, int err)
{
	struct clip *clip = run->clip;

	if (err && err != -ECANCELED && !run->failed)
		run->failed = err;
	if (--run->under_way)
		return;
	if (worth_another_try(run)) {
		submit(run->writer, run);
		return;
	}
	clip->writing--;
	if (run->failed) {
		log_error("%s: writing fragment %u: %s", clip->head.clip.text, run->frag.number,
			  strerror(-run->failed));
		give_up(clip, run->frag.number, run->failed);
	} else {
		run->writer->status->written += run->meta_size + run->used;
		histogram_add(&run->writer->status->write_time, monotonic_us() - run->submitted_us);
	}
	home(run->writer, run);
}

/* A short write would have to go on at the unaligned rest: write all of it again. */
static int complete(int res, size_t len)
{
	return res < 0 ? res : (size_t)res == len ? 0 : -EAGAIN;
}

static void on_payload(struct ring_op *op, int res, unsigned int flags)
{
	struct run *run = letter_of(op, struct run, payload_op);

	(void)flags;
	on_result(run, complete(res, run->used));
}

static void on_sync(struct ring_op *op, int res, unsigned int flags)
{
	(void)flags;
	on_result(letter_of(op, struct run, sync_op), res);
}

static void on_meta(struct ring_op *op, int res, unsigned int flags)
{
	struct run *run = letter_of(op, struct run, meta_op);

	(void)flags;
	on_result(run, complete(res, run->meta_size));
}
