// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, there is some course of events, which nobody thought of, in which a process gets bytes
 * that are not its own, loses a frame that is not counted, or takes something with it when it dies.
 *
 * Processes come and go at random on two cameras, stream by random means at random speeds, hold frames,
 * fork, are stopped and killed, while the feeds are killed too and change their formats. Each accounts
 * for every byte that it gets:
 *
 *	a frame is whole, its camera's, newer than the stream and than the frame before;
 *	memory around it, the tail of its buffer, and frames that it holds do not change;
 *	numbers in the pictures and `sequence` tell of the same gaps, and gaps are what was counted.
 *
 * The last is exact at the moments when the feed is held still. What happens follows from the seed, but
 * for the scheduler's part: OWNFRAME_SEED repeats, OWNFRAME_LIVES goes on for longer.
 *
 * vm: timeout=180
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "camera.h"
#include "stranger.h"

#define CAMERAS	    2
#define WORKERS	    6 /* at a time; no more than a view has places */
#define LIVES	    40
#define MAX_BUFFERS 6
#define GUARD	    64 /* bytes on either side of a user pointer */
#define GUARD_BYTE  0xa5
#define WAIT_MS	    20000

/* A frame's number says whose it is: camera, life of the feed, count. */
#define NUMBER_CAMERA(number)	   ((number) >> 30)
#define NUMBER_FEED(number)	   ((number) >> 20)
#define NUMBER_FIRST(camera, life) ((uint32_t)(camera) << 30 | (uint32_t)(life) << 20)

static const char *const camera_names[CAMERAS] = { "front", "back" };
static const struct {
	uint32_t fourcc, width, height;
} formats[] = {
	{ V4L2_PIX_FMT_GREY, 64, 48 },
	{ V4L2_PIX_FMT_GREY, 98, 50 }, /* no whole number of pages, or words */
	{ V4L2_PIX_FMT_YUYV, 80, 60 },
};

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

/* Shared by all processes. */
struct camera {
	pthread_mutex_t still; /* robust; held by the feed for the time of a frame */
	atomic_uint fed; /* number of the last frame that was fed */
};

static struct camera *cameras;
static atomic_uint *frames_seen;

/* --- chance ------------------------------------------------------------------------------------ */

static uint32_t chance_state;

static void chance_seed(uint32_t seed, uint32_t stream)
{
	chance_state = (seed ^ stream * 0x9e3779b1u) * 0x85ebca6bu | 1;
}

static uint32_t chance(uint32_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 17;
	chance_state ^= chance_state << 5;
	return chance_state % below;
}

/* Speeds differ: this is what makes them do so. */
static void pause_randomly(uint32_t most_us)
{
	if (most_us)
		usleep(chance(most_us));
}

/* --- feeds ------------------------------------------------------------------------------------- */

static void still_lock(struct camera *camera)
{
	int ret = pthread_mutex_lock(&camera->still);

	if (ret == EOWNERDEAD)
		ret = pthread_mutex_consistent(&camera->still);
	CHECK(ret == 0);
}

static void still_unlock(struct camera *camera)
{
	CHECK(pthread_mutex_unlock(&camera->still) == 0);
}

struct feed_life {
	uint32_t seed;
	uint32_t camera;
	uint32_t life;
};

static int feeds(void *arg)
{
	struct feed_life *life = arg;
	uint32_t number = NUMBER_FIRST(life->camera, life->life);
	struct camera *camera = &cameras[life->camera];
	struct stream feed;
	uint32_t format, pace;

	chance_seed(life->seed, number);
	format = chance(2) ? 0 : chance(3);
	pace = 500 + chance(4000);
	feed_start(&feed, camera_names[life->camera], formats[format].fourcc, formats[format].width,
		   formats[format].height);
	while (++number) {
		still_lock(camera);
		feed_frame(&feed, number);
		atomic_store(&camera->fed, number);
		still_unlock(camera);
		pause_randomly(pace);
	}
	return 0;
}

/* --- a consumer's life ------------------------------------------------------------------------- */

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
	uint32_t seed;
	uint32_t index;

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

