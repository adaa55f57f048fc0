// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be configured, with its defaults, and the arithmetic of the arena. Separate because
 * --check, the start and a reload must give the same answer.
 * The one thing to know: a configuration that does not fit is refused before anything is mapped.
 */
#include "config.h"

#include "clip_layout.h"
#include "control_path.h"
#include "log.h"
#include "settings.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECOND 1000000ull
#define MIB    (1ull << 20)

/*
 * What the process locks beside the arena: program, libraries and stacks, and libx264's pictures,
 * of which it keeps about a dozen.
 */
#define PROCESS_BYTES  (64 * MIB)
#define PROCESS_FRAMES 12

static const char *zones_check(const char *value)
{
	struct motion_config scratch = { 0 };

	return motion_zones_parse(&scratch, value);
}

static const char *name_check(const char *value)
{
	size_t len = strlen(value);

	if (!len || len > 64 || *value == '-' ||
	    strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") !=
		    len)
		return "1 to 64 of A-Z a-z 0-9 _ -";
	return NULL;
}

static const char *path_check(const char *value)
{
	return *value == '/' ? NULL : "an absolute path";
}

static const char *const when_full[] = {
	[CONFIG_FULL_STOP] = "stop", [CONFIG_FULL_DROP_OLDEST] = "drop-oldest", NULL
};

#define AT(field) offsetof(struct config, field)

static const struct setting table[] = {
	{ "camera", "name", SETTING_TEXT, AT(camera), .required = true, .check = name_check,
	  .expected = "1 to 64 of A-Z a-z 0-9 _ -" },
	{ "camera", "device", SETTING_TEXT, AT(device), .required = true, .check = path_check,
	  .expected = "the path of a video node" },
	{ "camera", "width", SETTING_UINT, AT(width), 16, 16384, .expected = "pixels" },
	{ "camera", "height", SETTING_UINT, AT(height), 16, 16384, .expected = "pixels" },
	{ "camera", "fps", SETTING_UINT, AT(fps), 1, 1000, .expected = "frames per second" },

	{ "clip", "pre_roll", SETTING_DURATION, AT(pre_roll), 0, 600 * SECOND,
	  .expected = "a duration up to 10min, like 5s", .line_offset = AT(pre_roll_line) },
	{ "clip", "post_roll", SETTING_DURATION, AT(post_roll), 0, 600 * SECOND,
	  .expected = "a duration up to 10min, like 10s" },
	{ "clip", "merge_gap", SETTING_DURATION, AT(merge_gap), 0, 600 * SECOND,
	  .expected = "a duration up to 10min, like 5s" },
	{ "clip", "max_clip", SETTING_DURATION, AT(max_clip), 5 * SECOND, 3600 * SECOND,
	  .expected = "a duration from 5s to 60min, like 5min", .longer_than = "pre_roll" },
	{ "clip", "preallocate", SETTING_SIZE, AT(preallocate), MIB, 1024 * 1024 * MIB,
	  .expected = "a size from 1MiB, like 64MiB" },

	{ "motion", "area", SETTING_PERMILLE, AT(area), 1, 1000,
	  .expected = "a share of the picture from 0.1%, like 1.5%" },
	{ "motion", "sensitivity", SETTING_UINT, AT(sensitivity), 1, 10,
	  .expected = "1 (dull) to 10 (sharp)" },
	{ "motion", "min_duration", SETTING_DURATION, AT(min_duration), 0, 60 * SECOND,
	  .expected = "a duration up to 60s, like 200ms" },
	{ "motion", "learn", SETTING_DURATION, AT(learn), 0, 600 * SECOND,
	  .expected = "a duration up to 10min, like 2s" },
	{ "motion", "cool_down", SETTING_DURATION, AT(cool_down), 0, 24 * 3600 * SECOND,
	  .expected = "a duration up to 24h, like 30s" },
	{ "motion", "zones", SETTING_ZONES, AT(zones), .check = zones_check,
	  .expected = "name:left,top,width,height in percent, \"!\" excludes, \";\" between them" },

	{ "encode", "preset", SETTING_CHOICE, AT(preset), .choices = encoder_presets,
	  .expected = "a preset of x264, like veryfast" },
	{ "encode", "quality", SETTING_UINT, AT(quality), 1, 51,
	  .expected = "1 (best) to 51 (smallest)" },
	{ "encode", "bitrate", SETTING_UINT, AT(bitrate), 0, 200000,
	  .expected = "kbit/s, 0 for constant quality" },

	{ "memory", "arena", SETTING_SIZE, AT(arena), MIB, 1ull << 36,
	  .expected = "a size from 1MiB, like 256MiB", .line_offset = AT(arena_line) },
	{ "memory", "encoder_backlog", SETTING_DURATION, AT(encoder_backlog), 0, 600 * SECOND,
	  .expected = "a duration up to 10min, like 2s" },
	{ "memory", "write_backlog", SETTING_DURATION, AT(write_backlog), SECOND, 600 * SECOND,
	  .expected = "a duration from 1s to 10min, like 4s" },

	{ "spool", "when_full", SETTING_CHOICE, AT(when_full), .choices = when_full,
	  .expected = "stop or drop-oldest" },

	{ "status", "file", SETTING_TEXT, AT(status), .check = path_check,
	  .expected = "an absolute path" },
	{ "status", "metrics", SETTING_TEXT, AT(metrics), .check = path_check,
	  .expected = "an absolute path" },

	{ "control", "socket", SETTING_TEXT, AT(control), .check = path_check,
	  .expected = "an absolute path" },
};

