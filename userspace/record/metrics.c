// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Figures for Prometheus. Separate from the status for people, which has fewer and other words.
 * The one thing to know: names are an interface, see ownframe-record(8); one is never given another
 * meaning. A camera's name needs no escapes: it has letters, digits, _ and - only.
 */
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#define PREFIX "ownframe_record_"

struct page {
	const char *camera;
	char *text;
	size_t size, len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct page *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->text + p->len, p->size - p->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= p->size - p->len)
		p->full = true;
	else
		p->len += (size_t)n;
}

static void head(struct page *p, const char *name, const char *type, const char *help)
{
	put(p, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void one(struct page *p, const char *name, const char *type, const char *help,
		uint64_t value)
{
	head(p, name, type, help);
	put(p, PREFIX "%s{camera=\"%s\"} %" PRIu64 "\n", name, p->camera, value);
}

static void counter(struct page *p, const char *name, const char *help, uint64_t value)
{
	one(p, name, "counter", help, value);
}

static void gauge(struct page *p, const char *name, const char *help, uint64_t value)
{
	one(p, name, "gauge", help, value);
}

static void drops(struct page *p, const struct status *s)
{
	static const char name[] = "frames_dropped_total";

	head(p, name, "counter", "Frames that the camera took and that were lost, by where.");
	for (size_t i = 0; i < STATUS_DROPS; i++)
		put(p, PREFIX "%s{camera=\"%s\",where=\"%s\"} %" PRIu64 "\n", name, p->camera,
		    status_drop_names[i], s->dropped[i]);
}

static void histogram(struct page *p, const char *name, const char *help, const struct histogram *h)
{
	uint64_t sum = 0;

	head(p, name, "histogram", help);
	for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
		sum += h->count[i];
		put(p, PREFIX "%s_bucket{camera=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, p->camera,
		    (double)histogram_bounds_us[i] / 1e6, sum);
	}
	sum += h->count[HISTOGRAM_BOUNDS];
	put(p, PREFIX "%s_bucket{camera=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, p->camera, sum);
	put(p, PREFIX "%s_sum{camera=\"%s\"} %" PRIu64 ".%06" PRIu64 "\n", name, p->camera,
	    h->sum_us / 1000000, h->sum_us % 1000000);
	put(p, PREFIX "%s_count{camera=\"%s\"} %" PRIu64 "\n", name, p->camera, sum);
}

int metrics_text(const struct status *s, const char *camera, char *text, size_t size)
{
	struct page p = { .camera = camera, .text = text, .size = size };

	head(&p, "build_info", "gauge", "Always 1; the label is the version.");
	put(&p, PREFIX "build_info{camera=\"%s\",version=\"" OWNFRAME_VERSION "\"} 1\n", camera);
	gauge(&p, "streaming", "1 if the camera is streaming, 0 if it is waited for or paused.",
	      s->streaming);
	gauge(&p, "armed", "1 if motion may begin a clip.", !s->disarmed);
	gauge(&p, "paused", "1 if somebody paused it.", s->paused);
	gauge(&p, "recording", "1 while a clip is open.", s->recording);
	gauge(&p, "clips_pending", "Clips that were begun and are not signed yet.", s->pending);
	counter(&p, "frames_total", "Whole pictures that came from the driver.", s->captured);
	drops(&p, s);
	counter(&p, "frames_copied_total", "Frames that the CPU copied or converted.", s->copied);
	counter(&p, "clips_begun_total", "Clips begun.", s->events);
	counter(&p, "clips_sealed_total", "Clips signed and ready to be sent.", s->sealed);
	counter(&p, "clips_lost_total", "Clips of which nothing could be kept.", s->lost);
	counter(&p, "written_bytes_total", "Bytes of fragments written to the disk.", s->written);
	histogram(&p, "frame_latency_seconds",
		  "From the capture of a frame to its being looked at.", &s->frame_latency);
	histogram(&p, "write_duration_seconds",
		  "From giving a fragment to the disk to its being there.", &s->write_time);
	histogram(&p, "seal_duration_seconds",
		  "From a clip's last fragment to its being signed and ready.", &s->seal_time);
	return p.full ? -ENOSPC : (int)p.len;
}
