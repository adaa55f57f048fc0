// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: after a power cut what a camera saw is gone, or a camera signs what somebody
 * put on its disk.
 */
#include "record/recover.h"

#include "clip_fixture.h"
#include "clip_reader.h"
#include "jws.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CLIPS_EACH   8
#define OTHER_CAMERA "EBESExQVFhcYGRobHB0eHw"

static struct fixture_people people, stranger;
static char *dir;
static struct spool spool;
static struct recover_count count;

static int enter_all(void **state)
{
	(void)state;
	log_setup("test_recover", LOG_LEVEL_ERROR); /* it tells what it does with each clip */
	fixture_people_make(&people, NULL, 1);
	fixture_people_make(&stranger, NULL, 1);
	return 0;
}

static int leave_all(void **state)
{
	(void)state;
	fixture_people_release(&people);
	fixture_people_release(&stranger);
	return 0;
}

static int enter(void **state)
{
	(void)state;
	dir = fixture_dir_make();
	return spool_open(&spool, dir);
}

static int leave(void **state)
{
	(void)state;
	spool_close(&spool);
	fixture_dir_remove(dir);
	return 0;
}

/* Folder of a clip in one of the spool's; not kept. */
static const char *at(const char *state, const char *id)
{
	static char path[4][512];
	static int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[0]), "%s/%s/%s", dir, state, id);
	return path[next];
}

static bool there(const char *state, const char *id)
{
	struct stat st;

	return !lstat(at(state, id), &st);
}

static int recover_with(struct signer *signer, uint64_t epoch)
{
	const struct recover r = { .spool = &spool,
				   .signer = signer,
				   .spool_key = people.spool_key,
				   .camera = FIXTURE_CAMERA,
				   .epoch = epoch };

	return recover_run(&r, &count);
}

static void recovers(unsigned int recovered, unsigned int lost, unsigned int moved,
		     unsigned int quarantined)
{
	assert_int_equal(recover_with(&people.device_signer.signer, FIXTURE_EPOCH), 0);
	assert_int_equal(count.recovered, recovered);
	assert_int_equal(count.lost, lost);
	assert_int_equal(count.moved, moved);
	assert_int_equal(count.quarantined, quarantined);
}

/* A clip of three fragments, the last one short, in open/ as its recorder left it. */
static const char *left(struct fixture_clip *c, const struct fixture_people *p, uint64_t seq)
{
	const struct fixture_plan plan = { .samples = 25, .seq = seq };

	fixture_clip_make(c, p, &plan);
	fixture_clip_save_open(c, at("open", c->open.head.clip.text));
	return c->open.head.clip.text;
}

/* The folder of @c in open/ once more, with @file as its video. */
static void put_back(const struct fixture_clip *c, const uint8_t *file, size_t len)
{
	const char *id = c->open.head.clip.text;

	fixture_clip_save_open(c, at("open", id));
	fixture_write(at("open", id), "clip.mp4", file, len);
}

static void clear_ready(const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), "chain-%s", FIXTURE_CAMERA);
	assert_int_equal(spool_clip_remove(&spool, SPOOL_STATE_READY, id), 0);
	assert_int_equal(unlinkat(spool.fd, path, 0), 0);
}

/* --- what is in ready/ now ------------------------------------------------------------------- */

struct mdats {
	struct clip_sink sink;
	uint8_t *data;
	size_t len;
};

static int mdats_write(struct clip_sink *sink, const void *data, size_t len)
{
	struct mdats *m = (struct mdats *)sink;

	m->data = realloc(m->data, m->len + len);
	assert_non_null(m->data);
	memcpy(m->data + m->len, data, len);
	m->len += len;
	return 0;
}

/* @samples of the capture, from the first on, lie in the clear file in order and nothing else. */
static void plays(const struct mdats *m, const struct clip_video *v, size_t samples)
{
	size_t sample = 0, used = 0;

	for (size_t at_box = 0, size; at_box < m->len; at_box += size) {
		const uint8_t *p = m->data + at_box;

		size = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
		assert_true(size >= 8 && size <= m->len - at_box);
		for (size_t i = 8; !memcmp(p + 4, "mdat", 4) && i < size; i++) {
			assert_true(sample < samples);
			assert_int_equal(p[i], v->samples[sample].data[used]);
			if (++used == v->samples[sample].size) {
				sample++;
				used = 0;
			}
		}
	}
	assert_int_equal(sample, samples);
}

