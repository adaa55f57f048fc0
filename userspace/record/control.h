/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: requests from outside, one line a connection, "word [argument]\n". The answer
 * is any number of lines "name value" and a last one, "ok" or "error reason"; then it is closed.
 *
 * Who may ask: who may connect (the folder's and the socket's permissions), and then only root, the
 * recorder's own user, and members of the socket's group, whatever became of the permissions
 * (SO_PEERCRED, SO_PEERGROUPS). Main thread only. Nothing here waits for a client: what it asks is
 * read through the ring, and an answer that it does not take is thrown away.
 */
#ifndef OWNFRAME_RECORD_CONTROL_H
#define OWNFRAME_RECORD_CONTROL_H

#include "ring.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONTROL_CLIENTS 8 /* at once; one more is told so */
#define CONTROL_LINE	128 /* bytes of a request */

struct control_reply {
	char text[16384]; /* far less than a socket takes */
	size_t len;
};

__attribute__((format(printf, 2, 3))) void control_say(struct control_reply *reply, const char *fmt,
						       ...);

struct control;

struct control_client {
	struct ring_op op;
	struct control *control;
	int fd; /* -1: nobody */
	uint64_t since_us;
	struct ucred peer;
	char line[CONTROL_LINE];
	size_t len;
};

struct control {
	/*
	 * Answer @line, which has no newline, with lines. NULL: "ok" is added; else the reason for
	 * "error".
	 */
	const char *(*answer)(struct control *c, const char *line, const struct ucred *peer,
			      struct control_reply *reply);
	struct ring *ring;
	/* Its own. */
	struct sockaddr_un address;
	int fd;
	gid_t group;
	struct ring_op op;
	struct control_client clients[CONTROL_CLIENTS];
};

/*
 * Listen at @path, whose folder is made if it is not there. -EADDRINUSE: another recorder answers
 * there; a socket that nobody answers is replaced. -ENAMETOOLONG, or -errno.
 */
int control_open(struct control *c, struct ring *ring, const char *path);
/* Once a second: who has connected and does not ask is sent away. */
void control_tick(struct control *c, uint64_t now_us);
/* After ring_exit(). */
void control_close(struct control *c);

#endif
