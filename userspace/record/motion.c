// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The motion detector. What is in front of the camera is judged block by block, what is over it (the
 * light) for all blocks at once. The one thing to know is its unit: levels are 64ths of a grey level,
 * as motion_means() makes them, and models hold 256ths of that.
 */
#include "motion.h"

#include "log.h"
#include "motion_means.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL	  64 /* one grey level */
#define LEVEL_MAX (255 * LEVEL)
#define MODEL(v)  ((v)*256)

/* Speeds of the models: after this long, 63 % of a change is taken over. */
#define BACKGROUND_US 8000000u
#define DEVIATION_US  10000000u
#define REST_US	      500000u
/* At rest for this long, a block that has left the background moves no more. */
#define SETTLE_US 1500000u
/* Longer gaps between frames teach no more than this one. */
#define GAP_MAX_US 1000000u

/*
 * While something moves before it, a block must not learn that something as its background, nor its
 * coming and going as noise: a minute of it makes the block half as sensitive, no less.
 */
#define BACKGROUND_MOVING_PART 16
#define DEVIATION_MOVING_PART  64

#define DEVIATION_START LEVEL
/* More of the picture than this changed at once: nothing moved, it is another picture. */
#define SCENE_PERCENT 60

#define LIGHT_SAMPLES 1024
/* Less spread between dark and bright blocks than this, and a gain cannot be told from an offset. */
#define LIGHT_SPREAD (16 * LEVEL)
#define GAIN_ONE     4096

/* A block leaves the background by @floor levels plus @deviations quarter deviations. */
static const struct threshold {
	int32_t floor, deviations;
} thresholds[] = {
	{ 256, 64 }, { 208, 56 }, { 160, 48 }, { 128, 42 }, { 96, 36 },
	{ 80, 30 },  { 64, 26 },  { 48, 22 },  { 40, 19 },  { 32, 16 },
};

struct block {
	int32_t background; /* mean, slow; model */
	int32_t deviation; /* mean distance from it while nothing moves, slow; model */
	int32_t rest; /* distance from the background of late, fast; model */
	int32_t level; /* mean of late whatever the light, fast; model */
	uint32_t rest_us; /* for how long it has rested there */
	bool left; /* it has left the background */
	bool watched;
	uint16_t zones; /* bit per include zone it lies in */
};

/* How today's light turns the background into the picture: level + offset + (level - at) * gain. */
struct light {
	int32_t offset, at; /* levels */
	int32_t gain; /* GAIN_ONE = twice as bright */
};

struct motion {
	struct frame_format format;
	const struct motion_means_path *path;
	uint32_t columns, rows;
	size_t n_blocks, n_watched;
	struct threshold threshold;
	uint32_t min_area_ppm;
	uint64_t min_duration_us, learn_us;

	uint16_t *means;
	struct block *blocks;
	uint8_t *active; /* per block, with a border of one so that each has eight neighbours */

	uint32_t n_frames; /* since the reset */
	uint64_t start_us, previous_us;
	bool above; /* the area is, or was and has not fallen to half of min_area since */
	uint64_t above_us; /* since when */

	int32_t sample_x[LIGHT_SAMPLES], sample_y[LIGHT_SAMPLES], scratch[LIGHT_SAMPLES];
};

/* --- zones ------------------------------------------------------------------------------------ */

static void skip_spaces(const char **s)
{
	*s += strspn(*s, " \t");
}

static bool parse_char(const char **s, char c)
{
	skip_spaces(s);
	if (**s != c)
		return false;
	++*s;
	return true;
}

/* "12" or "12.5", percent, as thousandths. */
static bool parse_percent(const char **s, uint32_t *permille)
{
	size_t digits;

	skip_spaces(s);
	digits = strspn(*s, "0123456789");
	if (!digits || digits > 3)
		return false;
	*permille = 0;
	for (; digits; digits--)
		*permille = *permille * 10 + (*(*s)++ - '0');
	*permille *= 10;
	if (**s != '.')
		return true;
	++*s;
	if (strspn(*s, "0123456789") != 1)
		return false;
	*permille += *(*s)++ - '0';
	return true;
}

