/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzzer of the driver that knows what it does: it keeps a model of every handle and queue, so that
 * most of its calls are such as a program would make, and the odd ones are odd in one place.
 *
 *	supervisor --- worker (a process) --- thread: a stream of decisions from a seed
 *	    |               |                    |
 *	    |               model.c: what the process believes of its handles and queues
 *	    shared memory: a lane for each thread (what it does, counts), what the cameras are like
 *
 * A thread has a lane for as long as the run takes; workers come and go. The model is shared by the
 * threads of a process without a lock: a belief that is wrong costs a failed call, and is corrected
 * by it. What must never be wrong is an oracle: those compare a handle's generation before and after.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/ownframe.h>
#include <linux/videodev2.h>

#define CAMERAS	    3
#define NODES	    (CAMERAS * 3) /* of each: the feed and two views */
#define MAX_WORKERS 8
#define MAX_THREADS 4
#define MAX_DMABUFS 4
#define SLOTS	    8
#define FILES	    32
#define BUFFERS	    32
/* Most that is mapped of a buffer, and how far buffers are from each other in memory. */
#define SPAN (64u << 10)

/* --- operations -------------------------------------------------------------------------------- */

enum role {
	FEED,
	VIEW,
	ROLES
};

/* What a handle is like when a call is made on it: the columns of the table. */
enum state {
	UNBOUND, /* belongs to no process */
	EMPTY, /* bound, its queue has no buffers */
	ALLOCATED, /* buffers, none queued */
	QUEUED, /* some queued */
	STREAMING,
	ENDED, /* the format changed under it */
	FILEIO, /* read() or write() goes on */
	SECOND, /* bound, another handle of the process has the buffers */
	FOREIGN, /* bound to another process */
	UNPLUGGED, /* its camera was taken away */
	STATES
};

/* clang-format off */
#define OPERATIONS(X)                                                                             \
	X(QUERYCAP) X(ENUM_FMT) X(ENUM_FRAMESIZES) X(ENUM_FRAMEINTERVALS) X(G_FMT) X(S_FMT)       \
	X(TRY_FMT) X(G_PARM) X(S_PARM) X(ENUMINPUT) X(G_INPUT) X(S_INPUT) X(ENUMOUTPUT)           \
	X(G_OUTPUT) X(S_OUTPUT) X(QUERYCTRL) X(QUERY_EXT_CTRL) X(QUERYMENU) X(G_CTRL) X(S_CTRL)   \
	X(G_EXT_CTRLS) X(S_EXT_CTRLS) X(TRY_EXT_CTRLS) X(G_PRIORITY) X(S_PRIORITY)                \
	X(SUBSCRIBE_EVENT) X(UNSUBSCRIBE_EVENT) X(DQEVENT) X(LOG_STATUS) X(REQBUFS) X(FREE)       \
	X(CREATE_BUFS) X(PREPARE_BUF) X(QUERYBUF) X(EXPBUF) X(QBUF) X(DQBUF) X(STREAMON)          \
	X(STREAMOFF) X(UNKNOWN) X(READ) X(WRITE) X(POLL) X(MMAP) X(MUNMAP) X(MREMAP) X(MADVISE)   \
	X(TOUCH) X(DUP) X(PASS) X(CLOSE)
/* clang-format on */

enum operation {
#define X(name) OP_##name,
	OPERATIONS(X)
#undef X
	OPERATIONS_NUMBER
};

/* What is done without a handle, or to a whole process: the second table. */
enum event {
	EV_OPEN,
	EV_RECEIVE,
	EV_FORK,
	EV_ORPHAN,
	EV_END,
	EV_EXIT,
	EV_KILL,
	/* In configfs, see tree.c. */
	EV_LIVE,
	EV_UNPLUG,
	EV_SPARE,
	EV_SHOW,
	EV_STORE,
	EV_MKDIR,
	EV_RMDIR,
	EVENTS
};

struct count {
	uint64_t calls;
	uint64_t successes;
};

/* --- shared memory ----------------------------------------------------------------------------- */