static int lives(void *arg)
{
	struct life *life = arg;

	chance_seed(life->seed, life->index);
	life->camera_index = chance(CAMERAS);
	life->camera = &cameras[life->camera_index];
	life->means = chance(MEANS);
	life->end = chance(ENDS);
	life->frames = 1 + chance(20);
	life->pace = chance(3) ? 0 : chance(20000);
	life->fd = camera_open(camera_names[life->camera_index], "main", O_NONBLOCK);
	if (life->means == BY_READ)
		live_by_read(life);
	else
		live_by_buffers(life);

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

/* --- the one who rolls the dice ---------------------------------------------------------------- */

struct population {
	uint32_t seed;
	uint32_t lives, lived; /* to be begun, and begun */
	pid_t workers[WORKERS];
	pid_t feeds[CAMERAS];
	uint32_t feed_lives[CAMERAS];
};

static void feed_begin(struct population *population, uint32_t camera)
{
	struct feed_life life = {
		.seed = population->seed,
		.camera = camera,
		.life = ++population->feed_lives[camera],
	};

	CHECK(life.life < 1 << 10);
	population->feeds[camera] = process_start(feeds, &life);
}

static void worker_begin(struct population *population, int worker)
{
	struct life life = { .seed = population->seed, .index = population->lived++ };

	population->workers[worker] = process_start(lives, &life);
}

/* Whoever ended did so as it had to: by itself without a complaint, or killed. */
static void reap(struct population *population)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (WIFEXITED(status))
			CHECK(WEXITSTATUS(status) == 0);
		else
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		for (int i = 0; i < WORKERS; i++)
			if (population->workers[i] == pid)
				population->workers[i] = 0;
		for (uint32_t i = 0; i < CAMERAS; i++)
			if (population->feeds[i] == pid)
				feed_begin(population, i);
	}
}

static void strike(struct population *population)
{
	pid_t pid = population->workers[chance(WORKERS)];

	switch (chance(6)) {
	case 0:
	case 1:
		if (pid)
			kill(pid, SIGKILL);
		break;
	case 2:
		if (pid) {
			kill(pid, SIGSTOP);
			pause_randomly(30000);
			kill(pid, SIGCONT);
		}
		break;
	case 3:
		kill(population->feeds[chance(CAMERAS)], SIGKILL);
		break;
	default:
		break;
	}
}

static int population_size(const struct population *population)
{
	int size = 0;

	for (int i = 0; i < WORKERS; i++)
		size += population->workers[i] != 0;
	return size;
}

static void live_all(struct population *population)
{
	sigset_t child;
	struct timespec tick = { .tv_nsec = 20000000 };

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	while (population->lived < population->lives || population_size(population)) {
		for (int i = 0; i < WORKERS && population->lived < population->lives; i++)
			if (!population->workers[i])
				worker_begin(population, i);
		if (sigtimedwait(&child, NULL, &tick) == -1)
			strike(population);
		reap(population);
	}
}

/* All are gone, so is what they had. */
static void check_gone(struct population *population)
{
	int status, fd;
	pid_t pid;

	for (int i = 0; i < CAMERAS; i++)
		kill(population->feeds[i], SIGKILL);
	while ((pid = waitpid(-1, &status, 0)) > 0)
		CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	for (int i = 0; i < CAMERAS; i++) {
		fd = camera_open(camera_names[i], "feed", 0);
		feed_await_consumers(fd, 0);
		close(fd);
	}
}

static void share(void)
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

static uint32_t number_from(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

int main(void)
{
	struct population population = { 0 };
	uint32_t seed;

	CHECK(getrandom(&seed, sizeof(seed), 0) == sizeof(seed));
	population.seed = number_from("OWNFRAME_SEED", seed);
	population.lives = number_from("OWNFRAME_LIVES", LIVES);
	fprintf(stderr, "OWNFRAME_SEED=%u OWNFRAME_LIVES=%u\n", population.seed, population.lives);

	camera_load("front,back");
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	share();
	chance_seed(population.seed, ~0u);
	for (uint32_t i = 0; i < CAMERAS; i++)
		feed_begin(&population, i);
	live_all(&population);
	check_gone(&population);
	fprintf(stderr, "%u lives, %u and %u of feeds, %u frames\n", population.lived,
		population.feed_lives[0], population.feed_lives[1], atomic_load(frames_seen));
	CHECK(atomic_load(frames_seen) >= population.lives);
	return 0;
}
