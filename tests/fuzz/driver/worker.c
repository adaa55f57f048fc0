// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A worker: a process with some threads that share its handles, for as long as its life is to be.
 *
 * Each thread draws its decisions from a stream of its own. What comes of a number depends on what
 * the model says at that moment, so with one thread in one process a run is the same every time;
 * with more of them the streams are the same, and what they meet is not.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handle.h"
#include "tree.h"

static struct thread threads[MAX_THREADS];
static _Atomic bool life_over;

void wrong(struct thread *thread, const char *format, ...)
{
	va_list arguments;
	char text[256];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr, "driver_fuzz: lane %d: %s\n", (int)(thread->lane - run.shared->lanes),
		text);
	run.shared->wrong = true;
	run.shared->stop = true;
}

/* --- what to do next --------------------------------------------------------------------------- */

#define LIST(...)                                                                            \
	{                                                                                    \
		(const uint8_t[]) { __VA_ARGS__ }, sizeof((const uint8_t[]) { __VA_ARGS__ }) \
	}

struct list {
	const uint8_t *operations;
	unsigned int number;
};

/* What a program would do. Those that stand there twice are twice as likely. */
static const struct list likely[ROLES][STATES] = {
	[VIEW] = {
		[UNBOUND] = LIST(OP_REQBUFS, OP_REQBUFS, OP_REQBUFS, OP_CREATE_BUFS, OP_READ, OP_G_FMT,
				 OP_QUERYCAP, OP_POLL, OP_SUBSCRIBE_EVENT, OP_ENUMINPUT, OP_QUERY_EXT_CTRL),
		[EMPTY] = LIST(OP_REQBUFS, OP_REQBUFS, OP_REQBUFS, OP_CREATE_BUFS, OP_READ, OP_G_FMT,
			       OP_G_EXT_CTRLS, OP_SUBSCRIBE_EVENT),
		[ALLOCATED] = LIST(OP_QUERYBUF, OP_QUERYBUF, OP_MMAP, OP_MMAP, OP_QBUF, OP_QBUF, OP_QBUF,
				   OP_STREAMON, OP_PREPARE_BUF, OP_CREATE_BUFS, OP_FREE),
		[QUEUED] = LIST(OP_QBUF, OP_QBUF, OP_STREAMON, OP_STREAMON, OP_MMAP, OP_QUERYBUF,
				OP_TOUCH),
		[ENDED] = LIST(OP_DQBUF, OP_DQEVENT, OP_G_FMT, OP_STREAMOFF, OP_FREE, OP_FREE, OP_MUNMAP,
			       OP_CLOSE),
		[FILEIO] = LIST(OP_READ, OP_READ, OP_READ, OP_READ, OP_READ, OP_READ, OP_POLL, OP_G_FMT,
				OP_G_EXT_CTRLS, OP_CLOSE),
		[SECOND] = LIST(OP_G_FMT, OP_G_EXT_CTRLS, OP_QUERYBUF, OP_MMAP, OP_POLL, OP_DQEVENT,
				OP_SUBSCRIBE_EVENT, OP_REQBUFS, OP_CLOSE),
		[FOREIGN] = LIST(OP_G_FMT, OP_MMAP, OP_QBUF, OP_DQBUF, OP_POLL, OP_QUERYCAP, OP_G_PARM,
				 OP_PASS, OP_CLOSE),
		[UNPLUGGED] = LIST(OP_DQBUF, OP_TOUCH, OP_MUNMAP, OP_POLL, OP_CLOSE),
	},
	[FEED] = {
		[UNBOUND] = LIST(OP_REQBUFS, OP_REQBUFS, OP_CREATE_BUFS, OP_S_FMT, OP_S_PARM, OP_WRITE,
				 OP_SUBSCRIBE_EVENT, OP_G_CTRL),
		[EMPTY] = LIST(OP_REQBUFS, OP_REQBUFS, OP_REQBUFS, OP_REQBUFS, OP_REQBUFS, OP_CREATE_BUFS,
			       OP_S_FMT, OP_WRITE, OP_SUBSCRIBE_EVENT),
		[ALLOCATED] = LIST(OP_QUERYBUF, OP_QUERYBUF, OP_MMAP, OP_MMAP, OP_QBUF, OP_STREAMON,
				   OP_STREAMON, OP_STREAMON, OP_PREPARE_BUF, OP_FREE),
		[QUEUED] = LIST(OP_QBUF, OP_STREAMON, OP_STREAMON, OP_STREAMON, OP_MMAP, OP_QUERYBUF),
		[ENDED] = LIST(OP_FREE),
		[FILEIO] = LIST(OP_WRITE, OP_WRITE, OP_WRITE, OP_WRITE, OP_WRITE, OP_WRITE, OP_WRITE,
				OP_WRITE, OP_WRITE, OP_WRITE, OP_POLL, OP_G_CTRL, OP_DQEVENT, OP_CLOSE),
		[SECOND] = LIST(OP_G_FMT, OP_G_CTRL, OP_QUERYBUF, OP_POLL, OP_DQEVENT, OP_CLOSE),
		[FOREIGN] = LIST(OP_G_FMT, OP_MMAP, OP_QBUF, OP_POLL, OP_QUERYCAP, OP_CLOSE),
		[UNPLUGGED] = LIST(OP_QBUF, OP_TOUCH, OP_MUNMAP, OP_POLL, OP_CLOSE),
	},
};

