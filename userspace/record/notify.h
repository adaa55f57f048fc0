/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To the service manager, as sd_notify(3) describes the protocol: datagrams of "NAME=value" lines to
 * $NOTIFY_SOCKET. Never waits: what a manager that does not read has no room for is dropped, as
 * libsystemd's would not be.
 */
#ifndef OWNFRAME_RECORD_NOTIFY_H
#define OWNFRAME_RECORD_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un address;
	socklen_t address_len;
	bool watchdog; /* somebody waits for WATCHDOG=1 of this process */
};

/* As the environment says; without it, or if it is wrong (logged), nothing will be told. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);
/* 0, also if nobody wants to know, or -errno: -EAGAIN if there was no room. */
__attribute__((format(printf, 2, 3))) int notify_say(struct notify *n, const char *fmt, ...);

#endif
