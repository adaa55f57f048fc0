// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The service manager's protocol. Separate, and not libsystemd's, because that one blocks when the
 * manager's socket is full, and a camera would wait for it.
 */
#include "notify.h"

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A path, or "@name" of the abstract namespace. */
static int set_address(struct notify *n, const char *name)
{
	size_t len = strlen(name);

	if (len < 2 || len >= sizeof(n->address.sun_path) || (*name != '/' && *name != '@'))
		return -EINVAL;
	n->address = (struct sockaddr_un) { .sun_family = AF_UNIX };
	memcpy(n->address.sun_path, name, len);
	if (*name == '@')
		n->address.sun_path[0] = '\0';
	n->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

/* WATCHDOG_PID says whose it is, if it says anything. */
static bool is_watched(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	return us && strtoull(us, NULL, 10) && (!pid || strtol(pid, NULL, 10) == getpid());
}

void notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct notify) { .fd = -1 };
	if (!name)
		return;
	if (set_address(n, name)) {
		log_warn("NOTIFY_SOCKET=%s: no address of a socket", name);
		return;
	}
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		log_warn("NOTIFY_SOCKET: %s", strerror(errno));
	n->watchdog = n->fd >= 0 && is_watched();
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

int notify_say(struct notify *n, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int len;

	if (n->fd < 0)
		return 0;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0 || len >= (int)sizeof(text))
		return -EMSGSIZE;
	if (sendto(n->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&n->address, n->address_len) < 0)
		return -errno;
	return 0;
}