static size_t samples_of(const struct fixture_clip *c, size_t fragments)
{
	return fragments == c->n_refs ? c->video.n : c->refs[fragments].time / c->plan.duration;
}

/* The clip in ready/ is verified, recovered, and plays its first @fragments; 0: it is lost. */
static void is_ready(const struct fixture_clip *c, size_t fragments)
{
	const char *id = c->open.head.clip.text;
	struct mdats video = { .sink.write = mdats_write };
	struct clip_opened opened;
	struct clip_report report;

	assert_false(there("open", id));
	assert_int_equal(clip_open(at("ready", id), &people.claims, people.owner, &video.sink, NULL,
				   &opened, &report),
			 fragments ? 0 : -ENODATA);
	assert_int_equal(report.verdict, CLIP_VERIFIED);
	assert_true(report.manifest.recovered);
	assert_string_equal(opened.open.camera_name, "front");
	assert_false(opened.has_private);
	assert_int_equal(report.manifest.lost,
			 fragments ? MANIFEST_NOT_LOST : MANIFEST_LOST_INTERRUPTED);
	if (fragments) {
		assert_int_equal(report.manifest.n_ranges, fragments + 3);
		plays(&video, &c->video, samples_of(c, fragments));
	}
	free(video.data);
	clip_report_release(&report);
}

static void is_quarantined(const char *id)
{
	assert_false(there("open", id));
	assert_false(there("ready", id));
	assert_true(there("quarantine", id));
}

/* --- cuts ----------------------------------------------------------------------------------- */

/* Fragments of @c that @file still holds, byte for byte; 0 without its init. */
static size_t whole_fragments(const struct fixture_clip *c, const uint8_t *file, size_t len)
{
	size_t n = 0;

	if (len < c->init_size || memcmp(file, c->file, c->init_size))
		return 0;
	while (n < c->n_refs && c->refs[n].offset + c->refs[n].size <= len &&
	       !memcmp(file + c->refs[n].offset, c->file + c->refs[n].offset, c->refs[n].size))
		n++;
	return n;
}

static void recovers_from(const struct fixture_clip *c, const uint8_t *file, size_t len)
{
	size_t n = whole_fragments(c, file, len);

	put_back(c, file, len);
	recovers(n > 0, !n, 0, 0);
	is_ready(c, n);
	clear_ready(c->open.head.clip.text);
}

enum rest {
	REST_MISSING,
	REST_ZERO,
	REST_GARBAGE
};

static void cut_at(const struct fixture_clip *c, size_t where, unsigned int *seed)
{
	size_t len = c->size - c->mfra_size;
	uint8_t *file = malloc(len);

	for (int rest = REST_MISSING; rest <= REST_GARBAGE; rest++) {
		memcpy(file, c->file, len);
		clip_index_write_empty(file + c->init_size, 4096, c->plan.index_blocks);
		for (size_t i = where; i < len; i++)
			file[i] = rest == REST_GARBAGE ? rand_r(seed) : 0;
		recovers_from(c, file, rest == REST_MISSING ? where : len);
	}
	free(file);
}

/* At the edges of all boxes, at any depth, and one byte before and after. */
static void cuts_at_box_edges(void **state)
{
	static const char containers[] = "moov trak mdia minf stbl mvex moof traf ";
	struct fixture_clip c;
	unsigned int seed = 1, edges = 0;

	(void)state;
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 25 });
	for (size_t edge = 0, size; edge < c.size - c.mfra_size; edge += size) {
		const uint8_t *p = c.file + edge;
		char name[6] = "";

		size = (size_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
		cut_at(&c, edge, &seed);
		if (edge > c.init_size) {
			cut_at(&c, edge - 1, &seed);
			cut_at(&c, edge + 1, &seed);
		}
		memcpy(name, p + 4, 4);
		name[4] = ' ';
		if (strstr(containers, name))
			size = 8;
		edges++;
	}
	assert_true(edges > 50);
	fixture_clip_release(&c);
}

