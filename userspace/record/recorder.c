// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop and what it waits for. Separate from main.c, which only prepares.
 * The one thing to know: everything ends by draining in one order, camera, coder, writer, spooler;
 * a reload and a camera that went away take the same way as the end of the program.
 */
#include "recorder.h"

#include "control_path.h"
#include "desk.h"
#include "log.h"
#include "metrics.h"
#include "monotonic.h"
#include "orders.h"
#include "report.h"
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#define RING_ENTRIES 256
#define SECOND	     1000000ull
#define FILES_TIME   (2 * SECOND)
#define QUIT_TIME    (20 * SECOND) /* for the last clip; what is not done then is recovered */

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
	bool quit;
	uint64_t quit_by_us;
	uint64_t letters_seen; /* by the watchdog */
	int exit_status;
	char trouble[256]; /* why there is no stream, as it was logged */
	struct config *reload; /* to be used when the stream is drained */

	struct ring_op device_op, desk_op, signal_op, tick_op;
	uint64_t desk_count;
	struct signalfd_siginfo signal_info;
	int signal_fd;
	struct __kernel_timespec tick;
};

/* --- stream ------------------------------------------------------------------------------------ */

static void poll_device(struct recorder *r)
{
	r->polling = true;
	ring_poll(&r->ring, &r->device_op, r->stream.capture.fd, POLLIN | POLLPRI);
}

static void drain(struct recorder *r)
{
	if (r->state != STREAM_ON)
		return;
	r->state = STREAM_DRAINING;
	if (r->polling)
		ring_cancel(&r->ring, &r->device_op);
	stream_drain(&r->stream);
}

static void leave(struct recorder *r, int exit_status)
{
	if (r->quit)
		return;
	r->quit = true;
	r->exit_status = exit_status;
	r->quit_by_us = monotonic_us() + QUIT_TIME;
	drain(r);
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

static void look_for_stream(struct recorder *r)
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
		leave(r, EX_CONFIG);
	} else if (ret) {
		log_trouble(r, why, ret);
	} else {
		r->trouble[0] = '\0';
		r->state = STREAM_ON;
		desk_stream(&r->desk, &r->stream.footage, &r->stream.coder);
		poll_device(r);
	}
}

static void use_reload(struct recorder *r)
{
	if (!r->reload)
		return;
	config_free(r->cfg);
	*r->cfg = *r->reload;
	free(r->reload);
	r->reload = NULL;
	report_configure(&r->report, r->cfg);
	report_ready(&r->report);
	r->trouble[0] = '\0';
}

/* Everything that was in the arena has come back: let it go, and look for the camera again. */
static void finish_drain(struct recorder *r)
{
	if (r->state != STREAM_DRAINING || !desk_is_clear(&r->desk))
		return;
	stream_close(&r->stream, &r->ring);
	r->state = STREAM_NONE;
	use_reload(r);
	look_for_stream(r);
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

static void on_device(struct ring_op *op, int res, unsigned int flags)
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
		drain(r);
	} else if (!r->polling) {
		poll_device(r);
	}
}

/* --- letters, signals, time ---------------------------------------------------------------------- */

static void wait_desk(struct recorder *r)
{
	ring_read(&r->ring, &r->desk_op, r->desk.box.fd, &r->desk_count, sizeof(r->desk_count));
}

static void on_desk(struct ring_op *op, int res, unsigned int flags)
{
	struct recorder *r = letter_of(op, struct recorder, desk_op);

	(void)res;
	(void)flags;
	wait_desk(r);
	desk_read(&r->desk);
}

static void read_config(struct recorder *r)
{
	struct config *cfg = malloc(sizeof(*cfg));

	if (!cfg || config_read(cfg, r->cfg->path)) {
		log_error("%s: not used, going on with the old configuration", r->cfg->path);
		free(cfg);
		return;
	}
	if (strcmp(cfg->camera, r->cfg->camera)) {
		log_error("%s: another camera name needs another start", r->cfg->path);
		config_free(cfg);
		free(cfg);
		return;
	}
	log_info("%s: read anew", cfg->path);
	if (r->reload) {
		config_free(r->reload);
		free(r->reload);
	}
	r->reload = cfg;
	if (r->state == STREAM_NONE)
		use_reload(r);
	drain(r);
}

static void wait_signal(struct recorder *r)
{
	ring_read(&r->ring, &r->signal_op, r->signal_fd, &r->signal_info, sizeof(r->signal_info));
}

static void on_signal(struct ring_op *op, int res, unsigned int flags)
{
	struct recorder *r = letter_of(op, struct recorder, signal_op);

	(void)flags;
	if (res == (int)sizeof(r->signal_info)) {
		if (r->signal_info.ssi_signo == SIGHUP)
			read_config(r);
		else
			leave(r, EX_OK);
	}
	wait_signal(r);
}

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

static void tell(struct recorder *r)
{
	describe(r);
	report_tell(&r->report, &r->status, r->cfg->camera, is_alive(r));
}

static void wait_tick(struct recorder *r)
{
	r->tick = (struct __kernel_timespec) { .tv_sec = 1 };
	ring_timeout(&r->ring, &r->tick_op, &r->tick);
}

