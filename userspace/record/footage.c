// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happens to each frame. Separate from the recorder's loop, so that it can be driven by frames
 * from anywhere. The one thing to know: while nothing moves nothing is encoded; the frames
 * themselves wait, and when all slots are in use the oldest that waits goes first.
 */
#include "footage.h"

#include "clip_ends.h"
#include "log.h"
#include "monotonic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#define SILENCE_MIN   5000000ull /* a busy machine may pause for less */
#define CLIPS_WAITING 256 /* clips that wait for signatures: what a dead TPM may cost in memory */

int footage_init(struct footage *f)
{
	struct event_config event;

	config_event(f->cfg, &event);
	event_init(&f->event, &event);
	config_motion(f->cfg, &f->motion_cfg);
	f->motion = motion_new(f->stream.format, &f->motion_cfg);
	f->held = calloc(f->arena->plan.n_slots, sizeof(*f->held));
	f->begun_us = monotonic_us();
	f->silence_us = 10 * 1000000ull * f->stream.fps_den / f->stream.fps_num;
	if (f->silence_us < SILENCE_MIN)
		f->silence_us = SILENCE_MIN;
	if (f->motion && f->held)
		return 0;
	footage_exit(f);
	return f->motion ? -ENOMEM : -EINVAL;
}

void footage_exit(struct footage *f)
{
	motion_free(f->motion);
	free(f->held);
	f->motion = NULL;
	f->held = NULL;
}

static int use_other_motion(struct footage *f, const struct config *cfg)
{
	struct motion_config motion_cfg;
	struct motion *motion;

	config_motion(cfg, &motion_cfg);
	motion = motion_new(f->stream.format, &motion_cfg);
	if (!motion)
		return -EINVAL;
	motion_free(f->motion);
	f->motion = motion;
	f->motion_cfg = motion_cfg;
	if (f->clip)
		f->clip->zones = 0; /* whose bits mean other zones now; their names are noted */
	return 0;
}

int footage_configure(struct footage *f, const struct config *cfg)
{
	struct event_config event;
	int ret = config_same_motion(f->cfg, cfg) ? 0 : use_other_motion(f, cfg);

	if (ret)
		return ret;
	config_event(cfg, &event);
	event_configure(&f->event, &event);
	return 0;
}

/* --- pre-roll ---------------------------------------------------------------------------------- */

static void pre_roll_push(struct footage *f, struct held *h)
{
	h->letter.next = NULL;
	if (f->oldest)
		f->newest->letter.next = &h->letter;
	else
		f->oldest = h;
	f->newest = h;
}

static struct held *pre_roll_pop(struct footage *f)
{
	struct held *h = f->oldest;

	if (h)
		f->oldest = h->letter.next ? letter_of(h->letter.next, struct held, letter) : NULL;
	return h;
}

/* Let go of what is older than @t_us. */
static void pre_roll_trim(struct footage *f, uint64_t t_us)
{
	while (f->oldest && f->oldest->frame.timestamp_us < t_us)
		arena_give(f->arena, pre_roll_pop(f)->frame.slot);
}

int footage_spare(struct footage *f)
{
	int slot = arena_take(f->arena);
	struct held *h;

	if (slot >= 0)
		return slot;
	h = pre_roll_pop(f);
	return h ? (int)h->frame.slot : -1;
}

/* --- clips ------------------------------------------------------------------------------------- */

static int64_t utc_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* A sandbox that forbids to ask is no reason to vouch for the clock. */
static bool clock_is_synced(void)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);

	return state >= 0 && state != TIME_ERROR;
}

static bool clip_arrays(struct clip *clip)
{
	clip->max_refs = clip_index_capacity(clip->block, clip->index_blocks);
	clip->refs = calloc(clip->max_refs, sizeof(*clip->refs));
	clip->ranges = calloc(clip->max_refs, sizeof(*clip->ranges));
	clip->n_samples = calloc(clip->max_refs, sizeof(*clip->n_samples));
	return clip->refs && clip->ranges && clip->n_samples;
}

static struct clip *clip_new(const struct footage *f, uint64_t first_us)
{
	struct clip *clip = secret_new(sizeof(*clip));

	if (!clip)
		return NULL;
	clip->dir = -1;
	clip->fd = -1;
	clip->width = f->stream.format->width;
	clip->height = f->stream.format->height;
	clip->params = f->params;
	clip->block = f->stream.block;
	clip->index_blocks = config_index_blocks(f->cfg, &f->stream);
	clip->preallocate = f->cfg->preallocate;
	clip->drop_oldest = f->cfg->when_full == CONFIG_FULL_DROP_OLDEST;
	clip->first_us = first_us;
	clip->start_us = f->utc_us + (int64_t)first_us;
	clip->clock_synced = clock_is_synced();
	if (clip_arrays(clip) && !content_key_new(&clip->key))
		return clip;
	clip_free(clip);
	return NULL;
}

static void clip_begin(struct footage *f, uint64_t first_us)
{
	bool room = *f->clips < CLIPS_WAITING;

	f->clip = room ? clip_new(f, first_us) : NULL;
	if (!f->clip) {
		log_error("an event is not recorded: %s",
			  room ? "out of memory" : "too many clips wait for signatures");
		return;
	}
	(*f->clips)++;
	f->status->events++;
	spooler_open(f->spooler, f->clip);
}

static void clip_finish(struct footage *f)
{
	if (f->clip)
		coder_end(f->coder, f->clip);
	f->clip = NULL;
}

static bool has_name(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; (p = strstr(p, name)); p += len)
		if ((p == names || p[-1] == ',') && (!p[len] || p[len] == ','))
			return true;
	return false;
}

