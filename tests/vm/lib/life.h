/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a consumer that streams by random means at a random speed, ends in a random way, and
 * accounts for every byte that it gets:
 *
 *	a frame is whole, its camera's, newer than the stream and than the frame before;
 *	memory around it, the tail of its buffer, and frames that it holds do not change;
 *	numbers in the pictures and `sequence` tell of the same gaps, and gaps are what was counted.
 *
 * The last is exact at the moments when the feed is held still.
 */
#ifndef TESTS_LIFE_H
#define TESTS_LIFE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define CAMERAS 2

/* A frame's number says whose it is: camera, life of the feed, count. */
#define NUMBER_CAMERA(number)	   ((number) >> 30)
#define NUMBER_FEED(number)	   ((number) >> 20)
#define NUMBER_FIRST(camera, life) ((uint32_t)(camera) << 30 | (uint32_t)(life) << 20)

extern const char *const camera_names[CAMERAS];

/* Shared by all processes. */
struct camera {
	pthread_mutex_t still; /* robust; held by the feed for the time of a frame */
	atomic_uint fed; /* number of the last frame that was fed */
};

extern struct camera *cameras;
extern atomic_uint *frames_seen;

/* Make them, for this process and its children. */
void cameras_share(void);
void still_lock(struct camera *camera);
void still_unlock(struct camera *camera);

/* Live life number @index of the run of @seed; what the process then ends with. */
int life_live(uint32_t seed, uint32_t index);

#endif /* TESTS_LIFE_H */
