// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The coder thread: frame in, sealed sample in a run out, fragments posted when they are full.
 * Separate because libx264 may take longer than a frame's time and must not stall the camera.
 * The one thing to know: a sample's duration is known when the next frame comes, so a fragment is
 * closed by the frame after it, or by the end of the clip.
 */
#include "coder.h"

#include "config.h"
#include "log.h"
#include "thumb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum coder_letter {
	CODER_FRAME,
	CODER_END,
	CODER_QUIT
};

#define STACK_SIZE (1u << 20) /* libx264 is at home on less; mlockall locks all of it */

static uint64_t ticks_of(uint64_t us)
{
	return us * (CLIP_TIMESCALE / 10000) / 100;
}

static int clip_start(struct coder *c, struct clip *clip)
{
	c->clip = clip;
	c->sample = 1;
	c->fragment = 1;
	c->last_ticks = 0;
	c->last_duration = c->frame_ticks;
	c->cipher = cenc_new(clip->key.key);
	if (!c->cipher)
		atomic_store(&clip->abandoned, true);
	return c->cipher ? 0 : -ENOMEM;
}

/* Take a free run; this is where a slow disk makes the coder wait. */
static struct run *run_open(struct coder *c, uint64_t ticks)
{
	struct run *run = letter_of(mailbox_wait(&c->runs, 0), struct run, letter);

	run->clip = c->clip;
	run->used = 0;
	run->frag = (struct clip_fragment) {
		.number = c->fragment++,
		.decode_time = ticks,
		.first_sample = c->sample,
		.samples = run->samples,
	};
	EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL);
	return run;
}

static void run_recycle(struct coder *c, struct run *run)
{
	mailbox_post(&c->runs, &run->letter, 0);
}

/* Pad with zeros: the run's memory still has older samples. */
static void run_close(struct coder *c, uint32_t last_duration)
{
	struct run *run = c->run;
	size_t padded = (run->used + c->block - 1) / c->block * c->block;

	c->run = NULL;
	if (!run->frag.n_samples) {
		run_recycle(c, run);
		c->fragment--;
		return;
	}
	run->samples[run->frag.n_samples - 1].duration = last_duration;
	c->last_duration = last_duration;
	memset(run->payload + run->used, 0, padded - run->used);
	EVP_DigestUpdate(c->hash, run->payload + run->used, padded - run->used);
	EVP_DigestFinal_ex(c->hash, run->sha256, NULL);
	run->used = padded;
	mailbox_post(c->reply, &run->letter, MAIN_RUN);
}

static bool run_full(const struct coder *c, uint64_t ticks)
{
	const struct run *run = c->run;

	return ticks - run->frag.decode_time >= CLIP_FRAG_TICKS ||
	       run->capacity - run->used < encoder_sample_max(c->encoder) ||
	       !clip_fragment_fits(run->samples, run->frag.n_samples, 4, c->block);
}

/* Encrypt and hash the sample that lies at the run's end, and add it. */
static int sample_seal(struct coder *c, const struct encoder_sample *enc)
{
	struct run *run = c->run;
	size_t n = run->frag.n_samples;
	struct cenc_subsample *sub = run->sub[n];
	uint8_t *data = run->payload + run->used;

	for (size_t i = 0; i < enc->n_nals; i++) {
		sub[i].clear = 5; /* length and NAL header */
		sub[i].protected = enc->nal_size[i] - 5;
	}
	if (cenc_sample(c->cipher, c->sample, data, enc->size, sub, enc->n_nals))
		return -EIO;
	EVP_DigestUpdate(c->hash, data, enc->size);
	run->samples[n] = (struct clip_sample) {
		.size = enc->size,
		.sync = enc->sync,
		.n_sub = enc->n_nals,
		.sub = sub,
	};
	run->frag.n_samples++;
	run->used += enc->size;
	c->sample++;
	return 0;
}

static void make_thumb(struct coder *c, const struct frame *frame)
{
	int ret = thumb_make(frame, &c->format, &c->clip->jpeg, &c->clip->jpeg_len);

	if (ret)
		log_warn("no thumbnail: %s", strerror(-ret));
}

