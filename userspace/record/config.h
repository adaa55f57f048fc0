/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The recorder's configuration file, ownframe-record.conf(5), and whether it fits the memory. */
#ifndef OWNFRAME_RECORD_CONFIG_H
#define OWNFRAME_RECORD_CONFIG_H

#include "arena.h"
#include "encoder.h"
#include "event.h"
#include "motion.h"

enum config_when_full {
	CONFIG_FULL_STOP,
	CONFIG_FULL_DROP_OLDEST
};

/* As settings_read() fills it: texts owned, durations in microseconds, sizes in bytes. */
struct config {
	const char *path; /* the file, borrowed */

	char *camera; /* [camera] */
	char *device;
	uint64_t width, height, fps; /* 0: as the camera has it */

	uint64_t pre_roll, post_roll, merge_gap, max_clip; /* [clip] */
	uint64_t preallocate;

	uint64_t area, sensitivity, min_duration, learn, cool_down; /* [motion] */
	char *zones;

	int preset; /* [encode] */
	uint64_t quality, bitrate;

	uint64_t arena, encoder_backlog, write_backlog; /* [memory] */

	int when_full; /* [spool] */

	char *status, *metrics; /* [status] files, or NULL */

	char *control; /* [control] socket */

	unsigned int pre_roll_line, arena_line; /* of the file; 0: the default */
};

/* Defaults, then the file. 0, -EINVAL (logged), or -errno (logged). config_free() after success. */
int config_read(struct config *cfg, const char *path);
void config_free(struct config *cfg);

void config_event(const struct config *cfg, struct event_config *event);
void config_motion(const struct config *cfg, struct motion_config *motion);
void config_encoder(const struct config *cfg, uint32_t fps_num, uint32_t fps_den,
		    struct encoder_config *encoder);

/*
 * True if both ask for the same stream: camera, arena and encoder. What else they differ in can change
 * between two frames.
 */
bool config_same_stream(const struct config *a, const struct config *b);
/* Both ask the camera for the same pictures. */
bool config_same_picture(const struct config *a, const struct config *b);
/* Both ask for the same motion, zones included. */
bool config_same_motion(const struct config *a, const struct config *b);

/* What the plan depends on beside the configuration. */
struct config_stream {
	const struct frame_format *format;
	uint32_t fps_num, fps_den;
	size_t sample_max; /* encoder_sample_max() */
	uint32_t block; /* of the clips */
	uint32_t buffers; /* frames with the driver */
};

/*
 * Cut the arena: frames for the driver, the pre-roll and the encoder's backlog, runs for the write
 * backlog. -ENOMEM, logged with the arithmetic and what would fit, when it is more than the
 * configured arena or than RLIMIT_MEMLOCK lets this process lock.
 */
int config_plan(const struct config *cfg, const struct config_stream *s, struct arena_plan *plan);

/* Bytes at the start of a run that are kept for a fragment's metadata. */
size_t config_run_meta(uint32_t block);

/* Blocks to reserve for the index, so that max_clip fits. */
uint32_t config_index_blocks(const struct config *cfg, const struct config_stream *s);

#endif
