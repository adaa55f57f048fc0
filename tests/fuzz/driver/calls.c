// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The operations on a handle: how one is made, and what is learnt from its result.
 *
 * An argument is first made as a program would, from the model: calls_*.c, one file for each kind.
 * Then, one time in sixteen, one word of it is replaced by an odd one, and one time in a hundred
 * its address by a bad one.
 *
 * The one thing to know: what a call may never do is checked here, in call_judge(). It trusts the
 * model only where another thread or process could not have made it wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "calls.h"

static const struct description *operation_description(unsigned int operation)
{
	static const struct description *const kinds[] = {
		node_calls, control_calls, buffer_calls, stream_calls, mapping_calls, handle_calls,
	};
	unsigned int kind = 0;

	while (!kinds[kind][operation].name)
		kind++;
	return &kinds[kind][operation];
}

const char *operation_name(unsigned int operation)
{
	static const char *const events[] = {
		[EV_OPEN] = "open",
		[EV_RECEIVE] = "receive",
		[EV_FORK] = "fork",
		[EV_ORPHAN] = "exit, leaving a child",
		[EV_END] = "exit, all closed",
		[EV_EXIT] = "exit",
		[EV_KILL] = "kill",
		[EV_LIVE] = "live=1",
		[EV_UNPLUG] = "live=0",
		[EV_SPARE] = "live of another",
		[EV_SHOW] = "read of a policy",
		[EV_STORE] = "change of a policy",
		[EV_MKDIR] = "mkdir",
		[EV_RMDIR] = "rmdir",
	};

	if (operation >= OPERATIONS_NUMBER)
		return events[operation - OPERATIONS_NUMBER];
	return operation_description(operation)->name;
}

/*
 * Is there a way to this place in the table? The feed's format cannot change while it has buffers.
 * Cameras that were made by a parameter of the module cannot be unplugged.
 */
bool operation_expected(enum role role, enum operation operation, enum state state)
{
	(void)operation;
	if (state == UNPLUGGED)
		return run.tree;
	return role == VIEW || state != ENDED;
}

void fill_type(struct call *call)
{
	call->argument.word = call->type;
}

bool still_same(const struct call *call)
{
	return slot_same(call->number, &call->slot);
}

void set_bound(struct call *call)
{
	if (!still_same(call))
		return;
	call->file->bound = true;
	call->file->surely_bound = call->generation;
}

