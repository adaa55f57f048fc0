// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver_fuzz [OPTION...]: the fuzzer's supervisor. See ../README.md.
 *
 * It starts workers, starts another when one has ended, wakes those that wait, and watches that each
 * gets on. It makes no call on a video device itself while they run.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "camera.h"
#include "fuzz.h"
#include "nodes.h"
#include "tree.h"

#define TICK_MS 50
/* A call that may wait is interrupted after so long. */
#define PATIENCE_MS 100
#define REPORT_MS   30000

struct run run = { .seed = 1, .workers = 4, .threads = 3 };

static uint64_t limit_operations;
static unsigned int limit_ms, hang_ms = 60000;
static bool coverage = true;
static pid_t workers[MAX_WORKERS];

/* What the watchdog saw of a lane. */
static struct watch {
	uint64_t calls;
	unsigned int ms;
} watches[MAX_WORKERS * MAX_THREADS + MAX_WORKERS];

static unsigned int lanes_number(void)
{
	return run.workers * run.threads + run.workers;
}

static uint64_t operations(void)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < lanes_number(); i++)
		total += run.shared->lanes[i].calls;
	return total;
}

/* --- workers ----------------------------------------------------------------------------------- */

static void start_worker(unsigned int number)
{
	pid_t pid = fork();

	if (pid == 0)
		worker_live(number);
	CHECK(pid > 0);
	workers[number] = pid;
}

static bool is_dying(unsigned int number)
{
	return run.shared->lanes[number * run.threads].dying;
}

static void worker_ended(unsigned int number, int status)
{
	tree_release(workers[number]);
	workers[number] = 0;
	for (unsigned int i = 0; i < run.threads; i++)
		run.shared->lanes[number * run.threads + i].tid = 0;
	if (status && !(is_dying(number) && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
		fprintf(stderr, "driver_fuzz: worker %u ended with status 0x%x\n", number, status);
		run.shared->wrong = true;
		run.shared->stop = true;
	}
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned int i = 0; i < run.workers; i++)
			if (workers[i] == pid)
				worker_ended(i, status);
}

/* Returns the number that run. */
static unsigned int keep_workers(void)
{
	unsigned int alive = 0;

	for (unsigned int i = 0; i < run.workers; i++) {
		if (!workers[i] && !run.shared->stop &&
		    !(run.quota && run.shared->lanes[i].calls >= run.quota))
			start_worker(i);
		alive += workers[i] != 0;
	}
	return alive;
}

/* --- watchdog ---------------------------------------------------------------------------------- */

static void print_stack(const struct lane *lane)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stack", lane->tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		fprintf(stderr, "\t%s", line);
	if (file)
		fclose(file);
}

static void report_hang(unsigned int number)
{
	const struct lane *lane = &run.shared->lanes[number];

	fprintf(stderr, "driver_fuzz: lane %u (pid %d) hangs in %s on slot %d, node %u (%s)\n",
		number, lane->tid, operation_name(lane->current.operation), lane->current.slot,
		lane->current.node, state_name(lane->current.state));
	print_stack(lane);
	fprintf(stderr, "\tbefore that:\n");
	table_trail(lane);
}

/* False if a lane hangs. */
static bool watch_lane(unsigned int number)
{
	struct lane *lane = &run.shared->lanes[number];
	struct watch *watch = &watches[number];

	if (lane->tid <= 0 || lane->calls != watch->calls) {
		watch->calls = lane->calls;
		watch->ms = 0;
		return true;
	}
	watch->ms += TICK_MS;
	if (lane->blocks && watch->ms >= PATIENCE_MS)
		syscall(SYS_tgkill, lane->pid, lane->tid, SIGUSR1);
	if (watch->ms < hang_ms)
		return true;
	report_hang(number);
	return false;
}

static bool watch_all(void)
{
	bool fine = true;

	for (unsigned int i = 0; i < lanes_number(); i++)
		fine &= watch_lane(i);
	return fine;
}

