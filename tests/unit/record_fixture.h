/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole recorder but the camera: frames are drawn into arena slots and go the way of captured
 * ones, through motion, coder, ring and spooler, to a spool that the clip reader verifies.
 */
#ifndef OWNFRAME_TEST_RECORD_FIXTURE_H
#define OWNFRAME_TEST_RECORD_FIXTURE_H

#include "clip_fixture.h"
#include "clip_reader.h"
#include "record/desk.h"
#include "record/encoder.h"
#include "record/ring.h"

#include <pthread.h>
#include <time.h>

#define RIG_WIDTH    320
#define RIG_HEIGHT   240
#define RIG_FPS	     10
#define RIG_FRAME_US (1000000 / RIG_FPS)
#define RIG_LEARN    20 /* frames */

/* The fixture's device, that can be told to fail. */
struct device {
	struct spooler_device spooler;
	struct signer signer;
	atomic_bool deaf; /* signs nothing */
	pthread_mutex_t lock; /* of slow */
	pthread_cond_t answers;
	bool slow; /* does not answer yet */
	atomic_bool unclaimed;
	_Atomic uint64_t epoch;
	char *claims[2]; /* texts, of FIXTURE_EPOCH and the next */
};

/* One recorder. */
struct rig {
	char *dir;
	struct spool spool;
	struct ring ring;
	struct desk desk;
	struct spooler spooler;
	struct status status;
	struct trigger trigger;
	struct config cfg;
	struct frame_format format;
	struct encoder *encoder;
	struct arena arena;
	struct coder coder;
	struct footage footage;
	struct ring_op tick_op;
	struct __kernel_timespec tick;
	bool ticking;
	uint64_t t_us; /* of the next frame */
	unsigned int n; /* frames so far */
};

extern struct fixture_people rig_people;
extern struct device rig_device;
extern struct rig rig;

/* Of a group of tests, and of each. */
int rig_enter_all(void **state);
int rig_leave_all(void **state);
int rig_enter(void **state);
int rig_leave(void **state);
void rig_start_spooler(void);
void rig_start_stream(void);
void rig_stop_stream(void);

/* Let the device answer nothing until it is told to. */
void rig_device_slow(bool slow);

/* Let things happen for a moment. */
void rig_turn(void);

#define TURN_UNTIL(cond)                                \
	do {                                            \
		time_t end_ = time(NULL) + 60;          \
		while (!(cond)) {                       \
			assert_true(time(NULL) < end_); \
			rig_turn();                     \
		}                                       \
	} while (0)

/* Frames at the camera's rate, by their own clock: as fast as they are taken. */
void film(unsigned int frames, bool moving);
/* The same as a camera does it, which waits for nobody: what cannot be kept is lost. */
void film_live(unsigned int frames, bool moving);
/* An event of so many moving frames, and stillness until its clip has ended. */
void film_event(unsigned int frames);
void rig_wait_closed(void);

size_t spool_count(enum spool_state state);
/* Folder of clip @i there. */
void spool_path(char path[512], enum spool_state state, size_t i);
/* Clip @i of ready/ is what it should be; its manifest, to be released, in @report. */
void verify_clip(size_t i, struct clip_report *report, struct clip_opened *opened);

#endif
