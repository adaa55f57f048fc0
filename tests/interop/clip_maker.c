// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * clip_maker FOLDER [NAME=NUMBER]...: a sealed clip and what is needed to look at it from outside,
 * made by tests/unit/clip_fixture.h. In FOLDER:
 *
 *	owner/ stranger/	owner.key and claims.json, of two owners with a device each
 *	clip/			the owner's clip, sealed
 *	open/			the same as it is in open/ just before it is closed
 *	spool/			the same again, cut off at byte "cut", recovered into spool/ready/
 *	store/			"chain" clips more, as an uploader lays them out
 *	captured.h264		the video as it was encoded
 *	content.key		hex, for -decryption_key
 *	fragments		where each begins and how many samples come before it, and the end
 */
#include "clip_fixture.h"
#include "log.h"
#include "record/recover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
	{ "block", offsetof(struct fixture_plan, block) },
	{ "index_blocks", offsetof(struct fixture_plan, index_blocks) },
	{ "width", offsetof(struct fixture_plan, width) },
	{ "height", offsetof(struct fixture_plan, height) },
	{ "samples", offsetof(struct fixture_plan, samples) },
	{ "gop", offsetof(struct fixture_plan, gop) },
	{ "slices", offsetof(struct fixture_plan, slices) },
	{ "duration", offsetof(struct fixture_plan, duration) },
};

/* What is made beside the clip. */
struct wishes {
	size_t recipients, chain, cut;
};

static void parse(struct fixture_plan *plan, struct wishes *wishes, const char *arg)
{
	const char *equals = strchr(arg, '=');
	uint32_t value = equals ? strtoul(equals + 1, NULL, 10) : 0;

	for (size_t i = 0; equals && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strncmp(arg, numbers[i].name, equals - arg) || numbers[i].name[equals - arg])
			continue;
		memcpy((char *)plan + numbers[i].offset, &value, sizeof(value));
		return;
	}
	if (!strncmp(arg, "recipients=", 11))
		wishes->recipients = value;
	else if (!strncmp(arg, "chain=", 6))
		wishes->chain = value;
	else if (!strncmp(arg, "cut=", 4))
		wishes->cut = value;
	else
		FIXTURE_NEED(!"known argument");
}

static char *below(const char *folder, const char *name)
{
	char *path;

	FIXTURE_NEED(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void save_people(const struct fixture_people *p, const char *folder, const char *name)
{
	char *path = below(folder, name);

	FIXTURE_NEED(!mkdir(path, 0700));
	fixture_people_save(p, path);
	free(path);
}

static void save_fragments(const struct fixture_clip *c, const char *folder)
{
	char *path = below(folder, "fragments");
	FILE *f = fopen(path, "we");

	FIXTURE_NEED(f);
	for (size_t i = 0; i < c->n_refs; i++)
		fprintf(f, "%ju %ju\n", (uintmax_t)c->refs[i].offset,
			(uintmax_t)c->refs[i].time / c->plan.duration);
	fprintf(f, "%zu %u\n", c->size - c->mfra_size, c->video.n);
	FIXTURE_NEED(!fclose(f));
	free(path);
}

static void recover(const struct fixture_clip *c, const char *folder, size_t cut)
{
	struct fixture_people *people = (struct fixture_people *)c->people;
	char *path = below(folder, "spool"), *open = below(path, "open"), *clip, *video;
	struct recover_count count;
	struct spool spool;
	const struct recover r = { .spool = &spool,
				   .signer = &people->device_signer.signer,
				   .spool_key = people->spool_key,
				   .camera = FIXTURE_CAMERA,
				   .epoch = FIXTURE_EPOCH };

	FIXTURE_NEED(!spool_open(&spool, path));
	clip = below(open, c->open.head.clip.text);
	video = below(clip, SPOOL_CLIP);
	fixture_clip_save_open(c, clip);
	FIXTURE_NEED(!truncate(video, cut));
	FIXTURE_NEED(!recover_run(&r, &count) && count.recovered + count.lost == 1);
	spool_close(&spool);
	free(path);
	free(open);
	free(clip);
	free(video);
}

/* Clip @seq as the objects store/<seq>.0.* */
static void save_object(const struct fixture_clip *c, const char *store, uint64_t seq)
{
	char name[32];

	snprintf(name, sizeof(name), "%ju.0.mp4", (uintmax_t)seq);
	fixture_write(store, name, c->file, c->size);
	snprintf(name, sizeof(name), "%ju.0.thumb", (uintmax_t)seq);
	fixture_write(store, name, c->thumb, c->thumb_size);
	snprintf(name, sizeof(name), "%ju.0.jws", (uintmax_t)seq);
	fixture_write(store, name, c->jws, strlen(c->jws));
}

static void make_chain(const struct fixture_people *p, const char *folder, uint64_t n)
{
	char *store = below(folder, "store");
	uint8_t prev[P256_DIGEST_LEN];

	FIXTURE_NEED(!mkdir(store, 0755));
	for (uint64_t seq = 1; seq <= n; seq++) {
		struct fixture_plan plan = { .samples = 3, .seq = seq };
		struct fixture_clip c;

		plan.prev = seq > 1 ? prev : NULL;
		fixture_clip_make(&c, p, &plan);
		save_object(&c, store, seq);
		memcpy(prev, c.digest, sizeof(prev));
		fixture_clip_release(&c);
	}
	free(store);
}

static void save_clip(const struct fixture_clip *c, const char *folder)
{
	char *sealed = below(folder, "clip"), *open = below(folder, "open");
	char *video = below(folder, "captured.h264"), key[2 * CONTENT_KEY_LEN + 1];

	fixture_clip_save(c, sealed);
	fixture_clip_save_open(c, open);
	FIXTURE_NEED(!clip_video_save(&c->video, video));
	for (size_t i = 0; i < CONTENT_KEY_LEN; i++)
		sprintf(key + 2 * i, "%02x", c->ck.key[i]);
	fixture_write(folder, "content.key", key, strlen(key));
	save_fragments(c, folder);
	free(sealed);
	free(open);
	free(video);
}

int main(int argc, char **argv)
{
	struct fixture_people owner, stranger;
	struct fixture_plan plan = { 0 };
	struct fixture_clip clip;
	struct wishes wishes = { .recipients = 1 };

	log_setup("clip_maker", LOG_LEVEL_WARN);
	FIXTURE_NEED(argc > 1);
	for (int i = 2; i < argc; i++)
		parse(&plan, &wishes, argv[i]);
	FIXTURE_NEED(!mkdir(argv[1], 0700) || errno == EEXIST);
	fixture_people_make(&owner, NULL, wishes.recipients);
	fixture_people_make(&stranger, NULL, 1);
	fixture_clip_make(&clip, &owner, &plan);
	save_people(&owner, argv[1], "owner");
	save_people(&stranger, argv[1], "stranger");
	save_clip(&clip, argv[1]);
	if (wishes.cut)
		recover(&clip, argv[1], wishes.cut);
	if (wishes.chain)
		make_chain(&owner, argv[1], wishes.chain);
	fixture_clip_release(&clip);
	fixture_people_release(&owner);
	fixture_people_release(&stranger);
	return 0;
}