static void cuts_anywhere(void **state)
{
	struct fixture_clip c;
	unsigned int seed = 2;

	(void)state;
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 25, .slices = 2 });
	for (int i = 0; i < 60; i++)
		cut_at(&c, rand_r(&seed) % (c.size - c.mfra_size), &seed);
	cut_at(&c, c.size - c.mfra_size, &seed);
	fixture_clip_release(&c);
}

/* Sectors of a metadata block, or of the index, of which some were written and some were not. */
static void torn_blocks_are_not_believed(void **state)
{
	struct fixture_clip c;
	uint8_t *file;
	size_t len;

	(void)state;
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 100, .duration = 2000 });
	len = c.size - c.mfra_size;
	file = malloc(len);
	for (unsigned int sectors = 0; sectors < 256; sectors += 15) {
		for (size_t i = 0; i < c.n_refs; i++) {
			memcpy(file, c.file, len);
			for (size_t s = 0; s < 8; s++)
				if (!(sectors >> s & 1))
					memset(file + c.refs[i].offset + 512 * s, 0, 512);
			recovers_from(&c, file, len);
		}
		memcpy(file, c.file, len);
		for (size_t s = 0; s < 8; s++)
			if (!(sectors >> s & 1))
				memset(file + c.init_size + 512 * s, 0xa5, 512);
		assert_int_equal(whole_fragments(&c, file, len), c.n_refs);
		recovers_from(&c, file, len);
	}
	free(file);
	fixture_clip_release(&c);
}

/* A file that was closed but not signed, and one preallocated far beyond what was written. */
static void closed_and_preallocated_files_recover(void **state)
{
	struct fixture_clip c;
	uint8_t *file;

	(void)state;
	left(&c, &people, 1);
	fixture_write(at("open", c.open.head.clip.text), "clip.mp4", c.file, c.size);
	fixture_write(at("open", c.open.head.clip.text), "thumb", c.thumb, c.thumb_size);
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	clear_ready(c.open.head.clip.text);
	file = calloc(1, 4 * c.size);
	memcpy(file, c.file, c.size - c.mfra_size);
	recovers_from(&c, file, 4 * c.size);
	free(file);
	fixture_clip_release(&c);
}

static void other_blocks_and_many_recipients_recover(void **state)
{
	static const struct fixture_plan plans[] = {
		{ .samples = 25, .block = 65536 },
		{ .samples = 25, .block = 8192 },
		{ .samples = 400, .duration = 90000, .index_blocks = 5 },
	};
	struct fixture_people kept = people;

	(void)state;
	fixture_people_make(&people, NULL, 16);
	for (size_t i = 0; i < 3; i++) {
		struct fixture_clip c;

		fixture_clip_make(&c, &people, &plans[i]);
		recovers_from(&c, c.file, c.size - c.mfra_size);
		fixture_clip_release(&c);
	}
	fixture_people_release(&people);
	people = kept;
}

/* --- what others put there ------------------------------------------------------------------- */

/* Fragment @i of @to becomes fragment @j of @from, as far as there is room. */
static void transplant(uint8_t *file, const struct fixture_clip *to, size_t i,
		       const struct fixture_clip *from, size_t j)
{
	size_t n = from->refs[j].size < to->refs[i].size ? from->refs[j].size : to->refs[i].size;

	memcpy(file + to->refs[i].offset, from->file + from->refs[j].offset, n);
}