static void on_wake(int signal_number)
{
	(void)signal_number;
}

/* --- the run ----------------------------------------------------------------------------------- */

static void kill_all(void)
{
	for (unsigned int i = 0; i < lanes_number(); i++)
		if (run.shared->lanes[i].tid > 0)
			kill(run.shared->lanes[i].pid, SIGKILL);
}

static void report(unsigned int ms)
{
	fprintf(stderr, "driver_fuzz: %u s, %llu operations\n", ms / 1000,
		(unsigned long long)operations());
}

/*
 * Time is counted in ticks: on a machine that stands still for a while nobody hangs. False if a lane
 * does.
 */
static bool supervise(void)
{
	static const struct timespec tick = { .tv_nsec = TICK_MS * 1000000 };
	unsigned int ms = 0;

	while (keep_workers()) {
		nanosleep(&tick, NULL);
		ms += TICK_MS;
		reap();
		if (!watch_all()) {
			kill_all();
			return false;
		}
		if ((limit_ms && ms >= limit_ms) ||
		    (limit_operations && !run.quota && operations() >= limit_operations))
			run.shared->stop = true;
		if (ms % REPORT_MS == 0)
			report(ms);
	}
	report(ms);
	return true;
}

static void prepare(void)
{
	struct sigaction wake = { .sa_handler = on_wake };

	run.shared = mmap(NULL, sizeof(*run.shared), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(run.shared != MAP_FAILED);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, run.pool) == 0);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	/* Without SA_RESTART: it is to end what waits. */
	sigaction(SIGUSR1, &wake, NULL);
	for (unsigned int i = 0; i < lanes_number(); i++)
		run.shared->lanes[i].random = random_seed(run.seed, i);
	if (run.workers * run.threads == 1)
		run.quota = limit_operations;
}

static unsigned long number(const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (*end || !*text || value > most) {
		fprintf(stderr, "driver_fuzz: %s: a number up to %lu is wanted\n", text, most);
		exit(2);
	}
	return value;
}

static void usage(void)
{
	fputs("driver_fuzz [--seed N] [--operations N] [--seconds N] [--workers N] [--threads N]\n"
	      "            [--hang SECONDS] [--any-coverage] [--trace]\n",
	      stderr);
	exit(2);
}

static void options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "operations", required_argument, NULL, 'o' },
		{ "seconds", required_argument, NULL, 't' },
		{ "workers", required_argument, NULL, 'w' },
		{ "threads", required_argument, NULL, 'n' },
		{ "hang", required_argument, NULL, 'h' },
		{ "any-coverage", no_argument, NULL, 'a' },
		{ "trace", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 's':
			run.seed = number(optarg, ~0ul);
			break;
		case 'o':
			limit_operations = number(optarg, ~0ul);
			break;
		case 't':
			limit_ms = 1000 * number(optarg, 1000000);
			break;
		case 'w':
			run.workers = number(optarg, MAX_WORKERS);
			break;
		case 'n':
			run.threads = number(optarg, MAX_THREADS);
			break;
		case 'h':
			hang_ms = 1000 * number(optarg, 1000000);
			break;
		case 'a':
			coverage = false;
			break;
		case 'v':
			run.trace = true;
			break;
		default:
			usage();
		}
	}
	if (optind < argc || !run.workers || !run.threads || (!limit_ms && !limit_operations))
		usage();
}

int main(int argc, char **argv)
{
	bool fine;

	options(argc, argv);
	prepare();
	nodes_prepare();
	fine = supervise();
	if (run.tree)
		tree_remove();
	if (run.shared->wrong)
		for (unsigned int i = 0; i < lanes_number(); i++) {
			fprintf(stderr, "lane %u:\n", i);
			table_trail(&run.shared->lanes[i]);
		}
	printf("seed %llu, %u workers of %u threads\n", (unsigned long long)run.seed, run.workers,
	       run.threads);
	return table_print(coverage) && fine && !run.shared->wrong ? 0 : 1;
}