static bool parse_name(const char **s, struct motion_zone *zone)
{
	size_t len;

	skip_spaces(s);
	len = strspn(*s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
	if (!len || len >= sizeof(zone->name))
		return false;
	memcpy(zone->name, *s, len);
	zone->name[len] = '\0';
	*s += len;
	return true;
}

static const char *parse_zone(const char **s, struct motion_zone *zone)
{
	memset(zone, 0, sizeof(*zone));
	zone->exclude = parse_char(s, '!');
	if (!parse_name(s, zone))
		return "a zone's name is 1 to 31 of A-Z a-z 0-9 _ -";
	if (!parse_char(s, ':') || !parse_percent(s, &zone->left) || !parse_char(s, ',') ||
	    !parse_percent(s, &zone->top) || !parse_char(s, ',') ||
	    !parse_percent(s, &zone->width) || !parse_char(s, ',') ||
	    !parse_percent(s, &zone->height))
		return "a zone is name:left,top,width,height in percent, as door:10,20.5,30,40";
	if (!zone->width || !zone->height)
		return "a zone without area";
	if (zone->left + zone->width > 1000 || zone->top + zone->height > 1000)
		return "a zone reaches beyond the picture (100 percent)";
	return NULL;
}

static bool zone_known(const struct motion_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->n_zones; i++)
		if (!strcmp(cfg->zones[i].name, name))
			return true;
	return false;
}

const char *motion_zones_parse(struct motion_config *cfg, const char *text)
{
	struct motion_zone zone;
	const char *why;

	cfg->n_zones = 0;
	skip_spaces(&text);
	if (!*text)
		return NULL;
	do {
		why = parse_zone(&text, &zone);
		if (why)
			return why;
		if (zone_known(cfg, zone.name))
			return "two zones of one name";
		if (cfg->n_zones == MOTION_ZONES_MAX)
			return "more than 16 zones";
		cfg->zones[cfg->n_zones++] = zone;
	} while (parse_char(&text, ';'));
	skip_spaces(&text);
	return *text ? "zones are separated by ;" : NULL;
}

/* A block lies in a zone when its centre does. */
static bool zone_has(const struct motion_zone *zone, const struct frame_format *f, uint32_t column,
		     uint32_t row)
{
	uint32_t x = (column * MOTION_BLOCK + MOTION_BLOCK / 2) * 1000 / f->width;
	uint32_t y = (row * MOTION_BLOCK + MOTION_BLOCK / 2) * 1000 / f->height;

	return x >= zone->left && x < zone->left + zone->width && y >= zone->top &&
	       y < zone->top + zone->height;
}

static void block_watch(struct block *b, const struct motion *m, const struct motion_config *cfg,
			uint32_t column, uint32_t row)
{
	bool include_all = true, excluded = false;

	b->zones = 0;
	for (size_t i = 0; i < cfg->n_zones; i++) {
		bool in = zone_has(&cfg->zones[i], &m->format, column, row);

		if (cfg->zones[i].exclude) {
			excluded |= in;
		} else {
			include_all = false;
			b->zones |= in << i;
		}
	}
	b->watched = !excluded && (include_all || b->zones);
}

static void motion_watch(struct motion *m, const struct motion_config *cfg)
{
	for (size_t i = 0; i < m->n_blocks; i++) {
		block_watch(&m->blocks[i], m, cfg, i % m->columns, i / m->columns);
		m->n_watched += m->blocks[i].watched;
	}
}

/* --- light ------------------------------------------------------------------------------------ */

/* The @k-th smallest of @n values, which are put out of order (Hoare's selection). */
static int32_t select_nth(int32_t *v, size_t n, size_t k)
{
	size_t from = 0, to = n - 1;

	while (from < to) {
		int32_t pivot = v[from + (to - from) / 2];
		size_t i = from, j = to;

		for (;;) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			int32_t swap = v[i];

			v[i++] = v[j];
			v[j--] = swap;
		}
		if (k <= j)
			to = j;
		else
			from = j + 1;
	}
	return v[k];
}

