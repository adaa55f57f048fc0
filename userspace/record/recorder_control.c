// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the recorder says of itself, and what is asked of it. Separate because the loop need not know
 * whom it is told to.
 * The one thing to know: the watchdog is fed for what goes on, not for the loop going round.
 */
#include "recorder_state.h"

#include "control_path.h"
#include "log.h"
#include "metrics.h"
#include "monotonic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILES_TIME 2000000ull /* for the last figures to be written */

static void describe(struct recorder *r)
{
	struct status *s = &r->status;

	s->streaming = r->state == STREAM_ON;
	s->recording = s->streaming && r->stream.footage.clip;
	s->disarmed = r->orders.trigger.disarmed;
	s->paused = r->orders.paused;
	s->pending = r->desk.clips;
	if (r->orders.paused)
		status_doing(s, "paused");
	else if (r->state != STREAM_ON)
		status_doing(s, "waiting for %s", r->cfg->device);
	else if (footage_is_silent(&r->stream.footage, monotonic_us()))
		status_doing(s, "%s: %s", r->cfg->device,
			     capture_has_no_signal(&r->stream.capture) ? "no signal"
								       : "no frames come");
	else if (r->desk.open_error == -ENOKEY)
		status_doing(s, "not recording: no claim in force");
	else if (r->desk.open_error)
		status_doing(s, "not recording: %s", strerror(-r->desk.open_error));
	else
		status_doing(s, s->recording ? "recording" : "watching");
}

/*
 * Does what should go on go on? Frames come, or the device says why none do; what is drained comes back;
 * a camera that is not there is looked for. The end has a time limit of its own.
 */
static bool is_alive(struct recorder *r)
{
	uint64_t letters = r->letters_seen;

	r->letters_seen = r->desk.letters;
	switch (r->state) {
	case STREAM_ON:
		return !footage_is_silent(&r->stream.footage, monotonic_us()) ||
		       capture_has_no_signal(&r->stream.capture);
	case STREAM_DRAINING:
		return r->quit || r->desk.letters != letters;
	case STREAM_NONE:
		break;
	}
	return true;
}

void recorder_tell(struct recorder *r)
{
	if (r->told_the_end)
		return;
	describe(r);
	report_tell(&r->report, &r->status, r->cfg->camera, is_alive(r));
}

/* Not longer than a disk may take for two small files. */
void recorder_tell_the_end(struct recorder *r)
{
	uint64_t by_us = monotonic_us() + FILES_TIME;

	describe(r);
	status_doing(&r->status, "stopped");
	r->told_the_end = true;
	report_stop(&r->report, &r->status, r->cfg->camera);
	while (!report_is_done(&r->report) && monotonic_us() < by_us && !ring_turn(&r->ring))
		;
}

/* --- orders ------------------------------------------------------------------------------------ */

static void on_pause(struct orders *o, bool paused)
{
	struct recorder *r = letter_of(o, struct recorder, orders);

	if (paused)
		recorder_drain(r);
	else
		recorder_look_for_stream(r);
}

static const char *no_frames(struct orders *o)
{
	struct recorder *r = letter_of(o, struct recorder, orders);

	if (r->state == STREAM_ON && !footage_is_silent(&r->stream.footage, monotonic_us()))
		return NULL;
	return *r->trouble ? r->trouble : "the camera gives no frames now";
}

static void on_status(struct orders *o, struct control_reply *reply)
{
	struct recorder *r = letter_of(o, struct recorder, orders);
	char text[1024];

	describe(r);
	status_text(&r->status, text, sizeof(text));
	control_say(reply, "%s", text);
}

static void on_metrics(struct orders *o, struct control_reply *reply)
{
	struct recorder *r = letter_of(o, struct recorder, orders);
	int len;

	describe(r);
	len = metrics_text(&r->status, r->cfg->camera, reply->text + reply->len,
			   sizeof(reply->text) - reply->len);
	reply->len += len > 0 ? (size_t)len : 0;
}

static const char *on_request(struct control *c, const char *line, const struct ucred *peer,
			      struct control_reply *reply)
{
	struct recorder *r = letter_of(c, struct recorder, control);

	return orders_answer(&r->orders, line, peer, reply);
}

static int read_orders(struct recorder *r)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s" CONTROL_STATE_EXT, r->cfg->control);
	return orders_init(&r->orders, path);
}

/* Without it there is still a recorder. */
static void listen_to_orders(struct recorder *r)
{
	const char *path = r->cfg->control;
	int ret = control_open(&r->control, &r->ring, path);

	if (ret)
		log_warn("%s: %s: nothing can be asked of this recorder", path,
			 ret == -EADDRINUSE ? "another recorder answers there" : strerror(-ret));
}

int recorder_listen(struct recorder *r)
{
	int ret;

	r->control.answer = on_request;
	r->orders.pause = on_pause;
	r->orders.no_frames = no_frames;
	r->orders.status = on_status;
	r->orders.metrics = on_metrics;
	ret = read_orders(r);
	if (!ret)
		listen_to_orders(r);
	return ret;
}
