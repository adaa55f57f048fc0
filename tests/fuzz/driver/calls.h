/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One operation on a handle: what describes it, and what is true of the handle while it is made.
 *
 * Each calls_*.c has a table of the operations of one kind; calls.c makes them all.
 */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include <stddef.h>

#include "fuzz.h"

/* More bytes than any ioctl's argument has. */
union argument {
	struct v4l2_fmtdesc fmtdesc;
	struct v4l2_frmsizeenum sizes;
	struct v4l2_frmivalenum intervals;
	struct v4l2_format format;
	struct v4l2_streamparm parm;
	struct v4l2_input input;
	struct v4l2_output output;
	struct v4l2_queryctrl queryctrl;
	struct v4l2_query_ext_ctrl query_ext;
	struct v4l2_querymenu querymenu;
	struct v4l2_control control;
	struct v4l2_ext_controls controls;
	struct v4l2_event_subscription subscription;
	struct v4l2_event event;
	struct v4l2_requestbuffers request;
	struct v4l2_create_buffers create;
	struct v4l2_exportbuffer export;
	struct v4l2_buffer buffer;
	uint32_t word;
	uint32_t words[128];
};

struct call {
	struct thread *thread;
	uint64_t *random;
	enum operation operation;
	unsigned int number; /* of the slot */
	struct slot slot;
	struct file *file;
	uint32_t generation; /* of the file */
	bool surely_bound, surely_foreign, surely_gone; /* before the call */
	unsigned int node;
	struct queue *queue;
	struct camera *camera;
	enum role role;
	enum state state;
	uint32_t type; /* of the node's buffers */
	uint32_t format; /* the camera's before the call */
	union argument argument;
	struct v4l2_ext_control controls[2];
	long ret;
	int error;
};

/* What is true of an operation. */
enum {
	OPEN_TO_ALL = 1, /* it tells of the camera: a foreign handle will do */
	MEMORY = 2, /* it is about mappings; the handle only says which */
	DESCRIPTOR = 4, /* it is about the descriptor: works on every handle */
	SLEEPS = 8, /* may wait for a frame or event */
	FULL = 16, /* ioctls whose answer is kept: no bad address */
};

struct description {
	const char *name;
	unsigned long request;
	void (*fill)(struct call *call);
	long (*run)(struct call *call);
	void (*learn)(struct call *call);
	unsigned int flags;
	/* Words of the argument that must not be replaced: pointers, and what costs too much. */
	unsigned int keep[2]; /* the first, their number */
};

#define WORD(type, field) (offsetof(type, field) / 4)

#define IOCTL(op, fill_it, learn_it, flags_)  \
	[OP_##op] = { .name = #op,            \
		      .request = VIDIOC_##op, \
		      .fill = fill_it,        \
		      .learn = learn_it,      \
		      .flags = flags_ }
#define KEEP(op, fill_it, learn_it, flags_, ...) \
	[OP_##op] = { .name = #op,               \
		      .request = VIDIOC_##op,    \
		      .fill = fill_it,           \
		      .learn = learn_it,         \
		      .flags = flags_,           \
		      .keep = { __VA_ARGS__ } }
#define RUN(op, run_it, learn_it, flags_) \
	[OP_##op] = { .name = #op, .run = run_it, .learn = learn_it, .flags = flags_ }

/* What each kind of operation is: the places of the others are empty. */
extern const struct description node_calls[OPERATIONS_NUMBER];
extern const struct description control_calls[OPERATIONS_NUMBER];
extern const struct description buffer_calls[OPERATIONS_NUMBER];
extern const struct description stream_calls[OPERATIONS_NUMBER];
extern const struct description mapping_calls[OPERATIONS_NUMBER];
extern const struct description handle_calls[OPERATIONS_NUMBER];

static inline uint32_t below(struct call *call, uint32_t limit)
{
	return random_below(call->random, limit);
}

static inline bool one_in(struct call *call, uint32_t n)
{
	return random_one_in(call->random, n);
}

/* The argument is a type of buffers, and no more. */
void fill_type(struct call *call);
/* Is the file still in its slot? Else another thread has put another in its place since. */
bool still_same(const struct call *call);
/* The handle is this process's. */
void set_bound(struct call *call);

#endif /* FUZZ_CALLS_H */
