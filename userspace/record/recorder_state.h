/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recorder's state, which recorder.c and recorder_*.c alone know. Main thread only. */
#ifndef OWNFRAME_RECORD_RECORDER_STATE_H
#define OWNFRAME_RECORD_RECORDER_STATE_H

#include "control.h"
#include "desk.h"
#include "orders.h"
#include "recorder.h"
#include "reload.h"
#include "report.h"
#include "stream.h"

#include <sys/signalfd.h>

enum stream_state {
	STREAM_NONE, /* looked for once a second */
	STREAM_ON,
	STREAM_DRAINING
};

struct recorder {
	const struct recorder_setup *setup;
	struct config *cfg;
	struct ring ring;
	struct desk desk;
	struct spooler spooler;
	struct status status;
	struct report report;
	struct control control;
	struct orders orders;
	struct stream stream;
	enum stream_state state;
	bool polling; /* device_op is in the ring */
	bool quit, told_the_end;
	uint64_t quit_by_us;
	uint64_t letters_seen; /* by the watchdog */
	int exit_status;
	char trouble[256]; /* why there is no stream, as it was logged */
	struct reload reload;

	struct ring_op device_op, desk_op, signal_op, tick_op;
	uint64_t desk_count;
	struct signalfd_siginfo signal_info;
	int signal_fd;
	struct __kernel_timespec tick;
};

/* --- recorder.c --- */

/* Begin to end, with this status, if nothing else has. */
void recorder_leave(struct recorder *r, int exit_status);

/* --- recorder_stream.c: the camera's coming and going --- */

/* Ready for frames, or an event of the device: device_op. */
void recorder_on_device(struct ring_op *op, int res, unsigned int flags);
/* Open the camera, if there is no stream and there should be one. */
void recorder_look_for_stream(struct recorder *r);
/* End the stream: the camera is let go at once, and what is under way comes back in time. */
void recorder_drain(struct recorder *r);
/* After each turn: has all come back? */
void recorder_finish_drain(struct recorder *r);
/* Read the configuration anew, between two frames. */
void recorder_reload(struct recorder *r);

/* --- recorder_control.c: the recorder as others see it --- */

/* Requests from outside: what was asked of the one before (-ENOMEM), and the socket. */
int recorder_listen(struct recorder *r);
/* Once a second: tell whoever watches. */
void recorder_tell(struct recorder *r);
/* The last figures, after which nothing is told. */
void recorder_tell_the_end(struct recorder *r);

#endif
