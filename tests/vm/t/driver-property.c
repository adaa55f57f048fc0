// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, there is some course of events, which nobody thought of, in which a process gets bytes
 * that are not its own, loses a frame that is not counted, or takes something with it when it dies.
 *
 * Processes come and go at random on two cameras, stream by random means at random speeds, hold frames,
 * fork, are stopped and killed, while the feeds are killed too and change their formats. Each accounts
 * for every byte that it gets: lib/life.h says how.
 *
 * What happens follows from the seed, but for the scheduler's part: OWNFRAME_SEED repeats,
 * OWNFRAME_LIVES goes on for longer.
 *
 * vm: timeout=180
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "camera.h"
#include "chance.h"
#include "life.h"

#define WORKERS 6 /* at a time; no more than a view has places */
#define LIVES	40

static const struct {
	uint32_t fourcc, width, height;
} formats[] = {
	{ V4L2_PIX_FMT_GREY, 64, 48 },
	{ V4L2_PIX_FMT_GREY, 98, 50 }, /* no whole number of pages, or words */
	{ V4L2_PIX_FMT_YUYV, 80, 60 },
};

struct feed_life {
	uint32_t seed;
	uint32_t camera;
	uint32_t life;
};

static int feeds(void *arg)
{
	struct feed_life *life = arg;
	uint32_t number = NUMBER_FIRST(life->camera, life->life);
	struct camera *camera = &cameras[life->camera];
	struct stream feed;
	uint32_t format, pace;

	chance_seed(life->seed, number);
	format = chance(2) ? 0 : chance(3);
	pace = 500 + chance(4000);
	feed_start(&feed, camera_names[life->camera], formats[format].fourcc, formats[format].width,
		   formats[format].height);
	while (++number) {
		still_lock(camera);
		feed_frame(&feed, number);
		atomic_store(&camera->fed, number);
		still_unlock(camera);
		pause_randomly(pace);
	}
	return 0;
}

struct life_number {
	uint32_t seed;
	uint32_t index;
};

static int lives(void *arg)
{
	const struct life_number *number = arg;

	return life_live(number->seed, number->index);
}

struct population {
	uint32_t seed;
	uint32_t lives, lived; /* to be begun, and begun */
	pid_t workers[WORKERS];
	pid_t feeds[CAMERAS];
	uint32_t feed_lives[CAMERAS];
};

static void feed_begin(struct population *population, uint32_t camera)
{
	struct feed_life life = {
		.seed = population->seed,
		.camera = camera,
		.life = ++population->feed_lives[camera],
	};

	CHECK(life.life < 1 << 10);
	population->feeds[camera] = process_start(feeds, &life);
}

static void worker_begin(struct population *population, int worker)
{
	struct life_number number = { .seed = population->seed, .index = population->lived++ };

	population->workers[worker] = process_start(lives, &number);
}

/* Whoever ended did so as it had to: by itself without a complaint, or killed. */
static void reap(struct population *population)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (WIFEXITED(status))
			CHECK(WEXITSTATUS(status) == 0);
		else
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		for (int i = 0; i < WORKERS; i++)
			if (population->workers[i] == pid)
				population->workers[i] = 0;
		for (uint32_t i = 0; i < CAMERAS; i++)
			if (population->feeds[i] == pid)
				feed_begin(population, i);
	}
}

static void strike(struct population *population)
{
	pid_t pid = population->workers[chance(WORKERS)];

	switch (chance(6)) {
	case 0:
	case 1:
		if (pid)
			kill(pid, SIGKILL);
		break;
	case 2:
		if (pid) {
			kill(pid, SIGSTOP);
			pause_randomly(30000);
			kill(pid, SIGCONT);
		}
		break;
	case 3:
		kill(population->feeds[chance(CAMERAS)], SIGKILL);
		break;
	default:
		break;
	}
}

static int population_size(const struct population *population)
{
	int size = 0;

	for (int i = 0; i < WORKERS; i++)
		size += population->workers[i] != 0;
	return size;
}

static void live_all(struct population *population)
{
	sigset_t child;
	struct timespec tick = { .tv_nsec = 20000000 };

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	while (population->lived < population->lives || population_size(population)) {
		for (int i = 0; i < WORKERS && population->lived < population->lives; i++)
			if (!population->workers[i])
				worker_begin(population, i);
		if (sigtimedwait(&child, NULL, &tick) == -1)
			strike(population);
		reap(population);
	}
}

/* All are gone, so is what they had. */
static void check_gone(struct population *population)
{
	int status, fd;
	pid_t pid;

	for (int i = 0; i < CAMERAS; i++)
		kill(population->feeds[i], SIGKILL);
	while ((pid = waitpid(-1, &status, 0)) > 0)
		CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	for (int i = 0; i < CAMERAS; i++) {
		fd = camera_open(camera_names[i], "feed", 0);
		feed_await_consumers(fd, 0);
		close(fd);
	}
}

static uint32_t number_from(const char *name, uint32_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

int main(void)
{
	struct population population = { 0 };
	uint32_t seed;

	CHECK(getrandom(&seed, sizeof(seed), 0) == sizeof(seed));
	population.seed = number_from("OWNFRAME_SEED", seed);
	population.lives = number_from("OWNFRAME_LIVES", LIVES);
	fprintf(stderr, "OWNFRAME_SEED=%u OWNFRAME_LIVES=%u\n", population.seed, population.lives);

	camera_load("front,back");
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	cameras_share();
	chance_seed(population.seed, ~0u);
	for (uint32_t i = 0; i < CAMERAS; i++)
		feed_begin(&population, i);
	live_all(&population);
	check_gone(&population);
	fprintf(stderr, "%u lives, %u and %u of feeds, %u frames\n", population.lived,
		population.feed_lives[0], population.feed_lives[1], atomic_load(frames_seen));
	CHECK(atomic_load(frames_seen) >= population.lives);
	return 0;
}
