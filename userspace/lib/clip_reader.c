// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a sealed clip as somebody who believes nothing but the owner's claims. All of it is
 * checked before anything of it is shown. The one thing to know: whatever is judged, decrypted or
 * passed on comes from the memory that was hashed, and the file is never asked twice without
 * hashing twice.
 */
#include "clip_reader.h"

#include "cenc.h"
#include "clip_files.h"
#include "clip_layout.h"
#include "jws.h"
#include "mp4_box.h"
#include "scope.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MANIFEST_FILE_MAX (16u << 20) /* what sidx's 65535 fragments take */
#define THUMB_FILE_MAX	  (4u << 20) /* a JPEG at most 320 pixels wide */
#define NAL_CLEAR	  5u /* length and header */

/* Functions below return 0 to go on, JUDGED when the report has its verdict, or -errno. */
#define JUDGED 1

struct reader {
	struct clip_files files;
	struct clip_report *report;
	const struct manifest *m; /* the report's */
	int video; /* clip.mp4 */
	uint8_t *range; /* the range read last, as hashed */
	size_t range_cap;
	uint8_t *thumb; /* its ciphertext, as hashed */
	struct clip_init init;
	struct clip_ref *refs; /* of the sealed file */
	struct clip_ref *clear; /* of the opened one */
	size_t n_refs;
	uint64_t next_sample, next_time;
};

__attribute__((format(printf, 3, 4))) static int
judge(struct clip_report *report, enum clip_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	report->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(report->why, sizeof(report->why), fmt, ap);
	va_end(ap);
	return JUDGED;
}

#define tampered(r, ...) judge((r)->report, CLIP_TAMPERED, __VA_ARGS__)

static void reader_close(struct reader *r)
{
	clip_files_close(&r->files);
	clip_init_release(&r->init);
	if (r->video >= 0)
		close(r->video);
	free(r->range);
	free(r->thumb);
	free(r->refs);
	free(r->clear);
}

/* --- whose is it --------------------------------------------------------------------------- */

static int read_manifest(struct reader *r, struct jws *jws)
{
	struct clip_report *report = r->report;
	SCOPE_FREE uint8_t *text = NULL;
	size_t len;
	int ret = clip_files_read(&r->files, CLIP_FILE_MANIFEST, MANIFEST_FILE_MAX, &text, &len);

	if (ret == -ENOENT)
		return judge(report, CLIP_INCOMPLETE, "there is no manifest (yet)");
	if (ret == -EINVAL || ret == -EFBIG)
		return tampered(r, "the manifest is not a file of a manifest's size");
	if (ret)
		return ret;
	ret = jws_parse(jws, (char *)text, len, JWS_TYP_CLIP);
	if (ret == -EBADMSG)
		return tampered(r, "the manifest is not a signed manifest");
	if (ret)
		return ret;
	ret = manifest_decode(&report->manifest, jws->payload, jws->payload_len);
	if (ret == -EBADMSG)
		ret = tampered(r, "the manifest's text is not a clip's");
	if (ret) {
		jws_release(jws);
		return ret;
	}
	report->has_manifest = true;
	memcpy(report->digest, jws->digest, sizeof(report->digest));
	return 0;
}

/* The key comes from the claim, found by device and epoch; then its owner is compared. */
static int judge_signature(struct reader *r, const struct jws *jws, const struct claims *claims)
{
	const struct manifest_head *head = &r->m->head;
	const struct claim *claim;

	if (strcmp(jws->kid.text, head->device.text))
		return tampered(r, "the manifest is signed in another device's name");
	if (!claims)
		return 0;
	claim = claims_find(claims, &head->device, head->epoch);
	if (claim && jws_verify(jws, &claim->device))
		return tampered(r, "the manifest is not signed by device %s", head->device.text);
	if (strcmp(head->owner.text, claims->owner_id.text))
		return judge(r->report, CLIP_OTHER_OWNER, "the clip is owner %s's, not %s's",
			     head->owner.text, claims->owner_id.text);
	r->report->claim = claim;
	return 0;
}

