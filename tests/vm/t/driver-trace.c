// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, who looks for lost frames with trace-cmd or perf is told of frames that were not
 * lost, or not of those that were, or is shown the kernel's addresses.
 *
 * What tracefs says is compared with what was fed, delivered and dropped: line by line where nothing
 * happens at once, in sums where consumers come and go as they like.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "camera.h"

/* Of its own, so that nobody else's events are in it. */
#define INSTANCE "/sys/kernel/tracing/instances/ownframe-test"
#define SIZE	 (64 * 64)
#define FRAMES	 200
#define LEAVERS	 3

/* --- tracefs ----------------------------------------------------------------------------------- */

static void trace_write(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), INSTANCE "/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void trace_start(void)
{
	if (rmdir(INSTANCE))
		CHECK(errno == ENOENT);
	CHECK(mkdir(INSTANCE, 0700) == 0);
	trace_write("trace_clock", "counter"); /* of two events one is first, on all processors */
	trace_write("events/ownframe/enable", "1");
}

static void trace_end(void)
{
	trace_write("events/ownframe/enable", "0");
	CHECK(rmdir(INSTANCE) == 0);
}

struct event {
	enum {
		IN,
		OUT,
		DROP
	} type;
	char camera[16];
	char view[16];
	int tgid;
	unsigned int sequence;
	unsigned int bytes;
	unsigned int consumers;
	unsigned long long number; /* timestamp or copy_ns */
	char reason[16];
};

static bool event_parse(struct event *event, const char *line)
{
	const char *at;

	*event = (struct event) { 0 };
	if ((at = strstr(line, ": frame_in: ")))
		return sscanf(at,
			      ": frame_in: camera=%15s sequence=%u bytes=%u timestamp=%llu "
			      "consumers=%u",
			      event->camera, &event->sequence, &event->bytes, &event->number,
			      &event->consumers) == 5;
	if ((at = strstr(line, ": frame_out: "))) {
		event->type = OUT;
		return sscanf(at,
			      ": frame_out: camera=%15s view=%15s tgid=%d sequence=%u bytes=%u "
			      "copy_ns=%llu",
			      event->camera, event->view, &event->tgid, &event->sequence,
			      &event->bytes, &event->number) == 6;
	}
	at = strstr(line, ": frame_drop: ");
	event->type = DROP;
	return at && sscanf(at,
			    ": frame_drop: camera=%15s view=%15s tgid=%d sequence=%u bytes=%u "
			    "reason=%15s",
			    event->camera, event->view, &event->tgid, &event->sequence,
			    &event->bytes, event->reason) == 6;
}

/* Takes the events that are there, and empties the buffer. */
static unsigned int trace_take(struct event *events, unsigned int most)
{
	FILE *file = fopen(INSTANCE "/trace", "r");
	unsigned long kept = 0, written = 1;
	unsigned int count = 0;
	char line[512];

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "# entries-in-buffer/entries-written: %lu/%lu", &kept, &written);
		if (line[0] == '#')
			continue;
		CHECK(count < most);
		if (!event_parse(&events[count++], line))
			camera_fail(__FILE__, __LINE__, line, 0);
	}
	fclose(file);
	CHECK(kept == written && kept == count);
	trace_write("trace", "");
	return count;
}

/* What programs read to find the fields. Not one is wide enough for an address, but those known. */
static void check_format(const char *event)
{
	char path[128], line[512], name[64];
	unsigned int size;
	FILE *file;

	snprintf(path, sizeof(path), INSTANCE "/events/ownframe/%s/format", event);
	file = fopen(path, "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		CHECK(!strstr(line, "%p"));
		if (sscanf(line, "\tfield:%*[^;]; offset:%*u; size:%u;", &size) != 1)
			continue;
		CHECK(sscanf(line, "\tfield:%63[^;]", name) == 1);
		if (size == 8)
			CHECK(!strcmp(name, "u64 timestamp") || !strcmp(name, "u64 copy_ns"));
		else
			CHECK(size <= 4 || strstr(name, "[14]"));
	}
	fclose(file);
}

static void expect_in(const struct event *event, const char *camera, unsigned int sequence,
		      unsigned int consumers)
{
	CHECK(event->type == IN);
	CHECK(strcmp(event->camera, camera) == 0);
	CHECK(event->sequence == sequence && event->bytes == SIZE);
	CHECK(event->consumers == consumers);
}

static void expect(const struct event *event, int type, pid_t tgid, unsigned int sequence)
{
	CHECK((int)event->type == type);
	CHECK(strcmp(event->camera, "front") == 0 && strcmp(event->view, "main") == 0);
	CHECK(event->tgid == tgid);
	CHECK(event->sequence == sequence && event->bytes == SIZE);
	if (type == DROP)
		CHECK(strcmp(event->reason, "no_buffer") == 0);
}

/* --- line by line ------------------------------------------------------------------------------ */

static int to_taker[2], from_taker[2], from_sleeper[2];

static void watch(struct stream *view)
{
	stream_map(view, camera_open("front", "main", 0), V4L2_BUF_TYPE_VIDEO_CAPTURE, 2);
	stream_queue_all(view);
	stream_on(view);
}

/* Takes each frame. */
static int taker(void *arg)
{
	struct stream view;
	struct v4l2_buffer buffer;

	(void)arg;
	watch(&view);
	while (true) {
		buffer = stream_dequeue(&view);
		stream_queue(&view, buffer.index);
		byte_send(from_taker[1], '.');
		if (byte_receive(to_taker[0]) == 'q')
			return 0;
	}
}