static void planted_fragments_are_not_signed(void **state)
{
	struct fixture_people impostor = people; /* all but the spool key */
	struct fixture_clip c, other, forged;
	uint8_t *file;
	size_t len;

	(void)state;
	memset(impostor.spool_key, 0x5a, sizeof(impostor.spool_key));
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 25 });
	fixture_clip_make(&other, &people, &(struct fixture_plan) { .samples = 25, .seq = 2 });
	fixture_clip_make(&forged, &impostor, &(struct fixture_plan) { .samples = 25 });
	len = c.size - c.mfra_size;
	file = malloc(len);
	for (size_t i = 0; i < c.n_refs; i++) {
		for (size_t j = 0; j < c.n_refs; j++) {
			memcpy(file, c.file, len); /* of another clip of this device */
			transplant(file, &c, i, &other, j);
			assert_int_equal(whole_fragments(&c, file, len), i);
			recovers_from(&c, file, len);
			memcpy(file, c.file, len); /* of the same clip, elsewhere */
			transplant(file, &c, i, &c, j);
			recovers_from(&c, file, len);
		}
		memcpy(file, c.file, len); /* of the same place, by who has not the key */
		transplant(file, &c, i, &forged, i);
		assert_int_equal(whole_fragments(&c, file, len), i);
		recovers_from(&c, file, len);
		memcpy(file, c.file, len); /* metadata of the one, payload of the other */
		memcpy(file + c.refs[i].offset + 4096, other.file + other.refs[i].offset + 4096,
		       512);
		recovers_from(&c, file, len);
	}
	free(file);
	fixture_clip_release(&c);
	fixture_clip_release(&other);
	fixture_clip_release(&forged);
}

/* A clip that a stranger's device made, one in another's name, and one without a start. */
static void planted_clips_are_moved_aside(void **state)
{
	struct fixture_clip foreign, ours, nameless;
	char renamed[] = "20260102T030405.000006Z-0000000009";
	const char *id;

	(void)state;
	id = left(&foreign, &stranger, 1);
	recovers(0, 0, 0, 1);
	is_quarantined(id);

	id = left(&ours, &people, 2);
	assert_int_equal(rename(at("open", id), at("open", renamed)), 0);
	recovers(0, 0, 0, 1);
	is_quarantined(renamed);

	id = left(&nameless, &people, 3);
	fixture_write(at("open", id), "open.jws", "", 0);
	recovers(0, 0, 0, 1);
	is_quarantined(id);
	fixture_clip_release(&foreign);
	fixture_clip_release(&ours);
	fixture_clip_release(&nameless);
}

static void folder_without_start_is_moved_aside(void **state)
{
	char id[] = "20260102T030405.000006Z-0000000004";

	(void)state;
	assert_int_equal(mkdir(at("open", id), 0700), 0);
	recovers(0, 0, 0, 1);
	is_quarantined(id);
}

/* A manifest that calls itself open.jws, and the other way round. */
static void texts_of_one_kind_are_not_the_other(void **state)
{
	struct fixture_clip c;
	const char *id;

	(void)state;
	id = left(&c, &people, 1);
	fixture_write(at("open", id), "manifest.jws", c.open_jws, strlen(c.open_jws));
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	clear_ready(id);
	fixture_clip_save_open(&c, at("open", id));
	fixture_write(at("open", id), "open.jws", c.jws, strlen(c.jws));
	recovers(0, 0, 0, 1);
	is_quarantined(id);
	fixture_clip_release(&c);
}

static void exchanged_videos_are_not_signed(void **state)
{
	struct fixture_clip a, b;

	(void)state;
	left(&a, &people, 1);
	left(&b, &people, 2);
	fixture_write(at("open", a.open.head.clip.text), "clip.mp4", b.file, b.size - b.mfra_size);
	fixture_write(at("open", b.open.head.clip.text), "clip.mp4", a.file, a.size - a.mfra_size);
	recovers(0, 2, 0, 0);
	is_ready(&a, 0);
	is_ready(&b, 0);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

/* What clip.mp4 links to is neither signed nor written to, and a planted thumbnail goes. */
static void links_are_not_followed(void **state)
{
	struct fixture_clip c;
	char target[512];
	uint8_t *data;
	const char *id;
	size_t len;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", dir);
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 25 });
	id = c.open.head.clip.text;
	fixture_write(dir, "target", c.file, c.size - c.mfra_size);
	for (int hard = 0; hard < 2; hard++) {
		char path[512];

		fixture_clip_save_open(&c, at("open", id));
		snprintf(path, sizeof(path), "%s/clip.mp4", at("open", id));
		assert_int_equal(unlink(path), 0);
		assert_int_equal(hard ? link(target, path) : symlink(target, path), 0);
		fixture_write(at("open", id), "thumb", "planted", 7);
		recovers(0, 1, 0, 0);
		is_ready(&c, 0);
		clear_ready(id);
		data = fixture_read(dir, "target", &len);
		assert_int_equal(len, c.size - c.mfra_size);
		assert_memory_equal(data, c.file, c.init_size);
		free(data);
	}
	fixture_clip_release(&c);
}