/* A device has no say in who may look: the recipients are the claim's. */
static int judge_recipients(struct reader *r)
{
	const struct claim *claim = r->report->claim;
	const struct manifest_head *head = &r->m->head;
	bool same = head->n_recipients == claim->n_recipients;

	for (size_t i = 0; same && i < head->n_recipients; i++)
		same = !memcmp(head->recipients[i].thumbprint, claim->recipients[i].thumbprint,
			       sizeof(head->recipients[i].thumbprint));
	return same ? 0 : tampered(r, "the clip is encrypted to others than the claim names");
}

/* --- are the bytes what was signed --------------------------------------------------------- */

static int range_reserve(struct reader *r, size_t len)
{
	uint8_t *more;

	if (len <= r->range_cap)
		return 0;
	more = realloc(r->range, len);
	if (!more)
		return -ENOMEM;
	r->range = more;
	r->range_cap = len;
	return 0;
}

/* Bring range @i into memory and check its hash. */
static int read_range(struct reader *r, size_t i)
{
	const struct manifest_range *range = &r->m->ranges[i];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	int ret;

	if (range->len > CLIP_REF_SIZE_MAX)
		return tampered(r, "bytes %" PRIu64 " and on: a range larger than any can be",
				range->off);
	ret = range_reserve(r, range->len);
	if (ret)
		return ret;
	ret = clip_files_pread(r->video, r->range, range->len, range->off);
	if (ret == -ENODATA)
		return tampered(r, "the video ends early");
	if (ret)
		return ret;
	SHA256(r->range, range->len, digest);
	if (memcmp(digest, range->sha256, sizeof(digest)))
		return tampered(r, "bytes %" PRIu64 " to %" PRIu64 " of the video were changed",
				range->off, range->off + range->len - 1);
	return 0;
}

static int bad_structure(struct reader *r, const char *part, int ret)
{
	if (ret != -EBADMSG)
		return ret;
	return tampered(r, "the video's %s is not what the clip format allows", part);
}

/* What init repeats of the manifest must be the same there. */
static bool init_agrees(const struct clip_init *init, const struct manifest_head *head,
			const char *info)
{
	bool same = !memcmp(init->kid, head->content_kid, CONTENT_KID_LEN) &&
		    init->n_recipients == head->n_recipients && !strcmp(init->info, info);

	for (size_t i = 0; same && i < head->n_recipients; i++) {
		const struct recipient *a = &init->recipients[i], *b = &head->recipients[i];

		same = !memcmp(a->thumbprint, b->thumbprint, sizeof(a->thumbprint)) &&
		       !memcmp(a->enc, b->enc, sizeof(a->enc)) &&
		       !memcmp(a->key, b->key, sizeof(a->key));
	}
	return same;
}

static int check_init(struct reader *r)
{
	SCOPE_FREE char *info = manifest_hpke_info(&r->m->head);
	int ret;

	if (!info)
		return -ENOMEM;
	ret = read_range(r, 0);
	if (ret)
		return ret;
	ret = clip_init_read(&r->init, r->range, r->m->ranges[0].len, r->m->block);
	if (ret)
		return bad_structure(r, "init", ret);
	if (!init_agrees(&r->init, &r->m->head, info))
		return tampered(r, "init and manifest name different keys");
	return 0;
}

/* H.264: one subsample a NAL unit, slices only, each behind a length that is true. */
static bool sample_is_h264(const struct clip_sample *s, const uint8_t *data)
{
	const unsigned int type = s->sync ? H264_NAL_IDR : H264_NAL_SLICE;

	for (size_t i = 0; i < s->n_sub; i++) {
		uint32_t size;

		/* First: only then are there as many bytes as are looked at. */
		if (s->sub[i].clear != NAL_CLEAR || !s->sub[i].protected)
			return false;
		size = s->sub[i].protected + NAL_CLEAR;
		if (box_get32(data) != size - 4 || h264_nal_type(data[4]) != type)
			return false;
		data += size;
	}
	return s->n_sub > 0;
}

