/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The recorder's one io_uring: device readiness, timers, wake-ups and all writes of clips end in the
 * same queue, so that one thread waits in one place. Main thread only.
 */
#ifndef OWNFRAME_RECORD_RING_H
#define OWNFRAME_RECORD_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* Something under way in the ring. It lives, at the same address, until @done got the last result. */
struct ring_op {
	/* @res: result or -errno; @flags: of the CQE (IORING_CQE_F_MORE: more will come). */
	void (*done)(struct ring_op *op, int res, unsigned int flags);
};

struct ring {
	struct io_uring uring;
};

/* How an operation hangs together with the next one. */
enum ring_link {
	RING_ALONE,
	RING_THEN /* the next operation starts when this one has succeeded in full, else is -ECANCELED */
};

int ring_init(struct ring *r, unsigned int entries);
void ring_exit(struct ring *r);

/* Register memory for ring_write(): index i is iov[i], each at most 1 GiB. */
int ring_register(struct ring *r, const struct iovec *iov, unsigned int n);
void ring_unregister(struct ring *r);

/* Make room for @n operations that are linked: they must be submitted together. */
void ring_reserve(struct ring *r, unsigned int n);

/* Readiness of @fd, again and again until cancelled or an event comes without F_MORE. */
void ring_poll(struct ring *r, struct ring_op *op, int fd, unsigned int events);
void ring_cancel(struct ring *r, struct ring_op *op);
void ring_read(struct ring *r, struct ring_op *op, int fd, void *buf, size_t len);
/* @after must stay valid until the operation is done: -ETIME. */
void ring_timeout(struct ring *r, struct ring_op *op, struct __kernel_timespec *after);
/*
 * Write from registered memory @index at @off. @dsync: it is on the disk when done. A result below
 * @len breaks a link.
 */
void ring_write(struct ring *r, struct ring_op *op, int fd, const void *data, size_t len,
		uint64_t off, int index, bool dsync, enum ring_link link);
void ring_datasync(struct ring *r, struct ring_op *op, int fd, enum ring_link link);

/* The calls of these names; paths and data must stay valid until the operation is done. */
void ring_open(struct ring *r, struct ring_op *op, const char *path, int flags, mode_t mode);
void ring_write_plain(struct ring *r, struct ring_op *op, int fd, const void *data, size_t len);
void ring_close(struct ring *r, struct ring_op *op, int fd);
void ring_rename(struct ring *r, struct ring_op *op, const char *from, const char *to);

/* Submit what there is, wait for at least one result, and call done() for all that are there. */
int ring_turn(struct ring *r);

#endif
