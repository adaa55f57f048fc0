// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of a stream. Separate because the camera may come, change and go while the recorder stays.
 * The one thing to know: the arena can go only when driver, coder and ring have all given back what
 * they had of it, in this order.
 */
#include "stream.h"

#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int fit(struct stream *s, const struct config *cfg, uint32_t block, struct arena_plan *plan)
{
	struct footage *f = &s->footage;

	f->stream = (struct config_stream) {
		.format = &s->capture.format,
		.fps_num = s->capture.fps_num,
		.fps_den = s->capture.fps_den,
		.sample_max = encoder_sample_max(s->encoder),
		.block = block,
		.buffers = s->capture.n_buffers,
	};
	return config_plan(cfg, &f->stream, plan);
}

static int make_encoder(struct stream *s, const struct config *cfg)
{
	struct encoder_config encoder;

	config_encoder(cfg, s->capture.fps_num, s->capture.fps_den, &encoder);
	s->encoder = encoder_new(&s->capture.format, &encoder);
	return s->encoder ? 0 : -EINVAL;
}

static int make_arena(struct stream *s, const struct stream_setup *setup)
{
	struct arena_plan plan;
	int ret = fit(s, setup->cfg, setup->block, &plan);

	if (ret)
		return ret;
	ret = arena_init(&s->arena, &plan);
	if (!ret)
		ret = ring_register(setup->ring, s->arena.regions, s->arena.n_regions);
	if (ret)
		log_error("%s: the arena of %zu MiB cannot be had: %s", setup->cfg->path,
			  arena_size(&plan) >> 20, strerror(-ret));
	return ret ? -ENOMEM : 0;
}

static int make_footage(struct stream *s, const struct stream_setup *setup)
{
	struct footage *f = &s->footage;
	int ret = coder_start(&s->coder, &s->arena, s->encoder, &s->capture.format,
			      s->capture.fps_num, s->capture.fps_den, setup->block, setup->reply);

	if (ret)
		return ret;
	f->cfg = setup->cfg;
	f->arena = &s->arena;
	f->coder = &s->coder;
	f->spooler = setup->spooler;
	f->status = setup->status;
	f->trigger = setup->trigger;
	f->clips = setup->clips;
	f->converts = encoder_converts(s->encoder);
	encoder_params(s->encoder, &f->params);
	return footage_init(f);
}

/* Nothing has been given to anybody yet: the coder sees its quit letter first. */
static void undo(struct stream *s, struct ring *ring)
{
	capture_stop(&s->capture);
	capture_restore(&s->capture);
	capture_close(&s->capture);
	if (s->coder.reply)
		coder_quit(&s->coder);
	stream_close(s, ring);
}

static void log_stream(const struct stream *s, const struct config *cfg)
{
	const struct frame_format *f = &s->capture.format;

	log_info("%s: %ux%u %.4s at %.4g frames a second, by USERPTR; arena %zu MiB: %u frames, %u "
		 "fragments%s",
		 cfg->device, f->width, f->height, (const char *)&f->fourcc,
		 (double)s->capture.fps_num / s->capture.fps_den, s->arena.size >> 20,
		 s->arena.plan.n_slots, s->arena.plan.n_runs,
		 s->footage.converts ? "; the encoder converts it: a copy of each recorded frame"
				     : "");
}

static int open_camera(struct stream *s, const struct config *cfg, const char **why)
{
	const struct capture_want want = {
		.device = cfg->device,
		.width = (uint32_t)cfg->width,
		.height = (uint32_t)cfg->height,
		.fps = (uint32_t)cfg->fps,
	};
	int ret;

	*s = (struct stream) { .capture.fd = -1 };
	ret = capture_open(&s->capture, &want, why);
	if (ret)
		return ret;
	ret = capture_request(&s->capture);
	if (!ret)
		return 0;
	*why = ret == -EOPNOTSUPP ? "does not take user pointers" : "gives no buffers";
	capture_close(&s->capture);
	return ret == -ENOMEM ? -EBUSY : ret;
}

int stream_open(struct stream *s, const struct stream_setup *setup, const char **why)
{
	const struct config *cfg = setup->cfg;
	int ret = open_camera(s, cfg, why);

	if (ret)
		return ret;
	ret = make_encoder(s, cfg);
	if (!ret)
		ret = make_arena(s, setup);
	if (!ret)
		ret = make_footage(s, setup);
	if (!ret) {
		ret = capture_start(&s->capture, &s->arena);
		*why = ret == -EPIPE ? "has no signal" : "does not stream";
		if (ret == -EINVAL || ret == -ENOMEM)
			ret = -EIO; /* of the driver, not of the configuration */
	}
	if (ret)
		undo(s, setup->ring);
	else
		log_stream(s, cfg);
	return ret;
}

static void log_check(const struct config *cfg, const struct stream *s,
		      const struct arena_plan *plan)
{
	log_info("%s: %ux%u: fits: %u frames and %u fragments, %zu MiB of %" PRIu64 " MiB",
		 cfg->path, s->capture.format.width, s->capture.format.height, plan->n_slots,
		 plan->n_runs, arena_size(plan) >> 20, cfg->arena >> 20);
}

int stream_check(const struct config *cfg, uint32_t block)
{
	struct arena_plan plan;
	const char *why = "";
	struct stream s;
	int ret = open_camera(&s, cfg, &why);

	if (ret) {
		log_warn("%s: %s: %s; the arena was not checked", cfg->device, why, strerror(-ret));
		return 0;
	}
	ret = make_encoder(&s, cfg);
	if (!ret)
		ret = fit(&s, cfg, block, &plan);
	if (!ret)
		log_check(cfg, &s, &plan);
	capture_stop(&s.capture);
	capture_restore(&s.capture);
	capture_close(&s.capture);
	encoder_free(s.encoder);
	return ret;
}

void stream_drain(struct stream *s)
{
	capture_stop(&s->capture);
	capture_close(&s->capture);
	footage_stop(&s->footage);
	coder_quit(&s->coder);
}

void stream_close(struct stream *s, struct ring *ring)
{
	if (s->coder.reply)
		coder_exit(&s->coder);
	footage_exit(&s->footage);
	if (s->arena.base) {
		ring_unregister(ring);
		arena_exit(&s->arena);
	}
	if (s->encoder)
		encoder_free(s->encoder);
	*s = (struct stream) { .capture.fd = -1 };
}
