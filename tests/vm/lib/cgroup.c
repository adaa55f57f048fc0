// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory cgroups below that of the running test.
 *
 * The one thing to know: a cgroup that hands out memory to children may have no process itself, so
 * the first cgroup_make() moves the test into a leaf.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "camera.h"
#include "cgroup.h"

static char base[128];

static void file_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	close(fd);
}

static void path_of(char path[256], const char *name, const char *file)
{
	snprintf(path, 256, "%s/%s/%s", base, name, file);
}

static void base_find(void)
{
	char line[64] = "";
	FILE *file = fopen("/proc/self/cgroup", "r");

	CHECK(file && fgets(line, sizeof(line), file));
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	CHECK(strncmp(line, "0::/", 4) == 0);
	snprintf(base, sizeof(base), "/sys/fs/cgroup%s", line + 3);
}

void cgroup_make(const char *name)
{
	char path[256];

	if (!base[0]) {
		base_find();
		path_of(path, "main", "");
		CHECK(mkdir(path, 0755) == 0);
		cgroup_enter("main");
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control", base);
		file_write(path, "+memory");
	}
	path_of(path, name, "");
	CHECK(mkdir(path, 0755) == 0);
}

void cgroup_enter(const char *name)
{
	cgroup_set(name, "cgroup.procs", "0");
}

void cgroup_set(const char *name, const char *file, const char *value)
{
	char path[256];

	path_of(path, name, file);
	file_write(path, value);
}

unsigned long long cgroup_get(const char *name, const char *file, const char *key)
{
	char path[256], word[64];
	unsigned long long value;
	FILE *stream;

	path_of(path, name, file);
	stream = fopen(path, "r");
	CHECK(stream);
	if (!key) {
		CHECK(fscanf(stream, "%llu", &value) == 1);
	} else {
		do {
			CHECK(fscanf(stream, "%63s %llu", word, &value) == 2);
		} while (strcmp(word, key) != 0);
	}
	fclose(stream);
	return value;
}

void cgroup_await_below(const char *name, size_t bytes)
{
	/* Nothing tells when it falls. */
	for (int i = 0; cgroup_get(name, "memory.current", NULL) > bytes; i++) {
		CHECK(i < 1000);
		usleep(10000);
	}
}
