// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe arm, disarm, record, pause, resume, status, metrics: requests to running recorders.
 * One file because they differ by a word. The one thing to know: a recorder that does not answer is an
 * error that says what to do about it, since who asked for a pause must not believe to have it.
 */
#include "commands.h"
#include "control_path.h"
#include "log.h"
#include "scope.h"
#include "settings.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define PATIENCE_MS 30000 /* a camera may take seconds to stop */

struct request {
	char line[64]; /* what is sent */
	const char *word;
	bool named; /* say whose answer it is */
	char *const *cameras; /* NULL: every recorder */
};

/* --- one recorder ------------------------------------------------------------------------------ */

static int no_recorder(const char *name, const char *path, int err)
{
	switch (err) {
	case -ENOENT:
		log_error("%s: no recorder runs for this camera (%s is not there): systemctl start "
			  "ownframe-record@%s",
			  name, path, name);
		return STATUS_NO_RECORDER;
	case -ECONNREFUSED:
		log_error("%s: its recorder has ended (nobody answers at %s): systemctl status "
			  "ownframe-record@%s says why",
			  name, path, name);
		return STATUS_NO_RECORDER;
	case -EACCES:
	case -EPERM:
		log_error(
			"%s: this user may not ask: root may, and the group of %s: usermod -aG " CONTROL_GROUP
			" USER, and a new login",
			name, path);
		return STATUS_NO_ACCESS;
	case -EAGAIN:
	case -ETIMEDOUT:
	case -ECONNRESET:
		log_error("%s: its recorder does not answer, and may or may not do what was asked: "
			  "systemctl status ownframe-record@%s",
			  name, name);
		return STATUS_NO_RECORDER;
	default:
		log_error("%s: %s: %s", name, path, strerror(-err));
		return STATUS_FAILED;
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	SCOPE_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	/* Also of connect(): a recorder that accepts nobody has a full queue at some time. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return SCOPE_TAKE_FD(fd);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until the recorder closes. */
static int read_answer(int fd, char *text, size_t size)
{
	int64_t until = now_ms() + PATIENCE_MS;
	size_t len = 0;
	ssize_t n;

	do {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - now_ms();

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		n = recv(fd, text + len, size - 1 - len, 0);
		if (n < 0)
			return -errno;
		len += (size_t)n;
	} while (n && len < size - 1);
	text[len] = '\0';
	return len ? 0 : -ECONNRESET;
}

static int ask(const char *path, const char *line, char *text, size_t size)
{
	SCOPE_CLOSE int fd = connect_to(path);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = send(fd, line, strlen(line), MSG_NOSIGNAL);
	if (n < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return read_answer(fd, text, size);
}

/* The last line says how it went; those before are what was asked for. */
static int show(const struct request *req, const char *name, char *text)
{
	char *last;

	if (*text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	last = strrchr(text, '\n');
	last = last ? last + 1 : text;
	if (!strncmp(last, "error ", 6)) {
		log_error("%s: %s", name, last + 6);
		return strcmp(last, "error not permitted") ? STATUS_FAILED : STATUS_NO_ACCESS;
	}
	if (strcmp(last, "ok")) {
		log_error("%s: its recorder did not finish its answer", name);
		return STATUS_NO_RECORDER;
	}
	*last = '\0';
	if (*text && req->named)
		printf("camera %s\n", name);
	fputs(text, stdout);
	return STATUS_OK;
}

static int ask_at(const struct request *req, const char *name, const char *path)
{
	char text[32768];
	int ret = ask(path, req->line, text, sizeof(text));

	return ret ? no_recorder(name, path, ret) : show(req, name, text);
}

/* --- which recorders --------------------------------------------------------------------------- */

static int ask_camera(const struct request *req, const char *name)
{
	char path[256];

	if (strchr(name, '/'))
		return ask_at(req, name, name);
	snprintf(path, sizeof(path), CONTROL_DIR "/%s", name);
	return ask_at(req, name, path);
}

/* The worst of all is the status; the others are asked all the same. */
static int ask_named(struct request *req)
{
	int status = STATUS_OK;

	req->named = req->cameras[0] && req->cameras[1];
	for (size_t i = 0; req->cameras[i]; i++) {
		int one = ask_camera(req, req->cameras[i]);

		status = one ? one : status;
	}
	return status;
}

static int not_a_state(const struct dirent *entry)
{
	return *entry->d_name != '.' && !strchr(entry->d_name, '.');
}

static int ask_all(struct request *req)
{
	struct dirent **list;
	int n = scandir(CONTROL_DIR, &list, not_a_state, alphasort), status = STATUS_OK;

	if (n < 0 && errno == EACCES)
		return no_recorder("any camera", CONTROL_DIR, -EACCES);
	if (n <= 0) {
		if (!n)
			free(list);
		log_error("no recorder runs: nobody listens in " CONTROL_DIR
			  ": systemctl start ownframe-record@CAMERA");
		return STATUS_NO_RECORDER;
	}
	req->named = true;
	for (int i = 0; i < n; i++) {
		int one = ask_camera(req, list[i]->d_name);

		status = one ? one : status;
		free(list[i]);
	}
	free(list);
	return status;
}

/* --- commands ---------------------------------------------------------------------------------- */

static const char usage[] =
	"usage: ownframe arm | disarm | pause | resume | status [CAMERA]...\n"
	"       ownframe metrics CAMERA\n"
	"       ownframe record [--for TIME] [CAMERA]...\n"
	"\n"
	"  arm, disarm    may motion begin a clip?\n"
	"  record         a clip of what is before the camera now, armed or not\n"
	"  --for TIME     of all that is before it for so long, like 30s\n"
	"  pause          let go of the camera: nothing is seen; resume: see again\n"
	"  status         what it does, and figures; metrics: for Prometheus, of one CAMERA\n"
	"\n"
	"CAMERA is a name, or the path of a recorder's socket. None: all recorders that run here.\n";

int cmd_recorder(int argc, char **argv)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct request req = { .word = argv[0] };
	const char *time = NULL;
	uint64_t us;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c == 'h')
			return command_usage(usage, true);
		if (c != 'f' || strcmp(req.word, "record"))
			return command_usage(usage, false);
		time = optarg;
		if (!settings_duration(time, &us) || strlen(time) > 32) {
			log_error("--for %s: expected a duration like 500ms, 30s or 2min", time);
			return STATUS_USAGE;
		}
	}
	snprintf(req.line, sizeof(req.line), "%s%s%s\n", req.word, time ? " " : "",
		 time ? time : "");
	req.cameras = argv + optind;
	/* One text, which may say but once what a name means. */
	if (!strcmp(req.word, "metrics") && argc - optind != 1)
		return command_usage(usage, false);
	return *req.cameras ? ask_named(&req) : ask_all(&req);
}