#define N_SETTINGS (sizeof(table) / sizeof(table[0]))

static int preset_index(const char *name)
{
	for (int i = 0; encoder_presets[i]; i++)
		if (!strcmp(encoder_presets[i], name))
			return i;
	return 0;
}

int config_read(struct config *cfg, const char *path)
{
	int ret;

	*cfg = (struct config) {
		.path = path,
		.pre_roll = 5 * SECOND,
		.post_roll = 10 * SECOND,
		.merge_gap = 5 * SECOND,
		.max_clip = 300 * SECOND,
		.preallocate = 64 * MIB,
		.area = 10,
		.sensitivity = 5,
		.min_duration = SECOND / 5,
		.learn = 2 * SECOND,
		.preset = preset_index("veryfast"),
		.quality = 23,
		.arena = 256 * MIB,
		.encoder_backlog = 2 * SECOND,
		.write_backlog = 4 * SECOND,
		.when_full = CONFIG_FULL_STOP,
	};
	ret = settings_read(path, table, N_SETTINGS, cfg);
	if (!ret && !cfg->width != !cfg->height) {
		log_error("%s: width and height belong together: give both or none", path);
		ret = -EINVAL;
	}
	if (!ret && !cfg->control && asprintf(&cfg->control, CONTROL_DIR "/%s", cfg->camera) < 0) {
		cfg->control = NULL;
		ret = -ENOMEM;
	}
	if (ret)
		config_free(cfg);
	return ret;
}

void config_free(struct config *cfg)
{
	settings_free(table, N_SETTINGS, cfg);
}

bool config_same_picture(const struct config *a, const struct config *b)
{
	return !strcmp(a->device, b->device) && a->width == b->width && a->height == b->height &&
	       a->fps == b->fps;
}

bool config_same_stream(const struct config *a, const struct config *b)
{
	return config_same_picture(a, b) && a->pre_roll == b->pre_roll && a->preset == b->preset &&
	       a->quality == b->quality && a->bitrate == b->bitrate && a->arena == b->arena &&
	       a->encoder_backlog == b->encoder_backlog && a->write_backlog == b->write_backlog;
}

bool config_same_motion(const struct config *a, const struct config *b)
{
	const char *zones_a = a->zones ? a->zones : "", *zones_b = b->zones ? b->zones : "";

	return a->area == b->area && a->sensitivity == b->sensitivity &&
	       a->min_duration == b->min_duration && a->learn == b->learn &&
	       !strcmp(zones_a, zones_b);
}

void config_event(const struct config *cfg, struct event_config *event)
{
	*event = (struct event_config) {
		.pre_roll_us = cfg->pre_roll,
		.post_roll_us = cfg->post_roll,
		.merge_gap_us = cfg->merge_gap,
		.max_clip_us = cfg->max_clip,
		.cool_down_us = cfg->cool_down,
	};
}

void config_motion(const struct config *cfg, struct motion_config *motion)
{
	*motion = (struct motion_config) {
		.min_area_permille = cfg->area,
		.sensitivity = cfg->sensitivity,
		.min_duration_us = cfg->min_duration,
		.learn_us = cfg->learn,
	};
	if (cfg->zones)
		motion_zones_parse(motion, cfg->zones); /* checked when it was read */
}

void config_encoder(const struct config *cfg, uint32_t fps_num, uint32_t fps_den,
		    struct encoder_config *encoder)
{
	*encoder = (struct encoder_config) {
		.bitrate_kbit = cfg->bitrate,
		.quality = cfg->quality,
		.preset = cfg->preset,
		.fps_num = fps_num,
		.fps_den = fps_den,
	};
}

/* Frames that come in @us, rounded up. */
static uint64_t frames_in(const struct config_stream *s, uint64_t us)
{
	uint64_t per = s->fps_den * SECOND;

	return (us * s->fps_num + per - 1) / per;
}

size_t config_run_meta(uint32_t block)
{
	return 2 * (size_t)block; /* a free gap of 1 to 7 bytes costs a second block */
}

/*
 * A run must take what a second of video has, and room for one sample of the largest size beyond
 * that, since a sample's size is not known before it is encoded.
 */