static void on_tick(struct ring_op *op, int res, unsigned int flags)
{
	struct recorder *r = letter_of(op, struct recorder, tick_op);

	(void)res;
	(void)flags;
	if (r->state == STREAM_ON && r->stream.footage.event.recording &&
	    footage_is_silent(&r->stream.footage, monotonic_us())) {
		log_warn("%s: no frames: the clip ends", r->cfg->device);
		footage_stop(&r->stream.footage);
	}
	control_tick(&r->control, monotonic_us());
	look_for_stream(r);
	tell(r);
	wait_tick(r);
}

/* --- orders ------------------------------------------------------------------------------------ */

static void on_pause(struct orders *o, bool paused)
{
	struct recorder *r = letter_of(o, struct recorder, orders);

	if (paused)
		drain(r);
	else
		look_for_stream(r);
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

/* Without it there is still a recorder. */
static void listen_to_orders(struct recorder *r)
{
	const char *path = r->cfg->control;
	int ret = control_open(&r->control, &r->ring, path);

	if (ret)
		log_warn("%s: %s: nothing can be asked of this recorder", path,
			 ret == -EADDRINUSE ? "another recorder answers there" : strerror(-ret));
}

static int read_orders(struct recorder *r)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s" CONTROL_STATE_EXT, r->cfg->control);
	return orders_init(&r->orders, path);
}

/* --- life -------------------------------------------------------------------------------------- */

/* What somebody must do first ends it for good; a TPM or a disk that fails now may not fail later. */
static int spooler_status(int err)
{
	switch (err) {
	case 0:
		return EX_OK;
	case -ENOENT:
	case -ESTALE:
	case -EBADMSG:
		return EX_CONFIG;
	default:
		return EX_UNAVAILABLE;
	}
}

static int start(struct recorder *r)
{
	const struct spooler_setup spooler = {
		.spool = r->setup->spool,
		.device = r->setup->device,
		.spool_key = r->setup->spool_key,
		.camera_name = r->cfg->camera,
		.camera = r->setup->camera,
		.reply = &r->desk.box,
	};
	int ret = ring_init(&r->ring, RING_ENTRIES);

	if (ret) {
		log_error("io_uring: %s%s", strerror(-ret),
			  ret == -EPERM || ret == -ENOSYS ? ": the kernel or the sandbox does not "
							    "allow it"
							  : "");
		return EX_OSERR;
	}
	report_init(&r->report, &r->ring, r->cfg);
	if (desk_init(&r->desk, &r->ring, r->setup->spool_key, &r->spooler, &r->status))
		return EX_OSERR;
	r->signal_fd = signalfd(-1, r->setup->signals, SFD_CLOEXEC);
	if (r->signal_fd < 0)
		return EX_OSERR;
	ret = spooler_status(spooler_init(&r->spooler, &spooler)); /* it has said what is missing */
	if (ret)
		return ret;
	if (read_orders(r) || spooler_start(&r->spooler))
		return EX_OSERR;
	listen_to_orders(r);
	return EX_OK;
}

static bool is_done(const struct recorder *r)
{
	if (!r->quit)
		return false;
	return (r->state == STREAM_NONE && !r->desk.clips) || monotonic_us() >= r->quit_by_us;
}

static void loop(struct recorder *r)
{
	wait_desk(r);
	wait_signal(r);
	wait_tick(r);
	report_ready(&r->report);
	look_for_stream(r);
	tell(r);
	while (!is_done(r)) {
		int ret = ring_turn(&r->ring);

		if (ret) {
			log_error("io_uring: %s", strerror(-ret));
			leave(r, EX_OSERR);
		}
		finish_drain(r);
	}
}

/* Not longer than a disk may take for two small files. */
static void tell_the_end(struct recorder *r)
{
	uint64_t by_us = monotonic_us() + FILES_TIME;

	describe(r);
	status_doing(&r->status, "stopped");
	report_stop(&r->report, &r->status, r->cfg->camera);
	while (!report_is_done(&r->report) && monotonic_us() < by_us && !ring_turn(&r->ring))
		;
}

int recorder_run(const struct recorder_setup *setup)
{
	static struct recorder recorder;
	struct recorder *r = &recorder;
	int ret;

	*r = (struct recorder) {
		.setup = setup,
		.cfg = setup->cfg,
		.device_op.done = on_device,
		.desk_op.done = on_desk,
		.signal_op.done = on_signal,
		.tick_op.done = on_tick,
		.control = { .answer = on_request, .fd = -1 },
		.orders = { .pause = on_pause,
			    .no_frames = no_frames,
			    .status = on_status,
			    .metrics = on_metrics },
	};
	ret = start(r);
	if (ret)
		return ret;
	loop(r);
	spooler_exit(&r->spooler);
	desk_read(&r->desk);
	tell_the_end(r);
	/* What is not drained by now is in use by a disk or a camera that hangs: it ends with us. */
	if (r->state == STREAM_NONE) {
		ring_exit(&r->ring);
		desk_exit(&r->desk);
	}
	control_close(&r->control);
	report_exit(&r->report);
	orders_exit(&r->orders);
	close(r->signal_fd);
	return r->exit_status;
}
