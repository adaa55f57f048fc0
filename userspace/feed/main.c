// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe-feed: brings a sensor's frames to the driver's feed node. Options and process-wide
 * settings only; the work is in pump.c. It handles frames of a home: no core dump, no ptrace by
 * others of its user.
 */
#include "config.h"
#include "pump.h"

#include "../lib/log.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

static const char usage[] = "usage: ownframe-feed [--check] CONFIG\n"
			    "\n"
			    "Moves the frames of one sensor to the feed node of one camera.\n"
			    "\n"
			    "  --check  read the configuration, report its faults, and end\n"
			    "  --help   this text\n"
			    "\n"
			    "See ownframe-feed(8) and ownframe-feed.conf(5).\n";

static void keep_private(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit) { 0, 0 });
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "check", no_argument, NULL, 'c' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct feed_config cfg;
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
	log_setup("ownframe-feed", LOG_LEVEL_INFO);
	keep_private();
	ret = feed_config_read(&cfg, argv[optind]);
	if (!ret && !check)
		ret = pump_run(&cfg) ? EX_OSERR : EX_OK;
	else if (ret)
		ret = EX_CONFIG;
	feed_config_free(&cfg);
	return ret;
}
