// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The signed payloads of a clip, to JSON and back. Reading is one table of members per kind and a
 * check of every value, since what is read here is trusted by everything that opens clips.
 */
#include "manifest.h"
#include "json_strict.h"
#include "scope.h"

#include <errno.h>
#include <string.h>

#define VERSION	       1
#define RECIPIENTS_MAX 16
#define BLOCK_MIN      4096u
#define BLOCK_MAX      (1u << 20)

static const char *const lost_names[] = {
	[MANIFEST_NOT_LOST] = NULL,
	[MANIFEST_LOST_DISK_FULL] = "disk-full",
	[MANIFEST_LOST_WRITE_ERROR] = "write-error",
	[MANIFEST_LOST_ENCODER] = "encoder",
	[MANIFEST_LOST_INTERRUPTED] = "interrupted",
	[MANIFEST_LOST_DROPPED] = "dropped",
};

#define N(array) (sizeof(array) / sizeof(*(array)))

const char *manifest_lost_name(enum manifest_lost lost)
{
	return lost_names[lost];
}

/* --- writing ------------------------------------------------------------------------------ */

static json_t *sealed(const struct sealed_text *t)
{
	return t->data ? json_strict_new_bytes(t->data, t->len) : json_null();
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* @list, or NULL if an element of it could not be made. */
static json_t *complete(json_t *list, size_t n)
{
	if (json_array_size(list) == n)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *recipients_to_json(const struct recipient *r, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list,
			json_pack("{s:o, s:o, s:o}", "thumbprint",
				  json_strict_new_bytes(r[i].thumbprint, sizeof(r[i].thumbprint)),
				  "enc", json_strict_new_bytes(r[i].enc, sizeof(r[i].enc)), "key",
				  json_strict_new_bytes(r[i].key, sizeof(r[i].key))));
	return complete(list, n);
}

static json_t *ranges_to_json(const struct manifest_range *r, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o}", "off", number(r[i].off), "len",
					number(r[i].len), "sha256",
					json_strict_new_bytes(r[i].sha256, sizeof(r[i].sha256))));
	return complete(list, n);
}

/* The members up to seq, the same in manifest and open.jws. */
static json_t *begin(const struct manifest_head *h)
{
	return json_pack("{s:i, s:s, s:s, s:o, s:s, s:s, s:o}", "v", VERSION, "device",
			 h->device.text, "owner", h->owner.text, "epoch", number(h->epoch),
			 "camera", h->camera, "clip", h->clip.text, "seq", number(h->seq));
}

static int add_keys(json_t *o, const struct manifest_head *h)
{
	return json_object_set_new(
		       o, "content_kid",
		       h->has_key ? json_strict_new_bytes(h->content_kid, sizeof(h->content_kid))
				  : json_null()) |
	       json_object_set_new(o, "recipients",
				   h->has_key ? recipients_to_json(h->recipients, h->n_recipients)
					      : json_null());
}

static int add_file(json_t *o, const struct manifest *m)
{
	return json_object_set_new(o, "block", number(m->block)) |
	       json_object_set_new(o, "size", number(m->size)) |
	       json_object_set_new(o, "ranges", ranges_to_json(m->ranges, m->n_ranges)) |
	       json_object_set_new(
		       o, "thumb",
		       m->has_thumb
			       ? json_pack("{s:o, s:o}", "size", number(m->thumb_size), "sha256",
					   json_strict_new_bytes(m->thumb_sha256,
								 sizeof(m->thumb_sha256)))
			       : json_null());
}

char *manifest_encode(const struct manifest *m)
{
	SCOPE_JSON json_t *o = begin(&m->head);
	int bad = json_object_set_new(o, "prev",
				      m->has_prev ? json_strict_new_bytes(m->prev, sizeof(m->prev))
						  : json_null());

	bad |= add_keys(o, &m->head);
	bad |= m->lost ? json_object_set_new(o, "lost", json_string(lost_names[m->lost]))
		       : add_file(o, m);
	bad |= json_object_set_new(o, "recovered", json_boolean(m->recovered));
	bad |= json_object_set_new(o, "open", sealed(&m->head.open));
	bad |= json_object_set_new(o, "private", m->lost ? json_null() : sealed(&m->private));
	return bad ? NULL : json_dumps(o, JSON_COMPACT);
}

char *manifest_open_encode(const struct manifest_open *m)
{
	SCOPE_JSON json_t *o = begin(&m->head);
	int bad = add_keys(o, &m->head);

	bad |= json_object_set_new(o, "init_sha256",
				   json_strict_new_bytes(m->init_sha256, sizeof(m->init_sha256)));
	bad |= json_object_set_new(o, "open", sealed(&m->head.open));
	return bad ? NULL : json_dumps(o, JSON_COMPACT);
}

