// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The feed's life: one epoll loop over the sensor, the feed node, the folders in which both appear,
 * and signals. Separate from main so that the states stand together:
 *
 *	no node > no sensor > resting (nobody watches) <> feeding
 *
 * The one thing to know: advance() goes as far to the right as it can, and every event, failure or
 * time-out only undoes a step and lets it try again; there is no other state.
 */
#include "pump.h"

#include "../lib/log.h"
#include "../lib/scope.h"
#include "node.h"
#include "select.h"
#include "sensor.h"
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define RETRY_FIRST_MS 250 /* after a failure that no event will end; doubled each time */
#define RETRY_CAP_MS   8000
#define STALL_MS       10000 /* a streaming sensor that is silent for so long is started anew */
#define STATUS_MS      5000 /* between two status texts while feeding */
#define SOUND_FRAMES   30 /* in a row: the sensor is trusted again */

struct pump {
	const struct feed_config *cfg;
	struct sensor sensor;
	struct node node;
	int epoll, watch, signals;
	unsigned int consumers;
	bool no_dmabuf; /* an import was refused: copy from now on */
	bool imported; /* the node took a DMA-BUF of this sensor */
	bool stop;

	int64_t retry_at; /* ms, monotonic; 0: only an event can help */
	int retry_ms; /* the next delay */
	int64_t frame_at, status_at; /* ms: of the last frame and status text */