static bool payload_is_valid(const struct clip_fragment_read *f, const uint8_t *payload)
{
	const uint8_t *data = payload;

	for (size_t i = 0; i < f->frag.n_samples; i++) {
		if (!sample_is_h264(&f->frag.samples[i], data))
			return false;
		data += f->frag.samples[i].size;
	}
	while (data < payload + f->payload_size)
		if (*data++)
			return false;
	return true;
}

/* The fragment in memory, number @number, in its place after those before it. */
static int parse_fragment(struct reader *r, size_t number, struct clip_fragment_read *f)
{
	const struct manifest_range *range = &r->m->ranges[number + 1];
	int ret = clip_fragment_read(f, r->range, range->len, r->m->block);

	if (ret)
		return ret == -ENODATA ? -EBADMSG : ret;
	if (f->meta_size + f->payload_size == range->len && f->frag.number == number &&
	    f->frag.first_sample == r->next_sample && f->frag.decode_time == r->next_time &&
	    payload_is_valid(f, r->range + f->meta_size))
		return 0;
	clip_fragment_read_release(f);
	return -EBADMSG;
}

static void note_fragment(struct reader *r, size_t i, const struct clip_fragment_read *f)
{
	const struct manifest_range *range = &r->m->ranges[i + 2];
	uint64_t duration = clip_fragment_duration(&f->frag);
	uint64_t size = clip_clear_fragment_meta_size(&f->frag) + clip_fragment_payload(&f->frag);
	uint64_t off = i ? r->clear[i - 1].offset + r->clear[i - 1].size : 0;

	r->refs[i] = (struct clip_ref) { range->off, range->len, r->next_time, duration,
					 f->frag.samples[0].sync };
	r->clear[i] = (struct clip_ref) { off, size, r->next_time, duration, r->refs[i].sync };
	r->next_sample += f->frag.n_samples;
	r->next_time += duration;
}

static int check_fragments(struct reader *r)
{
	r->next_sample = 1;
	for (size_t i = 0; i < r->n_refs; i++) {
		struct clip_fragment_read f;
		char part[32];
		int ret = read_range(r, i + 2);

		if (ret)
			return ret;
		ret = parse_fragment(r, i + 1, &f);
		snprintf(part, sizeof(part), "fragment %zu", i + 1);
		if (ret)
			return bad_structure(r, part, ret);
		note_fragment(r, i, &f);
		clip_fragment_read_release(&f);
	}
	return 0;
}

static int check_index_and_mfra(struct reader *r)
{
	const struct manifest_range *index = &r->m->ranges[1];
	const struct manifest_range *mfra = &r->m->ranges[r->m->n_ranges - 1];
	int ret = read_range(r, 1);

	if (ret)
		return ret;
	ret = clip_index_check(r->range, r->m->block, index->len / r->m->block, r->refs, r->n_refs,
			       mfra->len);
	if (ret)
		return bad_structure(r, "index", ret);
	ret = read_range(r, r->m->n_ranges - 1);
	if (ret)
		return ret;
	ret = clip_mfra_check(r->range, mfra->len, r->refs, r->n_refs, r->m->block);
	return ret ? bad_structure(r, "mfra", ret) : 0;
}

/* init, index, fragments, mfra: whole blocks each. */
static bool ranges_possible(const struct manifest *m)
{
	if (m->n_ranges < 4 || m->n_ranges - 3 > CLIP_REFS_MAX || !clip_block_valid(m->block))
		return false;
	for (size_t i = 0; i < m->n_ranges; i++)
		if (!m->ranges[i].len || m->ranges[i].len % m->block)
			return false;
	return true;
}

static int open_video(struct reader *r)
{
	uint64_t size;

	r->video = clip_files_open_one(&r->files, CLIP_FILE_VIDEO, &size);
	if (r->video == -ENOENT)
		return judge(r->report, CLIP_INCOMPLETE, "the video is missing");
	if (r->video == -EINVAL)
		return tampered(r, "the video is not a plain file");
	if (r->video < 0)
		return r->video;
	if (size != r->m->size)
		return tampered(r, "the video has %" PRIu64 " bytes instead of %" PRIu64, size,
				r->m->size);
	if (!ranges_possible(r->m))
		return tampered(r, "the manifest's ranges are not a clip's");
	r->n_refs = r->m->n_ranges - 3;
	r->refs = calloc(r->n_refs, sizeof(*r->refs));
	r->clear = calloc(r->n_refs, sizeof(*r->clear));
	return r->refs && r->clear ? 0 : -ENOMEM;
}

