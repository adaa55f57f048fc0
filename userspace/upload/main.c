// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe-upload: sends sealed clips to the store. Options, and waiting for clips by inotify; the
 * work is in sender.c. SIGTERM has its default action: the program may end at any moment and goes
 * on from there, so there is nothing to tidy.
 */
#include "config.h"
#include "sender.h"

#include "../lib/log.h"
#include "../lib/scope.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static const char usage[] = "usage: ownframe-upload [--check] CONFIG\n"
			    "\n"
			    "Sends the clips that are ready in the spool to the store.\n"
			    "\n"
			    "  --check  read the configuration, report its faults, and end\n"
			    "  --help   this text\n"
			    "\n"
			    "See ownframe-upload(8) and ownframe-upload.conf(5).\n";

/* The recorder renames a finished clip into ready/; IN_ONLYDIR: a clip is a folder. */
static int watch_ready(const struct spool *spool)
{
	SCOPE_CLOSE int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", spool->state[SPOOL_STATE_READY]);
	if (fd < 0 || inotify_add_watch(fd, path, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR) < 0) {
		log_error("cannot watch ready/: %s", strerror(errno));
		return -errno;
	}
	return SCOPE_TAKE_FD(fd);
}

static void wait_us(int watch, uint64_t us)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	/* A negative descriptor is ignored: then it is a plain sleep. */
	ppoll(&p, 1, us == UINT64_MAX ? NULL : &t, NULL);
}

static void drain(int watch)
{
	char events[4096];

	while (read(watch, events, sizeof(events)) > 0)
		;
}

static int run(const struct upload_config *cfg)
{
	struct sender sender;
	SCOPE_CLOSE int watch = -1;
	int ret = sender_open(&sender, cfg);

	if (!ret) {
		watch = watch_ready(&sender.spool);
		ret = watch < 0 ? watch : 0;
	}
	if (ret) {
		sender_close(&sender);
		return ret;
	}
	sd_notify(0, "READY=1");
	for (;;) {
		bool back_off;
		uint64_t us = sender_round(&sender, &back_off);

		wait_us(back_off ? -1 : watch, us);
		drain(watch);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "check", no_argument, NULL, 'c' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct upload_config cfg;
	bool check = false;
	int option, ret;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (option != 'c') {
			fputs(usage, stderr);
			return EX_USAGE;
		}
		check = true;
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	log_setup("ownframe-upload", LOG_LEVEL_INFO);
	ret = upload_config_read(&cfg, argv[optind]);
	if (ret)
		ret = EX_CONFIG;
	else if (!check)
		ret = run(&cfg) ? EX_OSERR : EX_OK;
	upload_config_free(&cfg);
	return ret;
}