	unsigned int sound; /* frames since the sensor started */
	bool has_sequence;
	__u32 sequence; /* of the last frame at the sensor */
	uint64_t fed, copied, damaged, lost; /* frames since the program began */
	char said[256];
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* Log and show a state, once for as long as it lasts. */
__attribute__((format(printf, 2, 3))) static void say(struct pump *p, const char *fmt, ...)
{
	char text[sizeof(p->said)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!strcmp(text, p->said))
		return;
	memcpy(p->said, text, sizeof(text));
	log_info("%s: %s", p->cfg->camera, text);
	sd_notifyf(0, "STATUS=%s", text);
}

static void show_figures(struct pump *p)
{
	sd_notifyf(0, "STATUS=%s: %ju frames fed, %ju copied, %ju damaged, %ju lost at the sensor",
		   p->said, p->fed, p->copied, p->damaged, p->lost);
}

static void log_figures(const struct pump *p)
{
	log_info("%s: %ju frames fed, %ju copied, %ju damaged, %ju lost at the sensor",
		 p->cfg->camera, p->fed, p->copied, p->damaged, p->lost);
}

/* Only time can help: try again later, later each time. */
static void retry_later(struct pump *p)
{
	p->retry_at = now_ms() + p->retry_ms;
	p->retry_ms = p->retry_ms * 2 < RETRY_CAP_MS ? p->retry_ms * 2 : RETRY_CAP_MS;
}

static void watch_nodes(struct pump *p)
{
	const char *paths[] = { p->node.path, select_watch(p->cfg->sensor) };

	for (unsigned int i = 0; i < 2; i++) {
		int ret = watch_path(p->watch, paths[i]);

		if (ret) {
			log_warn("%s: cannot be watched: %s", paths[i], strerror(-ret));
			retry_later(p);
		}
	}
}

static int epoll_set(struct pump *p, int op, int fd, unsigned int events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(p->epoll, op, fd, &event) ? -errno : 0;
}

static void pump_rest(struct pump *p)
{
	if (!p->sensor.streaming)
		return;
	epoll_set(p, EPOLL_CTL_DEL, p->sensor.fd, 0);
	sensor_stop(&p->sensor);
	log_figures(p);
}

/* The consumers are told "no signal"; the node stays ours. */
static void drop_sensor(struct pump *p)
{
	pump_rest(p);
	if (p->node.fd >= 0)
		node_stop(&p->node);
	sensor_close(&p->sensor);
	p->imported = false;
}

static void drop_node(struct pump *p)
{
	drop_sensor(p);
	node_close(&p->node);
	p->consumers = 0;
}

static int open_node(struct pump *p)
{
	int ret = node_open(&p->node);

	switch (ret) {
	case 0:
		return epoll_set(p, EPOLL_CTL_ADD, p->node.fd, EPOLLPRI);
	case -ENOENT:
		say(p, "waits for %s: there is no such camera yet: modprobe ownframe cameras=%s",
		    p->node.path, p->cfg->camera);
		break;
	case -EACCES:
		say(p, "waits for %s: this user may not open it (see the udev rules)",
		    p->node.path);
		break;
	case -EBUSY:
		say(p, "waits for %s: another feed has it", p->node.path);
		retry_later(p);
		break;
	default:
		say(p, "waits for %s: %s", p->node.path, strerror(-ret));
		retry_later(p);
	}
	return ret;
}

static int accept_format(void *node, struct v4l2_pix_format *format)
{
	return node_set_format(node, format);
}

/* Streams the node too: a camera that rests has a signal. */
static int set_up(struct pump *p)
{
	int ret = sensor_set_format(&p->sensor, p->cfg, accept_format, &p->node);
	bool dmabuf = !p->no_dmabuf;

	if (!ret)
		ret = sensor_alloc(&p->sensor, p->cfg->buffers);
	if (ret)
		return ret;
	node_set_interval(&p->node, p->sensor.interval);
	if (dmabuf) {
		ret = sensor_export(&p->sensor);
		if (!ret)
			ret = node_start(&p->node, V4L2_MEMORY_DMABUF, p->sensor.n_buffers);
		if (!ret)
			return 0;
		log_warn("%s: frames cannot be passed by DMA-BUF (%s): each is copied once",
			 p->sensor.path, strerror(-ret));
	}
	ret = sensor_map(&p->sensor);
	return ret ? ret : node_start(&p->node, V4L2_MEMORY_MMAP, p->sensor.n_buffers);
}

static int open_sensor(struct pump *p)
{
	const char *why = NULL;
	int ret = sensor_open(&p->sensor, p->cfg->sensor, &why);

	if (!ret) {
		ret = set_up(p);
		if (!ret)
			return 0;
		drop_sensor(p);
	}
	switch (ret) {
	case -ENOENT:
		say(p, "waits for the sensor %s", p->cfg->sensor);
		break;
	case -EACCES:
		say(p, "waits for the sensor %s: this user may not open it (see the udev rules)",
		    p->cfg->sensor);
		break;
	case -EOPNOTSUPP:
		say(p, "waits for the sensor %s: what is there now %s", p->cfg->sensor,
		    why ? why : "gives no format that is wanted");
		break;
	default:
		say(p, "waits for the sensor %s: %s", p->cfg->sensor, strerror(-ret));
		retry_later(p);
	}
	return ret;
}

static void sensor_failed(struct pump *p, const char *what)
{
	say(p, "sensor %s: %s", p->cfg->sensor, what);
	drop_sensor(p);
	retry_later(p);
}

static int pump_feed(struct pump *p)
{
	int ret = sensor_start(&p->sensor);

	if (!ret)
		ret = epoll_set(p, EPOLL_CTL_ADD, p->sensor.fd, EPOLLIN);
	if (ret) {
		sensor_failed(p, strerror(-ret));
		return ret;
	}
	p->frame_at = now_ms();
	p->status_at = p->frame_at;
	p->has_sequence = false;
	p->sound = 0;
	return 0;
}

static void say_running(struct pump *p)
{
	const struct v4l2_pix_format *f = &p->sensor.format;
	char layout[64];

	snprintf(layout, sizeof(layout), "%.4s %ux%u by %s", (const char *)&f->pixelformat,
		 f->width, f->height, p->node.memory == V4L2_MEMORY_DMABUF ? "DMA-BUF" : "copy");
	if (p->sensor.streaming)
		say(p, "feeds %s from %s", layout, p->sensor.path);
	else
		say(p, "rests, nobody watches (%s from %s)", layout, p->sensor.path);
}

static void advance(struct pump *p)
{
	if (p->node.fd < 0 || p->sensor.fd < 0)
		watch_nodes(p);
	if (p->node.fd < 0 && open_node(p))
		return;
	if (p->sensor.fd < 0 && open_sensor(p))
		return;
	if (!p->consumers)
		pump_rest(p);
	else if (!p->sensor.streaming && pump_feed(p))
		return;
	say_running(p);
}

static void count_frame(struct pump *p, const struct v4l2_buffer *frame)
{
	__u32 gap = frame->sequence - p->sequence - 1;

	/* A sequence that goes backwards is a driver that began to count anew. */
	if (p->has_sequence && gap < UINT32_MAX / 2)
		p->lost += gap;
	p->has_sequence = true;
	p->sequence = frame->sequence;
	p->frame_at = now_ms();
	if (p->frame_at - p->status_at >= STATUS_MS) {
		p->status_at = p->frame_at;
		show_figures(p);
	}
	if (++p->sound == SOUND_FRAMES)
		p->retry_ms = RETRY_FIRST_MS;
}

/* The exporter's memory cannot be read by the node after all. */
static int fall_back(struct pump *p, int why)
{
	int ret;

	log_warn("%s: the feed node cannot import its DMA-BUFs (%s): each frame is copied once",
		 p->sensor.path, strerror(-why));
	p->no_dmabuf = true;
	node_stop(&p->node);
	ret = sensor_map(&p->sensor);
	if (!ret)
		ret = node_start(&p->node, V4L2_MEMORY_MMAP, p->sensor.n_buffers);
	if (!ret)
		say_running(p);
	return ret;
}

static int put_frame(struct pump *p, const struct v4l2_buffer *frame)
{
	const struct sensor_buffer *buffer = &p->sensor.buffers[frame->index];
	int ret;

	if ((frame->flags & V4L2_BUF_FLAG_ERROR) || frame->bytesused < p->node.format.sizeimage) {
		p->damaged++;
		return 0;
	}
	ret = node_put(&p->node, frame, buffer);
	if (ret && ret != -ENODEV && p->node.memory == V4L2_MEMORY_DMABUF && !p->imported) {
		ret = fall_back(p, ret);
		if (!ret)
			ret = node_put(&p->node, frame, buffer);
	}
	if (ret)
		return ret;
	p->fed++;
	if (p->node.memory == V4L2_MEMORY_DMABUF)
		p->imported = true;
	else
		p->copied++;
	return 0;
}

static void sensor_ready(struct pump *p)
{
	struct v4l2_buffer frame;
	int ret = sensor_take(&p->sensor, &frame);

	if (ret == -EAGAIN)
		return;
	if (!ret) {
		count_frame(p, &frame);
		ret = put_frame(p, &frame);
		if (ret) {
			say(p, "feed node %s: %s", p->node.path, strerror(-ret));
			drop_node(p);
			retry_later(p);
			return;
		}
		ret = sensor_give(&p->sensor, frame.index);
	}
	if (ret)
		sensor_failed(p, strerror(-ret));
}

static void node_ready(struct pump *p, unsigned int events)
{
	int ret = node_events(&p->node, &p->consumers);

	if (!ret && (events & (EPOLLERR | EPOLLHUP)))
		ret = -ENODEV;
	if (ret) {
		say(p, "feed node %s: %s", p->node.path, strerror(-ret));
		drop_node(p);
		retry_later(p);
	}
}

static void watch_ready(struct pump *p)
{
	watch_drain(p->watch);
	watch_nodes(p);
	/* While it streams, the sensor itself tells; at rest only its folder does. */
	if (p->sensor.fd >= 0 && !p->sensor.streaming && !sensor_present(&p->sensor))
		sensor_failed(p, "went away");
}

static void dispatch(struct pump *p, const struct epoll_event *event)
{
	if (event->data.fd == p->signals)
		p->stop = true;
	else if (event->data.fd == p->watch)
		watch_ready(p);
	else if (event->data.fd == p->node.fd)
		node_ready(p, event->events);
	else if (event->data.fd == p->sensor.fd)
		sensor_ready(p);
}

static int time_left(const struct pump *p)
{
	int64_t until = 0, now = now_ms();

	if (p->sensor.streaming)
		until = p->frame_at + STALL_MS;
	else if (p->retry_at)
		until = p->retry_at;
	if (!until)
		return -1;
	return until > now ? (int)(until - now) : 0;
}

static int wait_and_dispatch(struct pump *p)
{
	struct epoll_event event;
	int n = epoll_wait(p->epoll, &event, 1, time_left(p));

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	p->retry_at = 0;
	if (n)
		dispatch(p, &event);
	else if (p->sensor.streaming)
		sensor_failed(p, "streams, but gives no frames");
	return 0;
}

static int pump_open(struct pump *p)
{
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	p->watch = watch_open();
	if (p->epoll < 0 || p->signals < 0 || p->watch < 0)
		return -errno;
	ret = epoll_set(p, EPOLL_CTL_ADD, p->signals, EPOLLIN);
	return ret ? ret : epoll_set(p, EPOLL_CTL_ADD, p->watch, EPOLLIN);
}

static void pump_close(struct pump *p)
{
	drop_node(p);
	scope_close(&p->watch);
	scope_close(&p->signals);
	scope_close(&p->epoll);
}

int pump_run(const struct feed_config *cfg)
{
	struct pump p = { .cfg = cfg, .retry_ms = RETRY_FIRST_MS };
	int ret;

	sensor_init(&p.sensor);
	node_init(&p.node, cfg->camera);
	ret = pump_open(&p);
	if (!ret) {
		advance(&p);
		/* Waiting for a camera is work, not a failure to start. */
		sd_notify(0, "READY=1");
	}
	while (!ret && !p.stop) {
		ret = wait_and_dispatch(&p);
		if (!ret && !p.stop && !p.retry_at)
			advance(&p);
	}
	if (ret)
		log_error("%s: %s", cfg->camera, strerror(-ret));
	sd_notify(0, "STOPPING=1");
	pump_close(&p);
	return ret;
}