static void note_zones(const struct footage *f, struct clip *clip, uint32_t zones)
{
	for (size_t i = 0; i < f->motion_cfg.n_zones; i++) {
		const char *name = f->motion_cfg.zones[i].name;
		size_t used = strlen(clip->zone_names);

		if (!(zones & 1u << i) || has_name(clip->zone_names, name) ||
		    used + strlen(name) + 2 > sizeof(clip->zone_names))
			continue;
		if (used)
			clip->zone_names[used++] = ',';
		strcpy(clip->zone_names + used, name);
	}
}

/* What is seen in a clip is told to its owner, also what did not begin it. */
static void note(struct footage *f, enum event_trigger trigger, const struct motion_result *motion)
{
	struct clip *clip = f->clip;

	if (trigger != EVENT_NOTHING)
		f->last_trigger = trigger;
	if (!clip)
		return;
	/* The second half of a long post-roll has no trigger of its own. */
	clip->asked |= f->last_trigger == EVENT_ASKED;
	clip->moved |= f->last_trigger == EVENT_MOTION;
	if (motion->area_ppm > clip->area_ppm)
		clip->area_ppm = motion->area_ppm;
	if (motion->zones & ~clip->zones) {
		note_zones(f, clip, motion->zones & ~clip->zones);
		clip->zones |= motion->zones;
	}
}

/* --- frames ------------------------------------------------------------------------------------ */

static void lose(struct footage *f)
{
	f->status->dropped[STATUS_DROP_BACKLOG]++;
	if (f->clip)
		f->clip->dropped++;
	if (log_gate_open(&f->gate, 10))
		log_warn("frames are lost: the encoder or the disk is too slow for this picture");
}

static void give_coder(struct footage *f, struct held *h, bool thumb)
{
	struct clip *clip = f->clip;

	if (!clip) {
		arena_give(f->arena, h->frame.slot);
		return;
	}
	h->clip = clip;
	h->thumb = thumb;
	clip->end_us = clip->start_us + (int64_t)(h->frame.timestamp_us - clip->first_us);
	coder_frame(f->coder, h);
}

static struct held *hold(struct footage *f, const struct frame *frame)
{
	struct held *h = &f->held[frame->slot];

	h->frame = *frame;
	return h;
}

static void begin(struct footage *f, const struct frame *frame, uint64_t first_us)
{
	struct held *h;

	f->utc_us = utc_us() - (int64_t)monotonic_us();
	pre_roll_trim(f, first_us);
	clip_begin(f, f->oldest ? f->oldest->frame.timestamp_us : frame->timestamp_us);
	while ((h = pre_roll_pop(f))) {
		if (f->clip)
			f->clip->pre_roll++;
		give_coder(f, h, false);
	}
}

static void log_motion(struct footage *f, const struct frame *frame,
		       const struct motion_result *motion)
{
	if (motion->moving == f->moving)
		return;
	f->moving = motion->moving;
	if (f->moving)
		log_info("motion begins at frame %u, %.1f %% of the picture", frame->sequence,
			 motion->area_ppm / 1e4);
	else
		log_info("motion ends at frame %u", frame->sequence);
}

static enum event_trigger look(struct footage *f, const struct frame *frame,
			       struct motion_result *motion)
{
	if (f->last_us && frame->timestamp_us - f->last_us > f->silence_us)
		motion_reset(f->motion); /* what lies between was not seen: it is no motion */
	f->last_us = frame->timestamp_us;
	motion_feed(f->motion, frame, motion);
	log_motion(f, frame, motion);
	return trigger_of_frame(f->trigger, frame->timestamp_us, motion->moving);
}

static void note_latency(struct footage *f, const struct frame *frame)
{
	uint64_t now = monotonic_us();

	histogram_add(&f->status->frame_latency,
		      now > frame->timestamp_us ? now - frame->timestamp_us : 0);
}

void footage_frame(struct footage *f, const struct frame *frame, bool keep)
{
	struct motion_result motion;
	enum event_trigger trigger = look(f, frame, &motion);
	uint64_t first_us = 0;
	enum event_step step = event_step(&f->event, frame->timestamp_us, trigger, &first_us);

	f->status->captured++;
	note_latency(f, frame);
	if (step == EVENT_SPLIT || step == EVENT_END)
		clip_finish(f);
	if (step == EVENT_BEGIN)
		begin(f, frame, first_us);
	else if (step == EVENT_SPLIT)
		clip_begin(f, frame->timestamp_us);
	note(f, trigger, &motion);
	if (!keep) {
		lose(f);
	} else if (step == EVENT_IDLE || step == EVENT_END) {
		pre_roll_push(f, hold(f, frame));
		pre_roll_trim(f, frame->timestamp_us > f->cfg->pre_roll
					 ? frame->timestamp_us - f->cfg->pre_roll + 1
					 : 0);
	} else {
		give_coder(f, hold(f, frame), step == EVENT_BEGIN || step == EVENT_SPLIT);
	}
}

void footage_missed(struct footage *f, uint32_t n, enum status_drop where)
{
	f->status->dropped[where] += n;
	if (f->clip)
		f->clip->dropped += n;
}

void footage_return(struct footage *f, struct held *h)
{
	if (f->converts)
		f->status->copied++;
	arena_give(f->arena, h->frame.slot);
}

void footage_stop(struct footage *f)
{
	if (event_stop(&f->event))
		clip_finish(f);
	pre_roll_trim(f, UINT64_MAX);
	f->moving = false;
}

bool footage_is_silent(const struct footage *f, uint64_t now_us)
{
	uint64_t last_us = f->last_us ? f->last_us : f->begun_us;

	return now_us > last_us && now_us - last_us > f->silence_us;
}
