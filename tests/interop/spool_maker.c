// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spool_maker FOLDER COUNT [SAMPLES]: what a recorder leaves for the uploader, made by
 * tests/unit/clip_fixture.h. In FOLDER:
 *
 *	owner/			owner.key and claims.json
 *	spool/ready/<clip id>/	COUNT clips of one chain; every fifth is lost, the manifest only
 *	spool/sent/		empty
 */
#include "clip_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *below(const char *folder, const char *name)
{
	static char path[4096];

	FIXTURE_NEED(snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
	return path;
}

static void make_folder(const char *folder, const char *name)
{
	FIXTURE_NEED(!mkdir(below(folder, name), 0755));
}

int main(int argc, char **argv)
{
	struct fixture_people owner;
	uint8_t prev[P256_DIGEST_LEN];
	const char *folder;

	FIXTURE_NEED(argc >= 3);
	folder = argv[1];
	FIXTURE_NEED(!mkdir(folder, 0755) || errno == EEXIST);
	make_folder(folder, "owner");
	make_folder(folder, "spool");
	make_folder(folder, "spool/ready");
	make_folder(folder, "spool/sent");
	fixture_people_make(&owner, NULL, 1);
	fixture_people_save(&owner, below(folder, "owner"));
	for (unsigned long seq = 1; seq <= strtoul(argv[2], NULL, 10); seq++) {
		struct fixture_plan plan = {
			.seq = seq,
			.prev = seq > 1 ? prev : NULL,
			.lost = seq % 5 ? MANIFEST_NOT_LOST : MANIFEST_LOST_ENCODER,
			.samples = argc > 3 ? strtoul(argv[3], NULL, 10) : 0,
		};
		struct fixture_clip clip;
		char name[64];

		fixture_clip_make(&clip, &owner, &plan);
		memcpy(prev, clip.digest, sizeof(prev));
		snprintf(name, sizeof(name), "spool/ready/%s", clip.manifest.head.clip.text);
		fixture_clip_save(&clip, below(folder, name));
		fixture_clip_release(&clip);
	}
	fixture_people_release(&owner);
	return 0;
}
