// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The spooler's thread. Separate from main because a TPM takes up to a second for a signature and a
 * disk may take as long for a folder.
 * The one thing to know: a clip's fragments may be written as soon as its file is there; open.jws and
 * manifest follow when the device signs, in the order of seq, tried again until it does.
 */
#include "spooler.h"

#include "clip_ends.h"
#include "durable.h"
#include "hpke.h"
#include "jws.h"
#include "monotonic.h"
#include "recover.h"
#include "scope.h"
#include "spool_room.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum spooler_letter {
	SPOOLER_OPEN,
	SPOOLER_EXTEND,
	SPOOLER_CLOSE,
	SPOOLER_QUIT
};

#define STACK_SIZE    (1u << 20) /* ESAPI keeps its packets on the stack: tens of KiB */
#define EPOCH_PERIOD  (5 * 1000000ull) /* a claim that ends, ends the open clip within this */
#define RETRY_FIRST   (1000000ull)
#define RETRY_LONGEST (60 * 1000000ull)

/* --- claim and chain --------------------------------------------------------------------------- */

static int chain_load(struct spooler *s)
{
	int ret = chain_find(&s->chain, s->spool, &s->device->signer->pub, s->camera, s->epoch);

	if (ret)
		log_error("cannot read the chain in the spool: %s", strerror(-ret));
	s->noted_seq = s->chain.seq;
	return ret;
}

/* Durably, so that a spool that is emptied does not begin again. Other epochs have no state file. */
static int chain_note(struct spooler *s, uint64_t epoch, uint64_t seq)
{
	struct chain noted = s->chain;

	if (epoch != s->epoch)
		return 0;
	if (seq > s->noted_seq)
		s->noted_seq = seq;
	noted.seq = s->noted_seq;
	return chain_store(&noted, s->spool, s->camera, epoch);
}

static int claim_load(struct spooler *s)
{
	int ret = s->device->claim(s->device, &s->claim);

	if (ret)
		return ret;
	s->claimed = true;
	s->epoch = s->claim.epoch;
	return chain_load(s);
}

/* Finish what was left in open/: nothing newer may be signed before. */
static int recover(struct spooler *s)
{
	const struct recover r = {
		.spool = s->spool,
		.signer = s->device->signer,
		.spool_key = s->spool_key,
		.camera = s->camera,
		.epoch = s->epoch,
	};
	struct recover_count count;
	uint64_t seq = s->chain.seq;
	int ret = recover_run(&r, &count);

	if (!ret)
		ret = chain_load(s);
	if (ret)
		return ret;
	if (seq > s->chain.seq)
		s->chain.seq = seq; /* taken since, by clips that have nothing signed yet */
	s->recovered = true;
	return 0;
}

/*
 * Is the claim still in force? A device that does not answer does not say no: the clip is for the
 * owner who was the last to be seen, and waits for its signature.
 */
static int claim_check(struct spooler *s)
{
	uint64_t epoch;
	int ret = s->device->epoch(s->device, &epoch);

	if (ret) {
		if (log_gate_open(&s->tpm_gate, 600))
			log_warn("the epoch cannot be read (%s): going on with the claim of epoch "
				 "%" PRIu64,
				 strerror(-ret), s->epoch);
		return s->claimed ? 0 : ret;
	}
	if (s->claimed && epoch == s->epoch)
		return 0;
	if (s->claimed)
		claim_release(&s->claim);
	s->claimed = false;
	return claim_load(s) ? -ENOKEY : 0;
}

/* Between clip starts: tell main if the claim that a clip is open for has ended. */
static void claim_watch(struct spooler *s)
{
	uint64_t epoch;

	s->check_us = monotonic_us() + EPOCH_PERIOD;
	if (s->claim_ended_posted || s->device->epoch(s->device, &epoch) || epoch == s->epoch)
		return;
	log_warn("the claim of epoch %" PRIu64 " is no longer in force: the open clip ends",
		 s->epoch);
	s->claim_ended_posted = true;
	mailbox_post(s->reply, &s->claim_ended, MAIN_CLAIM_ENDED);
}

/* --- room -------------------------------------------------------------------------------------- */