#define TRAIL 32

/* One call that was made, for the report. */
struct step {
	uint16_t operation; /* OPERATIONS_NUMBER + event */
	uint8_t state;
	uint8_t node;
	int16_t error;
	int32_t slot;
};

/**
 * struct lane - what one thread does
 * @pid, @tid: who; tid 0: nobody
 * @calls: made so far, over all lives
 * @current: the call under way
 * @blocks: it may sleep for as long as it likes, and is to be interrupted
 * @dying: the worker is about to end by a signal
 * @digest: of all calls and their results
 * @trail: the last calls
 * @table, @events: counts
 * @random: where its stream of decisions is; the next life goes on from there
 */
struct lane {
	_Atomic pid_t pid;
	_Atomic pid_t tid;
	_Atomic uint64_t calls;
	struct step current;
	_Atomic bool blocks;
	_Atomic bool dying;
	uint64_t digest;
	struct step trail[TRAIL];
	struct count table[ROLES][OPERATIONS_NUMBER][STATES];
	struct count events[EVENTS];
	uint64_t random;
};

/**
 * struct camera - what all processes know of a camera
 * @format: number of formats that were set
 * @size: sizeimage
 * @width, @height, @fourcc: likewise
 * @hash: of the whole format
 * @frames: that went in
 * @epoch: how often it was taken away
 * @toggler: process that is just taking it away, or making it
 */
struct camera {
	_Atomic uint32_t format;
	_Atomic uint32_t size;
	_Atomic uint32_t width;
	_Atomic uint32_t height;
	_Atomic uint32_t fourcc;
	_Atomic uint32_t hash;
	_Atomic uint32_t frames;
	_Atomic uint32_t epoch;
	_Atomic uint32_t toggler;
};

struct shared {
	_Atomic bool stop;
	_Atomic bool wrong;
	_Atomic uint32_t next_process;
	_Atomic int video[NODES]; /* numbers of nodes; -1: there is none */
	struct camera cameras[CAMERAS];
	/* One for each thread, then one for an orphan of each worker. */
	struct lane lanes[MAX_WORKERS * MAX_THREADS + MAX_WORKERS];
};

/**
 * struct run - what was asked for
 * @quota: calls that each lane makes; 0: no limit
 * @pool: a socket pair in which handles are passed about
 * @trace: say each call on stderr
 * @tree: the driver has configfs
 */
struct run {
	uint64_t seed;
	unsigned int workers;
	unsigned int threads;
	uint64_t quota;
	int pool[2];
	bool trace;
	bool tree;
	int dmabufs[MAX_DMABUFS];
	unsigned int num_dmabufs;
	struct shared *shared;
};

extern struct run run;

/* --- random.c: decisions ----------------------------------------------------------------------- */

uint64_t random_seed(uint64_t a, uint64_t b);
uint64_t random_next(uint64_t *random);
uint32_t random_below(uint64_t *random, uint32_t limit);
bool random_one_in(uint64_t *random, uint32_t n);

/* --- model.c: what a process believes ---------------------------------------------------------- */

/**
 * struct queue - the process's buffers on a node
 * @owner: the file that has them, as index + 1; 0: nobody; NOBODY_KNOWS: not one in the model
 * @memory, @count, @format: of the buffers
 * @bits: of each buffer
 * @queued: number of buffers that are
 * @frames: of the camera when a buffer was last dequeued
 * @offset: of each buffer, as VIDIOC_QUERYBUF said
 */
#define NOBODY_KNOWS 255
enum {
	BUF_QUEUED = 1,
	BUF_MAPPED = 2,
	BUF_OWN = 4 /* its memory is nobody else's */
};
struct queue {
	_Atomic uint8_t owner;
	_Atomic uint8_t memory;
	_Atomic uint8_t count;
	_Atomic bool streaming;
	_Atomic bool fileio;
	_Atomic uint32_t format;
	_Atomic uint32_t frames;
	_Atomic uint8_t bits[BUFFERS];
	_Atomic uint32_t offset[BUFFERS];
};