/* Median of @value over the samples whose x is in [low, high]. */
static int32_t median_between(struct motion *m, size_t n, const int32_t *value, int32_t low,
			      int32_t high)
{
	size_t n_in = 0;

	for (size_t i = 0; i < n; i++)
		if (m->sample_x[i] >= low && m->sample_x[i] <= high)
			m->scratch[n_in++] = value[i];
	return select_nth(m->scratch, n_in, n_in / 2);
}

static int32_t sample_rank(struct motion *m, size_t n, size_t k)
{
	memcpy(m->scratch, m->sample_x, n * sizeof(*m->scratch));
	return select_nth(m->scratch, n, k);
}

/*
 * Tukey's resistant line through (background, change) of a sample of blocks: through the medians of
 * the darkest and the brightest third. Up to a sixth of the picture can move without moving it much.
 */
static void light_fit(struct motion *m, struct light *light)
{
	size_t n = m->n_blocks < LIGHT_SAMPLES ? m->n_blocks : LIGHT_SAMPLES;
	int32_t x_dark, x_bright, y_dark, y_bright, third, thirds;

	for (size_t i = 0; i < n; i++) {
		size_t at = i * m->n_blocks / n;

		m->sample_x[i] = m->blocks[at].background / 256;
		m->sample_y[i] = m->means[at] - m->sample_x[i];
	}
	third = sample_rank(m, n, n / 3);
	thirds = sample_rank(m, n, n - 1 - n / 3);
	x_dark = median_between(m, n, m->sample_x, 0, third);
	x_bright = median_between(m, n, m->sample_x, thirds, LEVEL_MAX);
	if (x_bright - x_dark < LIGHT_SPREAD) {
		*light = (struct light) {
			.offset = median_between(m, n, m->sample_y, 0, LEVEL_MAX),
		};
		return;
	}
	y_dark = median_between(m, n, m->sample_y, 0, third);
	y_bright = median_between(m, n, m->sample_y, thirds, LEVEL_MAX);
	*light = (struct light) {
		.offset = y_dark,
		.at = x_dark,
		.gain = (y_bright - y_dark) * GAIN_ONE / (x_bright - x_dark),
	};
}