static int check_video(struct reader *r)
{
	int ret = open_video(r);

	if (!ret)
		ret = check_init(r);
	if (!ret)
		ret = check_fragments(r);
	if (!ret)
		ret = check_index_and_mfra(r);
	return ret;
}

static int check_thumb(struct reader *r)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	size_t len;
	int ret;

	if (!r->m->has_thumb)
		return clip_files_exists(&r->files, CLIP_FILE_THUMB)
			       ? tampered(r, "there is a thumbnail that was not signed")
			       : 0;
	ret = clip_files_read(&r->files, CLIP_FILE_THUMB, THUMB_FILE_MAX, &r->thumb, &len);
	if (ret == -ENOENT)
		return judge(r->report, CLIP_INCOMPLETE, "the thumbnail is missing");
	if (ret == -EINVAL || ret == -EFBIG)
		return tampered(r, "the thumbnail is not a file of its size");
	if (ret)
		return ret;
	SHA256(r->thumb, len, digest);
	if (len != r->m->thumb_size || len < CONTENT_TAG_LEN ||
	    memcmp(digest, r->m->thumb_sha256, sizeof(digest)))
		return tampered(r, "the thumbnail was changed");
	return 0;
}

/*
 * A lost clip is its manifest and nothing else. But one that was dropped had been whole: its video may
 * be in the store already, and a store keeps what it has. It is not looked at, signed by nobody now.
 */
static int check_lost(struct reader *r)
{
	if (r->m->lost == MANIFEST_LOST_DROPPED)
		return 0;
	if (clip_files_exists(&r->files, CLIP_FILE_VIDEO) ||
	    clip_files_exists(&r->files, CLIP_FILE_THUMB))
		return tampered(r, "a clip that its device lost has files");
	return 0;
}

static int check_all(struct reader *r, const struct claims *claims)
{
	struct jws jws;
	int ret = read_manifest(r, &jws);

	if (ret)
		return ret;
	ret = judge_signature(r, &jws, claims);
	jws_release(&jws);
	if (!ret && r->report->claim && r->m->head.has_key)
		ret = judge_recipients(r);
	if (!ret)
		ret = r->m->lost ? check_lost(r) : check_video(r);
	if (!ret && !r->m->lost)
		ret = check_thumb(r);
	if (ret)
		return ret;
	if (r->report->claim)
		return judge(r->report, CLIP_VERIFIED, "%s", "");
	if (!claims)
		return judge(r->report, CLIP_UNKNOWN_DEVICE,
			     "consistent, but whether device %s is the owner's is unknown "
			     "without claims",
			     r->m->head.device.text);
	return judge(r->report, CLIP_UNKNOWN_DEVICE,
		     "consistent, but no claim of this owner's names device %s at epoch %" PRIu64,
		     r->m->head.device.text, r->m->head.epoch);
}

/* Everything but closing: the reader is left with the verified clip. */
static int reader_verify(struct reader *r, const char *path, const struct claims *claims,
			 struct clip_report *report)
{
	int ret;

	memset(r, 0, sizeof(*r));
	memset(report, 0, sizeof(*report));
	r->video = -1;
	r->report = report;
	r->m = &report->manifest;
	report->verdict = CLIP_INCOMPLETE;
	ret = clip_files_open(&r->files, path);
	if (!ret)
		ret = check_all(r, claims);
	return ret == JUDGED ? 0 : ret;
}

int clip_verify(const char *path, const struct claims *claims, struct clip_report *report)
{
	__attribute__((cleanup(reader_close))) struct reader r;
	int ret = reader_verify(&r, path, claims, report);

	if (ret)
		clip_report_release(report);
	return ret;
}

void clip_report_release(struct clip_report *report)
{
	if (report->has_manifest)
		manifest_release(&report->manifest);
	report->has_manifest = false;
	report->claim = NULL;
}

