// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * notify_listen SOCKET: a service manager that does nothing but print what services tell it, a
 * variable a line, see sd_notify(3). Says "listening" first.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char text[4096];
	ssize_t n;

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		errx(2, "usage: notify_listen SOCKET");
	strcpy(address.sun_path, argv[1]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "%s", argv[1]);
	setlinebuf(stdout);
	puts("listening");
	while ((n = recv(fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = '\0';
		puts(text);
	}
	err(1, "%s", argv[1]);
}
