// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, who sets up cameras gets something else than was asked for, or crashes the machine
 * with directories that come and go.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "camera.h"

#define ROOT "/sys/kernel/config/ownframe"

static char *path_of(const char *name)
{
	static char path[256];

	CHECK(snprintf(path, sizeof(path), ROOT "/%s", name) < (int)sizeof(path));
	return path;
}

static int make(const char *name)
{
	return mkdir(path_of(name), 0755);
}

static int drop(const char *name)
{
	return rmdir(path_of(name));
}

static void check_value(const char *file, const char *value)
{
	char line[512], name[64];
	FILE *in;

	snprintf(name, sizeof(name), "front/%s", file);
	in = fopen(path_of(name), "r");
	CHECK(in && fgets(line, sizeof(line), in));
	line[strcspn(line, "\n")] = '\0';
	CHECK(strcmp(line, value) == 0);
	fclose(in);
}

static void check_set(const char *file, const char *value)
{
	camera_set("front", file, value);
	check_value(file, value);
}

static void check_names(void)
{
	static const char *const bad[] = {
		"-x", "feed", "fourteen_chars", "a b", "a.b", "\xc3\xa4"
	};
	char name[64];

	CHECK_ERRNO(make("front"), EEXIST);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_ERRNO(make(bad[i]), EINVAL);
		snprintf(name, sizeof(name), "front/views/%s", bad[i]);
		CHECK_ERRNO(make(name), EINVAL);
	}
	CHECK(make("thirteen_char") == 0);
	CHECK(drop("thirteen_char") == 0);
	CHECK_ERRNO(make("front/other"), EPERM);
	CHECK_ERRNO(drop("front/views"), EPERM);
}

/* None of the values, which a "|" ends, is taken. */
static void check_refused(const char *file, const char *before, const char *values)
{
	const char *value, *end;
	char *copy;

	check_set(file, before);
	for (value = values; *value; value = end + 1) {
		end = strchr(value, '|');
		copy = strndup(value, end - value);
		CHECK(copy);
		CHECK_ERRNO(camera_try_set("front", file, copy), EINVAL);
		check_value(file, before);
		free(copy);
	}
}

static void check_drawings(const char *file)
{
	check_refused(
		file, "1920x1080:0,0,960,540",
		"x|1920|1920x1080|1920x1080:|0x1080:0,0,1,1|1920x0:0,0,1,1|1920x1080:0,0,0,1|"
		"1920x1080:0,0,1|1920x1080:1,0,1920,1|1920x1080:0,1080,1,1|1920x1080:-1,0,1,1|"
		"1920x1080:0,0,1,1,1|65536x1:0,0,1,1|1920x1080:0,0,4294967297,1|"
		"1920x1080:0,0,1,1junk|1920x1080: 0,0,1,1|1920x1080:0,0,1,1;|"
		"1920x1080:0,0,1,1;1920,0,1,1|000001920x1080:0,0,1,1|");
	check_set(file, "65535x65535:65534,65534,1,1");
	check_set(file, "");
}

static void check_values(void)
{
	char many[256] = "8x8:1,1,1,1";

	for (int i = 1; i < 16; i++)
		strcat(many, ";1,1,1,1");
	check_value("views/main/max_consumers", "8");
	check_value("views/main/memory_limit", "0");
	check_value("views/main/max_rate", "0");
	check_value("views/main/crop", "");
	check_value("views/main/masks", "");
	check_value("views/main/userptr", "1");
	check_value("views/main/export", "0");
	check_refused("views/main/max_consumers", "1024", "|0|-1|1025|8x|");
	check_refused("views/main/max_rate", "1000", "|-1|1001|3.5|");
	check_refused("views/main/memory_limit", "123456789", "|-1|12M|");
	check_refused("views/main/userptr", "0", "|2|maybe|");
	check_refused("views/main/export", "1", "|2|maybe|");
	check_drawings("views/main/crop");
	check_drawings("views/main/masks");
	CHECK_ERRNO(camera_try_set("front", "views/main/crop", "8x8:1,1,1,1;1,1,1,1"), EINVAL);
	check_set("views/main/masks", many);
	CHECK_ERRNO(camera_try_set("front", "views/main/masks", strcat(many, ";1,1,1,1")), EINVAL);
	check_set("views/main/masks", "");
}

