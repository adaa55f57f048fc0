// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a recorder that died left in open/. Separate from the writer because it trusts nothing that
 * the writer knew: whose a clip is, its open.jws says with the device's signature, and what belongs
 * to it, each fragment's HMAC. To know: a signature here means that this device recorded it, so in
 * doubt a clip is moved aside and never signed.
 */
#include "recover.h"

#include "durable.h"
#include "jws.h"
#include "log.h"
#include "recover_file.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* The uploader, who may write in ready/, must not be able to hold the recorder up. */
static const char taken[] = "there is something of its name in ready";

/* A clip in open/, locked. */
struct left_over {
	const char *id; /* the folder's name, borrowed */
	int dir;
	struct manifest_open open;
};

struct left_overs {
	struct left_over *list;
	size_t n;
};

static void left_overs_release(struct left_overs *l)
{
	for (size_t i = 0; i < l->n; i++) {
		close(l->list[i].dir);
		manifest_open_release(&l->list[i].open);
	}
	free(l->list);
}

/* A signed text of the clip's folder. -ENOENT, or -EBADMSG: this device did not sign it. */
static int read_signed(struct jws *jws, int dir, const char *name, const char *typ,
		       const struct recover *r)
{
	SCOPE_FREE char *text = NULL;
	size_t len;
	int ret = durable_read(dir, name, O_NOFOLLOW, SPOOL_JWS_MAX, &text, &len);

	if (ret)
		return ret == -ENOENT || ret == -ENOMEM || ret == -EIO ? ret : -EBADMSG;
	ret = jws_parse(jws, text, len, typ);
	if (ret)
		return ret;
	ret = jws_verify(jws, &r->signer->pub);
	if (ret)
		jws_release(jws);
	return ret;
}

/* The device signed this head, under this name and as its own. */
static bool head_is_ours(const struct manifest_head *head, const struct jws *jws, const char *id)
{
	return !strcmp(head->device.text, jws->kid.text) && !strcmp(head->clip.text, id);
}

static int read_open(struct manifest_open *open, int dir, const char *id, const struct recover *r)
{
	struct jws jws;
	int ret = read_signed(&jws, dir, SPOOL_OPEN, JWS_TYP_OPEN, r);

	if (ret)
		return ret;
	ret = manifest_open_decode(open, jws.payload, jws.payload_len);
	if (!ret && !head_is_ours(&open->head, &jws, id)) {
		manifest_open_release(open);
		ret = -EBADMSG;
	}
	jws_release(&jws);
	return ret;
}

static int read_manifest(struct manifest *m, int dir, const char *id, const struct recover *r)
{
	struct jws jws;
	int ret = read_signed(&jws, dir, SPOOL_MANIFEST, JWS_TYP_CLIP, r);

	if (ret)
		return ret;
	ret = manifest_decode(m, jws.payload, jws.payload_len);
	if (!ret && !head_is_ours(&m->head, &jws, id)) {
		manifest_release(m);
		ret = -EBADMSG;
	}
	jws_release(&jws);
	return ret;
}

/* --- moving on ----------------------------------------------------------------------------- */

static void quarantine(const struct recover *r, const char *id, const char *why,
		       struct recover_count *count)
{
	const struct spool *s = r->spool;
	int ret = durable_rename(s->state[SPOOL_STATE_OPEN], id, s->state[SPOOL_STATE_QUARANTINE],
				 id);

	if (ret)
		log_error("%s: not recovered, %s; it stays in open: %s", id, why, strerror(-ret));
	else
		log_warn("%s: not recovered, %s; moved to quarantine", id, why);
	count->quarantined++;
}

/* Only what the manifest signs moves on with it. */
static bool belongs(const struct manifest *m, const char *name)
{
	if (!strcmp(name, SPOOL_MANIFEST))
		return true;
	if (!strcmp(name, SPOOL_CLIP))
		return !m->lost;
	return !strcmp(name, SPOOL_THUMB) && !m->lost && m->has_thumb;
}

static int remove_the_rest(int dir, const struct manifest *m)
{
	SCOPE_CLOSE int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPE_CLOSEDIR DIR *d = own < 0 ? NULL : fdopendir(own);
	struct dirent *e;

	if (!d)
		return -errno;
	(void)SCOPE_TAKE_FD(own);
	while ((errno = 0, e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || belongs(m, e->d_name))
			continue;
		if (unlinkat(dir, e->d_name, 0) && unlinkat(dir, e->d_name, AT_REMOVEDIR))
			return -errno;
	}
	return -errno;
}

