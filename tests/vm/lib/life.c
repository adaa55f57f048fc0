// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One consumer from its first frame to its end. Apart from who begins and kills them, which is
 * driver-property.c's part: here is only what a consumer sees, and what it must not.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "camera.h"
#include "chance.h"
#include "life.h"
#include "stranger.h"

#define MAX_BUFFERS 6
#define GUARD	    64 /* bytes on either side of a user pointer */
#define GUARD_BYTE  0xa5
#define WAIT_MS	    20000

const char *const camera_names[CAMERAS] = { "front", "back" };
struct camera *cameras;
atomic_uint *frames_seen;

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

void cameras_share(void)
{
	pthread_mutexattr_t attributes;

	cameras = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(cameras != MAP_FAILED);
	frames_seen = (atomic_uint *)(cameras + CAMERAS);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	for (int i = 0; i < CAMERAS; i++)
		CHECK(pthread_mutex_init(&cameras[i].still, &attributes) == 0);
}

void still_lock(struct camera *camera)
{
	int ret = pthread_mutex_lock(&camera->still);

	if (ret == EOWNERDEAD)
		ret = pthread_mutex_consistent(&camera->still);
	CHECK(ret == 0);
}

void still_unlock(struct camera *camera)
{
	CHECK(pthread_mutex_unlock(&camera->still) == 0);
}

enum means {
	BY_MMAP,
	BY_USERPTR,
	BY_USERPTR_MOVING,
	BY_READ,
	MEANS
};
enum end {
	TIDILY,
	BY_EXIT,
	BY_CLOSE,
	WITH_CHILD,
	BY_KILL,
	NEVER,
	ENDS
};

struct slot {
	uint8_t *start;
	size_t length;
	uint32_t held; /* number of the frame that is in our hands, or 0 */
};

struct life {
	uint32_t camera_index;
	struct camera *camera;
	enum means means;
	enum end end;
	uint32_t frames; /* that it wants to see */
	uint32_t pace;
	int fd;

	/* The present stream. */
	struct v4l2_pix_format pix;
	uint32_t memory;
	unsigned int count;
	struct slot slots[MAX_BUFFERS];
	uint32_t newer_than; /* numbers that come are higher */
	uint32_t last; /* the last that came, or 0 */
	uint32_t sequence; /* the next, if nothing is lost */

	/* All streams of the handle. */
	uint64_t delivered;
	uint64_t lost;
	bool settled; /* lost_then is what the next frame has to account for */
	uint64_t lost_then;
};

static void guard_fill(struct life *life, struct slot *slot)
{
	memset(slot->start - GUARD, GUARD_BYTE, GUARD);
	memset(slot->start + life->pix.sizeimage, GUARD_BYTE, GUARD);
}

static void guard_check(struct life *life, const struct slot *slot)
{
	for (int i = 0; i < GUARD; i++) {
		CHECK(slot->start[-1 - i] == GUARD_BYTE);
		CHECK(slot->start[life->pix.sizeimage + i] == GUARD_BYTE);
	}
}

/* A buffer ends at a page's end: what is behind the frame was zero when it was made. */
static void tail_check(const struct slot *slot, size_t from)
{
	for (size_t at = from; at < slot->length; at++)
		CHECK(slot->start[at] == 0);
}

static void slot_map(struct life *life, unsigned int index)
{
	struct v4l2_buffer buffer = { .index = index, .type = capture, .memory = V4L2_MEMORY_MMAP };
	struct slot *slot = &life->slots[index];

	CHECK(xioctl(life->fd, VIDIOC_QUERYBUF, &buffer) == 0);
	slot->length = (buffer.length + 4095) & ~4095u;
	slot->start = mmap(NULL, slot->length, PROT_READ | PROT_WRITE, MAP_SHARED, life->fd,
			   buffer.m.offset);
	CHECK(slot->start != MAP_FAILED);
	tail_check(slot, 0);
}

static void slot_allocate(struct life *life, struct slot *slot)
{
	slot->length = life->pix.sizeimage;
	slot->start = malloc(slot->length + 2 * GUARD);
	CHECK(slot->start);
	slot->start += GUARD;
	guard_fill(life, slot);
}

static void slot_free(struct life *life, struct slot *slot)
{
	if (life->memory == V4L2_MEMORY_MMAP) {
		CHECK(munmap(slot->start, slot->length) == 0);
	} else {
		guard_check(life, slot);
		free(slot->start - GUARD);
	}
	slot->held = 0;
}

static void slot_queue(struct life *life, unsigned int index)
{
	struct slot *slot = &life->slots[index];
	struct v4l2_buffer buffer = { .index = index, .type = capture, .memory = life->memory };

	if (slot->held) {
		CHECK(frame_number(slot->start) == slot->held);
		CHECK(frame_intact(slot->start, life->pix.sizeimage));
		slot->held = 0;
	}
	if (life->means == BY_USERPTR_MOVING) {
		slot_free(life, slot);
		slot_allocate(life, slot);
	}
	if (life->memory == V4L2_MEMORY_USERPTR) {
		buffer.m.userptr = (unsigned long)slot->start;
		buffer.length = slot->length;
	}
	/* After a change of format there is an error; the next VIDIOC_DQBUF says so too. */
	CHECK(xioctl(life->fd, VIDIOC_QBUF, &buffer) == 0 || errno == EIO);
}