static uint32_t view_width(const char *name)
{
	struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	int fd = camera_open("front", name, 0);

	CHECK(xioctl(fd, VIDIOC_G_FMT, &format) == 0);
	close(fd);
	return format.fmt.pix.width;
}

/* What a camera is made of stays while it is live, and its values can be changed. */
static void check_live(void)
{
	check_value("live", "0");
	CHECK(make("front/views/door") == 0);
	CHECK_ERRNO(camera_try_open("front", "main", 0), ENOENT);
	check_set("live", "1");
	check_set("live", "1");
	CHECK_ERRNO(drop("front/views/door"), EBUSY);
	CHECK_ERRNO(drop("front"), EBUSY);
	CHECK_ERRNO(make("front/views/late"), EBUSY);
	close(camera_open("front", "feed", 0));
	check_set("views/main/crop", "8x8:0,0,4,4");
	CHECK(view_width("main") == 320 && view_width("door") == 640);
	check_set("live", "0");
	check_set("views/main/crop", "8x8:0,0,2,2");
	CHECK_ERRNO(camera_try_open("front", "main", 0), ENOENT);
	check_set("live", "1");
	CHECK(view_width("main") == 160);
	check_set("live", "0");
	CHECK(drop("front/views/door") == 0);
}

#define ROUNDS 200

/* Makes and removes a view, and a camera, all the time. Either is refused sometimes. */
static int churns(void *arg)
{
	int made = 0;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		made += make("front/views/new") == 0;
		drop("front/views/new");
		CHECK(make("back") == 0);
		CHECK(drop("back") == 0);
	}
	CHECK(made);
	return 0;
}

static int sets(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++)
		camera_set("front", "views/main/masks", i % 2 ? "" : "9x9:1,1,1,1");
	return 0;
}

static void check_churn(void)
{
	pid_t churn = process_start(churns, NULL), set = process_start(sets, NULL);
	int live = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (camera_try_set("front", "live", "1") == 0)
			live++;
		else
			CHECK(errno == EBUSY);
		camera_set("front", "live", "0");
	}
	CHECK(live);
	process_wait_ok(churn);
	process_wait_ok(set);
	drop("front/views/new");
}

static void check_module_stays(void)
{
	CHECK(system("rmmod ownframe 2>/dev/null") != 0);
	CHECK_ERRNO(drop("front"), ENOTEMPTY);
	CHECK(drop("front/views/main") == 0);
	CHECK(drop("front") == 0);
	CHECK(system("rmmod ownframe") == 0);
	CHECK_ERRNO(access(ROOT, F_OK), ENOENT);
}

/* Those of the parameter are live, can be changed, and go only with the module. */
static void check_parameter(void)
{
	camera_load("front,back");
	check_value("live", "1");
	CHECK_ERRNO(make("front"), EEXIST);
	CHECK_ERRNO(drop("front"), EPERM);
	CHECK_ERRNO(drop("front/views/main"), EPERM);
	check_set("views/main/crop", "8x8:0,0,2,2");
	CHECK(view_width("main") == 160);
	check_set("live", "0");
	CHECK(make("front/views/more") == 0);
	check_set("live", "1");
	CHECK_ERRNO(drop("front/views/more"), EBUSY);
	CHECK(view_width("more") == 640);
	check_set("live", "0");
	CHECK(drop("front/views/more") == 0);
	CHECK(system("rmmod ownframe") == 0);
}

int main(void)
{
	CHECK(system("modprobe ownframe") == 0);
	CHECK(make("front") == 0);
	check_value("live", "0");
	check_names();
	CHECK_ERRNO(camera_try_set("front", "live", "1"), EINVAL); /* it has no view */
	CHECK(make("front/views/main") == 0);
	check_values();
	check_live();
	check_churn();
	check_module_stays();
	check_parameter();
	return 0;
}
