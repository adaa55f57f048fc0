// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From ready/ to the store to sent/. Separate from main, which waits. The one thing to know:
 * nothing is remembered but what the spool and the store themselves say, so a kill between any two
 * steps costs a comparison at the next start, and no more.
 */
#include "sender.h"

#include "../lib/durable.h"
#include "../lib/jws.h"
#include "../lib/log.h"
#include "../lib/scope.h"
#include "object_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <time.h>

/* How long a clip with a fault of its own rests: the fault is said again then. */
#define HOLD_US (3600 * UINT64_C(1000000))

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t random_bits(void)
{
	uint64_t bits = 0;

	/* Up to 256 bytes are never cut short once the generator is seeded, getrandom(2). */
	while (getrandom(&bits, sizeof(bits), 0) < 0 && errno == EINTR)
		;
	return bits;
}

static int open_state(struct spool *spool, enum spool_state state, const char *path,
		      const char *name)
{
	char folder[4096];
	int ret;

	snprintf(folder, sizeof(folder), "%s/%s", path, name);
	spool->state[state] = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (spool->state[state] >= 0)
		return 0;
	ret = -errno;
	log_error("%s: cannot open: %s%s", folder, strerror(-ret),
		  ret == -ENOENT ? "; ownframe-record makes it" : "");
	return ret;
}

int sender_open(struct sender *s, const struct upload_config *cfg)
{
	int ret;

	*s = (struct sender) { .spool = { .fd = -1, .state = { -1, -1, -1, -1 } },
			       .backoff = { .first_us = cfg->retry_first,
					    .cap_us = cfg->retry_cap } };
	ret = open_state(&s->spool, SPOOL_STATE_READY, cfg->spool, "ready");
	if (!ret)
		ret = open_state(&s->spool, SPOOL_STATE_SENT, cfg->spool, "sent");
	if (ret)
		return ret;
	s->store = store_new(cfg);
	return s->store ? 0 : -ENOMEM;
}

void sender_close(struct sender *s)
{
	store_free(s->store);
	free(s->held);
	spool_close(&s->spool);
}

static int decode_manifest(struct manifest *m, const char *text, size_t len)
{
	struct jws jws;
	int ret = jws_parse(&jws, text, len, JWS_TYP_CLIP);

	if (ret)
		return ret;
	ret = manifest_decode(m, jws.payload, jws.payload_len);
	jws_release(&jws);
	return ret;
}

/* What a clip consists of, as far as its keys and parts need it. */
static int read_manifest(int dir, struct manifest *m, const char *id, char why[STORE_WHY_LEN])
{
	SCOPE_FREE char *text = NULL;
	size_t len;
	int ret = durable_read(dir, SPOOL_MANIFEST, O_NOFOLLOW, SPOOL_JWS_MAX, &text, &len);

	if (ret) {
		snprintf(why, STORE_WHY_LEN, "%s cannot be read: %s", SPOOL_MANIFEST,
			 strerror(-ret));
		return ret;
	}
	ret = decode_manifest(m, text, len);
	if (ret) {
		snprintf(why, STORE_WHY_LEN, "%s is no manifest", SPOOL_MANIFEST);
		return ret;
	}
	if (strcmp(m->head.clip.text, id)) {
		snprintf(why, STORE_WHY_LEN, "%s is that of another clip", SPOOL_MANIFEST);
		manifest_release(m);
		return -EBADMSG;
	}
	return 0;
}

static enum store_result send_part(struct sender *s, int dir, const struct manifest *m,
				   const char *file, const char *kind, char why[STORE_WHY_LEN])
{
	SCOPE_CLOSE int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char key[OBJECT_KEY_LEN], reason[STORE_WHY_LEN];
	enum store_result result;

	if (fd < 0) {
		snprintf(why, STORE_WHY_LEN, "%s cannot be read: %s", file, strerror(errno));
		return STORE_UNREADABLE;
	}
	if (object_key(key, &m->head, kind)) {
		snprintf(why, STORE_WHY_LEN, "%s names no object key", SPOOL_MANIFEST);
		return STORE_UNREADABLE;
	}
	result = store_put(s->store, key, fd, reason);
	if (result == STORE_UNREADABLE)
		snprintf(why, STORE_WHY_LEN, "%s %.400s", file, reason);
	else if (result != STORE_DONE)
		memcpy(why, reason, sizeof(reason));
	return result;
}

/* The same clip, in the same place of its chain. */
static bool same_clip(const struct manifest *a, const struct manifest *b)
{
	return !strcmp(a->head.clip.text, b->head.clip.text) &&
	       !strcmp(a->head.device.text, b->head.device.text) &&
	       !strcmp(a->head.owner.text, b->head.owner.text) && a->head.epoch == b->head.epoch &&
	       !strcmp(a->head.camera, b->head.camera) && a->head.seq == b->head.seq &&
	       !memcmp(a->head.content_kid, b->head.content_kid, sizeof(a->head.content_kid)) &&
	       a->has_prev == b->has_prev && !memcmp(a->prev, b->prev, sizeof(a->prev));
}

/*
 * The manifest of a clip that was dropped, where another one has its key. If that is the clip's first
 * one, the recorder made room after the store had all of the clip and before it was moved to sent/:
 * then nothing is missing, and the first one stays. Its signature is for the reader to judge: a store
 * that puts something else there could as well withhold it, and the reader sees that, too.
 */