/* --- what had been signed -------------------------------------------------------------------- */

static void signed_clips_are_only_moved(void **state)
{
	struct fixture_clip c;
	const char *id;
	uint8_t *data;
	size_t len;

	(void)state;
	fixture_clip_make(&c, &people, &(struct fixture_plan) { .samples = 3 });
	id = c.open.head.clip.text;
	fixture_clip_save(&c, at("open", id));
	fixture_write(at("open", id), "open.jws", c.open_jws, strlen(c.open_jws));
	fixture_write(at("open", id), ".manifest.jws.new", "half", 4);
	recovers(0, 0, 1, 0);
	data = fixture_read(at("ready", id), "clip.mp4", &len);
	assert_int_equal(len, c.size);
	assert_memory_equal(data, c.file, len);
	free(data);
	data = fixture_read(at("ready", id), "manifest.jws", &len);
	assert_string_equal(data, c.jws);
	free(data);
	assert_null(fixture_read(at("ready", id), "open.jws", &len));
	assert_null(fixture_read(at("ready", id), ".manifest.jws.new", &len));
	fixture_clip_release(&c);
}

static void a_planted_manifest_counts_for_nothing(void **state)
{
	struct fixture_clip c, foreign;
	const char *id;

	(void)state;
	id = left(&c, &people, 1);
	fixture_clip_make(&foreign, &stranger, &(struct fixture_plan) { .samples = 25 });
	fixture_write(at("open", id), "manifest.jws", foreign.jws, strlen(foreign.jws));
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	fixture_clip_release(&c);
	fixture_clip_release(&foreign);
}

