// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Status to whoever watches. Separate so that the loop only counts.
 * The one thing to know: the file is replaced by rename, so a reader never sees half of it.
 */
#include "status.h"

#include "log.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

void status_init(struct status *s, const char *file)
{
	uint64_t every;

	*s = (struct status) { .file = file };
	s->watchdog = sd_watchdog_enabled(0, &every) > 0;
}

void status_ready(void)
{
	sd_notify(0, "READY=1");
}

void status_doing(struct status *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->doing, sizeof(s->doing), fmt, ap);
	va_end(ap);
}

/* Not durable: it is for the living. */
static int write_file(const char *path, const char *text)
{
	char temporary[4096];
	SCOPE_CLOSE int fd = -1;
	size_t len = strlen(text);

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || rename(temporary, path))
		return -errno;
	return 0;
}

void status_tell(struct status *s)
{
	char text[sizeof(s->told)];
	int ret;

	if (s->watchdog)
		sd_notify(0, "WATCHDOG=1");
	snprintf(text, sizeof(text),
		 "doing %s\ncaptured %" PRIu64 "\ndropped %" PRIu64 "\ncopied %" PRIu64
		 "\nevents %" PRIu64 "\nsealed %" PRIu64 "\nlost %" PRIu64 "\n",
		 s->doing, s->captured, s->dropped, s->copied, s->events, s->sealed, s->lost);
	if (!strcmp(text, s->told))
		return;
	memcpy(s->told, text, sizeof(s->told));
	sd_notifyf(0,
		   "STATUS=%s; frames: %" PRIu64 " captured, %" PRIu64 " dropped, %" PRIu64
		   " copied; clips: %" PRIu64 " sealed, %" PRIu64 " lost",
		   s->doing, s->captured, s->dropped, s->copied, s->sealed, s->lost);
	ret = s->file ? write_file(s->file, text) : 0;
	if (ret) {
		log_warn("%s: cannot write: %s; no more status there", s->file, strerror(-ret));
		s->file = NULL;
	}
}

void status_stop(struct status *s)
{
	sd_notify(0, "STOPPING=1");
	status_doing(s, "stopped");
	status_tell(s);
	log_info("frames: %" PRIu64 " captured, %" PRIu64 " dropped, %" PRIu64
		 " copied by the CPU; clips: %" PRIu64 " sealed, %" PRIu64 " lost",
		 s->captured, s->dropped, s->copied, s->sealed, s->lost);
}
