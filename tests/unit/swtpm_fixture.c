// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * swtpm as a child process. Separate because each TPM test needs it. To know: swtpm writes its pid
 * file after it has bound its ports, and that file is a FIFO here, so reading it is waiting until
 * swtpm is ready.
 */
#include "swtpm_fixture.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int bind_port(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		err(1, "socket");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int swtpm_ports(int fds[2])
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	for (;;) {
		int port;

		fds[0] = bind_port(0);
		if (fds[0] < 0 || getsockname(fds[0], (struct sockaddr *)&address, &len) < 0)
			err(1, "no free port");
		port = ntohs(address.sin_port);
		fds[1] = bind_port(port + 1);
		if (fds[1] >= 0)
			return port;
		close(fds[0]);
	}
}

static bool found(void)
{
	return system("command -v swtpm >/dev/null") == 0;
}

bool swtpm_init(struct swtpm *t)
{
	char state[80];
	int fds[2];

	memset(t, 0, sizeof(*t));
	if (!found())
		return false;
	/* In memory where that can be: swtpm syncs its state at every change. */
	snprintf(t->dir, sizeof(t->dir), "%s/ownframe-swtpm-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(t->dir))
		err(1, "mkdtemp");
	snprintf(state, sizeof(state), "%s/tpm", t->dir);
	if (mkdir(state, 0700) < 0)
		err(1, "%s", state);
	t->port = swtpm_ports(fds);
	close(fds[0]);
	close(fds[1]);
	snprintf(t->tcti, sizeof(t->tcti), "swtpm:port=%d", t->port);
	return true;
}

static void become_swtpm(const struct swtpm *t, const char *ready)
{
	char state[96], server[48], control[48], pid[112];

	snprintf(state, sizeof(state), "dir=%s/tpm", t->dir);
	snprintf(server, sizeof(server), "type=tcp,port=%d", t->port);
	snprintf(control, sizeof(control), "type=tcp,port=%d", t->port + 1);
	snprintf(pid, sizeof(pid), "file=%s", ready);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
	       "--ctrl", control, "--pid", pid, "--flags", "not-need-init,startup-clear", NULL);
	err(1, "swtpm");
}

void swtpm_start(struct swtpm *t)
{
	struct pollfd wait = { .events = POLLIN };
	char ready[80];

	snprintf(ready, sizeof(ready), "%s/ready", t->dir);
	if (mkfifo(ready, 0600) < 0 && errno != EEXIST)
		err(1, "%s", ready);
	wait.fd = open(ready, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (wait.fd < 0)
		err(1, "%s", ready);
	t->pid = fork();
	if (t->pid < 0)
		err(1, "fork");
	if (t->pid == 0)
		become_swtpm(t, ready);
	if (poll(&wait, 1, 30000) != 1)
		errx(1, "swtpm did not start");
	close(wait.fd);
}

void swtpm_cut(struct swtpm *t)
{
	if (!t->pid)
		return;
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	t->pid = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void swtpm_release(struct swtpm *t)
{
	swtpm_cut(t);
	nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
