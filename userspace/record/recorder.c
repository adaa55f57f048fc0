// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop and what it waits for. Separate from main.c, which only prepares.
 * The one thing to know: everything ends by draining in one order, camera, coder, writer, spooler;
 * a reload and a camera that went away take the same way as the end of the program.
 */
#include "recorder_state.h"

#include "log.h"
#include "monotonic.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define RING_ENTRIES 256
#define SECOND	     1000000ull
#define QUIT_TIME    (20 * SECOND) /* for the last clip; what is not done then is recovered */

void recorder_leave(struct recorder *r, int exit_status)
{
	if (r->quit)
		return;
	r->quit = true;
	r->exit_status = exit_status;
	r->quit_by_us = monotonic_us() + QUIT_TIME;
	recorder_drain(r);
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
			recorder_reload(r);
		else
			recorder_leave(r, EX_OK);
	}
	wait_signal(r);
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
	recorder_look_for_stream(r);
	recorder_tell(r);
	wait_tick(r);
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
	if (recorder_listen(r) || spooler_start(&r->spooler))
		return EX_OSERR;
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
	recorder_look_for_stream(r);
	recorder_tell(r);
	while (!is_done(r)) {
		int ret = ring_turn(&r->ring);

		if (ret) {
			log_error("io_uring: %s", strerror(-ret));
			recorder_leave(r, EX_OSERR);
		}
		recorder_finish_drain(r);
	}
}

int recorder_run(const struct recorder_setup *setup)
{
	static struct recorder recorder;
	struct recorder *r = &recorder;
	int ret;

	*r = (struct recorder) {
		.setup = setup,
		.cfg = setup->cfg,
		.reload.cfg = setup->cfg,
		.device_op.done = recorder_on_device,
		.desk_op.done = on_desk,
		.signal_op.done = on_signal,
		.tick_op.done = on_tick,
		.control.fd = -1,
	};
	ret = start(r);
	if (ret)
		return ret;
	loop(r);
	spooler_exit(&r->spooler);
	desk_read(&r->desk);
	recorder_tell_the_end(r);
	/* What is not drained by now is in use by a disk or a camera that hangs: it ends with us. */
	if (r->state == STREAM_NONE) {
		ring_exit(&r->ring);
		desk_exit(&r->desk);
	}
	control_close(&r->control);
	report_exit(&r->report);
	orders_exit(&r->orders);
	reload_exit(&r->reload);
	close(r->signal_fd);
	return r->exit_status;
}