static void expect_newer(struct life *life)
{
	life->newer_than = atomic_load(&life->camera->fed);
	life->last = 0;
	life->sequence = 0;
	life->settled = false;
}

static struct v4l2_pix_format view_format(int fd)
{
	struct v4l2_format format = { .type = capture };

	CHECK(xioctl(fd, VIDIOC_G_FMT, &format) == 0);
	return format.fmt.pix;
}

/* Buffers of the format that is in life->pix. */
static void stream_request(struct life *life)
{
	struct v4l2_requestbuffers request = { .type = capture };
	bool changed;

	life->memory = life->means == BY_MMAP ? V4L2_MEMORY_MMAP : V4L2_MEMORY_USERPTR;
	request.memory = life->memory;
	do {
		life->pix = view_format(life->fd);
		request.count = 1 + chance(MAX_BUFFERS);
		CHECK(xioctl(life->fd, VIDIOC_REQBUFS, &request) == 0);
		life->count = request.count;
		changed = view_format(life->fd).sizeimage != life->pix.sizeimage;
	} while (changed);
	CHECK(life->count <= MAX_BUFFERS);
}

/* Buffers, queued, and a stream. False: the format has changed meanwhile. */
static bool stream_begin(struct life *life)
{
	stream_request(life);
	for (unsigned int i = 0; i < life->count; i++) {
		if (life->memory == V4L2_MEMORY_MMAP)
			slot_map(life, i);
		else
			slot_allocate(life, &life->slots[i]);
	}
	expect_newer(life);
	for (unsigned int i = 0; i < life->count; i++)
		slot_queue(life, i);
	if (xioctl(life->fd, VIDIOC_STREAMON, &capture) == 0)
		return true;
	CHECK(errno == EPIPE);
	return false;
}

static void stream_end(struct life *life)
{
	struct v4l2_requestbuffers request = { .type = capture, .memory = life->memory };

	CHECK(xioctl(life->fd, VIDIOC_STREAMOFF, &capture) == 0);
	for (unsigned int i = 0; i < life->count; i++)
		slot_free(life, &life->slots[i]);
	life->count = 0;
	CHECK(xioctl(life->fd, VIDIOC_REQBUFS, &request) == 0);
}

/* What came is a frame of this camera, this stream, and after the last. */
static void account_bytes(struct life *life, const uint8_t *frame, size_t length)
{
	uint32_t number = frame_number(frame);

	CHECK(length == life->pix.sizeimage);
	CHECK(frame_intact(frame, length));
	CHECK(NUMBER_CAMERA(number) == life->camera_index);
	CHECK(number > life->newer_than);
	CHECK(number > life->last);
	life->delivered++;
	atomic_fetch_add(frames_seen, 1);
}

/* Numbers and `sequence` tell of the same gap, and an account that was settled was right. */
static void account_gap(struct life *life, uint32_t number, uint32_t sequence)
{
	CHECK(sequence >= life->sequence);
	if (life->last && NUMBER_FEED(life->last) == NUMBER_FEED(number))
		CHECK(number - life->last == sequence - life->sequence + 1);
	life->lost += sequence - life->sequence;
	if (life->settled)
		CHECK(life->lost == life->lost_then);
	life->settled = false;
	life->last = number;
	life->sequence = sequence + 1;
}

/* 1: a frame, 0: none yet, -1: the format has changed. */
static int frame_take(struct life *life, unsigned int *index)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = life->memory };
	struct slot *slot;

	if (xioctl(life->fd, VIDIOC_DQBUF, &buffer) == -1) {
		CHECK(errno == EAGAIN || errno == EIO);
		return errno == EAGAIN ? 0 : -1;
	}
	CHECK(buffer.index < life->count);
	CHECK(!(buffer.flags & V4L2_BUF_FLAG_ERROR));
	slot = &life->slots[buffer.index];
	CHECK(!slot->held);
	account_bytes(life, slot->start, buffer.bytesused);
	if (life->memory == V4L2_MEMORY_MMAP)
		tail_check(slot, buffer.bytesused);
	else
		guard_check(life, slot);
	account_gap(life, frame_number(slot->start), buffer.sequence);
	slot->held = frame_number(slot->start);
	*index = buffer.index;
	return 1;
}

static bool await_frame(struct life *life)
{
	struct pollfd poller = { .fd = life->fd, .events = POLLIN };

	CHECK(poll(&poller, 1, WAIT_MS) == 1);
	return !(poller.revents & POLLERR);
}

/*
 * With the feed held still, all frames taken and all buffers queued: what is counted is what came, and
 * the next frame, which finds a buffer, tells of the rest.
 */