/* One number is signed once: a folder of old put back is not signed again, whatever is left. */
static void clips_put_back_are_not_signed_again(void **state)
{
	struct fixture_clip a, b;
	const char *first, *second;

	(void)state;
	first = left(&a, &people, 1);
	second = left(&b, &people, 2);
	recovers(2, 0, 0, 0);
	assert_int_equal(spool_clip_remove(&spool, SPOOL_STATE_READY, first), 0);
	assert_int_equal(spool_clip_remove(&spool, SPOOL_STATE_READY, second), 0);
	fixture_clip_save_open(&a, at("open", first));
	fixture_clip_save_open(&b, at("open", second));
	recovers(0, 0, 0, 2);
	is_quarantined(first);
	is_quarantined(second);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

static void read_manifest(struct manifest *m, uint8_t digest[P256_DIGEST_LEN], const char *id)
{
	struct jws jws;
	size_t len;
	uint8_t *text = fixture_read(at("ready", id), "manifest.jws", &len);

	assert_non_null(text);
	assert_int_equal(jws_parse(&jws, (char *)text, len, JWS_TYP_CLIP), 0);
	assert_int_equal(manifest_decode(m, jws.payload, jws.payload_len), 0);
	memcpy(digest, jws.digest, P256_DIGEST_LEN);
	jws_release(&jws);
	free(text);
}

/* In the order of seq, although the clock went back between the two. */
static void clips_are_signed_in_order(void **state)
{
	uint8_t digest[2][P256_DIGEST_LEN];
	struct fixture_clip first, second;
	struct manifest m[2];
	struct chain chain;

	(void)state;
	left(&second, &people, 2);
	fixture_clip_make(&first, &people,
			  &(struct fixture_plan) { .samples = 25, .start_us = 2 * FIXTURE_START });
	fixture_clip_save_open(&first, at("open", first.open.head.clip.text));
	assert_true(strcmp(first.open.head.clip.text, second.open.head.clip.text) > 0);
	recovers(2, 0, 0, 0);
	read_manifest(&m[0], digest[0], first.open.head.clip.text);
	read_manifest(&m[1], digest[1], second.open.head.clip.text);
	assert_false(m[0].has_prev);
	assert_true(m[1].has_prev);
	assert_memory_equal(m[1].prev, digest[0], P256_DIGEST_LEN);
	assert_int_equal(chain_find(&chain, &spool, &people.device_signer.signer.pub,
				    FIXTURE_CAMERA, FIXTURE_EPOCH),
			 0);
	assert_int_equal(chain.signed_seq, 2);
	assert_memory_equal(chain.prev, digest[1], P256_DIGEST_LEN);
	manifest_release(&m[0]);
	manifest_release(&m[1]);
	fixture_clip_release(&first);
	fixture_clip_release(&second);
}

/* --- other recorders, other claims ----------------------------------------------------------- */

static void others_clips_are_left_alone(void **state)
{
	struct recover other = { .spool = &spool,
				 .signer = &people.device_signer.signer,
				 .spool_key = people.spool_key,
				 .camera = OTHER_CAMERA,
				 .epoch = FIXTURE_EPOCH };
	struct fixture_clip c;
	const char *id;
	int fd;

	(void)state;
	id = left(&c, &people, 1);
	assert_int_equal(recover_run(&other, &count), 0);
	assert_int_equal(count.recovered + count.lost + count.moved + count.quarantined, 0);
	assert_true(there("open", id));
	fd = open(at("open", id), O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	recovers(0, 0, 0, 0);
	assert_true(there("open", id));
	close(fd);
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	fixture_clip_release(&c);
}

struct recorder {
	pthread_t thread;
	pthread_barrier_t *start;
	struct spool spool;
	const char *camera;
	struct recover_count count;
	int ret;
};

static void *recorder_starts(void *arg)
{
	struct recorder *r = arg;
	const struct recover recover = { .spool = &r->spool,
					 .signer = &people.device_signer.signer,
					 .spool_key = people.spool_key,
					 .camera = r->camera,
					 .epoch = FIXTURE_EPOCH };

	pthread_barrier_wait(r->start);
	r->ret = recover_run(&recover, &r->count);
	return NULL;
}

static void leave_of(const char *camera, uint64_t seq, int64_t start_us)
{
	const struct fixture_plan plan = {
		.samples = 3, .camera = camera, .seq = seq, .start_us = start_us
	};
	struct fixture_clip c;

	fixture_clip_make(&c, &people, &plan);
	fixture_clip_save_open(&c, at("open", c.open.head.clip.text));
	fixture_clip_release(&c);
}

/* After a power cut all recorders start at once, and none may be in the way of another's clips. */
static void recorders_that_start_together_leave_nothing(void **state)
{
	struct recorder all[] = { { .camera = FIXTURE_CAMERA }, { .camera = OTHER_CAMERA } };
	pthread_barrier_t start;

	(void)state;
	for (uint64_t seq = 1; seq <= CLIPS_EACH; seq++)
		for (int i = 0; i < 2; i++)
			leave_of(all[i].camera, seq, FIXTURE_START + (int64_t)(2 * seq) + i);
	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < 2; i++) {
		all[i].start = &start;
		assert_int_equal(spool_open(&all[i].spool, dir), 0);
		assert_int_equal(pthread_create(&all[i].thread, NULL, recorder_starts, &all[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(all[i].thread, NULL);
		spool_close(&all[i].spool);
	}
	pthread_barrier_destroy(&start);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(all[i].ret, 0);
		assert_int_equal(all[i].count.recovered, CLIPS_EACH);
	}
}

/* The claim changed while the camera was off: the old owner's last clip is still signed, once. */
static void an_old_claims_clips_end_with_it(void **state)
{
	struct fixture_clip a, b;
	struct chain chain = { .seq = 1, .has_prev = true, .signed_seq = 1 };
	const char *id;

	(void)state;
	assert_int_equal(chain_store(&chain, &spool, FIXTURE_CAMERA, FIXTURE_EPOCH), 0);
	id = left(&a, &people, 2);
	assert_int_equal(recover_with(&people.device_signer.signer, FIXTURE_EPOCH + 1), 0);
	assert_int_equal(count.recovered, 1);
	is_ready(&a, 3);
	assert_int_equal(spool_clip_remove(&spool, SPOOL_STATE_READY, id), 0);
	/* the next claim's chain has begun */
	assert_int_equal(chain_store(&chain, &spool, FIXTURE_CAMERA, FIXTURE_EPOCH + 1), 0);
	id = left(&b, &people, 3);
	assert_int_equal(recover_with(&people.device_signer.signer, FIXTURE_EPOCH + 1), 0);
	assert_int_equal(count.quarantined, 1);
	is_quarantined(id);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

static void a_claim_to_come_is_not_signed_for(void **state)
{
	struct fixture_clip c;
	const char *id;

	(void)state;
	id = left(&c, &people, 1);
	assert_int_equal(recover_with(&people.device_signer.signer, FIXTURE_EPOCH - 1), 0);
	assert_int_equal(count.quarantined, 1);
	is_quarantined(id);
	fixture_clip_release(&c);
}

/* The uploader may write in ready/, but not stop recovery there. */
static void what_is_in_the_way_does_not_stop_it(void **state)
{
	struct fixture_clip a, b;
	const char *id;

	(void)state;
	id = left(&a, &people, 1);
	left(&b, &people, 2);
	assert_int_equal(mkdir(at("ready", id), 0700), 0);
	recovers(1, 0, 0, 1);
	assert_true(there("quarantine", id));
	is_ready(&b, 3);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

/* --- interruptions --------------------------------------------------------------------------- */

static int sign_later(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		      uint8_t sig[P256_SIG_LEN])
{
	(void)signer;
	(void)digest;
	(void)sig;
	return -EAGAIN;
}

static int sign_never(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		      uint8_t sig[P256_SIG_LEN])
{
	(void)signer;
	(void)digest;
	(void)sig;
	return kill(getpid(), SIGKILL);
}

static void a_signer_that_waits_loses_nothing(void **state)
{
	struct signer busy = { .pub = people.device_signer.signer.pub, .sign = sign_later };
	struct fixture_clip a, b;

	(void)state;
	left(&a, &people, 1);
	left(&b, &people, 2);
	assert_int_equal(recover_with(&busy, FIXTURE_EPOCH), -EAGAIN);
	assert_true(there("open", a.open.head.clip.text));
	assert_true(there("open", b.open.head.clip.text));
	recovers(2, 0, 0, 0);
	is_ready(&a, 3);
	is_ready(&b, 3);
	fixture_clip_release(&a);
	fixture_clip_release(&b);
}

/* Killed when it was about to sign, the file closed already. */
static void a_recovery_that_was_killed_is_done_again(void **state)
{
	struct signer deadly = { .pub = people.device_signer.signer.pub, .sign = sign_never };
	struct fixture_clip c;
	int status;
	pid_t pid;

	(void)state;
	left(&c, &people, 1);
	pid = fork();
	if (!pid) {
		recover_with(&deadly, FIXTURE_EPOCH);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	recovers(1, 0, 0, 0);
	is_ready(&c, 3);
	fixture_clip_release(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cuts_at_box_edges),
		TEST(cuts_anywhere),
		TEST(torn_blocks_are_not_believed),
		TEST(closed_and_preallocated_files_recover),
		TEST(other_blocks_and_many_recipients_recover),
		TEST(planted_fragments_are_not_signed),
		TEST(planted_clips_are_moved_aside),
		TEST(folder_without_start_is_moved_aside),
		TEST(texts_of_one_kind_are_not_the_other),
		TEST(exchanged_videos_are_not_signed),
		TEST(links_are_not_followed),
		TEST(signed_clips_are_only_moved),
		TEST(a_planted_manifest_counts_for_nothing),
		TEST(clips_put_back_are_not_signed_again),
		TEST(clips_are_signed_in_order),
		TEST(others_clips_are_left_alone),
		TEST(recorders_that_start_together_leave_nothing),
		TEST(an_old_claims_clips_end_with_it),
		TEST(a_claim_to_come_is_not_signed_for),
		TEST(what_is_in_the_way_does_not_stop_it),
		TEST(a_signer_that_waits_loses_nothing),
		TEST(a_recovery_that_was_killed_is_done_again),
	};

	return cmocka_run_group_tests(tests, enter_all, leave_all);
}
