// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * io_uring as the recorder uses it. Separate so that nothing else touches submission queue entries.
 * The one thing to know: an entry's user data is its ring_op, and 0 for those nobody waits for.
 */
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int ring_init(struct ring *r, unsigned int entries)
{
	/*
	 * Results are delivered when this thread asks for them, not by interrupting it: kernels
	 * before 6.1 do not know that.
	 */
	int ret = io_uring_queue_init(entries, &r->uring,
				      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	if (ret == -EINVAL)
		ret = io_uring_queue_init(entries, &r->uring, 0);
	return ret;
}

void ring_exit(struct ring *r)
{
	io_uring_queue_exit(&r->uring);
}

int ring_register(struct ring *r, const struct iovec *iov, unsigned int n)
{
	return io_uring_register_buffers(&r->uring, iov, n);
}

void ring_unregister(struct ring *r)
{
	io_uring_unregister_buffers(&r->uring);
}

void ring_reserve(struct ring *r, unsigned int n)
{
	while (io_uring_sq_space_left(&r->uring) < n)
		io_uring_submit(&r->uring);
}

static struct io_uring_sqe *next_entry(struct ring *r)
{
	ring_reserve(r, 1);
	return io_uring_get_sqe(&r->uring);
}

static void set_link(struct io_uring_sqe *sqe, enum ring_link link)
{
	if (link == RING_THEN)
		sqe->flags |= IOSQE_IO_LINK;
}

void ring_poll(struct ring *r, struct ring_op *op, int fd, unsigned int events)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_poll_multishot(sqe, fd, events);
	io_uring_sqe_set_data(sqe, op);
}

void ring_cancel(struct ring *r, struct ring_op *op)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

void ring_read(struct ring *r, struct ring_op *op, int fd, void *buf, size_t len)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_read(sqe, fd, buf, len, 0);
	io_uring_sqe_set_data(sqe, op);
}

void ring_timeout(struct ring *r, struct ring_op *op, struct __kernel_timespec *after)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_timeout(sqe, after, 0, 0);
	io_uring_sqe_set_data(sqe, op);
}

void ring_write(struct ring *r, struct ring_op *op, int fd, const void *data, size_t len,
		uint64_t off, int index, bool dsync, enum ring_link link)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_write_fixed(sqe, fd, data, len, off, index);
	if (dsync)
		sqe->rw_flags = RWF_DSYNC;
	set_link(sqe, link);
	io_uring_sqe_set_data(sqe, op);
}

void ring_datasync(struct ring *r, struct ring_op *op, int fd, enum ring_link link)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	set_link(sqe, link);
	io_uring_sqe_set_data(sqe, op);
}

/* Not even begun in this thread: a path's file system may hang at once. */
static void submit_elsewhere(struct io_uring_sqe *sqe, struct ring_op *op)
{
	sqe->flags |= IOSQE_ASYNC;
	io_uring_sqe_set_data(sqe, op);
}

void ring_open(struct ring *r, struct ring_op *op, const char *path, int flags, mode_t mode)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_openat(sqe, AT_FDCWD, path, flags, mode);
	submit_elsewhere(sqe, op);
}

void ring_write_plain(struct ring *r, struct ring_op *op, int fd, const void *data, size_t len)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_write(sqe, fd, data, (unsigned int)len, 0);
	submit_elsewhere(sqe, op);
}

void ring_close(struct ring *r, struct ring_op *op, int fd)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_close(sqe, fd);
	submit_elsewhere(sqe, op);
}

void ring_rename(struct ring *r, struct ring_op *op, const char *from, const char *to)
{
	struct io_uring_sqe *sqe = next_entry(r);

	io_uring_prep_renameat(sqe, AT_FDCWD, from, AT_FDCWD, to, 0);
	submit_elsewhere(sqe, op);
}

int ring_turn(struct ring *r)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit_and_wait(&r->uring, 1);

	if (ret < 0 && ret != -EINTR && ret != -EBUSY && ret != -EAGAIN)
		return ret;
	while (!io_uring_peek_cqe(&r->uring, &cqe)) {
		struct ring_op *op = io_uring_cqe_get_data(cqe);
		int res = cqe->res;
		unsigned int flags = cqe->flags;

		/* Seen first: done() may need the place for what it submits. */
		io_uring_cqe_seen(&r->uring, cqe);
		if (op)
			op->done(op, res, flags);
	}
	return 0;
}