/* Keep frames going: take one if there is one, give the buffer back, else look about. */
static enum operation pick_streaming(struct thread *thread, unsigned int node)
{
	static const uint8_t about[] = { OP_POLL,  OP_G_EXT_CTRLS, OP_QUERYBUF, OP_POLL,
					 OP_G_FMT, OP_TOUCH,	   OP_MMAP };
	struct queue *queue = &queues[node];
	uint32_t frames = node_camera(node)->frames;
	unsigned int queued = 0;

	if (random_one_in(&thread->random, 100))
		return random_one_in(&thread->random, 3) ? OP_FREE : OP_STREAMOFF;
	for (unsigned int i = 0; i < queue->count; i++)
		queued += queue->bits[i] & BUF_QUEUED;
	if (node_role(node) == FEED)
		return queued ? OP_DQBUF : OP_QBUF;
	if (queued && queue->frames != frames) {
		queue->frames = frames;
		return OP_DQBUF;
	}
	if (queued < queue->count)
		return OP_QBUF;
	return about[random_below(&thread->random,
				  sizeof(about) - (queue->memory == V4L2_MEMORY_MMAP ? 0 : 2))];
}

static enum operation pick_operation(struct thread *thread, unsigned int node, enum state state)
{
	const struct list *list = &likely[node_role(node)][state];
	static const uint8_t odd_one_in[STATES] = {
		[UNBOUND] = 4, [EMPTY] = 2,  [ALLOCATED] = 2, [QUEUED] = 2,  [STREAMING] = 12,
		[ENDED] = 2,   [FILEIO] = 6, [SECOND] = 4,    [FOREIGN] = 2, [UNPLUGGED] = 2,
	};

	/* Any, so that everything is done in every state; the more of them, the shorter the state. */
	if (random_one_in(&thread->random, odd_one_in[state]))
		return random_below(&thread->random, OPERATIONS_NUMBER);
	if (state == STREAMING)
		return pick_streaming(thread, node);
	/* Another handle has the buffers, so this one will get none. */
	if (state == UNBOUND && queues[node].owner && !random_one_in(&thread->random, 6))
		list = &likely[node_role(node)][SECOND];
	return list->operations[random_below(&thread->random, list->number)];
}

/* Of its own handles or, sometimes, of those of the other threads. */
static unsigned int pick_slot(struct thread *thread)
{
	unsigned int own = SLOTS / run.threads;

	if (random_one_in(&thread->random, 4))
		return random_below(&thread->random, SLOTS);
	return thread->number * own + random_below(&thread->random, own);
}

static void one_operation(struct thread *thread)
{
	unsigned int number = pick_slot(thread);
	struct slot slot;

	if (!slot_get(number, &slot)) {
		if (random_one_in(&thread->random, 3))
			handle_receive(thread, number);
		else
			handle_open(thread, number);
		return;
	}
	call_make(thread, number,
		  pick_operation(thread, files[slot.file].node, file_state(&files[slot.file])));
}

/* --- children ---------------------------------------------------------------------------------- */

static bool over(const struct thread *thread)
{
	return run.shared->stop || (run.quota && thread->lane->calls >= run.quota);
}

/* In a process that was forked: the same handles, none of the memory. */
static void child_live(struct thread *thread, uint64_t random, unsigned int operations)
{
	thread->child = true;
	thread->random = random;
	thread->lane->pid = getpid();
	thread->lane->tid = gettid();
	model_forked();
	while (operations-- && !over(thread))
		one_operation(thread);
}

