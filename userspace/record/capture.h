/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames from a V4L2 capture node (a view, or any camera) straight into arena slots:
 * V4L2_MEMORY_USERPTR, another slot at every VIDIOC_QBUF. All ioctls are non-blocking. Main thread.
 */
#ifndef OWNFRAME_RECORD_CAPTURE_H
#define OWNFRAME_RECORD_CAPTURE_H

#include "arena.h"
#include "frame.h"

#define CAPTURE_BUFFERS	    4 /* asked for; the driver may want more */
#define CAPTURE_BUFFERS_MAX 32

struct capture {
	int fd; /* -1: closed */
	struct frame_format format;
	uint32_t found_fourcc, found_width, found_height; /* what it had before it was opened */
	uint32_t fps_num, fps_den; /* frames per second, as the camera says */
	uint32_t n_buffers;
	struct arena *arena;
	int slot[CAPTURE_BUFFERS_MAX]; /* of each buffer with the driver, else -1 */
	bool has_sequence;
	uint32_t next_sequence; /* of the frame that should come */
	uint64_t last_us; /* timestamp of the last frame */
};

struct capture_want {
	const char *device;
	uint32_t width, height; /* 0: as it is */
	uint32_t fps; /* 0: as it is */
};

/*
 * Open the node and agree on a format, one that can be recorded. -ENOENT, -ENODEV, -EBUSY and other
 * errno of the calls; -ENOTTY: no capture node; -ENOLINK: no signal; -EPROTO: no format of ours; *@why says it in a
 * sentence (static).
 */
int capture_open(struct capture *c, const struct capture_want *want, const char **why);
/* Request buffers: sets n_buffers. -EOPNOTSUPP: the device does not take user pointers. */
int capture_request(struct capture *c);
/* Queue a slot of @arena in every buffer and stream. -EPIPE: no signal in this format now. */
int capture_start(struct capture *c, struct arena *arena);
/* Give every slot back to the arena and stop; buffers are freed. */
void capture_stop(struct capture *c);
/* Set the format that was found, after capture_stop(): another one did not do, and is not to stay. */
void capture_restore(struct capture *c);
void capture_close(struct capture *c);

/* A frame taken from the driver; its slot is the caller's now. */
struct capture_frame {
	struct frame frame;
	uint32_t buffer; /* free for capture_queue() */
	uint32_t missed; /* frames that the camera took since the last one and that did not come */
	bool broken; /* error flag, or short: not a picture */
};

/* 0; -EAGAIN: none there; -EIO: the format changed or the stream broke; -ENODEV: gone. */
int capture_take(struct capture *c, struct capture_frame *f);
/* Give the driver a slot in the free @buffer. */
int capture_queue(struct capture *c, uint32_t buffer, uint32_t slot);
/* True if the device says that nothing comes because it has no signal. */
bool capture_has_no_signal(const struct capture *c);
/* True if the source changed: stop, and open anew. Takes all pending events. */
bool capture_changed(struct capture *c);

#endif