static int make_some_room(struct spooler *s, bool drop_oldest)
{
	int ret = spool_room_drop_sent(s->spool);

	if (ret != -ENOENT || !drop_oldest)
		return ret;
	return spool_room_drop_ready(s->spool, s->device->signer, s->camera);
}

/* For the next piece of the clip's file. */
static bool make_room(struct spooler *s, const struct clip *clip)
{
	while (!spool_room_free(s->spool, clip->preallocate))
		if (make_some_room(s, clip->drop_oldest))
			return false;
	return true;
}

/* --- open -------------------------------------------------------------------------------------- */

static int seal_key(struct clip *clip, const struct claim *claim, const char *info)
{
	struct manifest_head *h = &clip->head;

	h->recipients = calloc(claim->n_recipients, sizeof(*h->recipients));
	if (!h->recipients)
		return -ENOMEM;
	h->n_recipients = claim->n_recipients;
	for (size_t i = 0; i < claim->n_recipients; i++) {
		const struct claim_cert *cert = &claim->recipients[i];
		struct recipient *r = &h->recipients[i];
		int ret = hpke_seal(r->enc, r->key, &cert->pub, info, strlen(info), clip->key.key,
				    sizeof(clip->key.key));

		if (ret)
			return ret;
		memcpy(r->thumbprint, cert->thumbprint, sizeof(r->thumbprint));
	}
	return 0;
}

static void read_boot_id(char out[37])
{
	SCOPE_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, 36);

	out[n > 0 ? n : 0] = '\0';
}

static int seal_open(struct spooler *s, struct clip *clip)
{
	struct clip_open_info info = {
		.start_us = clip->start_us,
		.clock_synced = clip->clock_synced,
		.boot_monotonic_us = clip->first_us,
		.width = clip->width,
		.height = clip->height,
	};
	struct sealed_text *open = &clip->head.open;
	SCOPE_FREE char *text = NULL;

	memcpy(info.camera_name, s->camera_name, sizeof(info.camera_name));
	read_boot_id(info.boot_id);
	h264_codec_string(info.codec, &clip->params);
	text = clip_open_info_encode(&info);
	if (!text)
		return -ENOMEM;
	open->len = strlen(text) + CONTENT_TAG_LEN;
	open->data = malloc(open->len);
	if (!open->data)
		return -ENOMEM;
	return content_key_seal(&clip->key, CONTENT_OPEN, clip->head.clip.text, text, strlen(text),
				open->data);
}

/* Everything that open.jws and the manifest have in common, under the next seq of the chain. */
static int fill_head(struct spooler *s, struct clip *clip, char **info)
{
	struct manifest_head *h = &clip->head;
	int ret;

	h->device = s->claim.device_id;
	h->owner = s->claim.owner_id;
	h->epoch = s->epoch;
	memcpy(h->camera, s->camera, sizeof(h->camera));
	h->seq = s->chain.seq + 1;
	clip_id_make(&h->clip, clip->start_us, h->seq);
	h->has_key = true;
	memcpy(h->content_kid, clip->key.kid, sizeof(h->content_kid));
	*info = manifest_hpke_info(h);
	if (!*info)
		return -ENOMEM;
	ret = seal_key(clip, &s->claim, *info);
	return ret ? ret : seal_open(s, clip);
}

static void append(struct spooler *s, struct clip *clip)
{
	struct clip **end = &s->clips;

	while (*end)
		end = &(*end)->next;
	clip->next = NULL;
	*end = clip;
}

static int open_clip(struct spooler *s, struct clip *clip)
{
	SCOPE_FREE char *info = NULL;
	bool was_full = s->full;
	int ret = claim_check(s);

	if (ret)
		return ret;
	s->full = !make_room(s, clip);
	if (s->full && was_full)
		return -ENOSPC; /* said when it began, and the lost clip's manifest stays */
	ret = fill_head(s, clip, &info);
	if (!ret)
		ret = s->full ? -ENOSPC : clip_ends_create(clip, s->spool, info);
	if (s->full && clip->dir < 0)
		clip->dir = spool_clip_create(s->spool, &clip->head.clip);
	if (clip->dir < 0) {
		clip->head.seq = 0; /* nothing on disk has it */
		return ret;
	}
	s->chain.seq = clip->head.seq;
	append(s, clip);
	return ret;
}

