// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the subcommands share: finding them, their files, their statuses. Separate so that main.c is
 * a table only. To know: results go to stdout, everything said to a person goes to stderr, so
 * results can be piped.
 */
#include "commands.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define INPUT_MAX (4 << 20) /* claims and certificates are a few kilobytes */

static int list(const char *program, const struct command *table, size_t n, bool asked)
{
	FILE *out = asked ? stdout : stderr;

	fprintf(out, "usage: %s COMMAND [OPTION]...\n\n", program);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %-10s%s\n", table[i].name, table[i].purpose);
	fprintf(out, "\n\"%s COMMAND --help\" says more; so does ownframe(1).\n", program);
	return asked ? STATUS_OK : STATUS_USAGE;
}

int command_run(const char *program, const struct command *table, size_t n, int argc, char **argv)
{
	if (argc < 2)
		return list(program, table, n, false);
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
		return list(program, table, n, true);
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].name, argv[1]) == 0)
			return table[i].run(argc - 1, argv + 1);
	log_error("no such command: %s %s", program, argv[1]);
	return list(program, table, n, false);
}

int command_usage(const char *text, bool asked)
{
	fputs(text, asked ? stdout : stderr);
	return asked ? STATUS_OK : STATUS_USAGE;
}

int command_status(int err)
{
	switch (err) {
	case 0:
		return STATUS_OK;
	case -ENODEV:
		return STATUS_NO_STORAGE;
	case -EACCES:
	case -EPERM:
		return STATUS_NO_ACCESS;
	case -ESTALE:
		return STATUS_STALE;
	case -EEXIST:
		return STATUS_EXISTS;
	default:
		return STATUS_FAILED;
	}
}

static int read_all(int fd, char **text, size_t *len)
{
	SCOPE_FREE char *data = malloc(INPUT_MAX + 1);
	size_t got = 0;
	ssize_t n;

	if (!data)
		return -ENOMEM;
	while ((n = read(fd, data + got, INPUT_MAX + 1 - got)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		got += (size_t)n;
		if (got > INPUT_MAX)
			return -EFBIG;
	}
	data[got] = '\0';
	*text = SCOPE_TAKE_PTR(data);
	*len = got;
	return 0;
}

int command_read(const char *path, char **text, size_t *len)
{
	SCOPE_CLOSE int opened = -1;
	int fd = STDIN_FILENO, err = 0;

	if (strcmp(path, "-") != 0) {
		opened = open(path, O_RDONLY | O_CLOEXEC);
		fd = opened;
		err = fd < 0 ? -errno : 0;
	}
	if (!err)
		err = read_all(fd, text, len);
	if (err)
		log_error("%s: %s", path, strerror(-err));
	return err;
}

int command_write(const char *path, const char *text)
{
	bool to_stdout = !path || strcmp(path, "-") == 0;
	FILE *out = to_stdout ? stdout : fopen(path, "we");
	bool failed;

	if (out) {
		failed = fprintf(out, "%s\n", text) < 0;
		failed |= to_stdout ? fflush(out) != 0 : fclose(out) != 0;
		if (!failed)
			return 0;
	}
	log_error("%s: %s", to_stdout ? "stdout" : path, strerror(errno));
	return errno ? -errno : -EIO;
}
