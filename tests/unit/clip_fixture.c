// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sealed clips for tests. It writes a clip in one go into memory, in the order of the file, and
 * not as the recorder does, so that the two check each other.
 */
#include "clip_fixture.h"

#include "jws.h"
#include "key_fixture.h"

#include <ftw.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NEED FIXTURE_NEED

/* --- people ------------------------------------------------------------------------------- */

static void make_cert(struct claim_cert *cert, EVP_PKEY *key)
{
	size_t len;
	uint8_t *der = key_fixture_cert(key, &len);

	NEED(!claim_cert_parse(cert, der, len));
	free(der);
}

static void make_claim(struct fixture_people *p)
{
	struct claim_request req = { .epoch = FIXTURE_EPOCH, .consented = true };
	struct claim_cert certs[CLAIM_RECIPIENTS_MAX] = { 0 };
	char *half = NULL, *whole = NULL;

	NEED(!p256_pub_from_pkey(&req.device, p->device) && !p256_pub_from_pkey(&req.tls, p->tls));
	for (size_t i = 0; i < p->n_recipients; i++)
		make_cert(&certs[i], p->recipients[i]);
	NEED(!claim_sign_owner(&half, &req, &p->owner_signer.signer, certs, p->n_recipients));
	NEED(!claim_sign_device(&whole, half, strlen(half), &req, &p->device_signer.signer));
	NEED(!claims_init(&p->claims, &p->owner_signer.signer.pub));
	NEED(!claims_add(&p->claims, whole, strlen(whole)));
	p->claim = &p->claims.list[0];
	for (size_t i = 0; i < p->n_recipients; i++)
		claim_cert_release(&certs[i]);
	free(half);
	free(whole);
}

void fixture_people_make(struct fixture_people *p, EVP_PKEY *owner, size_t n_recipients)
{
	memset(p, 0, sizeof(*p));
	if (owner)
		NEED(EVP_PKEY_up_ref(owner));
	p->owner = owner ? owner : key_fixture_new("P-256");
	p->device = key_fixture_new("P-256");
	p->tls = key_fixture_new("P-256");
	NEED(!signer_pkey_init(&p->owner_signer, p->owner));
	NEED(!signer_pkey_init(&p->device_signer, p->device));
	NEED(EVP_PKEY_up_ref(p->owner));
	p->recipients[0] = p->owner;
	for (size_t i = 1; i < n_recipients; i++)
		p->recipients[i] = key_fixture_new("P-256");
	p->n_recipients = n_recipients;
	NEED(RAND_bytes(p->spool_key, sizeof(p->spool_key)) == 1);
	make_claim(p);
}

void fixture_people_release(struct fixture_people *p)
{
	claims_release(&p->claims);
	for (size_t i = 0; i < p->n_recipients; i++)
		EVP_PKEY_free(p->recipients[i]);
	EVP_PKEY_free(p->owner);
	EVP_PKEY_free(p->device);
	EVP_PKEY_free(p->tls);
}

void fixture_people_save(const struct fixture_people *p, const char *dir)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/claims.json", dir);
	NEED(!claims_save(&p->claims, path));
	snprintf(path, sizeof(path), "%s/owner.key", dir);
	f = fopen(path, "we");
	NEED(f && PEM_write_PKCS8PrivateKey(f, p->owner, NULL, NULL, 0, NULL, NULL));
	NEED(!fclose(f));
}

/* --- what is known when the clip starts ------------------------------------------------------ */

static void seal_text(struct sealed_text *sealed, const struct content_key *ck,
		      enum content_label label, const char *clip, char *text)
{
	NEED(text);
	sealed->len = strlen(text) + CONTENT_TAG_LEN;
	sealed->data = malloc(sealed->len);
	NEED(sealed->data);
	NEED(!content_key_seal(ck, label, clip, text, strlen(text), sealed->data));
	free(text);
}

