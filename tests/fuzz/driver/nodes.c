// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cameras of the fuzzer: loading the driver, finding the nodes, small pictures to begin with.
 *
 * vivid, if the kernel has it, gives dma-bufs for the feeds to import. They stay black: whose frame
 * it is cannot be told from them, and is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "camera.h"
#include "fuzz.h"
#include "nodes.h"
#include "tree.h"

#define FIRST_SIDE 32
#define MAX_NODES  32

static bool attribute(unsigned int number, const char *name, char *value, size_t size)
{
	char path[96];
	FILE *file;
	bool read;

	snprintf(path, sizeof(path), "/sys/class/video4linux/video%u/%s", number, name);
	file = fopen(path, "re");
	if (!file)
		return false;
	read = fgets(value, size, file);
	fclose(file);
	if (read)
		value[strcspn(value, "\n")] = '\0';
	return read;
}

static const char *const names[] = { "feed", "main", "second" };

/* Numbers are given anew whenever a camera comes: is this still the one? */
int node_open(unsigned int node, int flags)
{
	struct v4l2_capability capability = { 0 };
	char path[32], card[32];
	int number = run.shared->video[node], fd;

	if (number < 0) {
		errno = ENODEV;
		return -1;
	}
	snprintf(path, sizeof(path), "/dev/video%d", number);
	snprintf(card, sizeof(card), "fuzz%u %s", node / 3, names[node % 3]);
	fd = open(path, O_RDWR | O_CLOEXEC | flags);
	if (fd < 0)
		return -1;
	if (ioctl(fd, VIDIOC_QUERYCAP, &capability) == 0 && !strcmp((char *)capability.card, card))
		return fd;
	close(fd);
	errno = ENXIO;
	return -1;
}

/* Small pictures: the driver is to be tried, not memcpy(). */
static void set_format(unsigned int number, int video)
{
	struct camera *camera = &run.shared->cameras[number];
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
		.fmt.pix = { .width = FIRST_SIDE,
			     .height = FIRST_SIDE,
			     .pixelformat = V4L2_PIX_FMT_YUYV },
	};
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/video%d", video);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	if (ioctl(fd, VIDIOC_S_FMT, &format) == 0) {
		camera->size = format.fmt.pix.sizeimage;
		camera->width = FIRST_SIDE;
		camera->height = FIRST_SIDE;
		camera->fourcc = V4L2_PIX_FMT_YUYV;
		camera->hash = 0;
		camera->format++;
	}
	close(fd);
}

void nodes_find(unsigned int camera)
{
	int video[3] = { -1, -1, -1 };
	char name[32], of[32], node[32];

	snprintf(name, sizeof(name), "fuzz%u", camera);
	for (unsigned int number = 0; number < MAX_NODES; number++) {
		if (!attribute(number, "ownframe/camera", of, sizeof(of)) || strcmp(of, name) ||
		    !attribute(number, "ownframe/node", node, sizeof(node)))
			continue;
		for (unsigned int i = 0; i < 3; i++)
			if (!strcmp(node, names[i]))
				video[i] = number;
	}
	if (video[0] >= 0)
		set_format(camera, video[0]);
	/* The feed last: it says that the camera is there. */
	for (unsigned int i = 3; i--;)
		run.shared->video[camera * 3 + i] = video[i];
}

void nodes_forget(unsigned int camera)
{
	for (unsigned int i = 0; i < 3; i++)
		run.shared->video[camera * 3 + i] = -1;
}

static int open_vivid(void)
{
	char name[64], path[32];

	/* One webcam, no other nodes. */
	if (system("modprobe -q vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0"))
		return -1;
	for (unsigned int number = 0; number < MAX_NODES; number++) {
		if (!attribute(number, "name", name, sizeof(name)) || strncmp(name, "vivid", 5))
			continue;
		snprintf(path, sizeof(path), "/dev/video%u", number);
		return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

static void make_dmabufs(void)
{
	struct v4l2_requestbuffers request = {
		.count = MAX_DMABUFS,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	int fd = open_vivid();

	if (fd < 0) {
		fprintf(stderr, "driver_fuzz: no vivid, so no dma-bufs\n");
		return;
	}
	CHECK(xioctl(fd, VIDIOC_REQBUFS, &request) == 0);
	for (unsigned int i = 0; i < request.count && i < MAX_DMABUFS; i++) {
		struct v4l2_exportbuffer export = {
			.type = request.type,
			.index = i,
			.flags = O_CLOEXEC | O_RDWR,
		};

		CHECK(xioctl(fd, VIDIOC_EXPBUF, &export) == 0);
		run.dmabufs[run.num_dmabufs++] = export.fd;
	}
	/* They live on. */
	close(fd);
}

void nodes_prepare(void)
{
	CHECK(system("modprobe ownframe") == 0);
	run.tree = tree_exists();
	if (!run.tree) {
		CHECK(system("modprobe -r ownframe") == 0);
		camera_load("fuzz0,fuzz1,fuzz2");
	}
	for (unsigned int i = 0; i < CAMERAS; i++) {
		nodes_forget(i);
		if (run.tree)
			CHECK(tree_camera_start(i) == 0);
		else
			nodes_find(i);
		CHECK(run.shared->video[i * 3] >= 0);
	}
	make_dmabufs();
}
