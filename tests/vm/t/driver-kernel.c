// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, the kernel does for a process what the process may not do itself, or a handle that no
 * process holds any more keeps a place at the camera.
 *
 * A kernel thread has no memory map, so it is nobody. The ways by which a process makes one call a
 * video device: poll() of Linux AIO, whose second look at a file is a kworker's, and the close of a file
 * that was on its way in a socket, or registered with a ring, when the last process went.
 */
#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static int told[2];

static void watch(struct stream *view)
{
	stream_map(view, camera_open("front", "main", 0), capture, 2);
	stream_queue_all(view);
	stream_on(view);
}

/* The owner's own request. When the handle is bound, or an event comes, a kworker takes a look. */
static void check_aio_poll(void)
{
	struct iocb request = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLPRI };
	struct iocb *requests[] = { &request };
	struct timespec limit = { .tv_sec = 10 };
	aio_context_t context = 0;
	struct io_event event;
	struct stream view;
	int fd = camera_open("front", "main", 0);

	CHECK(syscall(SYS_io_setup, 1, &context) == 0);
	request.aio_fildes = fd;
	CHECK(syscall(SYS_io_submit, context, 1, requests) == 1);
	CHECK(syscall(SYS_io_getevents, context, 0, 1, &event, NULL) == 0);
	stream_map(&view, fd, capture, 2);
	CHECK(syscall(SYS_io_getevents, context, 1, 1, &event, &limit) == 1);
	CHECK(event.res == POLLERR);
	/* Then the file has two wait queues, which Linux AIO does not do. */
	CHECK_ERRNO(syscall(SYS_io_submit, context, 1, requests), EINVAL);
	syscall(SYS_io_destroy, context);
	close(fd);
}

/* What would let the kernel read, of itself or for a pipe, does not take this file. */
static void check_no_splice(void)
{
	struct stream view;
	int pipes[2], null = open("/dev/null", O_WRONLY);

	watch(&view);
	CHECK(null >= 0 && pipe(pipes) == 0);
	CHECK_ERRNO(splice(view.fd, NULL, pipes[1], NULL, 4096, 0), EINVAL);
	CHECK_ERRNO(sendfile(null, view.fd, NULL, 4096), EINVAL);
	CHECK_ERRNO(copy_file_range(view.fd, NULL, null, NULL, 4096, 0), EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	close(null);
	close(view.fd);
}

/* The last reference is a message that nobody will receive, in a cycle that the collector finds. */
static int sends_and_ends(void *arg)
{
	struct stream view;
	int pair[2];

	(void)arg;
	close(feed.fd);
	watch(&view);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	fd_send(pair[0], view.fd);
	fd_send(pair[0], pair[1]);
	byte_send(told[1], 'w');
	pause();
	return 0;
}

/* It is a ring's, which a kworker takes down. */
static int registers_and_ends(void *arg)
{
	struct io_uring ring;
	struct stream view;

	(void)arg;
	close(feed.fd);
	watch(&view);
	CHECK(io_uring_queue_init(4, &ring, 0) == 0);
	CHECK(io_uring_register_files(&ring, &view.fd, 1) == 0);
	close(view.fd);
	byte_send(told[1], 'w');
	pause();
	return 0;
}

static void check_closed_by_kernel(int (*function)(void *))
{
	pid_t pid = process_start(function, NULL);

	CHECK(byte_receive(told[0]) == 'w');
	CHECK(feed_consumers(feed.fd) == 1);
	CHECK(kill(pid, SIGKILL) == 0);
	process_wait(pid);
	feed_await_consumers(feed.fd, 0);
}

int main(void)
{
	camera_load("front");
	CHECK(pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	check_aio_poll();
	check_no_splice();
	/* As many as there are places, and one more. */
	for (int i = 0; i < OWNFRAME_MAX_CONSUMERS / 2 + 1; i++) {
		check_closed_by_kernel(sends_and_ends);
		check_closed_by_kernel(registers_and_ends);
	}
	return 0;
}
