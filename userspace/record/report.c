// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Telling the status. Separate from status.c, whose figures are counted in all of the recorder.
 * The one thing to know: what could not be told, because the manager or a disk is slow, is told with
 * the next second's figures.
 */
#include "report.h"

#include "metrics.h"
#include "monotonic.h"

#include <inttypes.h>
#include <string.h>

#define METRICS_PERIOD 5000000ull /* Prometheus asks every ten seconds at most */

void report_configure(struct report *r, const struct config *cfg)
{
	r->status.path = cfg->status;
	r->metrics.path = cfg->metrics;
	r->told[0] = '\0';
	r->metrics_us = 0;
}

void report_init(struct report *r, struct ring *ring, const struct config *cfg)
{
	*r = (struct report) { .status.ring = ring, .metrics.ring = ring };
	notify_open(&r->notify);
	report_configure(r, cfg);
}

void report_ready(struct report *r)
{
	notify_say(&r->notify, "READY=1");
}

void report_reloading(struct report *r)
{
	notify_say(&r->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_us());
}

static void tell_status(struct report *r, const struct status *s)
{
	char text[sizeof(r->told)];

	status_text(s, text, sizeof(text));
	if (!strcmp(text, r->told))
		return;
	if (r->status.path && !publish(&r->status, text))
		return;
	if (!notify_say(&r->notify,
			"STATUS=%s; frames: %" PRIu64 " captured, %" PRIu64 " dropped, %" PRIu64
			" copied; clips: %" PRIu64 " sealed, %" PRIu64 " lost",
			s->doing, s->captured, status_dropped(s), s->copied, s->sealed, s->lost))
		memcpy(r->told, text, sizeof(r->told));
}

static void tell_metrics(struct report *r, const struct status *s, const char *camera)
{
	char text[sizeof(r->metrics.text)];

	if (r->metrics.path && metrics_text(s, camera, text, sizeof(text)) > 0 &&
	    publish(&r->metrics, text))
		r->metrics_us = monotonic_us();
}

void report_tell(struct report *r, const struct status *s, const char *camera, bool alive)
{
	if (r->notify.watchdog && alive)
		notify_say(&r->notify, "WATCHDOG=1");
	tell_status(r, s);
	if (!r->metrics_us || monotonic_us() - r->metrics_us >= METRICS_PERIOD)
		tell_metrics(r, s, camera);
}

void report_stop(struct report *r, const struct status *s, const char *camera)
{
	notify_say(&r->notify, "STOPPING=1");
	tell_status(r, s);
	tell_metrics(r, s, camera);
	log_info("frames: %" PRIu64 " captured, %" PRIu64 " dropped, %" PRIu64
		 " copied by the CPU; clips: %" PRIu64 " sealed, %" PRIu64 " lost",
		 s->captured, status_dropped(s), s->copied, s->sealed, s->lost);
}

bool report_is_done(const struct report *r)
{
	return publish_is_idle(&r->status) && publish_is_idle(&r->metrics);
}

void report_exit(struct report *r)
{
	notify_close(&r->notify);
}