static size_t run_size(const struct config *cfg, const struct config_stream *s)
{
	size_t second = cfg->bitrate ? cfg->bitrate * 1000 / 8 * 2 : s->sample_max;

	return config_run_meta(s->block) + arena_round(second + s->sample_max, s->block);
}

/* Fragments in @us: one a second, more where 100 samples are less. */
static uint64_t fragments_in(const struct config_stream *s, uint64_t us)
{
	uint64_t a_second = 1 + s->fps_num / s->fps_den / CLIP_FRAG_SAMPLES;

	return (us + SECOND - 1) / SECOND * a_second;
}

uint32_t config_index_blocks(const struct config *cfg, const struct config_stream *s)
{
	/* A full run ends a fragment early: twice the number leaves room for that. */
	uint64_t refs = 2 * fragments_in(s, cfg->max_clip + cfg->pre_roll) + 8;
	uint32_t blocks = 1;

	if (refs > CLIP_REFS_MAX)
		refs = CLIP_REFS_MAX; /* more, no index can hold: the clip ends there */
	while (clip_index_capacity(s->block, blocks) < refs)
		blocks++;
	return blocks;
}

static bool may_lock_anything(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK);
}

static uint64_t lockable(void)
{
	struct rlimit lim;

	if (may_lock_anything() || getrlimit(RLIMIT_MEMLOCK, &lim))
		return RLIM_INFINITY;
	if (lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &lim);
	}
	return lim.rlim_cur;
}

static double ceil_mib(uint64_t bytes)
{
	return (double)((bytes + MIB - 1) / MIB);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (double)MIB;
}

/* "front.conf:12", or the file alone where the default is meant. */
struct place {
	char text[4096];
};

static struct place place_of(const struct config *cfg, unsigned int line)
{
	struct place p;

	if (line)
		snprintf(p.text, sizeof(p.text), "%s:%u", cfg->path, line);
	else
		snprintf(p.text, sizeof(p.text), "%s", cfg->path);
	return p;
}

static void log_arithmetic(const struct config *cfg, const struct config_stream *s,
			   const struct arena_plan *plan, uint64_t limit)
{
	uint64_t pre = frames_in(s, cfg->pre_roll);
	uint64_t size = arena_round(plan->slot_size, plan->align);
	uint64_t total = arena_size(plan);
	uint64_t others = total - pre * size;
	uint64_t fit = limit > others ? (limit - others) / size : 0;

	log_error("%s: pre_roll = %.1fs: %" PRIu64 " frames + encoder_backlog %" PRIu64
		  " + %u with the driver, %.2f MiB each (%ux%u), + write_backlog %u fragments of "
		  "%.2f MiB: needs %.1f MiB",
		  place_of(cfg, cfg->pre_roll_line).text, (double)cfg->pre_roll / SECOND, pre,
		  frames_in(s, cfg->encoder_backlog), s->buffers, mib(size), s->format->width,
		  s->format->height, plan->n_runs, mib(plan->run_size), mib(total));
	fit = fit * s->fps_den * 10 / s->fps_num; /* tenths of a second, rounded down */
	if (fit)
		log_error("%s: pre_roll up to %" PRIu64 ".%" PRIu64 "s would fit",
			  place_of(cfg, cfg->pre_roll_line).text, fit / 10, fit % 10);
	else
		log_error(
			"%s: no pre_roll would fit: encoder_backlog, write_backlog or the picture "
			"must be smaller",
			cfg->path);
}

int config_plan(const struct config *cfg, const struct config_stream *s, struct arena_plan *plan)
{
	uint64_t process = PROCESS_BYTES + PROCESS_FRAMES * (uint64_t)s->format->size;
	uint64_t limit = lockable();
	uint64_t total;

	*plan = (struct arena_plan) {
		.slot_size = s->format->size,
		/* One more than the driver's: the frame that is being looked at. */
		.n_slots = (uint32_t)(s->buffers + 1 + frames_in(s, cfg->pre_roll) +
				      frames_in(s, cfg->encoder_backlog)),
		.run_size = run_size(cfg, s),
		/* One more than the backlog: the one that is being filled. */
		.n_runs = (uint32_t)fragments_in(s, cfg->write_backlog) + 1,
		.align = s->block,
	};
	total = arena_size(plan);
	if (total > cfg->arena) {
		log_arithmetic(cfg, s, plan, cfg->arena);
		log_error(
			"%s: arena = %.0f MiB is too small: raise it to %.0fMiB, or lower pre_roll",
			place_of(cfg, cfg->arena_line).text, mib(cfg->arena), ceil_mib(total));
		return -ENOMEM;
	}
	if (total + process > limit) {
		log_arithmetic(cfg, s, plan, limit > process ? limit - process : 0);
		log_error("%s: RLIMIT_MEMLOCK is %.0f MiB, arena and program need %.0f MiB: raise "
			  "LimitMEMLOCK= of the service",
			  cfg->path, mib(limit), mib(total + process));
		return -ENOMEM;
	}
	return 0;
}
