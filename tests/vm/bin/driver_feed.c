// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver_feed CAMERA [FOURCC WIDTH HEIGHT [FPS]]: feed numbered frames until killed.
 *
 * For scripts that need a camera with a picture. Says "ready" on stdout when it has a signal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "camera.h"

int main(int argc, char **argv)
{
	const char *fourcc = argc > 2 ? argv[2] : "YUYV";
	unsigned int width = argc > 4 ? atoi(argv[3]) : 160;
	unsigned int height = argc > 4 ? atoi(argv[4]) : 120;
	long fps = argc > 5 ? atoi(argv[5]) : 30;
	struct itimerspec pace = { .it_interval.tv_nsec = 1000000000L / fps };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct stream feed;
	uint64_t ticks;

	pace.it_value = pace.it_interval;
	CHECK(argc > 1 && fps > 1 && timer >= 0);
	CHECK(timerfd_settime(timer, 0, &pace, NULL) == 0);
	feed_start(&feed, argv[1], v4l2_fourcc(fourcc[0], fourcc[1], fourcc[2], fourcc[3]), width,
		   height);
	puts("ready");
	fflush(stdout);
	for (uint32_t number = 0;; number++) {
		CHECK(read(timer, &ticks, sizeof(ticks)) == sizeof(ticks));
		feed_frame(&feed, number);
	}
}
