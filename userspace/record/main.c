// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe-record: clips of what moves in front of a camera, for its owner only.
 * Prepares the process, so that nothing of a frame or a key can leave it by the back door, and what
 * the loop needs; then runs the loop. The one thing to know: without identity or claim it says what
 * to do and records nothing.
 */
#include "arena.h"
#include "config.h"
#include "identity.h"
#include "log.h"
#include "recorder.h"
#include "scope.h"
#include "stream.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>

struct options {
	bool check;
	const char *identity, *spool, *config;
};

/* The identity as the spooler uses it. */
struct device {
	struct spooler_device spooler;
	struct identity *identity;
};

static const char usage[] =
	"usage: ownframe-record [--check] [--identity DIR] [--spool DIR] CONFIG\n"
	"  --check         check the configuration, and whether it fits the camera, and end\n"
	"  --identity DIR  the device's identity (" IDENTITY_DIR ")\n"
	"  --spool DIR     where clips are written (" SPOOL_DIR ")\n"
	"  --version\n";

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "identity", required_argument, NULL, 'i' },
		{ "spool", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct options) { .identity = IDENTITY_DIR, .spool = SPOOL_DIR };
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			o->check = true;
			break;
		case 'i':
			o->identity = optarg;
			break;
		case 's':
			o->spool = optarg;
			break;
		case 'v':
			puts("ownframe-record " OWNFRAME_VERSION);
			return EX_OK;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	o->config = argv[optind];
	return -1;
}

/* No frame or key in a core dump, on swap, or before a debugger of the same user. */
static int close_back_doors(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit lim;

	umask(0007); /* the uploader's group reads what is in ready/ */
	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none)) {
		log_error("cannot forbid core dumps: %s", strerror(errno));
		return EX_OSERR;
	}
	/* A heap of its own for each thread would be reserved in 64 MiB pieces, all of them locked. */
	mallopt(M_ARENA_MAX, 1);
	if (!getrlimit(RLIMIT_MEMLOCK, &lim) && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &lim);
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) {
		log_error("cannot keep memory from swap: %s: raise LimitMEMLOCK= of the service "
			  "(ulimit -l)",
			  strerror(errno));
		return EX_CONFIG;
	}
	return EX_OK;
}

static int device_epoch(struct spooler_device *dev, uint64_t *epoch)
{
	return identity_epoch(((struct device *)dev)->identity, epoch);
}

static int device_claim(struct spooler_device *dev, struct claim *claim)
{
	return identity_claim(((struct device *)dev)->identity, claim);
}

static int exit_status(int err)
{
	switch (err) {
	case -ENOENT:
		return EX_CONFIG;
	case -EACCES:
	case -EPERM:
		return EX_NOPERM;
	default:
		return EX_UNAVAILABLE;
	}
}

static int open_device(struct device *dev, const char *dir, uint8_t **spool_key)
{
	int ret = identity_open(&dev->identity, dir, NULL);

	if (ret)
		return exit_status(ret);
	dev->spooler.epoch = device_epoch;
	dev->spooler.claim = device_claim;
	ret = identity_signer(dev->identity, IDENTITY_SIGN, &dev->spooler.signer);
	if (ret)
		return exit_status(ret);
	*spool_key = secret_new(IDENTITY_SPOOL_LEN);
	ret = *spool_key ? identity_spool_key(dev->identity, *spool_key) : -ENOMEM;
	return ret ? exit_status(ret) : EX_OK;
}

static int open_spool(struct spool *spool, uint32_t *block, const char *path)
{
	int ret = spool_open(spool, path);

	if (ret)
		return EX_CANTCREAT;
	ret = spool_block(spool, block);
	if (ret) {
		log_error("%s: %s", path,
			  ret == -EOPNOTSUPP
				  ? "its file system has no direct I/O: clips need one that "
				    "has (ext4, xfs, btrfs, f2fs)"
				  : strerror(-ret));
		spool_close(spool);
		return EX_CONFIG;
	}
	return EX_OK;
}

static int open_camera(struct spool *spool, const char *name, char camera[], int *lock)
{
	int ret = spool_camera(spool, name, camera, lock);

	if (!ret)
		return EX_OK;
	if (ret == -EBUSY)
		log_error("another ownframe-record is running for camera %s", name);
	else
		log_error("the id of camera %s in the spool: %s", name, strerror(-ret));
	return ret == -EBUSY ? EX_TEMPFAIL : EX_IOERR;
}

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int record(const struct options *o, struct config *cfg, struct device *dev,
		  struct spool *spool)
{
	char camera[MANIFEST_CAMERA_LEN + 1];
	SCOPE_CLOSE int lock = -1;
	uint8_t *spool_key = NULL;
	struct recorder_setup setup = { .cfg = cfg, .spool = spool, .camera = camera };
	sigset_t signals;
	int ret;

	block_signals(&signals);
	ret = open_device(dev, o->identity, &spool_key);
	if (!ret)
		ret = open_spool(spool, &setup.block, o->spool);
	if (!ret)
		ret = open_camera(spool, cfg->camera, camera, &lock);
	if (!ret) {
		setup.signals = &signals;
		setup.device = &dev->spooler;
		setup.spool_key = spool_key;
		ret = recorder_run(&setup);
	}
	secret_free(spool_key, IDENTITY_SPOOL_LEN);
	return ret;
}

int main(int argc, char **argv)
{
	struct spool spool = { .fd = -1, .state = { -1, -1, -1, -1 } };
	struct device dev = { 0 };
	struct options o;
	struct config cfg;
	int ret = parse(&o, argc, argv);

	if (ret >= 0)
		return ret;
	log_setup("ownframe-record", LOG_LEVEL_INFO);
	if (config_read(&cfg, o.config))
		return EX_CONFIG;
	if (o.check) {
		ret = stream_check(&cfg, 4096) ? EX_CONFIG : EX_OK;
	} else {
		ret = close_back_doors();
		if (!ret)
			ret = record(&o, &cfg, &dev, &spool);
		spool_close(&spool);
		if (dev.identity)
			identity_close(dev.identity);
	}
	config_free(&cfg);
	return ret;
}