/* A child with the lane of its parent, which waits for it. */
static void fork_and_wait(struct thread *thread)
{
	struct lane *lane = thread->lane;
	unsigned int operations = 20 + random_below(&thread->random, 200);
	uint64_t random = random_next(&thread->random);
	int status = 0;
	pid_t pid;

	pthread_rwlock_wrlock(&descriptors_lock);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		child_live(thread, random, operations);
		_exit(0);
	}
	pthread_rwlock_unlock(&descriptors_lock);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	lane->pid = getpid();
	lane->tid = gettid();
	if (status)
		wrong(thread, "a child ended with status 0x%x", status);
	event_begin(thread, EV_FORK, 0);
	event_end(thread, pid < 0 ? -EAGAIN : 0);
}

/* A child that outlives the worker, in a lane of its own. */
static void leave_orphan(struct thread *thread, unsigned int worker)
{
	struct lane *lane = &run.shared->lanes[run.workers * run.threads + worker];
	unsigned int operations = 20 + random_below(&thread->random, 300);
	uint64_t random = random_next(&thread->random);
	pid_t pid = -1;

	event_begin(thread, EV_ORPHAN, 0);
	if (!lane->tid) {
		lane->tid = -1;
		pthread_rwlock_wrlock(&descriptors_lock);
		pid = fork();
		if (pid == 0) {
			thread->lane = lane;
			child_live(thread, random, operations);
			lane->tid = 0;
			_exit(0);
		}
		pthread_rwlock_unlock(&descriptors_lock);
	}
	event_end(thread, pid < 0 ? -EBUSY : 0);
}

/* --- life -------------------------------------------------------------------------------------- */

static void close_all(struct thread *thread)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		call_make(thread, i, OP_CLOSE);
}

/* How a worker ends; its other threads may be in the midst of a call. */
static void end_life(struct thread *thread, unsigned int worker)
{
	unsigned int way = random_below(&thread->random, 4);

	thread->lane->random = thread->random;
	switch (way) {
	case 0:
		event_begin(thread, EV_EXIT, 0);
		event_end(thread, 0);
		_exit(0);
	case 1:
		event_begin(thread, EV_KILL, 0);
		event_end(thread, 0);
		thread->lane->dying = true;
		kill(getpid(), SIGKILL);
		break;
	case 2:
		leave_orphan(thread, worker);
		_exit(0);
	default:
		event_begin(thread, EV_END, 0);
		event_end(thread, 0);
		life_over = true;
	}
}

static void go_on(struct thread *thread)
{
	one_operation(thread);
	if (run.tree && random_one_in(&thread->random, 200))
		tree_touch(thread);
	if (random_one_in(&thread->random, 3000))
		fork_and_wait(thread);
	thread->lane->random = thread->random;
}

static void *thread_live(void *argument)
{
	struct thread *thread = argument;

	thread->lane->tid = gettid();
	while (!over(thread) && !life_over)
		go_on(thread);
	thread->lane->tid = 0;
	return NULL;
}

/* The first thread says when it is over. */
static void first_thread_live(struct thread *thread, unsigned int worker)
{
	unsigned int operations = 500 + random_below(&thread->random, 8000);

	thread->lane->tid = gettid();
	while (!over(thread) && !life_over) {
		go_on(thread);
		if (!operations--)
			end_life(thread, worker);
	}
	thread->lane->tid = 0;
}

void worker_live(unsigned int number)
{
	pthread_t ids[MAX_THREADS];
	struct thread *first = &threads[0];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	model_reset();
	memory_init();
	for (unsigned int i = 0; i < run.threads; i++) {
		struct lane *lane = &run.shared->lanes[number * run.threads + i];

		threads[i] = (struct thread) {
			.lane = lane,
			.number = i,
			.random = lane->random,
			.alone = run.workers * run.threads == 1,
		};
		lane->pid = getpid();
		lane->dying = false;
	}
	for (unsigned int i = 1; i < run.threads; i++)
		if (pthread_create(&ids[i], NULL, thread_live, &threads[i]))
			_exit(3);
	first_thread_live(first, number);
	life_over = true;
	for (unsigned int i = 1; i < run.threads; i++)
		pthread_join(ids[i], NULL);
	first->lane->tid = gettid();
	close_all(first);
	_exit(0);
}
