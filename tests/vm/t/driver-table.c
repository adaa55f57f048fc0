// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, who asks which programs watch a camera is told wrong, or crashes the machine by
 * asking while one comes or goes.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "camera.h"

#define TABLE	"/sys/kernel/debug/ownframe/consumers"
#define SIZE	(64 * 64)
#define VISITS	40
#define COMERS	3
#define READERS 2

struct row {
	char camera[16];
	char view[16];
	int tgid;
	unsigned int uid;
	char streaming[4];
	unsigned long long delivered, dropped, bytes, copy_ns;
	char comm[80];
};

/* Returns the number of rows. Each must be one. */
static int table_read(struct row *rows, int most)
{
	FILE *file = fopen(TABLE, "r");
	char line[512];
	int count = 0, end;

	CHECK(file);
	CHECK(fgets(line, sizeof(line), file) && strncmp(line, "camera ", 7) == 0);
	while (fgets(line, sizeof(line), file)) {
		struct row *row = &rows[count++];

		CHECK(count <= most);
		CHECK(sscanf(line, "%15s %15s %d %u %3s %llu %llu %llu %llu %n", row->camera,
			     row->view, &row->tgid, &row->uid, row->streaming, &row->delivered,
			     &row->dropped, &row->bytes, &row->copy_ns, &end) == 9);
		CHECK(sscanf(line + end, "%79[^\n]", row->comm) == 1);
	}
	fclose(file);
	return count;
}

/* --- what it says ------------------------------------------------------------------------------ */

static int said[2];

/* With a name that wants to be two lines, and as another user. Takes no frame. */
static int watch(void *arg)
{
	int fd = camera_open(arg, "main", 0);
	struct stream view;

	CHECK(prctl(PR_SET_NAME, "x\n\\front main 1") == 0);
	CHECK(setuid(65534) == 0);
	stream_map(&view, fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, 2);
	byte_send(said[1], 'b');
	stream_queue_all(&view);
	stream_on(&view);
	byte_send(said[1], 's');
	pause();
	return 0;
}

static void check_row(const struct row *row, const char *camera, pid_t pid)
{
	CHECK(strcmp(row->camera, camera) == 0 && strcmp(row->view, "main") == 0);
	CHECK(row->tgid == pid);
	CHECK(row->uid == 65534);
	CHECK(strcmp(row->comm, "x\\n\\\\front main 1") == 0);
}

/* Another PID namespace sees its own numbers, and none of who is not in it. */
static int read_in_namespace(void *arg)
{
	struct row rows[2];
	char camera[] = "back";
	pid_t watcher;
	int seen = 0;

	(void)arg;
	CHECK(getpid() == 1);
	watcher = process_start(watch, camera);
	CHECK(byte_receive(said[0]) == 'b' && byte_receive(said[0]) == 's');
	CHECK(table_read(rows, 2) == 2);
	for (int i = 0; i < 2; i++) {
		bool inside = strcmp(rows[i].camera, "back") == 0;

		CHECK(rows[i].tgid == (inside ? watcher : 0));
		seen += inside;
	}
	CHECK(seen == 1 && watcher > 0);
	CHECK(kill(watcher, SIGKILL) == 0);
	process_wait(watcher);
	return 0;
}

static int enter_namespace(void *arg)
{
	CHECK(unshare(CLONE_NEWPID) == 0);
	process_wait_ok(process_start(read_in_namespace, arg));
	return 0;
}

static void check_table(struct stream *feed)
{
	char camera[] = "front";
	struct row rows[2];
	struct stat status;
	pid_t watcher;

	CHECK(stat(TABLE, &status) == 0 && (status.st_mode & 07777) == 0400);
	CHECK(table_read(rows, 2) == 0);
	watcher = process_start(watch, camera);
	CHECK(byte_receive(said[0]) == 'b' && byte_receive(said[0]) == 's');
	CHECK(table_read(rows, 2) == 1);
	check_row(rows, "front", watcher);
	CHECK(strcmp(rows->streaming, "yes") == 0);
	CHECK(rows->delivered == 0 && rows->dropped == 0 && rows->bytes == 0 && rows->copy_ns == 0);
	for (uint32_t i = 0; i < 5; i++)
		feed_frame(feed, i);
	CHECK(table_read(rows, 2) == 1);
	CHECK(rows->delivered == 2 && rows->dropped == 3);
	CHECK(rows->bytes == 2 * SIZE);
	CHECK(rows->copy_ns > 0);

	process_wait_ok(process_start(enter_namespace, NULL));

	/* Its buffers are of the old format: it is there, but nothing comes any more. */
	stream_off(feed);
	stream_free(feed);
	feed_format(feed->fd, V4L2_PIX_FMT_GREY, 128, 64);
	stream_map(feed, feed->fd, V4L2_BUF_TYPE_VIDEO_OUTPUT, 2);
	stream_on(feed);
	CHECK(table_read(rows, 2) == 1);
	check_row(rows, "front", watcher);
	CHECK(strcmp(rows->streaming, "no") == 0);
	CHECK(kill(watcher, SIGKILL) == 0);
	process_wait(watcher);
	CHECK(table_read(rows, 2) == 0);
}

/* --- while they come and go -------------------------------------------------------------------- */

static int *enough;

static int reads(void *arg)
{
	struct row rows[COMERS];

	(void)arg;
	while (!__atomic_load_n(enough, __ATOMIC_ACQUIRE)) {
		int count = table_read(rows, COMERS);

		for (int i = 0; i < count; i++) {
			CHECK(strcmp(rows[i].camera, "front") == 0);
			CHECK(rows[i].tgid > 0 && rows[i].uid == 0);
		}
	}
	return 0;
}

static int visits(void *arg)
{
	(void)arg;
	for (int i = 0; i < VISITS; i++) {
		struct stream view;

		stream_map(&view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE, 1);
		stream_queue_all(&view);
		stream_on(&view);
		CHECK(munmap(view.buffers[0].start, view.buffers[0].length) == 0);
		close(view.fd);
	}
	return 0;
}

static void check_coming_and_going(struct stream *feed)
{
	pid_t reader[READERS], comer[COMERS];
	struct row row;

	enough = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(enough != MAP_FAILED);
	for (int i = 0; i < READERS; i++)
		reader[i] = process_start(reads, NULL);
	for (int i = 0; i < COMERS; i++)
		comer[i] = process_start(visits, NULL);
	for (uint32_t i = 0; i < VISITS; i++)
		feed_frame(feed, i);
	for (int i = 0; i < COMERS; i++)
		process_wait_ok(comer[i]);
	__atomic_store_n(enough, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < READERS; i++)
		process_wait_ok(reader[i]);
	CHECK(table_read(&row, 1) == 0);
}

int main(void)
{
	struct stream feed;

	CHECK(pipe(said) == 0);
	camera_load("front,back");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	check_table(&feed);
	check_coming_and_going(&feed);
	return 0;
}
