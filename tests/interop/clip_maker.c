// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * clip_maker FOLDER [NAME=NUMBER]...: a sealed clip and what is needed to look at it from outside,
 * made by tests/unit/clip_fixture.h. In FOLDER:
 *
 *	owner/ stranger/	owner.key and claims.json, of two owners with a device each
 *	clip/			the owner's clip, sealed
 *	open/			the same as it is in open/ just before it is closed
 *	captured.h264		the video as it was encoded
 *	content.key		hex, for -decryption_key
 */
#include "clip_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static void parse(struct fixture_plan *plan, size_t *recipients, const char *arg)
{
	const char *equals = strchr(arg, '=');
	uint32_t value = equals ? strtoul(equals + 1, NULL, 10) : 0;

	for (size_t i = 0; equals && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strncmp(arg, numbers[i].name, equals - arg) || numbers[i].name[equals - arg])
			continue;
		memcpy((char *)plan + numbers[i].offset, &value, sizeof(value));
		return;
	}
	FIXTURE_NEED(!strncmp(arg, "recipients=", 11));
	*recipients = value;
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
	free(sealed);
	free(open);
	free(video);
}

int main(int argc, char **argv)
{
	struct fixture_people owner, stranger;
	struct fixture_plan plan = { 0 };
	struct fixture_clip clip;
	size_t recipients = 1;

	FIXTURE_NEED(argc > 1);
	for (int i = 2; i < argc; i++)
		parse(&plan, &recipients, argv[i]);
	FIXTURE_NEED(!mkdir(argv[1], 0700) || errno == EEXIST);
	fixture_people_make(&owner, NULL, recipients);
	fixture_people_make(&stranger, NULL, 1);
	fixture_clip_make(&clip, &owner, &plan);
	save_people(&owner, argv[1], "owner");
	save_people(&stranger, argv[1], "stranger");
	save_clip(&clip, argv[1]);
	fixture_clip_release(&clip);
	fixture_people_release(&owner);
	fixture_people_release(&stranger);
	return 0;
}