static bool settle(struct life *life)
{
	unsigned int index;
	int ret;

	still_lock(life->camera);
	while ((ret = frame_take(life, &index)) > 0)
		;
	if (ret == 0) {
		CHECK(view_counter(life->fd, OWNFRAME_CID_DELIVERED) == life->delivered);
		life->lost_then = view_counter(life->fd, OWNFRAME_CID_DROPPED);
		life->settled = true;
		life->newer_than = atomic_load(&life->camera->fed);
		for (index = 0; index < life->count; index++)
			if (life->slots[index].held)
				slot_queue(life, index);
	}
	still_unlock(life->camera);
	return ret == 0;
}

/* Take frames and give buffers back, one or several at a time. False: the format has changed. */
static bool stream_some(struct life *life)
{
	unsigned int index, hold = chance(life->count);
	int ret;

	for (unsigned int i = 0; i <= hold; i++) {
		if (!await_frame(life))
			return false;
		ret = frame_take(life, &index);
		if (ret < 0)
			return false;
	}
	pause_randomly(life->pace);
	for (index = 0; index < life->count; index++)
		if (life->slots[index].held)
			slot_queue(life, index);
	return chance(4) ? true : settle(life);
}

static void live_by_buffers(struct life *life)
{
	uint64_t wanted = life->delivered + life->frames;
	bool streams = false;
	unsigned int index;
	uint64_t delivered;

	for (;;) {
		if (!streams)
			streams = stream_begin(life) && settle(life);
		while (streams && life->delivered < wanted)
			streams = stream_some(life);
		if (streams && life->delivered >= wanted && life->end != NEVER) {
			/* And one in our hands. */
			if (await_frame(life))
				frame_take(life, &index);
			return;
		}
		/* Another stream on the same handle, as if nothing had been. */
		stream_end(life);
		delivered = view_counter(life->fd, OWNFRAME_CID_DELIVERED);
		CHECK(delivered >= life->delivered);
		life->delivered = delivered;
		life->lost = view_counter(life->fd, OWNFRAME_CID_DROPPED);
		wanted += life->frames;
		streams = false;
	}
}

static void live_by_read(struct life *life)
{
	static uint8_t frame[1 << 16];
	ssize_t length;

	life->pix = view_format(life->fd);
	expect_newer(life);
	for (uint32_t i = 0; i < life->frames || life->end == NEVER; i++) {
		if (!await_frame(life))
			return;
		memset(frame, GUARD_BYTE, sizeof(frame));
		length = read(life->fd, frame, sizeof(frame));
		if (length == -1 && errno == EAGAIN)
			continue;
		/* The format changed before the first read, or after it. */
		if (length == -1 || (size_t)length != life->pix.sizeimage) {
			CHECK(length != -1 || errno == EIO || errno == EPIPE);
			return;
		}
		account_bytes(life, frame, length);
		for (size_t at = length; at < sizeof(frame); at++)
			CHECK(frame[at] == GUARD_BYTE);
		life->last = frame_number(frame);
		pause_randomly(life->pace);
	}
	still_lock(life->camera);
	CHECK(view_counter(life->fd, OWNFRAME_CID_DELIVERED) >= life->delivered);
	still_unlock(life->camera);
}

static uint32_t sum_of_slots(struct life *life)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < life->count; i++)
		for (size_t at = 0; at < life->slots[i].length; at++)
			sum = sum * 31 + life->slots[i].start[at];
	return sum;
}

/* Nothing is written to our memory any more, and the frames that are in our hands are what they were. */
static void check_left_alone(struct life *life)
{
	uint32_t sum = sum_of_slots(life);

	pause_randomly(20000);
	CHECK(sum == sum_of_slots(life));
	for (unsigned int i = 0; i < life->count; i++)
		if (life->slots[i].held)
			CHECK(frame_number(life->slots[i].start) == life->slots[i].held &&
			      frame_intact(life->slots[i].start, life->pix.sizeimage));
}

static void leave_child(struct life *life)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid)
		return;
	stranger_refused(life->fd, capture);
	pause_randomly(100000);
	stranger_refused(life->fd, capture);
	_exit(0);
}

static int life_end(struct life *life)
{
	switch (life->end) {
	case TIDILY:
		if (life->means != BY_READ)
			stream_end(life);
		close(life->fd);
		return 0;
	case BY_CLOSE:
		close(life->fd);
		check_left_alone(life);
		return 0;
	case WITH_CHILD:
		leave_child(life);
		raise(SIGKILL);
		return 1;
	case BY_KILL:
		raise(SIGKILL);
		return 1;
	default:
		return 0;
	}
}

static void life_begin(struct life *life)
{
	life->camera_index = chance(CAMERAS);
	life->camera = &cameras[life->camera_index];
	life->means = chance(MEANS);
	life->end = chance(ENDS);
	life->frames = 1 + chance(20);
	life->pace = chance(3) ? 0 : chance(20000);
	life->fd = camera_open(camera_names[life->camera_index], "main", O_NONBLOCK);
}

int life_live(uint32_t seed, uint32_t index)
{
	struct life life = { 0 };

	chance_seed(seed, index);
	life_begin(&life);
	if (life.means == BY_READ)
		live_by_read(&life);
	else
		live_by_buffers(&life);
	return life_end(&life);
}