static void make_head(struct fixture_clip *c)
{
	struct manifest_head *h = &c->open.head;
	const struct claim *claim = c->people->claim;
	struct clip_open_info info = { .camera_name = "front",
				       .start_us = FIXTURE_START,
				       .clock_synced = true,
				       .boot_id = "01234567-89ab-cdef-0123-456789abcdef",
				       .boot_monotonic_us = 123456789,
				       .width = c->plan.width,
				       .height = c->plan.height };

	NEED(!content_key_new(&c->ck));
	h->device = claim->device_id;
	h->owner = claim->owner_id;
	h->epoch = claim->epoch;
	snprintf(h->camera, sizeof(h->camera), "%s",
		 c->plan.camera ? c->plan.camera : FIXTURE_CAMERA);
	clip_id_make(&h->clip, c->plan.start_us, c->plan.seq);
	h->seq = c->plan.seq;
	h->has_key = true;
	memcpy(h->content_kid, c->ck.kid, CONTENT_KID_LEN);
	h264_codec_string(info.codec, &c->video.params);
	seal_text(&h->open, &c->ck, CONTENT_OPEN, h->clip.text, clip_open_info_encode(&info));
	c->init.info = manifest_hpke_info(h);
	NEED(c->init.info);
	h->n_recipients = claim->n_recipients;
	h->recipients = calloc(h->n_recipients, sizeof(*h->recipients));
	NEED(h->recipients);
	for (size_t i = 0; i < h->n_recipients; i++) {
		struct recipient *r = &h->recipients[i];

		memcpy(r->thumbprint, claim->recipients[i].thumbprint, sizeof(r->thumbprint));
		NEED(!hpke_seal(r->enc, r->key, &claim->recipients[i].pub, c->init.info,
				strlen(c->init.info), c->ck.key, CONTENT_KEY_LEN));
	}
}

static void sign_open(struct fixture_clip *c)
{
	char *payload;

	SHA256(c->file, c->init_size, c->open.init_sha256);
	payload = manifest_open_encode(&c->open);
	NEED(payload &&
	     !jws_sign(&c->open_jws, JWS_TYP_OPEN, &c->open.head.device, payload, strlen(payload),
		       &((struct fixture_people *)c->people)->device_signer.signer));
	free(payload);
}

/* --- the file ------------------------------------------------------------------------------ */

static uint8_t *grow(struct fixture_clip *c, size_t n)
{
	c->file = realloc(c->file, c->size + n);
	NEED(c->file);
	memset(c->file + c->size, 0, n);
	c->size += n;
	return c->file + c->size - n;
}

static void put_init(struct fixture_clip *c)
{
	struct clip_init *init = &c->init;

	init->block = c->plan.block;
	init->index_blocks = c->plan.index_blocks;
	init->codec = CLIP_H264;
	init->width = c->plan.width;
	init->height = c->plan.height;
	init->h264 = c->video.params;
	memcpy(init->kid, c->ck.kid, CONTENT_KID_LEN);
	init->recipients = c->open.head.recipients;
	init->n_recipients = c->open.head.n_recipients;
	c->init_size = clip_init_size(init);
	NEED(c->init_size && !clip_init_write(grow(c, c->init_size), init));
}

struct fragment_build {
	struct clip_fragment frag;
	struct clip_sample samples[CLIP_FRAG_SAMPLES];
	struct cenc_subsample sub[CLIP_FRAG_SAMPLES][CLIP_SUBSAMPLES_MAX];
};

/* Samples from the @first on into @b, as many as belong to one fragment. */
static void gather(struct fragment_build *b, const struct fixture_clip *c, unsigned int first)
{
	uint64_t begins = 0;
	size_t n = 0;

	for (unsigned int i = first; i < c->video.n; i++, n++) {
		const struct clip_video_sample *v = &c->video.samples[i];

		if (begins >= CLIP_FRAG_TICKS ||
		    !clip_fragment_fits(b->samples, n, v->n_nals, c->plan.block))
			break;
		for (int j = 0; j < v->n_nals; j++)
			b->sub[n][j] = (struct cenc_subsample) { 5, v->nal_size[j] - 5 };
		b->samples[n] = (struct clip_sample) { v->size, c->plan.duration, v->sync,
						       v->n_nals, b->sub[n] };
		begins += c->plan.duration;
	}
	NEED(n);
	b->frag.samples = b->samples;
	b->frag.n_samples = n;
	b->frag.first_sample = first + 1;
	b->frag.decode_time = (uint64_t)first * c->plan.duration;
}