/* One word of the argument is not what it should be. */
static void spoil(struct call *call, const struct description *description)
{
	static const uint32_t odd[] = { 0, 1, 2, 3, 4, 31, 32, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int words = _IOC_SIZE(description->request) / 4, word;

	if (!words)
		return;
	word = below(call, words);
	if (word >= description->keep[0] && word < description->keep[0] + description->keep[1])
		return;
	call->argument.words[word] =
		one_in(call, 4) ? random_next(call->random) : odd[below(call, 10)];
}

static void *bad_address(struct call *call)
{
	uint8_t *at = memory_odd(call->random);

	return one_in(call, 3) ? NULL : at;
}

static long call_ioctl(struct call *call, const struct description *description)
{
	void *argument = &call->argument;

	if (one_in(call, 16))
		spoil(call, description);
	if (!(description->flags & FULL) && one_in(call, 100))
		argument = bad_address(call);
	return ioctl(call->slot.fd, description->request, argument);
}

static bool binds(enum operation operation)
{
	return operation == OP_REQBUFS || operation == OP_CREATE_BUFS || operation == OP_READ ||
	       operation == OP_WRITE;
}

/* Two threads at once leave the model with a buffer that is not as it says. */
static void learn_queue_error(struct call *call)
{
	struct queue *queue = call->queue;

	if (call->error == EINVAL && call->operation == OP_DQBUF)
		queue->streaming = false;
	/* VIDIOC_QUERYBUF will tell. */
	if (call->error == EINVAL && call->operation == OP_QBUF)
		queue->bits[call->argument.buffer.index % BUFFERS] |= BUF_QUEUED;
	if (call->error == EAGAIN && call->operation == OP_DQBUF && call->role == FEED)
		for (unsigned int i = 0; i < BUFFERS; i++)
			queue->bits[i] &= ~BUF_QUEUED;
	if (call->error != EBUSY)
		return;
	if (!queue->owner && (binds(call->operation) || call->operation == OP_QBUF))
		queue->owner = NOBODY_KNOWS;
	/* It was bound, and then found that another handle has the buffers; or priority forbids. */
	if (queue->owner && binds(call->operation))
		call->file->bound = true;
}

/* What the result says of the handle. */
static void call_learn(struct call *call, const struct description *description)
{
	bool guarded = !(description->flags & (OPEN_TO_ALL | MEMORY | DESCRIPTOR));

	if (call->ret >= 0) {
		if (description->learn)
			description->learn(call);
		return;
	}
	/* A node that was taken away does not come back. */
	if (call->error == ENODEV && still_same(call))
		call->file->gone = call->generation;
	/* Not of controls, which may be read-only, nor of what is refused to all. */
	if (guarded && call->error == EACCES && still_same(call) && call->operation != OP_S_CTRL &&
	    call->operation != OP_S_EXT_CTRLS && call->operation != OP_MMAP) {
		call->file->foreign = true;
		call->file->surely_foreign = call->generation;
		call->file->bound = false;
	}
	learn_queue_error(call);
}

/* What must not be. */
static void call_judge(struct call *call, const struct description *description)
{
	if (call->ret < 0 || description->flags & (MEMORY | DESCRIPTOR))
		return;
	if (!still_same(call))
		return;
	if (call->state == UNPLUGGED && call->surely_gone)
		wrong(call->thread, "node %u: %s works on a camera that is gone (epoch %u, now %u)",
		      call->node, description->name, call->file->epoch, call->camera->epoch);
	if (call->state == FOREIGN && call->surely_foreign && !(description->flags & OPEN_TO_ALL))
		wrong(call->thread, "node %u: %s works on a handle of another process", call->node,
		      description->name);
}

static void lane_begin(struct lane *lane, struct step step, bool blocks)
{
	lane->current = step;
	lane->blocks = blocks;
}

static void lane_end(struct lane *lane, int error)
{
	lane->blocks = false;
	lane->current.error = error;
	lane->trail[lane->calls % TRAIL] = lane->current;
	lane->digest = random_seed(lane->digest, (uint64_t)lane->current.operation << 32 |
							 lane->current.state << 24 |
							 lane->current.node << 16 | error);
	lane->calls++;
	if (run.trace)
		fprintf(stderr, "%2d %8llu %s on node %u (%s): %s\n",
			(int)(lane - run.shared->lanes), (unsigned long long)lane->calls,
			operation_name(lane->current.operation), lane->current.node,
			state_name(lane->current.state), error ? strerror(error) : "ok");
}

void call_make(struct thread *thread, unsigned int number, enum operation operation)
{
	const struct description *description = operation_description(operation);
	struct call call = {
		.thread = thread,
		.random = &thread->random,
		.operation = operation,
		.number = number,
	};
	bool descriptors = description->flags & DESCRIPTOR || operation == OP_EXPBUF;
	struct count *count;

	if (!slot_get(number, &call.slot))
		return;
	call.file = &files[call.slot.file];
	call.generation = file_generation(call.file);
	call.surely_bound = call.file->surely_bound == call.generation;
	call.surely_gone = call.file->epoch != node_camera(call.file->node)->epoch;
	call.surely_foreign = call.file->surely_foreign == call.generation;
	call.node = call.file->node;
	call.queue = &queues[call.node];
	call.camera = node_camera(call.node);
	call.role = node_role(call.node);
	call.type = call.role == FEED ? V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE;
	call.format = call.camera->format;
	call.state = file_state(call.file);

	lane_begin(thread->lane,
		   (struct step) { .operation = operation,
				   .state = call.state,
				   .node = call.node,
				   .slot = number },
		   description->flags & SLEEPS && !call.file->nonblock);
	if (description->fill)
		description->fill(&call);
	if (descriptors)
		pthread_rwlock_rdlock(&descriptors_lock);
	errno = 0;
	call.ret = description->run ? description->run(&call) : call_ioctl(&call, description);
	call.error = call.ret < 0 ? errno : 0;
	if (descriptors)
		pthread_rwlock_unlock(&descriptors_lock);
	call_judge(&call, description);
	call_learn(&call, description);

	count = &thread->lane->table[call.role][operation][call.state];
	count->calls++;
	count->successes += call.ret >= 0;
	lane_end(thread->lane, call.error);
}

void event_begin(struct thread *thread, enum event event, int number)
{
	lane_begin(thread->lane,
		   (struct step) { .operation = OPERATIONS_NUMBER + event, .slot = number }, false);
}

void event_end(struct thread *thread, int error)
{
	struct lane *lane = thread->lane;
	struct count *count = &lane->events[lane->current.operation - OPERATIONS_NUMBER];

	count->calls++;
	count->successes += !error;
	lane_end(lane, -error);
}