/* --- reading ------------------------------------------------------------------------------ */

static bool is_null(const json_t *o, const char *name)
{
	return json_is_null(json_object_get(o, name));
}

/* A base64url text of @n bytes that is kept as text. */
static int read_id(const json_t *o, const char *name, char *out, size_t cap, size_t n)
{
	uint8_t raw[P256_DIGEST_LEN];

	return json_strict_bytes(o, name, raw, n) ? -EBADMSG : json_strict_text(o, name, out, cap);
}

static int read_sealed(const json_t *o, const char *name, struct sealed_text *t)
{
	int rc;

	if (is_null(o, name))
		return 0;
	rc = json_strict_blob(o, name, &t->data, &t->len, MANIFEST_SEALED_MAX);
	if (rc)
		return rc;
	return t->len > CONTENT_TAG_LEN ? 0 : -EBADMSG;
}

static int read_recipient(const json_t *o, struct recipient *r)
{
	static const char *const members[] = { "thumbprint", "enc", "key" };

	if (!json_strict_members(o, members, N(members)) ||
	    json_strict_bytes(o, "thumbprint", r->thumbprint, sizeof(r->thumbprint)) ||
	    json_strict_bytes(o, "enc", r->enc, sizeof(r->enc)) ||
	    json_strict_bytes(o, "key", r->key, sizeof(r->key)))
		return -EBADMSG;
	return 0;
}

static int read_recipients(const json_t *list, struct manifest_head *h)
{
	size_t n = json_array_size(list);

	if (!n || n > RECIPIENTS_MAX)
		return -EBADMSG;
	h->recipients = calloc(n, sizeof(*h->recipients));
	if (!h->recipients)
		return -ENOMEM;
	h->n_recipients = n;
	for (size_t i = 0; i < n; i++)
		if (read_recipient(json_array_get(list, i), &h->recipients[i]))
			return -EBADMSG;
	return 0;
}

/* content_kid, recipients and open: all there, or (in a lost clip that had none yet) all null. */
static int read_keys(const json_t *o, struct manifest_head *h)
{
	int rc = read_sealed(o, "open", &h->open);

	if (rc)
		return rc;
	h->has_key = !is_null(o, "content_kid");
	if (!h->has_key)
		return is_null(o, "recipients") && !h->open.data ? 0 : -EBADMSG;
	if (!h->open.data || json_strict_bytes(o, "content_kid", h->content_kid, CONTENT_KID_LEN))
		return -EBADMSG;
	return read_recipients(json_object_get(o, "recipients"), h);
}

static int read_head(const json_t *o, struct manifest_head *h)
{
	char clip[CLIP_ID_LEN + 1];
	uint64_t v, seq;
	int64_t start;

	if (json_strict_uint(o, "v", &v) || v != VERSION ||
	    read_id(o, "device", h->device.text, sizeof(h->device.text), 32) ||
	    read_id(o, "owner", h->owner.text, sizeof(h->owner.text), 32) ||
	    json_strict_uint(o, "epoch", &h->epoch) ||
	    read_id(o, "camera", h->camera, sizeof(h->camera), 16) ||
	    json_strict_text(o, "clip", clip, sizeof(clip)) || json_strict_uint(o, "seq", &h->seq))
		return -EBADMSG;
	if (clip_id_parse(clip, &start, &seq) || seq != h->seq)
		return -EBADMSG;
	memcpy(h->clip.text, clip, sizeof(clip));
	return read_keys(o, h);
}

static int read_range(const json_t *o, struct manifest_range *r, uint32_t block)
{
	static const char *const members[] = { "off", "len", "sha256" };

	if (!json_strict_members(o, members, N(members)) || json_strict_uint(o, "off", &r->off) ||
	    json_strict_uint(o, "len", &r->len) ||
	    json_strict_bytes(o, "sha256", r->sha256, sizeof(r->sha256)))
		return -EBADMSG;
	return r->len && r->len % block == 0 ? 0 : -EBADMSG;
}

/* In order and without gap, so that no byte of the file is unsigned and none is hashed twice. */
static int read_ranges(const json_t *list, struct manifest *m)
{
	size_t n = json_array_size(list);
	uint64_t end = 0;

	if (!n)
		return -EBADMSG;
	m->ranges = calloc(n, sizeof(*m->ranges));
	if (!m->ranges)
		return -ENOMEM;
	m->n_ranges = n;
	for (size_t i = 0; i < n; i++) {
		if (read_range(json_array_get(list, i), &m->ranges[i], m->block) ||
		    m->ranges[i].off != end)
			return -EBADMSG;
		end += m->ranges[i].len;
		if (end > m->size) /* also before the sum could wrap */
			return -EBADMSG;
	}
	return end == m->size ? 0 : -EBADMSG;
}