static int encode(struct coder *c, const struct held *h)
{
	uint64_t ticks = ticks_of(h->frame.timestamp_us - c->clip->first_us);
	struct encoder_sample enc;
	struct run *run;
	int ret;

	if (c->run && c->run->frag.n_samples) {
		uint64_t duration = ticks - c->last_ticks;

		if (!duration)
			return -EINVAL; /* two frames in one tick of 11 us: not a picture rate */
		if (run_full(c, ticks))
			run_close(c, (uint32_t)duration);
		else
			c->run->samples[c->run->frag.n_samples - 1].duration = (uint32_t)duration;
	}
	if (!c->run)
		c->run = run_open(c, ticks);
	run = c->run;
	ret = encoder_encode(c->encoder, &h->frame, !run->frag.n_samples, run->payload + run->used,
			     run->capacity - run->used, &enc);
	if (!ret)
		ret = sample_seal(c, &enc);
	/* A fragment's first sample begins with it, even if the frame that opened it was lost. */
	if (!ret)
		c->last_ticks = run->frag.n_samples == 1 ? run->frag.decode_time : ticks;
	return ret;
}

static void on_frame(struct coder *c, struct held *h)
{
	if (h->clip != c->clip)
		clip_start(c, h->clip);
	if (h->thumb)
		make_thumb(c, &h->frame);
	if (atomic_load(&h->clip->abandoned) || encode(c, h))
		h->clip->coder_dropped++;
	mailbox_post(c->reply, &h->letter, MAIN_FRAME);
}

static void on_end(struct coder *c, struct clip *clip)
{
	if (c->run)
		run_close(c, c->last_duration);
	cenc_free(c->cipher);
	c->cipher = NULL;
	c->clip = NULL;
	mailbox_post(c->reply, &clip->coder_letter, MAIN_CODED);
}

static void *coder_thread(void *arg)
{
	struct coder *c = arg;

	for (;;) {
		struct letter *l = mailbox_wait(&c->jobs, 0);

		switch ((enum coder_letter)l->what) {
		case CODER_FRAME:
			on_frame(c, letter_of(l, struct held, letter));
			break;
		case CODER_END:
			on_end(c, letter_of(l, struct clip, coder_letter));
			break;
		case CODER_QUIT:
			mailbox_post(c->reply, l, MAIN_CODER_GONE);
			return NULL;
		}
	}
}

static void make_runs(struct coder *c, struct arena *arena)
{
	size_t meta = config_run_meta(c->block);

	for (uint32_t i = 0; i < arena->plan.n_runs; i++) {
		struct run *run = &c->memory[i];

		run->meta = arena->runs[i];
		run->payload = run->meta + meta;
		run->capacity = arena->plan.run_size - meta;
		run->region = arena_region(arena, run->meta);
		run_recycle(c, run);
	}
}

static int start_thread(struct coder *c)
{
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	ret = pthread_create(&c->thread, &attr, coder_thread, c);
	pthread_attr_destroy(&attr);
	return -ret;
}

int coder_start(struct coder *c, struct arena *arena, struct encoder *encoder,
		const struct frame_format *format, uint32_t fps_num, uint32_t fps_den,
		uint32_t block, struct mailbox *reply)
{
	int ret;

	*c = (struct coder) {
		.format = *format,
		.encoder = encoder,
		.block = block,
		.frame_ticks = (uint32_t)((uint64_t)CLIP_TIMESCALE * fps_den / fps_num),
		.reply = reply,
		.hash = EVP_MD_CTX_new(),
		.memory = calloc(arena->plan.n_runs, sizeof(struct run)),
	};
	mailbox_init(&c->jobs, false);
	mailbox_init(&c->runs, false);
	if (!c->frame_ticks)
		c->frame_ticks = 1;
	if (!c->hash || !c->memory) {
		coder_exit(c);
		return -ENOMEM;
	}
	make_runs(c, arena);
	ret = start_thread(c);
	if (ret)
		coder_exit(c);
	return ret;
}

void coder_exit(struct coder *c)
{
	if (c->thread)
		pthread_join(c->thread, NULL);
	mailbox_exit(&c->jobs);
	mailbox_exit(&c->runs);
	EVP_MD_CTX_free(c->hash);
	free(c->memory);
	*c = (struct coder) { 0 };
}

void coder_frame(struct coder *c, struct held *h)
{
	mailbox_post(&c->jobs, &h->letter, CODER_FRAME);
}

void coder_end(struct coder *c, struct clip *clip)
{
	mailbox_post(&c->jobs, &clip->coder_letter, CODER_END);
}

void coder_quit(struct coder *c)
{
	mailbox_post(&c->jobs, &c->quit, CODER_QUIT);
}