static void on_open(struct spooler *s, struct clip *clip)
{
	clip->error = open_clip(s, clip);
	if (clip->error == -ENOSPC) {
		if (log_gate_open(&s->room_gate, 60))
			log_error("no room for a clip (%" PRIu64
				  " MiB): recording stops until there "
				  "is",
				  clip->preallocate >> 20);
	} else if (clip->error) {
		log_error("cannot open a clip: %s", strerror(-clip->error));
	} else {
		log_info("%s: open", clip->head.clip.text);
	}
	if (!clip->error) {
		s->check_us = monotonic_us() + EPOCH_PERIOD;
		s->claim_ended_posted = false;
	}
	mailbox_post(s->reply, &clip->letter, MAIN_OPENED);
}

static void on_extend(struct spooler *s, struct clip *clip)
{
	clip->error = make_room(s, clip) ? clip_ends_extend(clip) : -ENOSPC;
	if (clip->error)
		log_error("%s: ends here, its file cannot grow: %s", clip->head.clip.text,
			  strerror(-clip->error));
	mailbox_post(s->reply, &clip->letter, MAIN_EXTENDED);
}

/* --- signatures -------------------------------------------------------------------------------- */

static int sign_open(struct spooler *s, struct clip *clip)
{
	struct manifest_open open = { .head = clip->head };
	SCOPE_FREE char *payload = NULL;
	SCOPE_FREE char *text = NULL;
	int ret;

	memcpy(open.init_sha256, clip->init_range.sha256, sizeof(open.init_sha256));
	payload = manifest_open_encode(&open);
	if (!payload)
		return -ENOMEM;
	ret = jws_sign(&text, JWS_TYP_OPEN, &clip->head.device, payload, strlen(payload),
		       s->device->signer);
	if (!ret)
		ret = durable_write(clip->dir, SPOOL_OPEN, text, strlen(text), 0640);
	/* Only now is the number taken for good: without open.jws recovery would not know of it. */
	if (!ret)
		ret = chain_note(s, clip->head.epoch, clip->head.seq);
	if (!ret)
		clip->open_signed = true;
	return ret;
}

static void seal(struct spooler *s, struct clip *clip)
{
	int ret = clip_ends_seal(clip);

	if (ret == -ENOSPC && make_room(s, clip))
		ret = clip_ends_seal(clip);
	if (ret) {
		if (ret != -ENODATA)
			log_error("%s: cannot be finished: %s", clip->head.clip.text,
				  strerror(-ret));
		if (clip->reason == MANIFEST_NOT_LOST)
			clip->reason = ret == -ENODATA	? MANIFEST_LOST_ENCODER
				       : ret == -ENOSPC ? MANIFEST_LOST_DISK_FULL
							: MANIFEST_LOST_WRITE_ERROR;
		clip_ends_lose(clip, clip->reason);
	}
	clip->sealed = true;
}

static int sign_behind(struct spooler *s, struct clip *clip, struct chain *chain)
{
	struct manifest *m = &clip->manifest;
	SCOPE_FREE char *payload = NULL;
	SCOPE_FREE char *text = NULL;
	struct jws jws;
	int ret;

	m->has_prev = chain->has_prev;
	memcpy(m->prev, chain->prev, sizeof(m->prev));
	payload = manifest_encode(m);
	if (!payload)
		return -ENOMEM;
	ret = jws_sign(&text, JWS_TYP_CLIP, &clip->head.device, payload, strlen(payload),
		       s->device->signer);
	if (!ret)
		ret = durable_write(clip->dir, SPOOL_MANIFEST, text, strlen(text), 0640);
	if (!ret)
		ret = jws_parse(&jws, text, strlen(text), JWS_TYP_CLIP);
	if (ret)
		return ret;
	chain->has_prev = true;
	chain->signed_seq = m->head.seq;
	memcpy(chain->prev, jws.digest, sizeof(chain->prev));
	jws_release(&jws);
	return 0;
}

