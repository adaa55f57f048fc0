/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Real H.264 for tests: a moving pattern encoded by libx264, as samples of the clip format. */
#ifndef OWNFRAME_TEST_CLIP_VIDEO_H
#define OWNFRAME_TEST_CLIP_VIDEO_H

#include "h264.h"

#define CLIP_VIDEO_NALS 40

struct clip_video_sample {
	uint8_t *data; /* NAL units, each behind its 4-byte length */
	uint32_t size;
	bool sync;
	uint16_t n_nals;
	uint32_t nal_size[CLIP_VIDEO_NALS]; /* with the length */
};

struct clip_video {
	struct h264_params params;
	unsigned int width, height;
	struct clip_video_sample *samples;
	unsigned int n;
};

/* @n samples, a sync sample every @gop, @slices slices in each. Stops the test if it cannot. */
void clip_video_make(struct clip_video *v, unsigned int width, unsigned int height, unsigned int n,
		     unsigned int gop, unsigned int slices);
/* The same as a raw H.264 stream (Annex B), for a decoder to compare with. 0 or -errno. */
int clip_video_save(const struct clip_video *v, const char *path);
void clip_video_release(struct clip_video *v);

#endif