/**
 * struct file - an open file, which several slots may refer to
 * @life: its generation, and the number of slots: one word, so that nobody takes one for another
 * @node: which
 * @epoch: of the camera when it was opened
 * @bound, @foreign: to this process, to another, as far as is known
 * @surely_bound, @surely_foreign: the generation for which a call has proved it
 * @gone: the generation for which a call said ENODEV
 * @nonblock: O_NONBLOCK
 */
struct file {
	_Atomic uint64_t life;
	_Atomic uint8_t node;
	_Atomic uint32_t epoch;
	_Atomic bool bound;
	_Atomic bool foreign;
	_Atomic uint32_t surely_bound;
	_Atomic uint32_t surely_foreign;
	_Atomic uint32_t gone;
	_Atomic bool nonblock;
};

/* A slot: descriptor, file, and a generation that changes whenever it is emptied; 0: empty. */
struct slot {
	int fd;
	unsigned int file;
	uint32_t generation;
};

/*
 * Held by who opens or closes descriptors, and for writing by who forks: the kernel copies
 * descriptors and memory one after the other, and the slots must fit them.
 */
extern pthread_rwlock_t descriptors_lock;

extern struct queue queues[NODES];
extern struct file files[FILES];
extern uint32_t process;

static inline enum role node_role(unsigned int node)
{
	return node % 3 ? VIEW : FEED;
}

static inline struct camera *node_camera(unsigned int node)
{
	return &run.shared->cameras[node / 3];
}

static inline uint32_t file_generation(const struct file *file)
{
	return file->life >> 32;
}

void model_reset(void);
void model_forked(void);
int file_new(unsigned int node, uint32_t epoch);
/* One more slot for a file, if it is still of that generation. */
bool file_get(unsigned int file, uint32_t generation);
void file_put(unsigned int file);
bool slot_get(unsigned int slot, struct slot *to);
bool slot_put(unsigned int slot, int fd, unsigned int file);
bool slot_take(unsigned int slot, struct slot *from);
bool slot_same(unsigned int slot, const struct slot *as);
enum state file_state(const struct file *file);
void queue_reset(struct queue *queue);

/* --- memory.c: where buffers are --------------------------------------------------------------- */

void memory_init(void);
/* Where a buffer of a node is mapped; where the process's own memory for it is. */
uint8_t *memory_mapping(unsigned int node, unsigned int index);
uint8_t *memory_user(unsigned int node, unsigned int index);
/* Some memory that is good for nothing, or for everything. */
uint8_t *memory_odd(uint64_t *random);
/* Write frames of a camera; false if the memory is not there. */
bool memory_fill(uint8_t *to, uint32_t length, unsigned int node, uint8_t value);
/* Has it bytes of another camera? -1 if the memory is not there. */
int memory_check(const uint8_t *of, uint32_t length, unsigned int node);
bool memory_touch(uint8_t *at, bool write);

/* --- calls.c: operations on a handle ----------------------------------------------------------- */

struct thread {
	uint64_t random;
	struct lane *lane;
	unsigned int number;
	bool child; /* of a process that has the handles */
	bool alone; /* no other thread or process could end a wait */
};

void call_make(struct thread *thread, unsigned int slot, enum operation operation);
const char *operation_name(unsigned int operation);
bool operation_expected(enum role role, enum operation operation, enum state state);
void event_begin(struct thread *thread, enum event event, int number);
void event_end(struct thread *thread, int error);
/* An oracle was violated: end the run, and say so. */
void wrong(struct thread *thread, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- worker.c ---------------------------------------------------------------------------------- */

/* The life of a worker; does not return. */
void worker_live(unsigned int number) __attribute__((noreturn));

/* --- table.c ----------------------------------------------------------------------------------- */

/* Print the tables; false if a state was not reached or too little succeeded. */
bool table_print(bool coverage);
void table_trail(const struct lane *lane);
const char *state_name(unsigned int state);

#endif /* FUZZ_H */