/* --- opening ------------------------------------------------------------------------------- */

/* Whose keys do open it, for the person who has another. */
static void tell_recipients(struct clip_report *report)
{
	const struct claim *claim = report->claim;
	char *out = report->why;
	size_t cap = sizeof(report->why), at;

	at = snprintf(out, cap, "this key opens nothing here: the clip is encrypted to");
	for (size_t i = 0; i < claim->n_recipients && at < cap; i++) {
		struct p256_id id;

		if (!p256_thumbprint(&id, &claim->recipients[i].pub))
			at += snprintf(out + at, cap - at, "%s %s", i ? "," : "", id.text);
	}
}

static int find_content_key(const struct reader *r, EVP_PKEY *key, struct content_key *ck)
{
	const struct manifest_head *head = &r->m->head;
	const struct claim *claim = r->report->claim;
	SCOPE_FREE char *info = manifest_hpke_info(head);
	struct p256_pub pub;

	if (!info)
		return -ENOMEM;
	if (p256_pub_from_pkey(&pub, key))
		return -EKEYREJECTED;
	memcpy(ck->kid, head->content_kid, CONTENT_KID_LEN);
	for (size_t i = 0; i < claim->n_recipients; i++) {
		const struct recipient *to = &head->recipients[i];

		if (!memcmp(&pub, &claim->recipients[i].pub, sizeof(pub)))
			return hpke_open(ck->key, key, to->enc, info, strlen(info), to->key,
					 sizeof(to->key));
	}
	return -EKEYREJECTED;
}

/* Open one sealed text into new memory, NUL after it. */
static int open_text(const struct reader *r, const struct content_key *ck, enum content_label label,
		     const uint8_t *data, size_t len, char **text)
{
	SCOPE_FREE char *out = NULL;
	int ret;

	if (len < CONTENT_TAG_LEN)
		return -EBADMSG;
	out = calloc(1, len - CONTENT_TAG_LEN + 1);
	if (!out)
		return -ENOMEM;
	ret = content_key_open(ck, label, r->m->head.clip.text, data, len, out);
	if (!ret)
		*text = SCOPE_TAKE_PTR(out);
	return ret;
}

/* The signed texts; that they open shows that the key is the clip's, before a picture is made. */
static int open_texts(const struct reader *r, const struct content_key *ck,
		      struct clip_opened *opened)
{
	const struct sealed_text *start = &r->m->head.open, *end = &r->m->private;
	SCOPE_FREE char *first = NULL;
	SCOPE_FREE char *second = NULL;
	int ret = open_text(r, ck, CONTENT_OPEN, start->data, start->len, &first);

	if (!ret)
		ret = clip_open_info_decode(&opened->open, first, start->len - CONTENT_TAG_LEN);
	opened->has_private = end->data;
	if (ret || !end->data)
		return ret;
	ret = open_text(r, ck, CONTENT_PRIVATE, end->data, end->len, &second);
	return ret ? ret
		   : clip_private_info_decode(&opened->private, second, end->len - CONTENT_TAG_LEN);
}

static int open_thumb(const struct reader *r, const struct content_key *ck, struct clip_sink *sink)
{
	SCOPE_FREE char *jpeg = NULL;
	size_t len = r->m->thumb_size;
	int ret;

	if (!sink || !r->m->has_thumb)
		return 0;
	ret = open_text(r, ck, CONTENT_THUMB, r->thumb, len, &jpeg);
	return ret ? ret : sink->write(sink, jpeg, len - CONTENT_TAG_LEN);
}

static int emit(struct clip_sink *sink, size_t size, const void *what,
		int (*fill)(uint8_t *out, const void *what))
{
	SCOPE_FREE uint8_t *out = malloc(size);
	int ret;

	if (!out)
		return -ENOMEM;
	ret = fill(out, what);
	return ret ? ret : sink->write(sink, out, size);
}

static int fill_init(uint8_t *out, const void *what)
{
	return clip_clear_init_write(out, what);
}

static int fill_fragment(uint8_t *out, const void *what)
{
	return clip_clear_fragment_write(out, what);
}