/* Sign the manifest as the head of its chain; it is durable when this returns 0. */
static int sign_manifest(struct spooler *s, struct clip *clip)
{
	struct chain chain;
	int ret;

	if (clip->head.epoch == s->epoch)
		return sign_behind(s, clip, &s->chain);
	/* The claim changed while it was open: it still is the former owner's. */
	ret = chain_find(&chain, s->spool, &s->device->signer->pub, s->camera, clip->head.epoch);
	return ret ? ret : sign_behind(s, clip, &chain);
}

static void log_closed(const struct clip *clip)
{
	const struct manifest *m = &clip->manifest;
	uint64_t samples = 0;

	if (m->lost != MANIFEST_NOT_LOST) {
		log_error("%s: lost: %s", clip->head.clip.text, manifest_lost_name(m->lost));
		return;
	}
	for (size_t i = 0; i + 3 < m->n_ranges; i++)
		samples += clip->n_samples[i];
	log_info("%s: sealed, in ready: %" PRIu64 " samples (%" PRIu64 " pre-roll), %" PRIu64
		 " dropped, %zu fragments, %" PRIu64 " bytes",
		 clip->head.clip.text, samples, clip->pre_roll, clip->dropped + clip->coder_dropped,
		 m->n_ranges - 3, m->size);
}

/*
 * From open/ to ready/. Signed it is, so whatever is in the way there must not keep the clips after it
 * from being signed: the uploader may write in ready/.
 */
static int leave_open(struct spooler *s, struct clip *clip)
{
	const char *id = clip->head.clip.text;
	int ret = spool_clip_move(s->spool, id, SPOOL_STATE_OPEN, SPOOL_STATE_READY);

	clip->error = clip->manifest.lost == MANIFEST_NOT_LOST ? 0 : -ENODATA;
	if (!ret)
		log_closed(clip);
	if (ret == -EEXIST) {
		clip->error = ret;
		ret = spool_clip_move(s->spool, id, SPOOL_STATE_OPEN, SPOOL_STATE_QUARANTINE);
		log_error("%s: there is something of its name in ready: %s", id,
			  ret ? "it stays in open" : "moved to quarantine");
		return 0; /* what stays in open/, the next start tries again */
	}
	if (ret != -ENOENT)
		return ret;
	/* An attempt before moved it, and could not make sure that the disk knows. */
	if (fsync(s->spool->state[SPOOL_STATE_READY]) || fsync(s->spool->state[SPOOL_STATE_OPEN]))
		return -errno;
	log_closed(clip);
	return 0;
}

static int finish(struct spooler *s, struct clip *clip)
{
	int ret;

	if (!clip->sealed)
		seal(s, clip);
	ret = clip->manifest_signed ? 0 : sign_manifest(s, clip);
	if (ret)
		return ret;
	clip->manifest_signed = true;
	if (unlinkat(clip->dir, SPOOL_OPEN, 0) && errno != ENOENT)
		return -errno;
	ret = chain_note(s, clip->head.epoch, clip->head.seq);
	return ret ? ret : leave_open(s, clip);
}

static void retry_later(struct spooler *s, const char *what, int err)
{
	if (!s->retry_delay_us)
		log_warn("%s: not signed yet (%s): it stays in open/ and is tried again", what,
			 strerror(-err));
	s->retry_delay_us = s->retry_delay_us ? 2 * s->retry_delay_us : RETRY_FIRST;
	if (s->retry_delay_us > RETRY_LONGEST)
		s->retry_delay_us = RETRY_LONGEST;
	s->retry_us = monotonic_us() + s->retry_delay_us;
}