static void *watch_in_thread(void *view)
{
	watch(view);
	return NULL;
}

/* Takes none. A thread of it starts, but it is the process that counts. */
static int sleeper(void *arg)
{
	struct stream view;
	pthread_t thread;

	(void)arg;
	CHECK(pthread_create(&thread, NULL, watch_in_thread, &view) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	byte_send(from_sleeper[1], '.');
	pause();
	return 0;
}

static void check_lines(struct stream *feed)
{
	static struct event events[64];
	struct event *event = events;
	struct stream other;
	uint32_t number = 0;
	pid_t takes, sleeps;

	for (; number < 2; number++)
		feed_frame(feed, number);
	takes = process_start(taker, NULL);
	feed_await_consumers(feed->fd, 1); /* so that frames come to it first */
	sleeps = process_start(sleeper, NULL);
	byte_receive(from_sleeper[0]);
	for (; number < 7; number++) {
		feed_frame(feed, number);
		byte_receive(from_taker[0]);
		byte_send(to_taker[1], number < 6 ? '.' : 'q');
	}
	process_wait_ok(takes);
	feed_start(&other, "back", V4L2_PIX_FMT_GREY, 64, 64);
	feed_frame(&other, 0);
	CHECK(kill(sleeps, SIGKILL) == 0);
	process_wait(sleeps);

	CHECK(trace_take(events, 64) == 2 + 5 * 3 + 1);
	for (number = 0; number < 2; number++)
		expect_in(event++, "front", number, 0);
	for (; number < 7; number++) {
		expect_in(event++, "front", number, 2);
		expect(event++, OUT, takes, number);
		/* Its two buffers hold the first two. */
		expect(event++, number < 4 ? OUT : DROP, sleeps, number);
	}
	expect_in(event, "back", 0, 0);
	close(other.fd);
}

/* --- in sums ----------------------------------------------------------------------------------- */

/* What a consumer says of itself, and what the trace says of it. */
static struct tally {
	pid_t pid;
	uint64_t delivered;
	uint64_t dropped;
} * said, traced[LEAVERS];
static int *enough;

/* Comes and goes, and takes now and then. */
static int leaver(void *arg)
{
	struct tally *own = arg;
	struct stream view = { .fd = camera_open("front", "main", O_NONBLOCK) };
	unsigned int seed = (unsigned int)(own - said);

	stream_map(&view, view.fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, 2);
	stream_queue_all(&view);
	stream_on(&view);
	byte_send(from_taker[1], '.');
	stream_dequeue(&view);
	stream_off(&view);
	while (!__atomic_load_n(enough, __ATOMIC_ACQUIRE)) {
		stream_queue_all(&view);
		stream_on(&view);
		for (int i = rand_r(&seed) % 8; i > 0; i--) {
			struct v4l2_buffer buffer = { .type = view.type, .memory = view.memory };

			if (xioctl(view.fd, VIDIOC_DQBUF, &buffer) == 0)
				stream_queue(&view, buffer.index);
		}
		stream_off(&view);
	}
	own->delivered = view_counter(view.fd, OWNFRAME_CID_DELIVERED);
	own->dropped = view_counter(view.fd, OWNFRAME_CID_DROPPED);
	return 0;
}

static void count_event(const struct event *event)
{
	for (int i = 0; i < LEAVERS; i++) {
		if (traced[i].pid != event->tgid)
			continue;
		if (event->type == OUT)
			traced[i].delivered++;
		else if (strcmp(event->reason, "no_buffer") == 0)
			traced[i].dropped++;
		else
			CHECK(strcmp(event->reason, "stopped") == 0);
		return;
	}
	CHECK(!"a known process");
}

static void check_sums(struct stream *feed)
{
	static struct event events[FRAMES * (1 + LEAVERS)];
	struct event *event = events, *end;
	unsigned int frames = 0;
	uint32_t sequence = 0;

	said = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(said != MAP_FAILED);
	enough = (int *)&said[LEAVERS];
	for (int i = 0; i < LEAVERS; i++)
		traced[i].pid = process_start(leaver, &said[i]);
	for (int i = 0; i < LEAVERS; i++)
		byte_receive(from_taker[0]);
	for (uint32_t i = 0; i < FRAMES; i++)
		feed_frame(feed, i);
	__atomic_store_n(enough, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < LEAVERS; i++)
		process_wait_ok(traced[i].pid);

	end = event + trace_take(events, FRAMES * (1 + LEAVERS));
	while (event < end) {
		const struct event *in = event++;

		CHECK(in->type == IN);
		CHECK(!frames++ || in->sequence == sequence + 1);
		sequence = in->sequence;
		for (unsigned int i = 0; i < in->consumers; i++, event++) {
			CHECK(event < end && event->type != IN);
			CHECK(event->sequence == sequence);
			count_event(event);
		}
	}
	CHECK(frames == FRAMES);
	for (int i = 0; i < LEAVERS; i++) {
		CHECK(traced[i].delivered == said[i].delivered);
		CHECK(traced[i].dropped == said[i].dropped);
		CHECK(said[i].delivered);
	}
}

int main(void)
{
	struct stream feed;

	CHECK(pipe(to_taker) == 0 && pipe(from_taker) == 0 && pipe(from_sleeper) == 0);
	camera_load("front,back");
	trace_start();
	check_format("frame_in");
	check_format("frame_out");
	check_format("frame_drop");
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	check_lines(&feed);
	check_sums(&feed);
	trace_end();
	return 0;
}