static int fill_index(uint8_t *out, const void *what)
{
	const struct reader *r = what;

	return clip_clear_index_write(out, r->clear, r->n_refs);
}

static int fill_mfra(uint8_t *out, const void *what)
{
	const struct reader *r = what;

	return clip_clear_mfra_write(out, r->clear, r->n_refs);
}

static int decrypt_samples(struct cenc *cipher, const struct clip_fragment *frag, uint8_t *data)
{
	int ret = 0;

	for (size_t i = 0; i < frag->n_samples && !ret; i++) {
		const struct clip_sample *s = &frag->samples[i];

		ret = cenc_sample(cipher, frag->first_sample + i, data, s->size, s->sub, s->n_sub);
		data += s->size;
	}
	return ret;
}

/* Fragment @i of the clear file; its bytes are hashed again since they are read again. */
static int emit_fragment(struct reader *r, size_t i, struct cenc *cipher, struct clip_sink *sink)
{
	struct clip_fragment_read f;
	int ret = read_range(r, i + 2);

	if (!ret)
		ret = parse_fragment(r, i + 1, &f);
	if (ret)
		return ret;
	ret = emit(sink, clip_clear_fragment_meta_size(&f.frag), &f.frag, fill_fragment);
	if (!ret)
		ret = decrypt_samples(cipher, &f.frag, r->range + f.meta_size);
	if (!ret)
		ret = sink->write(sink, r->range + f.meta_size, clip_fragment_payload(&f.frag));
	r->next_sample += f.frag.n_samples;
	r->next_time += clip_fragment_duration(&f.frag);
	clip_fragment_read_release(&f);
	return ret;
}

static int open_video_to(struct reader *r, const struct content_key *ck, struct clip_sink *sink)
{
	size_t init = clip_clear_init_size(&r->init);
	size_t index = clip_clear_index_size(r->clear, r->n_refs);
	struct cenc *cipher;
	int ret;

	for (size_t i = 0; i < r->n_refs; i++)
		r->clear[i].offset += init + index;
	ret = emit(sink, init, &r->init, fill_init);
	if (!ret)
		ret = emit(sink, index, r, fill_index);
	if (ret)
		return ret;
	cipher = cenc_new(ck->key);
	if (!cipher)
		return -ENOMEM;
	r->next_sample = 1;
	r->next_time = 0;
	for (size_t i = 0; i < r->n_refs && !ret; i++)
		ret = emit_fragment(r, i, cipher, sink);
	cenc_free(cipher);
	return ret ? ret : emit(sink, clip_clear_mfra_size(r->clear, r->n_refs), r, fill_mfra);
}

static int open_verified(struct reader *r, EVP_PKEY *key, struct clip_sink *video,
			 struct clip_sink *thumb, struct clip_opened *opened)
{
	__attribute__((cleanup(content_key_wipe))) struct content_key ck;
	int ret;

	if (!r->m->head.has_key)
		return -ENODATA;
	ret = find_content_key(r, key, &ck);
	if (ret == -EKEYREJECTED)
		tell_recipients(r->report);
	if (ret)
		return ret;
	ret = open_texts(r, &ck, opened);
	if (!ret && r->m->lost)
		return -ENODATA;
	if (!ret)
		ret = open_thumb(r, &ck, thumb);
	if (!ret && video)
		ret = open_video_to(r, &ck, video);
	if (ret == -EBADMSG)
		ret = tampered(r, "what the device sealed does not open with the clip's key");
	return ret;
}

int clip_open(const char *path, const struct claims *claims, EVP_PKEY *key, struct clip_sink *video,
	      struct clip_sink *thumb, struct clip_opened *opened, struct clip_report *report)
{
	__attribute__((cleanup(reader_close))) struct reader r;
	int ret = reader_verify(&r, path, claims, report);

	memset(opened, 0, sizeof(*opened));
	if (!ret && report->verdict == CLIP_VERIFIED)
		ret = open_verified(&r, key, video, thumb, opened);
	else if (!ret)
		ret = -EBADMSG;
	return ret == JUDGED ? -EBADMSG : ret;
}