/* Sign whatever can be signed now, the oldest clip first. */
static void advance(struct spooler *s)
{
	struct clip **at = &s->clips;
	int ret = s->recovered ? 0 : recover(s);

	if (ret)
		retry_later(s, "what was left in open/", ret);
	while (!ret && *at) {
		struct clip *clip = *at;
		bool first = at == &s->clips;

		if (clip->close_asked && first)
			ret = finish(s, clip);
		else if (!clip->close_asked && !clip->open_signed && !clip->error)
			ret = sign_open(s, clip);
		if (ret) {
			retry_later(s, clip->head.clip.text, ret);
		} else if (clip->close_asked && first) {
			*at = clip->next;
			mailbox_post(s->reply, &clip->letter, MAIN_CLOSED);
		} else {
			at = &clip->next;
		}
	}
	if (ret)
		return;
	if (s->retry_delay_us)
		log_info("signing works again");
	s->retry_us = 0;
	s->retry_delay_us = 0;
}

static void on_close(struct spooler *s, struct clip *clip)
{
	clip->close_asked = true;
	if (!clip->head.seq)
		mailbox_post(s->reply, &clip->letter, MAIN_CLOSED); /* was never opened */
}

/* --- thread ------------------------------------------------------------------------------------ */

static bool clip_is_open(const struct spooler *s)
{
	for (const struct clip *clip = s->clips; clip; clip = clip->next)
		if (!clip->close_asked && !clip->error)
			return true;
	return false;
}

static uint64_t next_wake(const struct spooler *s)
{
	uint64_t wake = s->retry_us;

	if (clip_is_open(s) && (!wake || s->check_us < wake))
		wake = s->check_us;
	return wake;
}

static void give_up_rest(struct spooler *s)
{
	struct clip *clip;

	while ((clip = s->clips)) {
		s->clips = clip->next;
		clip->error = -EAGAIN;
		log_warn("%s: stays in open/, the next start finishes it", clip->head.clip.text);
		mailbox_post(s->reply, &clip->letter, MAIN_CLOSED);
	}
}

static void *spooler_thread(void *arg)
{
	struct spooler *s = arg;
	bool quit = false;

	advance(s);
	while (!quit) {
		struct letter *l = mailbox_wait(&s->jobs, next_wake(s));

		switch (l ? l->what : -1) {
		case SPOOLER_OPEN:
			on_open(s, letter_of(l, struct clip, letter));
			break;
		case SPOOLER_EXTEND:
			on_extend(s, letter_of(l, struct clip, letter));
			continue; /* a fragment waits for it: no signature in between */
		case SPOOLER_CLOSE:
			on_close(s, letter_of(l, struct clip, letter));
			break;
		case SPOOLER_QUIT:
			quit = true;
			break;
		}
		if (clip_is_open(s) && monotonic_us() >= s->check_us)
			claim_watch(s);
		if (quit || monotonic_us() >= s->retry_us)
			advance(s);
	}
	give_up_rest(s);
	return NULL;
}

int spooler_init(struct spooler *s, const struct spooler_setup *setup)
{
	int ret;

	*s = (struct spooler) {
		.reply = setup->reply,
		.spool = setup->spool,
		.device = setup->device,
		.spool_key = setup->spool_key,
	};
	strncpy(s->camera_name, setup->camera_name, sizeof(s->camera_name) - 1);
	strncpy(s->camera, setup->camera, sizeof(s->camera) - 1);
	mailbox_init(&s->jobs, false);
	ret = claim_load(s);
	if (ret)
		spooler_exit(s);
	return ret;
}

int spooler_start(struct spooler *s)
{
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	ret = pthread_create(&s->thread, &attr, spooler_thread, s);
	pthread_attr_destroy(&attr);
	return -ret;
}

void spooler_exit(struct spooler *s)
{
	if (s->thread) {
		mailbox_post(&s->jobs, &s->quit, SPOOLER_QUIT);
		pthread_join(s->thread, NULL);
	}
	mailbox_exit(&s->jobs);
	if (s->claimed)
		claim_release(&s->claim);
	s->claimed = false;
	s->thread = 0;
}

void spooler_open(struct spooler *s, struct clip *clip)
{
	mailbox_post(&s->jobs, &clip->letter, SPOOLER_OPEN);
}

void spooler_extend(struct spooler *s, struct clip *clip)
{
	mailbox_post(&s->jobs, &clip->letter, SPOOLER_EXTEND);
}

void spooler_close(struct spooler *s, struct clip *clip)
{
	mailbox_post(&s->jobs, &clip->letter, SPOOLER_CLOSE);
}
