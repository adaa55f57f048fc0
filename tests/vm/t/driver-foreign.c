// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a process that got hold of a recorder's descriptor (a child it forked, a helper it
 * passed the descriptor to, a program it executed) can map, read or take its frames.
 *
 * Rule: once a handle is bound, every call of another process on it gets EACCES, but for those that
 * tell of the camera only.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"
#include "stranger.h"

static struct stream view;
static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static int touch_mapping(void *arg)
{
	signal(SIGSEGV, SIG_DFL);
	return *(volatile char *)arg;
}

static void check_flags_of(const void *mapping)
{
	char line[256], start[32];
	FILE *maps = fopen("/proc/self/smaps", "r");
	bool ours = false, seen = false;

	CHECK(maps);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)mapping);
	while (!seen && fgets(line, sizeof(line), maps)) {
		if (strncmp(line, start, strlen(start)) == 0)
			ours = true;
		if (!ours || strncmp(line, "VmFlags:", 8))
			continue;
		CHECK(strstr(line, " dc ") && strstr(line, " dd ") && strstr(line, " de "));
		seen = true;
	}
	CHECK(seen);
	fclose(maps);
}

static void check_mapping_flags(void)
{
	uint8_t *mapping = view.buffers[0].start;

	check_flags_of(mapping);
	/* No core dump, no growing over what follows in the file, no hole to read zeros through. */
	CHECK_ERRNO(madvise(mapping, 4096, MADV_DODUMP), EINVAL);
	CHECK_ERRNO(madvise(mapping, 4096, MADV_REMOVE), EOPNOTSUPP);
	CHECK(mremap(mapping, view.buffers[0].length, view.buffers[0].length * 2, MREMAP_MAYMOVE) ==
	      MAP_FAILED);
	/* Mapped once more, by the back door. */
	CHECK(remap_file_pages(mapping, 4096, 0, 1, 0) == 0);
	check_flags_of(mapping);
}

static int receiver_binds(void *arg)
{
	struct stream mine;
	int socket = *(int *)arg;

	stream_map(&mine, fd_receive(socket), capture, 1);
	byte_send(socket, 'b');
	byte_receive(socket);
	stream_queue_all(&mine);
	stream_on(&mine);
	return 0;
}

/* It allocates, so it is the owner, and who opened the node is a stranger. */
static void check_passed_before(void)
{
	int pair[2], fd = camera_open("front", "main", 0);
	pid_t pid;

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	pid = process_start(receiver_binds, &pair[1]);
	fd_send(pair[0], fd);
	byte_receive(pair[0]);
	stranger_refused(fd, capture);
	byte_send(pair[0], 'c');
	process_wait_ok(pid);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

static void check_strangers(int fd, uint32_t type)
{
	stranger_forked(fd, type);
	stranger_passed(fd, type);
	stranger_takes(fd, type);
	stranger_executed(fd, type);
}

/* Two processes with the same offsets in hand reach two memories. */
static int watch_too(void *arg)
{
	struct stream mine;

	(void)arg;
	stream_map(&mine, camera_open("front", "main", 0), capture, view.count);
	for (unsigned int i = 0; i < mine.count; i++)
		for (size_t at = 0; at < mine.buffers[i].length; at++)
			CHECK(mine.buffers[i].start[at] == 0);
	memset(mine.buffers[0].start, 0x55, mine.buffers[0].length);
	return 0;
}

int main(int argc, char **argv)
{
	struct stream feed;
	struct v4l2_buffer buffer;
	uint8_t before;
	int status;

	stranger_executed_main(argc, argv);
	camera_load("front");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 128, 64);
	stream_map(&view, camera_open("front", "main", 0), capture, 2);
	stream_queue_all(&view);
	stream_on(&view);
	feed_frame(&feed, 1);
	buffer = stream_dequeue(&view);
	CHECK(frame_intact(view.buffers[buffer.index].start, buffer.bytesused));
	feed_frame(&feed, 2); /* there is one to be taken, should anybody be let */

	check_strangers(view.fd, capture);
	check_strangers(feed.fd, V4L2_BUF_TYPE_VIDEO_OUTPUT);
	check_passed_before();
	status = process_wait(process_start(touch_mapping, view.buffers[0].start));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = process_wait(process_start(touch_mapping, feed.buffers[0].start));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	before = view.buffers[0].start[100];
	process_wait_ok(process_start(watch_too, NULL));
	CHECK(view.buffers[0].start[100] == before);
	check_mapping_flags();

	/* And the owner still has its frame. */
	buffer = stream_dequeue(&view);
	CHECK(frame_number(view.buffers[buffer.index].start) == 2);
	return 0;
}
