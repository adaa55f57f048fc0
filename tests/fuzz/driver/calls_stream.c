// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations that need no buffers of the program's own: read(), write() and poll().
 *
 * The one thing to know: vb2 makes a queue for the first of them, so each may bind the handle, also
 * one that has failed.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "calls.h"

static void set_fileio(struct call *call)
{
	set_bound(call);
	if (!call->queue->fileio)
		queue_reset(call->queue);
	call->queue->fileio = true;
	call->queue->owner = call->slot.file + 1;
}

static long run_read(struct call *call)
{
	uint8_t *to = memory_user(call->node, BUFFERS - 1 - call->thread->number);
	uint32_t length = call->camera->size;
	long ret;

	if (one_in(call, 8))
		length = below(call, SPAN);
	if (one_in(call, 32))
		to = memory_odd(call->random);
	ret = read(call->slot.fd, to, length);
	/* It began, though there is no frame yet. */
	if (call->role == VIEW && (ret > 0 || (ret < 0 && errno == EAGAIN)))
		set_fileio(call);
	return ret;
}

static void learn_read(struct call *call)
{
	const uint8_t *at = memory_user(call->node, BUFFERS - 1 - call->thread->number);

	if (memory_check(at, call->ret, call->node) == 1 && still_same(call))
		wrong(call->thread, "node %u: read() gave some of another camera", call->node);
}

static long run_write(struct call *call)
{
	uint8_t *from = memory_user(call->node, BUFFERS - 1 - call->thread->number);
	uint32_t length = call->camera->size;
	long ret;

	if (one_in(call, 16))
		length = below(call, SPAN);
	if (one_in(call, 32))
		from = memory_mapping(call->node, 0);
	else
		memory_fill(from, length, call->node, below(call, 16));
	ret = write(call->slot.fd, from, length);
	if (call->role == FEED && ret > 0)
		set_fileio(call);
	return ret;
}

static void learn_write(struct call *call)
{
	call->camera->frames++;
}

static long run_poll(struct call *call)
{
	struct pollfd event = { .fd = call->slot.fd, .events = POLLIN | POLLOUT | POLLPRI };
	struct queue *queue = call->queue;
	int ret;

	if (one_in(call, 4))
		event.events = one_in(call, 2) ? POLLPRI : POLLIN | POLLOUT;
	ret = poll(&event, 1, 0);
	if (ret < 0)
		return ret;
	if (event.revents & POLLERR) {
		errno = EIO;
		return -1;
	}
	/* vb2 begins to read or write for who polls a queue without buffers. */
	if (call->state == EMPTY && call->surely_bound && event.events & POLLIN && !queue->count)
		set_fileio(call);
	return 0;
}

const struct description stream_calls[OPERATIONS_NUMBER] = {
	RUN(READ, run_read, learn_read, SLEEPS),
	RUN(WRITE, run_write, learn_write, SLEEPS),
	RUN(POLL, run_poll, NULL, 0),
};