static int read_thumb(const json_t *thumb, struct manifest *m)
{
	static const char *const members[] = { "size", "sha256" };

	if (json_is_null(thumb))
		return 0;
	m->has_thumb = true;
	if (!json_strict_members(thumb, members, N(members)) ||
	    json_strict_uint(thumb, "size", &m->thumb_size) || m->thumb_size <= CONTENT_TAG_LEN ||
	    json_strict_bytes(thumb, "sha256", m->thumb_sha256, sizeof(m->thumb_sha256)))
		return -EBADMSG;
	return 0;
}

static int read_file(const json_t *o, struct manifest *m)
{
	uint64_t block;
	int rc;

	if (!m->head.has_key || json_strict_uint(o, "block", &block) || block < BLOCK_MIN ||
	    block > BLOCK_MAX || (block & (block - 1)) || json_strict_uint(o, "size", &m->size))
		return -EBADMSG;
	m->block = (uint32_t)block;
	rc = read_ranges(json_object_get(o, "ranges"), m);
	if (rc)
		return rc;
	if (read_thumb(json_object_get(o, "thumb"), m))
		return -EBADMSG;
	rc = read_sealed(o, "private", &m->private);
	if (rc)
		return rc;
	/* Written at close, which a recovered clip never had. */
	return m->recovered && m->private.data ? -EBADMSG : 0;
}

static int read_lost(const json_t *o, struct manifest *m)
{
	const char *name = json_string_value(json_object_get(o, "lost"));

	if (!name || !is_null(o, "private"))
		return -EBADMSG;
	for (size_t i = MANIFEST_NOT_LOST + 1; i < N(lost_names); i++) {
		if (strcmp(name, lost_names[i]))
			continue;
		m->lost = (enum manifest_lost)i;
		return 0;
	}
	return -EBADMSG;
}

static int read_manifest(const json_t *o, struct manifest *m)
{
	static const char *const kept[] = { "v",	   "device",	 "owner",     "epoch",
					    "camera",	   "clip",	 "seq",	      "prev",
					    "content_kid", "recipients", "block",     "size",
					    "ranges",	   "thumb",	 "recovered", "open",
					    "private" };
	static const char *const lost[] = { "v",	   "device",	 "owner", "epoch",
					    "camera",	   "clip",	 "seq",	  "prev",
					    "content_kid", "recipients", "lost",  "recovered",
					    "open",	   "private" };
	bool is_lost = json_object_get(o, "lost");
	int rc;

	if (!json_strict_members(o, is_lost ? lost : kept, is_lost ? N(lost) : N(kept)))
		return -EBADMSG;
	rc = read_head(o, &m->head);
	if (rc)
		return rc;
	m->has_prev = !is_null(o, "prev");
	if (m->has_prev &&
	    (m->head.seq == 1 || json_strict_bytes(o, "prev", m->prev, sizeof(m->prev))))
		return -EBADMSG;
	if (json_strict_bool(o, "recovered", &m->recovered))
		return -EBADMSG;
	return is_lost ? read_lost(o, m) : read_file(o, m);
}

int manifest_decode(struct manifest *m, const char *text, size_t len)
{
	SCOPE_JSON json_t *o = json_strict_parse(text, len);
	int rc;

	memset(m, 0, sizeof(*m));
	rc = read_manifest(o, m);
	if (rc)
		manifest_release(m);
	return rc;
}

static int read_open(const json_t *o, struct manifest_open *m)
{
	static const char *const members[] = { "v",	     "device",	    "owner", "epoch",
					       "camera",     "clip",	    "seq",   "content_kid",
					       "recipients", "init_sha256", "open" };
	int rc;

	if (!json_strict_members(o, members, N(members)) ||
	    json_strict_bytes(o, "init_sha256", m->init_sha256, sizeof(m->init_sha256)))
		return -EBADMSG;
	rc = read_head(o, &m->head);
	if (rc)
		return rc;
	return m->head.has_key ? 0 : -EBADMSG;
}

int manifest_open_decode(struct manifest_open *m, const char *text, size_t len)
{
	SCOPE_JSON json_t *o = json_strict_parse(text, len);
	int rc;

	memset(m, 0, sizeof(*m));
	rc = read_open(o, m);
	if (rc)
		manifest_open_release(m);
	return rc;
}

static void release_head(struct manifest_head *h)
{
	free(h->recipients);
	free(h->open.data);
}