/* What the light adds to a block of this background; the sum stays a possible level. */
static int32_t light_change(const struct light *light, int32_t background)
{
	int32_t change = light->offset +
			 (int32_t)((int64_t)(background - light->at) * light->gain / GAIN_ONE);
	int32_t level = background + change;

	if (level < 0)
		return -background;
	return level > LEVEL_MAX ? LEVEL_MAX - background : change;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* Parts of 65536 that a model of speed @speed_us takes over in @us. */
static int32_t weight(uint32_t us, uint32_t speed_us)
{
	return us >= speed_us ? 65536 : (uint64_t)us * 65536 / speed_us;
}

static void approach(int32_t *model, int32_t target, int32_t part)
{
	*model += (int64_t)(target - *model) * part / 65536;
}

/* How much each model learns from this frame. */
struct pace {
	uint32_t us; /* since the frame before */
	int32_t background, deviation, rest;
};

static void pace_set(struct pace *pace, uint64_t us)
{
	pace->us = us < GAP_MAX_US ? us : GAP_MAX_US;
	pace->background = weight(pace->us, BACKGROUND_US);
	pace->deviation = weight(pace->us, DEVIATION_US);
	pace->rest = weight(pace->us, REST_US);
}

/* Let @model follow @target, in one step if it is further than @most levels. False if it was. */
static bool follow(int32_t *model, int32_t target, int32_t most, const struct pace *pace)
{
	if (abs(target - *model / 256) > most) {
		*model = MODEL(target);
		return false;
	}
	approach(model, MODEL(target), pace->rest);
	return true;
}

/*
 * Has the block, @away levels from its background, left it? For how long has it rested there? What
 * leaves slowly, with the rest at its heels, is a change of light: it never stops resting. Nor does
 * what looks as before: then only the estimate of the light has jumped, as it can where a scene
 * has stopped on another picture than the background's.
 */
static void block_locate(struct block *b, int32_t mean, int32_t away, int32_t limit,
			 const struct pace *pace)
{
	bool left = abs(away) > (b->left ? limit / 2 : limit);
	int32_t most = left != b->left ? limit / 2 : limit;
	bool as_before = follow(&b->level, mean, most, pace);

	if (!follow(&b->rest, away, most, pace) && !as_before)
		b->rest_us = 0;
	else if (b->rest_us < SETTLE_US)
		b->rest_us += pace->us;
	b->left = left;
}

/* The noise is taken about the level of the moment: a background that is off is no noise. */
static void block_learn(struct block *b, int32_t away, int32_t limit, int32_t change, bool active,
			const struct pace *pace)
{
	int32_t noise = abs(active ? away : away - b->rest / 256);

	if (active && noise > limit)
		noise = limit;
	approach(&b->deviation, MODEL(noise),
		 active ? pace->deviation / DEVIATION_MOVING_PART : pace->deviation);
	b->background += (int64_t)MODEL(away) *
			 (active ? pace->background / BACKGROUND_MOVING_PART : pace->background) /
			 65536;
	b->background += (int64_t)MODEL(change) * pace->background / 65536;
}

/* Judge one block, of mean @mean, and learn from it. True if it moves. */
static bool block_step(struct block *b, int32_t mean, const struct light *light,
		       const struct threshold *threshold, const struct pace *pace)
{
	int32_t background = b->background / 256;
	int32_t change = light_change(light, background);
	int32_t away = mean - background - change;
	int32_t limit = threshold->floor + (int64_t)b->deviation * threshold->deviations / MODEL(4);
	bool active;

	block_locate(b, mean, away, limit, pace);
	active = b->left && b->rest_us < SETTLE_US;
	block_learn(b, away, limit, change, active, pace);
	return active;
}

static void block_adopt(struct block *b, int32_t mean)
{
	b->background = MODEL(mean);
	b->level = MODEL(mean);
	b->rest = 0;
	b->left = false;
}

/* The first frames: plain means over what was seen so far. */
static void block_first(struct block *b, int32_t mean, uint32_t n_seen, const struct pace *pace)
{
	int32_t part = 65536 / (n_seen + 1);

	if (!n_seen) {
		block_adopt(b, mean);
		b->deviation = MODEL(DEVIATION_START);
		return;
	}
	approach(&b->deviation, abs(MODEL(mean) - b->background),
		 part > pace->deviation ? part : pace->deviation);
	approach(&b->background, MODEL(mean), part > pace->background ? part : pace->background);
	b->level = MODEL(mean);
}

/* --- frames ----------------------------------------------------------------------------------- */

static size_t active_index(const struct motion *m, size_t i)
{
	return (i / m->columns + 1) * (m->columns + 2) + i % m->columns + 1;
}

static bool has_active_neighbour(const struct motion *m, size_t at)
{
	ptrdiff_t line = m->columns + 2;
	const uint8_t *a = m->active + at;

	return a[-1] | a[1] | a[-line - 1] | a[-line] | a[-line + 1] | a[line - 1] | a[line] |
	       a[line + 1];
}

/* Blocks that move, in all of the picture. */
static size_t motion_step_blocks(struct motion *m, const struct pace *pace)
{
	struct light light;
	size_t n = 0;

	light_fit(m, &light);
	for (size_t i = 0; i < m->n_blocks; i++) {
		bool active = block_step(&m->blocks[i], m->means[i], &light, &m->threshold, pace);

		m->active[active_index(m, i)] = active;
		n += active;
	}
	return n;
}

/* Moving blocks of the watched area that have moving neighbours, and the zones they lie in. */
static size_t motion_count(const struct motion *m, uint32_t *zones)
{
	size_t n = 0;

	*zones = 0;
	for (size_t i = 0; i < m->n_blocks; i++) {
		size_t at = active_index(m, i);

		if (!m->active[at] || !m->blocks[i].watched || !has_active_neighbour(m, at))
			continue;
		*zones |= m->blocks[i].zones;
		n++;
	}
	return n;
}

static bool motion_decide(struct motion *m, uint32_t area_ppm, uint64_t now_us)
{
	uint32_t needed = m->above ? m->min_area_ppm / 2 : m->min_area_ppm;
	bool above = area_ppm && area_ppm >= needed;

	if (above && !m->above)
		m->above_us = now_us;
	m->above = above;
	return above && now_us - m->above_us >= m->min_duration_us;
}

static void motion_look(struct motion *m, const struct pace *pace, uint64_t now_us,
			struct motion_result *result)
{
	size_t n_active = motion_step_blocks(m, pace);
	size_t n = motion_count(m, &result->zones);

	if (n_active * 100 > m->n_blocks * SCENE_PERCENT)
		for (size_t i = 0; i < m->n_blocks; i++)
			block_adopt(&m->blocks[i], m->means[i]);
	result->area_ppm = n * 1000000 / m->n_watched;
	result->moving = motion_decide(m, result->area_ppm, now_us);
}

void motion_feed(struct motion *m, const struct frame *frame, struct motion_result *result)
{
	uint64_t now_us = frame->timestamp_us;
	struct pace pace;

	memset(result, 0, sizeof(*result));
	motion_means(m->path, m->means, frame->data, &m->format);
	if (!m->n_frames)
		m->start_us = m->previous_us = now_us;
	pace_set(&pace, now_us - m->previous_us);
	m->previous_us = now_us;
	if (m->n_frames && now_us - m->start_us >= m->learn_us) {
		motion_look(m, &pace, now_us, result);
		return;
	}
	for (size_t i = 0; i < m->n_blocks; i++)
		block_first(&m->blocks[i], m->means[i], m->n_frames, &pace);
	m->n_frames++;
}

void motion_reset(struct motion *m)
{
	m->n_frames = 0;
	m->above = false;
}

static int motion_setup(struct motion *m, const struct frame_format *f,
			const struct motion_config *cfg)
{
	if (cfg->sensitivity < 1 || cfg->sensitivity > sizeof(thresholds) / sizeof(thresholds[0])) {
		log_error("motion: no sensitivity %llu", (unsigned long long)cfg->sensitivity);
		return -1;
	}
	m->format = *f;
	m->path = motion_means_best();
	m->columns = f->width / MOTION_BLOCK;
	m->rows = f->height / MOTION_BLOCK;
	m->n_blocks = (size_t)m->columns * m->rows;
	m->threshold = thresholds[cfg->sensitivity - 1];
	m->min_area_ppm = cfg->min_area_permille * 1000;
	m->min_duration_us = cfg->min_duration_us;
	m->learn_us = cfg->learn_us;
	m->means = calloc(m->n_blocks, sizeof(*m->means));
	m->blocks = calloc(m->n_blocks, sizeof(*m->blocks));
	m->active = calloc((size_t)(m->columns + 2) * (m->rows + 2), sizeof(*m->active));
	if (!m->means || !m->blocks || !m->active) {
		log_error("motion: out of memory");
		return -1;
	}
	motion_watch(m, cfg);
	if (!m->n_watched) {
		log_error("motion: the zones leave nothing of the picture to watch");
		return -1;
	}
	return 0;
}

struct motion *motion_new(const struct frame_format *format, const struct motion_config *cfg)
{
	struct motion *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	if (!motion_setup(m, format, cfg))
		return m;
	motion_free(m);
	return NULL;
}

void motion_free(struct motion *m)
{
	if (!m)
		return;
	free(m->means);
	free(m->blocks);
	free(m->active);
	free(m);
}