/* The signed clip @id leaves open/: the rest removed, the chain's state stored, the folder moved. */
static int move_on(const struct recover *r, const char *id, int dir, const struct manifest *m)
{
	struct chain chain;
	int ret = remove_the_rest(dir, m);

	if (!ret && m->head.epoch == r->epoch) {
		ret = chain_find(&chain, r->spool, &r->signer->pub, r->camera, r->epoch);
		if (!ret)
			ret = chain_store(&chain, r->spool, r->camera, r->epoch);
	}
	return ret ? ret : spool_clip_move(r->spool, id, SPOOL_STATE_OPEN, SPOOL_STATE_READY);
}

/* --- signing ------------------------------------------------------------------------------- */

static void add_range(struct manifest *m, uint64_t len, const uint8_t sha256[32])
{
	struct manifest_range *range = &m->ranges[m->n_ranges++];

	range->off = m->size;
	range->len = len;
	memcpy(range->sha256, sha256, sizeof(range->sha256));
	m->size += len;
}

static int fill_ranges(struct manifest *m, const struct recover_file *f)
{
	m->ranges = calloc(f->n + 3, sizeof(*m->ranges));
	if (!m->ranges)
		return -ENOMEM;
	m->block = f->block;
	add_range(m, f->init_size, f->init_sha256);
	add_range(m, (uint64_t)f->block * f->index_blocks, f->index_sha256);
	for (size_t i = 0; i < f->n; i++)
		add_range(m, f->refs[i].size, f->sha256[i]);
	add_range(m, f->mfra_size, f->mfra_sha256);
	return 0;
}

/* Finish the file and say in @m what is in it, or that nothing is. */
static int finish_file(const struct recover *r, const struct left_over *left, struct manifest *m)
{
	__attribute__((cleanup(recover_file_release))) struct recover_file f;
	int ret = recover_file_open(&f, left->dir, &m->head.clip, left->open.init_sha256,
				    r->spool_key);

	if (ret == -ENODATA) {
		m->lost = MANIFEST_LOST_INTERRUPTED;
		return 0;
	}
	if (!ret)
		ret = recover_file_close(&f);
	return ret ? ret : fill_ranges(m, &f);
}

static int sign(const struct recover *r, int dir, const struct manifest *m)
{
	SCOPE_FREE char *payload = manifest_encode(m);
	SCOPE_FREE char *text = NULL;
	int ret;

	if (!payload)
		return -ENOMEM;
	ret = jws_sign(&text, JWS_TYP_CLIP, &m->head.device, payload, strlen(payload), r->signer);
	return ret ? ret : durable_write(dir, SPOOL_MANIFEST, text, strlen(text), 0640);
}

/* Why the clip must not be signed behind @chain, or NULL. */
static const char *refusal(const struct recover *r, const struct left_over *left,
			   const struct chain *chain)
{
	const struct manifest_head *head = &left->open.head;

	if (head->epoch > r->epoch)
		return "its claim was never in force";
	if (head->seq <= chain->signed_seq)
		return "a manifest of its number or a later one has been signed";
	/* The last clips of an old claim are known only until the next one's chain begins. */
	if (head->epoch < r->epoch && head->seq > 1 && !chain->has_prev)
		return "its chain is no longer known";
	return NULL;
}

static int sign_and_move(const struct recover *r, const struct left_over *left, struct manifest *m,
			 struct recover_count *count)
{
	int ret = sign(r, left->dir, m);

	if (!ret)
		ret = move_on(r, left->id, left->dir, m);
	if (ret == -EEXIST) {
		quarantine(r, left->id, taken, count);
		return 0;
	}
	if (ret)
		return ret;
	if (m->lost) {
		log_warn("%s: lost, nothing of it had been committed", left->id);
		count->lost++;
	} else {
		log_info("%s: recovered, %zu fragments", left->id, m->n_ranges - 3);
		count->recovered++;
	}
	return 0;
}

static int finish(const struct recover *r, struct left_over *left, struct recover_count *count)
{
	__attribute__((cleanup(manifest_release))) struct manifest m = { .recovered = true };
	struct chain chain;
	const char *why;
	int ret = chain_find(&chain, r->spool, &r->signer->pub, r->camera, left->open.head.epoch);

	if (ret)
		return ret;
	why = refusal(r, left, &chain);
	if (why) {
		quarantine(r, left->id, why, count);
		return 0;
	}
	m.head = left->open.head;
	memset(&left->open.head, 0, sizeof(left->open.head)); /* its memory is m's now */
	m.has_prev = chain.has_prev;
	memcpy(m.prev, chain.prev, sizeof(m.prev));
	ret = finish_file(r, left, &m);
	if (ret == -EINVAL) {
		quarantine(r, left->id, "its fragments make no clip", count);
		return 0;
	}
	return ret ? ret : sign_and_move(r, left, &m, count);
}