static void put_fragment(struct fixture_clip *c, struct cenc *cipher, struct fragment_build *b)
{
	size_t meta = clip_fragment_meta_size(&b->frag, c->plan.block), at = c->size;
	size_t padded = clip_fragment_padded(&b->frag, c->plan.block);
	uint8_t *out = grow(c, meta + padded), *sample = out + meta, digest[32];

	for (size_t i = 0; i < b->frag.n_samples; i++) {
		const struct clip_sample *s = &b->samples[i];

		memcpy(sample, c->video.samples[b->frag.first_sample - 1 + i].data, s->size);
		NEED(!cenc_sample(cipher, b->frag.first_sample + i, sample, s->size, s->sub,
				  s->n_sub));
		sample += s->size;
	}
	SHA256(out + meta, padded, digest);
	NEED(!clip_fragment_write(out, &b->frag, c->plan.block, &c->open.head.clip,
				  c->people->spool_key, digest));
	c->refs = realloc(c->refs, (c->n_refs + 1) * sizeof(*c->refs));
	NEED(c->refs);
	c->refs[c->n_refs++] =
		(struct clip_ref) { at, meta + padded, b->frag.decode_time,
				    clip_fragment_duration(&b->frag), b->samples[0].sync };
}

static void put_fragments(struct fixture_clip *c)
{
	struct cenc *cipher = cenc_new(c->ck.key);
	struct fragment_build *b = calloc(1, sizeof(*b));
	unsigned int first = 0;

	NEED(cipher && b);
	for (uint32_t number = 1; first < c->video.n; number++) {
		b->frag.number = number;
		gather(b, c, first);
		put_fragment(c, cipher, b);
		first += b->frag.n_samples;
	}
	cenc_free(cipher);
	free(b);
}

static void put_end(struct fixture_clip *c)
{
	c->mfra_size = clip_mfra_size(c->refs, c->n_refs, c->plan.block);
	NEED(!clip_mfra_write(grow(c, c->mfra_size), c->refs, c->n_refs, c->plan.block));
	NEED(!clip_index_write(c->file + c->init_size, c->plan.block, c->plan.index_blocks, c->refs,
			       c->n_refs, c->mfra_size));
}

/* --- the manifest -------------------------------------------------------------------------- */

static void add_range(struct fixture_clip *c, size_t len)
{
	struct manifest *m = &c->manifest;
	struct manifest_range *r;

	m->ranges = realloc(m->ranges, (m->n_ranges + 1) * sizeof(*m->ranges));
	NEED(m->ranges);
	r = &m->ranges[m->n_ranges++];
	r->off = m->size;
	r->len = len;
	SHA256(c->file + r->off, len, r->sha256);
	m->size += len;
}

static void copy_head(struct manifest_head *to, const struct manifest_head *from)
{
	*to = *from;
	to->recipients = malloc(from->n_recipients * sizeof(*to->recipients));
	to->open.data = malloc(from->open.len);
	NEED(to->recipients && to->open.data);
	memcpy(to->recipients, from->recipients, from->n_recipients * sizeof(*to->recipients));
	memcpy(to->open.data, from->open.data, from->open.len);
}

static void make_thumb(struct fixture_clip *c)
{
	c->thumb_size = strlen(FIXTURE_THUMB) + CONTENT_TAG_LEN;
	c->thumb = malloc(c->thumb_size);
	NEED(c->thumb);
	NEED(!content_key_seal(&c->ck, CONTENT_THUMB, c->open.head.clip.text, FIXTURE_THUMB,
			       strlen(FIXTURE_THUMB), c->thumb));
	c->manifest.has_thumb = true;
	c->manifest.thumb_size = c->thumb_size;
	SHA256(c->thumb, c->thumb_size, c->manifest.thumb_sha256);
}

static void make_manifest(struct fixture_clip *c)
{
	struct manifest *m = &c->manifest;
	struct clip_private_info info = { .end_us = FIXTURE_START + 2500000,
					  .samples = c->video.n,
					  .trigger = "motion",
					  .zones = "door",
					  .area_ppm = 12345 };

	copy_head(&m->head, &c->open.head);
	m->lost = c->plan.lost;
	m->recovered = c->plan.recovered;
	m->has_prev = c->plan.prev;
	if (m->has_prev)
		memcpy(m->prev, c->plan.prev, sizeof(m->prev));
	if (m->lost)
		return;
	m->block = c->plan.block;
	add_range(c, c->init_size);
	add_range(c, c->index_size);
	for (size_t i = 0; i < c->n_refs; i++)
		add_range(c, c->refs[i].size);
	add_range(c, c->mfra_size);
	if (!c->plan.no_thumb)
		make_thumb(c);
	if (!c->plan.recovered)
		seal_text(&m->private, &c->ck, CONTENT_PRIVATE, m->head.clip.text,
			  clip_private_info_encode(&info));
}