static enum store_result settle_dropped(struct sender *s, const struct manifest *dropped,
					char why[STORE_WHY_LEN])
{
	SCOPE_FREE char *text = NULL;
	char key[OBJECT_KEY_LEN], reason[STORE_WHY_LEN];
	enum store_result result;
	struct manifest first;
	size_t len;
	bool whole;

	if (object_key(key, &dropped->head, "jws"))
		return STORE_UNREADABLE;
	result = store_get(s->store, key, SPOOL_JWS_MAX, &text, &len, reason);
	if (result == STORE_TROUBLE)
		memcpy(why, reason, sizeof(reason));
	if (result != STORE_DONE)
		return result;
	if (decode_manifest(&first, text, len))
		return STORE_CONFLICT;
	whole = first.lost == MANIFEST_NOT_LOST && same_clip(&first, dropped);
	manifest_release(&first);
	if (!whole)
		return STORE_CONFLICT;
	log_info("%s: was stored before it was dropped", dropped->head.clip.text);
	return STORE_DONE;
}

/* The manifest last: without it the other objects do not exist for a reader. */
static enum store_result send_parts(struct sender *s, int dir, const struct manifest *m,
				    char why[STORE_WHY_LEN])
{
	enum store_result result = STORE_DONE;

	if (m->lost == MANIFEST_NOT_LOST)
		result = send_part(s, dir, m, SPOOL_CLIP, "mp4", why);
	if (result == STORE_DONE && m->lost == MANIFEST_NOT_LOST && m->has_thumb)
		result = send_part(s, dir, m, SPOOL_THUMB, "thumb", why);
	if (result == STORE_DONE)
		result = send_part(s, dir, m, SPOOL_MANIFEST, "jws", why);
	if (result == STORE_CONFLICT && m->lost == MANIFEST_LOST_DROPPED)
		result = settle_dropped(s, m, why);
	return result;
}

static enum store_result send_clip(struct sender *s, const char *id, char why[STORE_WHY_LEN])
{
	SCOPE_CLOSE int dir = spool_clip_open(&s->spool, SPOOL_STATE_READY, id);
	enum store_result result;
	struct manifest m;
	int ret;

	if (dir < 0) {
		snprintf(why, STORE_WHY_LEN, "cannot be opened: %s", strerror(-dir));
		return STORE_UNREADABLE;
	}
	if (read_manifest(dir, &m, id, why))
		return STORE_UNREADABLE;
	result = send_parts(s, dir, &m, why);
	manifest_release(&m);
	if (result != STORE_DONE)
		return result;
	ret = spool_clip_move(&s->spool, id, SPOOL_STATE_READY, SPOOL_STATE_SENT);
	if (!ret)
		return STORE_DONE;
	snprintf(why, STORE_WHY_LEN, "is stored, but cannot be moved to sent/: %s", strerror(-ret));
	return STORE_UNREADABLE;
}

static struct held_clip *held_find(const struct sender *s, const char *id)
{
	for (size_t i = 0; i < s->n_held; i++) {
		if (!strcmp(s->held[i].id, id))
			return &s->held[i];
	}
	return NULL;
}

static void hold(struct sender *s, const char *id)
{
	struct held_clip *held = held_find(s, id);

	if (!held) {
		struct held_clip *more = reallocarray(s->held, s->n_held + 1, sizeof(*more));

		if (!more)
			return; /* it is tried, and reported, at the next round already */
		s->held = more;
		held = &s->held[s->n_held++];
		snprintf(held->id, sizeof(held->id), "%s", id);
	}
	held->until_us = now_us() + HOLD_US;
}

/* Those whose time has come are tried, and held anew if need be. */
static uint64_t held_release(struct sender *s)
{
	uint64_t now = now_us(), next = UINT64_MAX;
	size_t kept = 0;

	for (size_t i = 0; i < s->n_held; i++) {
		uint64_t left = s->held[i].until_us > now ? s->held[i].until_us - now : 0;

		if (!left)
			continue;
		next = left < next ? left : next;
		s->held[kept++] = s->held[i];
	}
	s->n_held = kept;
	return next;
}

static void report_sent(struct sender *s, const char *id)
{
	s->sent++;
	backoff_worked(&s->backoff, now_us());
	if (s->said[0])
		log_info("the store takes clips again");
	s->said[0] = '\0';
	log_info("%s: sent", id);
	sd_notifyf(0, "STATUS=%ju clips sent, the last %s", s->sent, id);
}

/* The same trouble is said once, however often it is met. */
static uint64_t report_trouble(struct sender *s, const char *why, size_t waiting)
{
	uint64_t delay = backoff_failed(&s->backoff, now_us(), random_bits());

	if (strcmp(s->said, why))
		log_warn("%s; %zu clips wait", why, waiting);
	snprintf(s->said, sizeof(s->said), "%s", why);
	sd_notifyf(0, "STATUS=%zu clips wait: %s", waiting, why);
	return delay;
}

uint64_t sender_round(struct sender *s, bool *back_off)
{
	uint64_t next = held_release(s);
	char why[STORE_WHY_LEN] = "";
	char **ids = NULL;
	size_t n = 0;
	int ret = spool_list(&s->spool, SPOOL_STATE_READY, &ids, &n);

	*back_off = ret != 0;
	if (ret) {
		snprintf(why, sizeof(why), "ready/ cannot be listed: %s", strerror(-ret));
		return report_trouble(s, why, 0);
	}
	for (size_t i = 0; i < n && !*back_off; i++) {
		if (held_find(s, ids[i]))
			continue;
		switch (send_clip(s, ids[i], why)) {
		case STORE_DONE:
			report_sent(s, ids[i]);
			break;
		case STORE_TROUBLE:
			next = report_trouble(s, why, n - i);
			*back_off = true;
			break;
		case STORE_CONFLICT:
		case STORE_UNREADABLE:
			log_error("%s: %s; it stays in ready/", ids[i], why);
			hold(s, ids[i]);
			next = next < HOLD_US ? next : HOLD_US;
			break;
		}
	}
	spool_list_free(ids, n);
	return next;
}
