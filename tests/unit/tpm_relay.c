// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The relay: one thread, one client at a time. Separate from the fixture of the TPM because few
 * tests need it. To know: a command and its answer alternate and each begins with a header of ten
 * bytes: tag, size, code (TPM 2.0 Library, Part 1 section 16).
 */
#include "tpm_relay.h"

#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

#define HEADER 10

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static int dial(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "relay: connect");
	return fd;
}

static void hear(struct tpm_relay *r, const uint8_t *bytes, size_t n)
{
	r->heard = realloc(r->heard, r->n_heard + n);
	if (!r->heard)
		err(1, "realloc");
	memcpy(r->heard + r->n_heard, bytes, n);
	r->n_heard += n;
}

/* A whole message; 0 at the end of the connection. */
static size_t message(int fd, uint8_t *buf, size_t cap)
{
	size_t size;

	if (recv(fd, buf, HEADER, MSG_WAITALL) != HEADER)
		return 0;
	size = get_u32(buf + 2);
	if (size < HEADER || size > cap)
		errx(1, "relay: message of %zu bytes", size);
	if (size > HEADER &&
	    recv(fd, buf + HEADER, size - HEADER, MSG_WAITALL) != (ssize_t)(size - HEADER))
		return 0;
	return size;
}

static void pass(int fd, const uint8_t *buf, size_t n)
{
	if (send(fd, buf, n, MSG_NOSIGNAL) != (ssize_t)n)
		warn("relay: send");
}

static bool changes_the_tpm(uint32_t code)
{
	return code == TPM2_CC_HierarchyChangeAuth || code == TPM2_CC_ClearControl ||
	       code == TPM2_CC_EvictControl || code == TPM2_CC_NV_DefineSpace ||
	       code == TPM2_CC_NV_Increment;
}

/* False if the client is to be hung up on. */
static bool exchange(struct tpm_relay *r, int client, int tpm)
{
	bool cut = false;
	uint8_t buf[4096];
	size_t n = message(client, buf, sizeof(buf));
	uint32_t code;

	if (!n)
		return false;
	hear(r, buf, n);
	code = get_u32(buf + 6);
	if (r->busy_count && code == r->busy_code) {
		r->busy_count--;
		buf[0] = 0x80;
		buf[1] = 0x01; /* TPM_ST_NO_SESSIONS */
		put_u32(buf + 2, HEADER);
		put_u32(buf + 6, r->busy_rc);
		pass(client, buf, HEADER);
		return true;
	}
	if (r->cut_at && changes_the_tpm(code))
		cut = --r->cut_at == 0;
	if (cut && !r->cut_after)
		return false;
	pass(tpm, buf, n);
	n = message(tpm, buf, sizeof(buf));
	if (!n || cut)
		return false;
	hear(r, buf, n);
	if (code == r->flip_code && r->flip_at < n)
		buf[r->flip_at] ^= 1;
	pass(client, buf, n);
	return true;
}

/* The control channel: bytes, either way. False at the end. */
static bool shovel(int from, int to)
{
	uint8_t buf[256];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n > 0)
		pass(to, buf, (size_t)n);
	return n > 0;
}

/* Client and TPM of one channel; poll() leaves negative descriptors out. */
struct line {
	int client, tpm;
};

static void hang_up(struct line *line)
{
	if (line->client >= 0) {
		close(line->client);
		close(line->tpm);
	}
	line->client = line->tpm = -1;
}

static void answer(struct tpm_relay *r, struct line *line, int channel)
{
	hang_up(line);
	line->client = accept(r->listen[channel], NULL, NULL);
	if (line->client < 0)
		err(1, "relay: accept");
	line->tpm = dial(r->tpm->port + channel);
}

static void *run(void *arg)
{
	struct tpm_relay *r = arg;
	struct line commands = { -1, -1 }, control = { -1, -1 };

	for (;;) {
		struct pollfd fds[] = {
			{ r->listen[0], POLLIN, 0 },   { r->listen[1], POLLIN, 0 },
			{ r->end[0], POLLIN, 0 },      { commands.client, POLLIN, 0 },
			{ control.client, POLLIN, 0 }, { control.tpm, POLLIN, 0 },
		};

		if (poll(fds, 6, -1) < 0)
			err(1, "relay: poll");
		if (fds[2].revents)
			break;
		if (fds[3].revents && !exchange(r, commands.client, commands.tpm))
			hang_up(&commands);
		if (fds[4].revents && !shovel(control.client, control.tpm))
			hang_up(&control);
		else if (fds[5].revents && !shovel(control.tpm, control.client))
			hang_up(&control);
		if (fds[0].revents)
			answer(r, &commands, 0);
		if (fds[1].revents)
			answer(r, &control, 1);
	}
	hang_up(&commands);
	hang_up(&control);
	return NULL;
}

void tpm_relay_start(struct tpm_relay *r, const struct swtpm *tpm)
{
	memset(r, 0, sizeof(*r));
	r->tpm = tpm;
	snprintf(r->tcti, sizeof(r->tcti), "swtpm:port=%d", swtpm_ports(r->listen));
	if (listen(r->listen[0], 1) < 0 || listen(r->listen[1], 1) < 0 || pipe(r->end) < 0)
		err(1, "relay");
	if (pthread_create(&r->thread, NULL, run, r))
		errx(1, "relay: no thread");
}

void tpm_relay_stop(struct tpm_relay *r)
{
	close(r->end[1]);
	pthread_join(r->thread, NULL);
	close(r->end[0]);
	close(r->listen[0]);
	close(r->listen[1]);
	free(r->heard);
}

bool tpm_relay_heard(const struct tpm_relay *r, const void *bytes, size_t n)
{
	return memmem(r->heard, r->n_heard, bytes, n) != NULL;
}