void manifest_release(struct manifest *m)
{
	release_head(&m->head);
	free(m->ranges);
	free(m->private.data);
	memset(m, 0, sizeof(*m));
}

void manifest_open_release(struct manifest_open *m)
{
	release_head(&m->head);
	memset(m, 0, sizeof(*m));
}

/* --- the sealed texts --------------------------------------------------------------------- */

char *clip_open_info_encode(const struct clip_open_info *info)
{
	char start[CLIP_TIME_LEN + 1];
	SCOPE_JSON json_t *o = NULL;

	clip_time_format(start, info->start_us);
	o = json_pack("{s:s, s:s, s:s, s:{s:s, s:o}, s:s, s:i, s:i}", "camera", info->camera_name,
		      "start", start, "clock", info->clock_synced ? "synced" : "unsynced", "boot",
		      "id", info->boot_id, "monotonic_us", number(info->boot_monotonic_us), "codec",
		      info->codec, "width", (int)info->width, "height", (int)info->height);
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

static int read_time(const json_t *o, const char *name, int64_t *us)
{
	char text[CLIP_TIME_LEN + 1];

	return json_strict_text(o, name, text, sizeof(text)) || clip_time_parse(text, us) ? -EBADMSG
											  : 0;
}

static int read_u32(const json_t *o, const char *name, uint32_t *value)
{
	uint64_t v;

	if (json_strict_uint(o, name, &v) || v > INT32_MAX)
		return -EBADMSG;
	*value = (uint32_t)v;
	return 0;
}

int clip_open_info_decode(struct clip_open_info *info, const char *text, size_t len)
{
	static const char *const members[] = { "camera", "start", "clock", "boot",
					       "codec",	 "width", "height" };
	static const char *const boot_members[] = { "id", "monotonic_us" };
	SCOPE_JSON json_t *o = json_strict_parse(text, len);
	const json_t *boot = json_object_get(o, "boot");
	char clock[16];

	memset(info, 0, sizeof(*info));
	if (!json_strict_members(o, members, N(members)) ||
	    !json_strict_members(boot, boot_members, N(boot_members)) ||
	    json_strict_text(o, "camera", info->camera_name, sizeof(info->camera_name)) ||
	    read_time(o, "start", &info->start_us) ||
	    json_strict_text(o, "clock", clock, sizeof(clock)) ||
	    json_strict_text(boot, "id", info->boot_id, sizeof(info->boot_id)) ||
	    json_strict_uint(boot, "monotonic_us", &info->boot_monotonic_us) ||
	    json_strict_text(o, "codec", info->codec, sizeof(info->codec)) ||
	    read_u32(o, "width", &info->width) || read_u32(o, "height", &info->height))
		return -EBADMSG;
	info->clock_synced = !strcmp(clock, "synced");
	return info->clock_synced || !strcmp(clock, "unsynced") ? 0 : -EBADMSG;
}

char *clip_private_info_encode(const struct clip_private_info *info)
{
	char end[CLIP_TIME_LEN + 1];
	SCOPE_JSON json_t *o = NULL;

	clip_time_format(end, info->end_us);
	o = json_pack("{s:s, s:o, s:o, s:{s:s, s:o, s:i}}", "end", end, "samples",
		      number(info->samples), "dropped", number(info->dropped), "reason", "trigger",
		      info->trigger, "zones",
		      info->zones[0] ? json_string(info->zones) : json_null(), "area",
		      (int)info->area_ppm);
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

int clip_private_info_decode(struct clip_private_info *info, const char *text, size_t len)
{
	static const char *const members[] = { "end", "samples", "dropped", "reason" };
	static const char *const reason_members[] = { "trigger", "zones", "area" };
	SCOPE_JSON json_t *o = json_strict_parse(text, len);
	const json_t *reason = json_object_get(o, "reason");

	memset(info, 0, sizeof(*info));
	if (!json_strict_members(o, members, N(members)) ||
	    !json_strict_members(reason, reason_members, N(reason_members)) ||
	    read_time(o, "end", &info->end_us) || json_strict_uint(o, "samples", &info->samples) ||
	    json_strict_uint(o, "dropped", &info->dropped) ||
	    json_strict_text(reason, "trigger", info->trigger, sizeof(info->trigger)) ||
	    read_u32(reason, "area", &info->area_ppm))
		return -EBADMSG;
	if (is_null(reason, "zones"))
		return 0;
	return json_strict_text(reason, "zones", info->zones, sizeof(info->zones));
}

char *manifest_hpke_info(const struct manifest_head *head)
{
	char *text;

	if (asprintf(&text, "ownframe/1 %s %s %llu", head->device.text, head->owner.text,
		     (unsigned long long)head->epoch) < 0)
		return NULL;
	return text;
}