/* --- finding ------------------------------------------------------------------------------- */

/* A clip that has its manifest: 0 and done with; -EBADMSG: it has none that counts. */
static int finish_signed(const struct recover *r, const char *id, int dir,
			 struct recover_count *count)
{
	__attribute__((cleanup(manifest_release))) struct manifest m = { 0 };
	int ret = read_manifest(&m, dir, id, r);

	if (ret == -ENOENT || ret == -EBADMSG)
		return -EBADMSG;
	if (ret || strcmp(m.head.camera, r->camera))
		return ret;
	ret = move_on(r, id, dir, &m);
	if (ret == -EEXIST) {
		quarantine(r, id, taken, count);
		return 0;
	}
	if (!ret) {
		log_info("%s: had been signed, moved on", id);
		count->moved++;
	}
	return ret;
}

static int add(struct left_overs *l, const char *id, int dir, const struct manifest_open *open)
{
	struct left_over *more = reallocarray(l->list, l->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->list = more;
	more[l->n++] = (struct left_over) { .id = id, .dir = dir, .open = *open };
	return 0;
}

/*
 * Is the clip another camera's? Asked without its lock: that camera's recorder, which starts at the
 * same time after a power cut, would take a clip that we hold for one that a living recorder has, and
 * leave it until it cannot be signed any more.
 */
static bool is_others(const struct recover *r, const char *id)
{
	SCOPE_CLOSE int dir = spool_clip_open(r->spool, SPOOL_STATE_OPEN, id);
	struct manifest_open open;
	struct manifest m;
	bool others = false;

	if (dir < 0)
		return false;
	if (!read_manifest(&m, dir, id, r)) {
		others = strcmp(m.head.camera, r->camera);
		manifest_release(&m);
	} else if (!read_open(&open, dir, id, r)) {
		others = strcmp(open.head.camera, r->camera);
		manifest_open_release(&open);
	}
	return others;
}

/* Sort one folder of open/ out: finished, moved aside, somebody else's, or one for @l. */
static int look_at(const struct recover *r, const char *id, struct left_overs *l,
		   struct recover_count *count)
{
	SCOPE_CLOSE int dir = -1;
	struct manifest_open open;
	bool others;
	int ret;

	if (is_others(r, id))
		return 0;
	dir = spool_clip_adopt(r->spool, id);
	if (dir < 0)
		return dir == -EBUSY || dir == -ENOENT ? 0 : dir;
	ret = finish_signed(r, id, dir, count);
	if (ret != -EBADMSG)
		return ret;
	ret = read_open(&open, dir, id, r);
	if (ret == -ENOENT || ret == -EBADMSG) {
		quarantine(r, id,
			   ret == -ENOENT ? "it has no open.jws"
					  : "its open.jws is not this device's",
			   count);
		return 0;
	}
	if (ret)
		return ret;
	/* Again, under the lock: its start may have been signed meanwhile. */
	others = strcmp(open.head.camera, r->camera);
	ret = others ? 0 : add(l, id, dir, &open);
	if (ret || others)
		manifest_open_release(&open);
	else
		(void)SCOPE_TAKE_FD(dir);
	return ret;
}

static int by_seq(const void *left, const void *right)
{
	const struct manifest_head *a = &((const struct left_over *)left)->open.head;
	const struct manifest_head *b = &((const struct left_over *)right)->open.head;
	int order = (a->epoch > b->epoch) - (a->epoch < b->epoch);

	return order ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

static int recover_all(const struct recover *r, char **ids, size_t n, struct recover_count *count)
{
	__attribute__((cleanup(left_overs_release))) struct left_overs l = { 0 };
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		ret = look_at(r, ids[i], &l, count);
		if (ret)
			log_error("%s: cannot be recovered now: %s", ids[i], strerror(-ret));
	}
	if (l.n)
		qsort(l.list, l.n, sizeof(*l.list), by_seq);
	for (size_t i = 0; i < l.n && !ret; i++) {
		ret = finish(r, &l.list[i], count);
		if (ret)
			log_error("%s: cannot be recovered now: %s", l.list[i].id, strerror(-ret));
	}
	return ret;
}

int recover_run(const struct recover *r, struct recover_count *count)
{
	char **ids;
	size_t n;
	int ret = spool_list(r->spool, SPOOL_STATE_OPEN, &ids, &n);

	*count = (struct recover_count) { 0 };
	if (ret)
		return ret;
	ret = recover_all(r, ids, n, count);
	spool_list_free(ids, n);
	return ret;
}
