// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The socket for requests. Separate from what can be asked, which is in orders.c.
 * The one thing to know: a client's place is free again when its read in the ring has ended, so a
 * client is sent away by shutting its connection, which ends the read.
 */
#include "control.h"

#include "mailbox.h"
#include "monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE   5000000ull /* with a client that says nothing */
#define GROUPS_MAX 256 /* of a client that are looked at */

void control_say(struct control_reply *reply, const char *fmt, ...)
{
	size_t room = sizeof(reply->text) - reply->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(reply->text + reply->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		reply->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* --- clients ----------------------------------------------------------------------------------- */

static void send_away(struct control_client *client)
{
	close(client->fd);
	client->fd = -1;
}

/* It fits what any socket buffers; who has shrunk that, or does not read, gets nothing. */
static void answer(struct control_client *client, const char *error, struct control_reply *reply)
{
	if (error)
		control_say(reply, "error %s\n", error);
	else
		control_say(reply, "ok\n");
	send(client->fd, reply->text, reply->len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool in_group(int fd, const struct ucred *peer, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (peer->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len))
		return false;
	for (size_t i = 0; i < len / sizeof(*groups); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool is_permitted(struct control_client *client)
{
	socklen_t len = sizeof(client->peer);

	if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &client->peer, &len))
		return false;
	return client->peer.uid == 0 || client->peer.uid == geteuid() ||
	       in_group(client->fd, &client->peer, client->control->group);
}

/* @error: why the line is not even looked at, or NULL. */
static void serve(struct control_client *client, const char *error)
{
	static struct control_reply reply; /* large, and one at a time */
	struct control *c = client->control;

	reply.len = 0;
	if (!error && !is_permitted(client))
		error = "not permitted";
	if (!error)
		error = c->answer(c, client->line, &client->peer, &reply);
	answer(client, error, &reply);
}

static void read_more(struct control_client *client)
{
	ring_read(client->control->ring, &client->op, client->fd, client->line + client->len,
		  sizeof(client->line) - client->len);
}

static void on_client(struct ring_op *op, int res, unsigned int flags)
{
	struct control_client *client = letter_of(op, struct control_client, op);
	char *end;

	(void)flags;
	if (res > 0) {
		client->len += (size_t)res;
		end = memchr(client->line, '\n', client->len);
		if (!end && client->len < sizeof(client->line)) {
			read_more(client);
			return;
		}
		if (end)
			*end = '\0';
		serve(client, end ? NULL : "the line is too long");
	}
	send_away(client);
}

/* --- listening --------------------------------------------------------------------------------- */

static void admit(struct control *c, int fd)
{
	static const char busy[] = "error too many ask at once: try again\n";

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *client = &c->clients[i];

		if (client->fd >= 0)
			continue;
		client->fd = fd;
		client->len = 0;
		client->since_us = monotonic_us();
		read_more(client);
		return;
	}
	send(fd, busy, strlen(busy), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void listen_again(struct control *c)
{
	ring_poll(c->ring, &c->op, c->fd, POLLIN);
}

static void on_listen(struct ring_op *op, int res, unsigned int flags)
{
	struct control *c = letter_of(op, struct control, op);
	int fd;

	while (res > 0 && (fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		admit(c, fd);
	if (res >= 0 && !(flags & IORING_CQE_F_MORE))
		listen_again(c);
}

/* Each folder of the path that is not there, the last with the group of the one before it. */
static void make_folders(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

	strcpy(folder, path);
	for (char *p = folder; (p = strchr(p + 1, '/'));) {
		*p = '\0';
		mkdir(folder, 0755);
		*p = '/';
	}
}

/* A socket that was left behind refuses connections. */
static int remove_dead(const struct control *c)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -errno : 0;

	if (!ret && connect(fd, (const struct sockaddr *)&c->address, sizeof(c->address)))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	if (!ret || ret == -EAGAIN)
		return -EADDRINUSE;
	if (ret == -ECONNREFUSED)
		return unlink(c->address.sun_path) ? -errno : 0;
	return ret == -ENOENT ? 0 : ret;
}

static int start_listening(struct control *c)
{
	struct stat st;

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || bind(c->fd, (const struct sockaddr *)&c->address, sizeof(c->address)) ||
	    chmod(c->address.sun_path, 0660) || stat(c->address.sun_path, &st) ||
	    listen(c->fd, CONTROL_CLIENTS))
		return -errno;
	c->group = st.st_gid;
	return 0;
}

int control_open(struct control *c, struct ring *ring, const char *path)
{
	int ret;

	c->ring = ring;
	c->fd = -1;
	c->op.done = on_listen;
	c->address = (struct sockaddr_un) { .sun_family = AF_UNIX };
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i] =
			(struct control_client) { .op.done = on_client, .control = c, .fd = -1 };
	if (strlen(path) >= sizeof(c->address.sun_path))
		return -ENAMETOOLONG;
	strcpy(c->address.sun_path, path);
	make_folders(path);
	ret = remove_dead(c);
	if (!ret)
		ret = start_listening(c);
	if (ret) {
		if (c->fd >= 0)
			close(c->fd);
		c->fd = -1;
		return ret;
	}
	listen_again(c);
	return 0;
}

void control_tick(struct control *c, uint64_t now_us)
{
	for (size_t i = 0; c->fd >= 0 && i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0 && now_us - c->clients[i].since_us > PATIENCE)
			shutdown(c->clients[i].fd, SHUT_RDWR);
}

void control_close(struct control *c)
{
	if (c->fd < 0)
		return;
	unlink(c->address.sun_path);
	close(c->fd);
	c->fd = -1;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			send_away(&c->clients[i]);
}
