// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations on a descriptor as such: doubled, passed to another process, closed.
 *
 * Apart from handle.c, where handles come from. The one thing to know: another thread may close the
 * descriptor at any time, so each is doubled before it is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "calls.h"
#include "handle.h"

/* A descriptor that is certainly of this file: it was made before the other could be closed. */
static int duplicate(struct call *call)
{
	int fd = fcntl(call->slot.fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0 || still_same(call))
		return fd;
	close(fd);
	errno = EBADF;
	return -1;
}

static long run_dup(struct call *call)
{
	int fd = duplicate(call);

	if (fd < 0)
		return -1;
	if (!one_in(call, 4)) {
		close(fd);
		return 0;
	}
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (!file_get(call->slot.file, call->generation))
			break;
		if (slot_put(i, fd, call->slot.file))
			return 0;
		file_put(call->slot.file);
	}
	close(fd);
	return 0;
}

static long run_pass(struct call *call)
{
	struct handle_message message = {
		.process = process,
		.file = call->slot.file,
		.generation = call->generation,
		.epoch = call->file->epoch,
		.node = call->node,
		.nonblock = call->file->nonblock,
		.bound = call->file->bound,
		.surely_bound = call->file->surely_bound == call->generation,
	};
	int fd, ret, error;

	fd = duplicate(call);
	if (fd < 0)
		return -1;
	ret = handle_send(run.pool[0], fd, &message);
	error = errno;
	close(fd);
	errno = error;
	return ret;
}

static long run_close(struct call *call)
{
	struct slot slot;
	int ret;

	if (!slot_take(call->number, &slot)) {
		errno = EBADF;
		return -1;
	}
	ret = close(slot.fd);
	file_put(slot.file);
	return ret;
}

const struct description handle_calls[OPERATIONS_NUMBER] = {
	RUN(DUP, run_dup, NULL, DESCRIPTOR),
	RUN(PASS, run_pass, NULL, DESCRIPTOR),
	RUN(CLOSE, run_close, NULL, DESCRIPTOR),
};