void fixture_clip_sign(struct fixture_clip *c)
{
	char *payload = manifest_encode(&c->manifest);
	struct jws jws;

	free(c->jws);
	NEED(payload);
	NEED(!jws_sign(&c->jws, JWS_TYP_CLIP, &c->people->claim->device_id, payload,
		       strlen(payload),
		       &((struct fixture_people *)c->people)->device_signer.signer));
	NEED(!jws_parse(&jws, c->jws, strlen(c->jws), JWS_TYP_CLIP));
	memcpy(c->digest, jws.digest, sizeof(c->digest));
	jws_release(&jws);
	free(payload);
}

static void fill_plan(struct fixture_plan *p)
{
	p->block = p->block ? p->block : CLIP_BLOCK_MIN;
	p->width = p->width ? p->width : 64;
	p->height = p->height ? p->height : 64;
	p->samples = p->samples ? p->samples : 25;
	p->gop = p->gop ? p->gop : 10;
	p->slices = p->slices ? p->slices : 1;
	p->duration = p->duration ? p->duration : 9000;
	p->seq = p->seq ? p->seq : 1;
	if (!p->start_us)
		p->start_us = FIXTURE_START + (int64_t)p->seq * 60000000;
	p->index_blocks = p->index_blocks ? p->index_blocks : 1;
	while (clip_index_capacity(p->block, p->index_blocks) < p->samples)
		p->index_blocks++;
}

void fixture_clip_make(struct fixture_clip *c, const struct fixture_people *p,
		       const struct fixture_plan *plan)
{
	memset(c, 0, sizeof(*c));
	c->people = p;
	c->plan = *plan;
	fill_plan(&c->plan);
	clip_video_make(&c->video, c->plan.width, c->plan.height, c->plan.samples, c->plan.gop,
			c->plan.slices);
	make_head(c);
	put_init(c);
	sign_open(c);
	c->index_size = (size_t)c->plan.block * c->plan.index_blocks;
	clip_index_write_empty(grow(c, c->index_size), c->plan.block, c->plan.index_blocks);
	put_fragments(c);
	put_end(c);
	make_manifest(c);
	if (c->plan.edit)
		c->plan.edit(&c->manifest, c->plan.arg);
	fixture_clip_sign(c);
}

void fixture_clip_release(struct fixture_clip *c)
{
	clip_video_release(&c->video);
	manifest_release(&c->manifest);
	manifest_open_release(&c->open);
	free(c->init.info);
	free(c->open_jws);
	free(c->refs);
	free(c->file);
	free(c->thumb);
	free(c->jws);
}

/* --- folders ------------------------------------------------------------------------------- */

char *fixture_dir_make(void)
{
	const char *base = getenv("TMPDIR");
	char *dir;

	NEED(asprintf(&dir, "%s/ownframe-test.XXXXXX", base ? base : "/tmp") > 0);
	NEED(mkdtemp(dir));
	return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fixture_dir_remove(char *dir)
{
	NEED(!nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS));
	free(dir);
}

void fixture_write(const char *dir, const char *name, const void *data, size_t len)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	NEED(f && fwrite(data, 1, len, f) == len && !fclose(f));
}

uint8_t *fixture_read(const char *dir, const char *name, size_t *len)
{
	char path[PATH_MAX];
	struct stat st;
	uint8_t *data;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	NEED(!fstat(fileno(f), &st));
	data = malloc(st.st_size + 1);
	NEED(data && fread(data, 1, st.st_size, f) == (size_t)st.st_size && !fclose(f));
	data[st.st_size] = 0;
	*len = st.st_size;
	return data;
}

void fixture_clip_save(const struct fixture_clip *c, const char *dir)
{
	NEED(!mkdir(dir, 0755));
	fixture_write(dir, "manifest.jws", c->jws, strlen(c->jws));
	if (c->plan.lost)
		return;
	fixture_write(dir, "clip.mp4", c->file, c->size);
	if (c->thumb)
		fixture_write(dir, "thumb", c->thumb, c->thumb_size);
}

void fixture_clip_save_open(const struct fixture_clip *c, const char *dir)
{
	size_t size = c->size - c->mfra_size;
	uint8_t *file = malloc(size);

	NEED(file && !mkdir(dir, 0755));
	memcpy(file, c->file, size);
	clip_index_write_empty(file + c->init_size, c->plan.block, c->plan.index_blocks);
	fixture_write(dir, "clip.mp4", file, size);
	fixture_write(dir, "open.jws", c->open_jws, strlen(c->open_jws));
	free(file);
}
