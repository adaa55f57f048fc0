// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The directories and files of configfs: cameras made, removed and taken away while they are used,
 * policies changed, all of it also when it cannot be.
 *
 * The cameras that handles are opened on come back after they were taken away, under the same names.
 * One more, that nobody opens, is for directories that come and go.
 *
 * The one thing to know: a camera's epoch counts up after it is gone and before it is there again.
 * So a handle of an earlier epoch is surely one of a camera that is no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handle.h"
#include "nodes.h"
#include "tree.h"

#define ROOT "/sys/kernel/config/ownframe"

static const char *const view_names[] = { "main", "second" };

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int read_file(const char *path)
{
	char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = read(fd, text, sizeof(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int set_live(unsigned int camera, bool live)
{
	char path[64];

	snprintf(path, sizeof(path), ROOT "/fuzz%u/live", camera);
	return write_file(path, live ? "1" : "0");
}

/* --- a camera comes and goes ------------------------------------------------------------------- */

/* Directories that are there already stay. */
static void make_directories(unsigned int camera)
{
	char path[64];

	snprintf(path, sizeof(path), ROOT "/fuzz%u", camera);
	mkdir(path, 0755);
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), ROOT "/fuzz%u/views/%s", camera, view_names[i]);
		mkdir(path, 0755);
	}
}

int tree_camera_start(unsigned int number)
{
	int ret;

	make_directories(number);
	ret = set_live(number, true);
	if (!ret)
		nodes_find(number);
	return ret;
}

static int camera_stop(unsigned int number)
{
	int ret;

	nodes_forget(number);
	ret = set_live(number, false);
	if (!ret)
		run.shared->cameras[number].epoch++;
	return ret;
}

/* One at a time; who is killed meanwhile loses its right, see tree_release(). */
static void toggle(struct thread *thread, unsigned int number)
{
	struct camera *camera = &run.shared->cameras[number];
	uint32_t nobody = 0;
	bool gone = run.shared->video[number * 3] < 0;
	int ret;

	if (!atomic_compare_exchange_strong(&camera->toggler, &nobody, thread->lane->pid))
		return;
	event_begin(thread, gone ? EV_LIVE : EV_UNPLUG, number);
	ret = gone ? tree_camera_start(number) : camera_stop(number);
	event_end(thread, ret);
	camera->toggler = 0;
}

void tree_release(pid_t pid)
{
	for (unsigned int i = 0; i < CAMERAS; i++) {
		uint32_t toggler = pid;

		atomic_compare_exchange_strong(&run.shared->cameras[i].toggler, &toggler, 0);
	}
}

/* --- files ------------------------------------------------------------------------------------- */

struct attribute {
	const char *name;
	/* The first is the default, and taken more often than not. */
	const char *values[8];
};

static const struct attribute attributes[] = {
	{ "max_consumers", { "8", "8", "1", "2", "1024", "0", "-1", "x" } },
	{ "memory_limit", { "0", "0", "8388608", "1048576", "65536", "4096", "1", "" } },
	{ "max_rate", { "0", "0", "1", "5", "30", "1000", "1001", "1.5" } },
	{ "crop",
	  { "", "64x64:0,0,64,64", "64x64:16,16,32,32", "64x64:1,1,3,3", "8x8:7,7,1,1",
	    "64x64:60,60,8,8", "64x64", "64x64:0,0,1,1;0,0,1,1" } },
	{ "masks",
	  { "", "64x64:0,0,64,64", "64x64:1,2,3,4;5,6,7,8", "16x16:3,3,1,1;0,15,16,1",
	    "65535x65535:65534,65534,1,1", "0x0:0,0,0,0", ";", "64x64:0,0,-1,-1" } },
	{ "userptr", { "1", "1", "0", "1", "y", "n", "2", "" } },
	{ "export", { "1", "1", "0", "0", "y", "n", "maybe", "" } },
};

#define ATTRIBUTES (sizeof(attributes) / sizeof(*attributes))

static void touch_attribute(struct thread *thread)
{
	const struct attribute *attribute = &attributes[random_below(&thread->random, ATTRIBUTES)];
	unsigned int camera = random_below(&thread->random, CAMERAS);
	unsigned int view = random_below(&thread->random, 2);
	unsigned int value = random_below(&thread->random, 8);
	bool show = random_one_in(&thread->random, 3);
	char path[96];
	int ret;

	if (!random_one_in(&thread->random, 3))
		value = 0;
	snprintf(path, sizeof(path), ROOT "/fuzz%u/views/%s/%s", camera, view_names[view],
		 attribute->name);
	event_begin(thread, show ? EV_SHOW : EV_STORE, camera);
	ret = show ? read_file(path) : write_file(path, attribute->values[value]);
	event_end(thread, ret);
	/* Another cut is another format. */
	if (!ret && !show && !strcmp(attribute->name, "crop"))
		run.shared->cameras[camera].format++;
}

/* --- directories ------------------------------------------------------------------------------- */

static void make_or_remove(struct thread *thread)
{
	static const char *const names[] = {
		"fuzz3",	   "fuzz3/views/a", "fuzz3/views/b",	       "fuzz3/views/feed",
		"fuzz3/views/c.d", "fuzz3/x",	    "a_name_that_is_too_long", "-",
	};
	char path[64];
	bool make = random_one_in(&thread->random, 2);
	unsigned int which = random_below(&thread->random, 12);
	unsigned int camera = random_below(&thread->random, CAMERAS);

	if (which >= 8)
		which = which % 3;
	snprintf(path, sizeof(path), ROOT "/%s", names[which]);
	/* Those that are used: only while they are not live, and then they come back with it. */
	if (!make && random_one_in(&thread->random, 8))
		snprintf(path, sizeof(path), ROOT "/fuzz%u%s", camera,
			 random_one_in(&thread->random, 2) ? "" : "/views/second");
	event_begin(thread, make ? EV_MKDIR : EV_RMDIR, camera);
	event_end(thread, (make ? mkdir(path, 0755) : rmdir(path)) ? -errno : 0);
}

static void toggle_spare(struct thread *thread)
{
	bool live = random_one_in(&thread->random, 2);

	event_begin(thread, EV_SPARE, CAMERAS);
	event_end(thread, set_live(CAMERAS, live));
}

void tree_touch(struct thread *thread)
{
	switch (random_below(&thread->random, 16)) {
	case 0:
		toggle(thread, random_below(&thread->random, CAMERAS));
		break;
	case 1:
		toggle_spare(thread);
		break;
	case 2 ... 6:
		make_or_remove(thread);
		break;
	default:
		touch_attribute(thread);
	}
	/* What is gone comes back soon. */
	for (unsigned int i = 0; i < CAMERAS; i++)
		if (run.shared->video[i * 3] < 0)
			toggle(thread, i);
}

/* --- life -------------------------------------------------------------------------------------- */

bool tree_exists(void)
{
	return access(ROOT, F_OK) == 0;
}

static void remove_camera(unsigned int number)
{
	static const char *const names[] = { "views/main", "views/second", "views/a", "views/b",
					     "" };
	char path[64];

	set_live(number, false);
	for (unsigned int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), ROOT "/fuzz%u/%s", number, names[i]);
		rmdir(path);
	}
}

void tree_remove(void)
{
	for (unsigned int i = 0; i <= CAMERAS; i++)
		remove_camera(i);
}
