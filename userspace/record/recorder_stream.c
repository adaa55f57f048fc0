// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The camera's coming and going, and its frames on their way in. Separate from the loop because all of it
 * hangs on what state the one stream is in.
 * The one thing to know: the driver gets its next slot before a frame is looked at.
 */
#include "recorder_state.h"

#include "log.h"
#include "monotonic.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void poll_device(struct recorder *r)
{
	r->polling = true;
	ring_poll(&r->ring, &r->device_op, r->stream.capture.fd, POLLIN | POLLPRI);
}

void recorder_drain(struct recorder *r)
{
	if (r->state != STREAM_ON)
		return;
	r->state = STREAM_DRAINING;
	if (r->polling)
		ring_cancel(&r->ring, &r->device_op);
	stream_drain(&r->stream);
}

static void log_trouble(struct recorder *r, const char *why, int err)
{
	char text[sizeof(r->trouble)];

	snprintf(text, sizeof(text), "%s: %s: %s", r->cfg->device, why, strerror(-err));
	if (!strcmp(text, r->trouble))
		return;
	memcpy(r->trouble, text, sizeof(text));
	log_warn("%s; waiting for it", text);
}

void recorder_look_for_stream(struct recorder *r)
{
	const struct stream_setup setup = {
		.cfg = r->cfg,
		.ring = &r->ring,
		.reply = &r->desk.box,
		.spooler = &r->spooler,
		.status = &r->status,
		.trigger = &r->orders.trigger,
		.clips = &r->desk.clips,
		.block = r->setup->block,
	};
	const char *why = "";
	int ret;

	if (r->quit || r->orders.paused || r->state != STREAM_NONE || r->polling)
		return;
	ret = stream_open(&r->stream, &setup, &why);
	if (ret == -EINVAL || ret == -ENOMEM) {
		if (reload_undo(&r->reload))
			report_configure(&r->report, r->cfg); /* and the next second tries it */
		else
			recorder_leave(r, EX_CONFIG);
	} else if (ret) {
		log_trouble(r, why, ret);
	} else {
		r->trouble[0] = '\0';
		r->state = STREAM_ON;
		reload_confirm(&r->reload);
		desk_stream(&r->desk, &r->stream.footage, &r->stream.coder);
		poll_device(r);
	}
}

/* The service manager is told whenever a reload has come to an end, whatever it is. */
static void use_reload(struct recorder *r)
{
	if (!reload_use(&r->reload))
		return;
	r->trouble[0] = '\0';
	report_configure(&r->report, r->cfg);
	report_ready(&r->report);
}

/* Everything that was in the arena has come back: let it go, and look for the camera again. */
void recorder_finish_drain(struct recorder *r)
{
	if (r->state != STREAM_DRAINING || !desk_is_clear(&r->desk))
		return;
	stream_close(&r->stream, &r->ring);
	r->state = STREAM_NONE;
	use_reload(r);
	recorder_look_for_stream(r);
}

/* The driver first: it gets its next slot before this frame is looked at. */
static int on_frame(struct recorder *r, struct capture_frame *cf)
{
	struct footage *f = &r->stream.footage;
	struct capture *c = &r->stream.capture;
	int spare, ret = 0;

	footage_missed(f, cf->missed, STATUS_DROP_MISSED);
	footage_missed(f, cf->broken, STATUS_DROP_BROKEN);
	spare = cf->broken ? -1 : footage_spare(f);
	if (spare >= 0) {
		ret = capture_queue(c, cf->buffer, (uint32_t)spare);
		if (ret)
			arena_give(f->arena, (uint32_t)spare);
	}
	if (!cf->broken)
		footage_frame(f, &cf->frame, spare >= 0);
	if (spare < 0) {
		ret = capture_queue(c, cf->buffer, cf->frame.slot);
		if (ret)
			arena_give(f->arena, cf->frame.slot);
	}
	return ret;
}

/* Take all frames that are there. -EAGAIN: that was all; else the stream has ended. */
static int take_frames(struct recorder *r)
{
	struct capture_frame cf;
	int ret;

	do {
		ret = capture_take(&r->stream.capture, &cf);
		if (!ret)
			ret = on_frame(r, &cf);
	} while (!ret);
	return ret;
}

void recorder_on_device(struct ring_op *op, int res, unsigned int flags)
{
	struct recorder *r = letter_of(op, struct recorder, device_op);
	int ret;

	if (!(flags & IORING_CQE_F_MORE))
		r->polling = false;
	if (r->state != STREAM_ON)
		return;
	ret = res < 0 ? res : take_frames(r);
	if (capture_changed(&r->stream.capture))
		ret = -EIO;
	if (ret == -EAGAIN && res > 0 && res & (POLLHUP | POLLERR | POLLNVAL))
		ret = -ENODEV;
	if (ret != -EAGAIN) {
		log_warn("%s: the stream ended: %s", r->cfg->device, strerror(-ret));
		recorder_drain(r);
	} else if (!r->polling) {
		poll_device(r);
	}
}

/* 0: it is in force, or will be when the stream is drained; else it has been said why not. */
static int change_stream(struct recorder *r)
{
	const struct config *next = r->reload.next;
	struct arena_plan plan;

	if (r->state == STREAM_ON && reload_is_light(&r->reload))
		return footage_configure(&r->stream.footage, next);
	/* What can be known before is said before: a clip may be open. */
	if (r->state == STREAM_ON && config_same_picture(r->cfg, next) &&
	    config_plan(next, &r->stream.footage.stream, &plan))
		return -ENOMEM;
	recorder_drain(r);
	return 0;
}

/* Between two frames. */
void recorder_reload(struct recorder *r)
{
	report_reloading(&r->report);
	if (!reload_read(&r->reload)) {
		report_ready(&r->report);
		return;
	}
	if (change_stream(r)) {
		reload_refuse(&r->reload);
		report_ready(&r->report);
		return;
	}
	if (r->state != STREAM_DRAINING)
		use_reload(r);
	if (r->state == STREAM_ON)
		reload_confirm(&r->reload);
}
