// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where handles come from: a node that is opened, or a descriptor that another process passed on.
 *
 * Apart from calls.c, as there is no handle yet. Who passes one on says what it knows of it, so that
 * the receiver knows for certain when it is another's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handle.h"
#include "nodes.h"

int handle_send(int socket, int fd, const struct handle_message *message)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
	struct msghdr header = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(int));
	return sendmsg(socket, &header, MSG_DONTWAIT) < 0 ? -1 : 0;
}

static int message_receive(int socket, struct handle_message *message)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { .iov_base = message, .iov_len = sizeof(*message) };
	struct msghdr header = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights;
	int fd = -1;

	if (recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -1;
	rights = CMSG_FIRSTHDR(&header);
	if (rights)
		memcpy(&fd, CMSG_DATA(rights), sizeof(int));
	return fd;
}

/* The file that a message is about: one of ours that came back, or a new one. */
static int message_file(const struct handle_message *message)
{
	struct file *file;
	int number;

	if (message->process == process && file_get(message->file, message->generation))
		return message->file;
	number = file_new(message->node, message->epoch);
	if (number < 0)
		return -1;
	file = &files[number];
	file->nonblock = message->nonblock;
	if (message->process == process) {
		file->bound = message->bound;
	} else if (message->bound) {
		file->foreign = true;
		file->surely_foreign = message->surely_bound ? file_generation(file) : 0;
	}
	return number;
}

static void receive(struct thread *thread, unsigned int slot)
{
	struct handle_message message;
	int fd, file;

	event_begin(thread, EV_RECEIVE, slot);
	fd = message_receive(run.pool[1], &message);
	event_end(thread, fd < 0 ? -errno : 0);
	if (fd < 0)
		return;
	file = message_file(&message);
	if (file >= 0 && slot_put(slot, fd, file))
		return;
	close(fd);
	if (file >= 0)
		file_put(file);
}

/* Of a worker's handles one is for its camera's feed; of the others, most are for views. */
static unsigned int pick_node(struct thread *thread, unsigned int slot)
{
	unsigned int camera = random_below(&thread->random, CAMERAS);
	unsigned int worker = (thread->lane - run.shared->lanes) / run.threads;

	if (slot == 0 && !random_one_in(&thread->random, 4))
		return worker % CAMERAS * 3;
	if (random_one_in(&thread->random, 24))
		return camera * 3;
	return camera * 3 + 1 + random_below(&thread->random, 2);
}

static void open_node(struct thread *thread, unsigned int slot)
{
	unsigned int node = pick_node(thread, slot);
	uint32_t epoch = node_camera(node)->epoch;
	bool nonblock = thread->alone || !random_one_in(&thread->random, 8);
	int fd, file;

	/* A camera by a parameter of the module has one view. */
	if (!run.tree && node % 3 == 2)
		node--;
	event_begin(thread, EV_OPEN, slot);
	fd = node_open(node, nonblock ? O_NONBLOCK : 0);
	event_end(thread, fd < 0 ? -errno : 0);
	if (fd < 0)
		return;
	file = file_new(node, epoch);
	if (file >= 0) {
		files[file].nonblock = nonblock;
		/* Else it may be of the next one's. */
		if (epoch == node_camera(node)->epoch && slot_put(slot, fd, file))
			return;
		file_put(file);
	}
	close(fd);
}

void handle_receive(struct thread *thread, unsigned int slot)
{
	pthread_rwlock_rdlock(&descriptors_lock);
	receive(thread, slot);
	pthread_rwlock_unlock(&descriptors_lock);
}

void handle_open(struct thread *thread, unsigned int slot)
{
	pthread_rwlock_rdlock(&descriptors_lock);
	open_node(thread, slot);
	pthread_rwlock_unlock(&descriptors_lock);
}
