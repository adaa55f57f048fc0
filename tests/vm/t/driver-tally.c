// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a camera watches a room while its light is off, or the light burns for nobody, and
 * people stop believing it.
 *
 * vm: timeout=120
 *
 * The LED is one of a keyboard that uinput makes: what the kernel lights or puts out comes back as
 * an event. The number of consumers as the feed's control, its event and sysfs have it must always
 * say the same.
 */
#include <fcntl.h>
#include <linux/uinput.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"

#define WATCHERS 4
#define ROUNDS	 100
#define CHANGES	 3 /* of each watcher in a round, at most */

/* --- the light --------------------------------------------------------------------------------- */

static int light; /* the keyboard */
static char light_folder[128];

static void light_make(void)
{
	struct uinput_setup setup = { .name = "tally" };
	char name[32];

	CHECK(system("modprobe uinput") == 0);
	light = open("/dev/uinput", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	CHECK(light >= 0);
	CHECK(ioctl(light, UI_SET_EVBIT, EV_LED) == 0);
	CHECK(ioctl(light, UI_SET_LEDBIT, LED_MISC) == 0);
	CHECK(ioctl(light, UI_DEV_SETUP, &setup) == 0);
	CHECK(ioctl(light, UI_DEV_CREATE) == 0);
	CHECK(ioctl(light, UI_GET_SYSNAME(sizeof(name)), name) > 0);
	snprintf(light_folder, sizeof(light_folder), "/sys/class/leds/%s::misc", name);
}

static int light_open(const char *file, int flags)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", light_folder, file);
	return open(path, flags | O_CLOEXEC);
}

static void light_trigger(const char *trigger)
{
	int fd = light_open("trigger", O_WRONLY);

	CHECK(write(fd, trigger, strlen(trigger)) == (ssize_t)strlen(trigger));
	close(fd);
}

static bool light_is_lit(void)
{
	int fd = light_open("brightness", O_RDONLY);
	char value;

	CHECK(read(fd, &value, 1) == 1);
	close(fd);
	return value != '0';
}

/* Forget what it did so far. */
static void light_drain(void)
{
	struct input_event event;

	while (read(light, &event, sizeof(event)) == sizeof(event))
		;
}

/* The next thing that it does, within 10 s, is to be lit or put out. */
static void light_await(bool lit)
{
	struct pollfd poller = { .fd = light, .events = POLLIN };
	struct input_event event;

	do {
		CHECK(poll(&poller, 1, 10000) == 1);
		CHECK(read(light, &event, sizeof(event)) == sizeof(event));
	} while (event.type != EV_LED);
	CHECK(event.code == LED_MISC);
	CHECK(!!event.value == lit);
	CHECK(light_is_lit() == lit);
}

/* --- the number -------------------------------------------------------------------------------- */

static int feed;

static int number_in_sysfs(const char *node)
{
	int fd = camera_open_attribute("front", node, "consumers");
	char text[16] = "";

	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atoi(text);
}

static void number_subscribe(void)
{
	struct v4l2_event_subscription subscription = {
		.type = V4L2_EVENT_CTRL,
		.id = OWNFRAME_CID_CONSUMERS,
	};

	CHECK(xioctl(feed, VIDIOC_SUBSCRIBE_EVENT, &subscription) == 0);
}

/* What who only follows events believes. */
static int number_by_event(void)
{
	static int number;
	struct pollfd poller = { .fd = feed, .events = POLLPRI };
	struct v4l2_event event;

	while (poll(&poller, 1, 0) == 1 && poller.revents & POLLPRI) {
		CHECK(xioctl(feed, VIDIOC_DQEVENT, &event) == 0);
		number = event.u.ctrl.value;
	}
	return number;
}

static void check_number(int number)
{
	CHECK(feed_consumers(feed) == number);
	CHECK(number_by_event() == number);
	CHECK(number_in_sysfs("feed") == number);
	CHECK(number_in_sysfs("main") == number);
	CHECK(light_is_lit() == (number > 0));
}

/* --- watchers ---------------------------------------------------------------------------------- */

struct watcher {
	pid_t pid;
	int order[2];
	int answer[2];
	bool streams;
};

/* Obeys: 1 and 0, to stream or not; other bytes are seeds of a tumult. */
static int watcher_run(void *arg)
{
	struct watcher *watcher = arg;
	int fd = camera_open("front", "main", 0);
	struct stream view;
	char order;

	stream_map(&view, fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, 2);
	byte_send(watcher->answer[1], 0);
	while (read(watcher->order[0], &order, 1) == 1) {
		bool streams = order & 1;

		if (order >= 'A') {
			unsigned int seed = order;

			for (int i = rand_r(&seed) % CHANGES; i >= 0; i--) {
				streams = rand_r(&seed) & 1;
				(streams ? stream_on : stream_off)(&view);
			}
		} else {
			(streams ? stream_on : stream_off)(&view);
		}
		byte_send(watcher->answer[1], streams);
	}
	return 0;
}

static void watcher_start(struct watcher *watcher)
{
	CHECK(pipe2(watcher->order, O_CLOEXEC) == 0 && pipe2(watcher->answer, O_CLOEXEC) == 0);
	watcher->streams = false;
	watcher->pid = process_start(watcher_run, watcher);
	byte_receive(watcher->answer[0]);
}

static void watcher_order(struct watcher *watcher, char order)
{
	byte_send(watcher->order[1], order);
	watcher->streams = byte_receive(watcher->answer[0]);
}

static void watcher_kill(struct watcher *watcher)
{
	CHECK(kill(watcher->pid, SIGKILL) == 0);
	process_wait(watcher->pid);
	for (int i = 0; i < 2; i++) {
		close(watcher->order[i]);
		close(watcher->answer[i]);
	}
}

/* --- tests ------------------------------------------------------------------------------------- */

static void check_lit_while_streaming(void)
{
	struct watcher first, second;
	int status;

	watcher_start(&first);
	watcher_start(&second);
	CHECK(!light_is_lit()); /* buffers are no stream */
	watcher_order(&first, '1');
	light_await(true);
	check_number(1);
	watcher_order(&second, '1');
	check_number(2);
	watcher_order(&first, '0');
	check_number(1);

	CHECK(kill(second.pid, SIGSTOP) == 0);
	CHECK(waitpid(second.pid, &status, WUNTRACED) == second.pid && WIFSTOPPED(status));
	check_number(1);
	watcher_kill(&second);
	light_await(false);
	check_number(0);

	watcher_order(&first, '1');
	light_await(true);
	watcher_kill(&first);
	light_await(false);
	check_number(0);
}

/* A LED that gets the trigger while somebody streams is lit at once. */
static void check_late_led(void)
{
	struct watcher watcher;

	watcher_start(&watcher);
	watcher_order(&watcher, '1');
	light_await(true);
	light_trigger("none");
	light_await(false);
	light_trigger("ownframe-front");
	light_await(true);
	light_trigger("ownframe-back"); /* nobody watches that one */
	light_await(false);
	light_trigger("ownframe-front");
	light_await(true);
	watcher_kill(&watcher);
	light_await(false);
}

/* Whose buffers no longer fit gets no frame, and is not counted. */
static void check_format_change(void)
{
	struct watcher watcher;

	watcher_start(&watcher);
	watcher_order(&watcher, '1');
	light_await(true);
	feed_format(feed, V4L2_PIX_FMT_GREY, 128, 64);
	light_await(false);
	check_number(0);
	watcher_kill(&watcher);
	check_number(0);
}

static void check_sysfs_wakes(void)
{
	struct pollfd poller = { .events = POLLPRI };
	struct watcher watcher;
	char text[16];

	poller.fd = camera_open_attribute("front", "main", "consumers");
	CHECK(read(poller.fd, text, sizeof(text)) > 0);
	CHECK(poll(&poller, 1, 0) == 0);
	watcher_start(&watcher);
	watcher_order(&watcher, '1');
	CHECK(poll(&poller, 1, 10000) == 1 && poller.revents & POLLPRI);
	CHECK(pread(poller.fd, text, sizeof(text), 0) == 2 && text[0] == '1');
	watcher_kill(&watcher);
	CHECK(poll(&poller, 1, 10000) == 1 && poller.revents & POLLPRI);
	CHECK(pread(poller.fd, text, sizeof(text), 0) == 2 && text[0] == '0');
	close(poller.fd);
	light_drain();
}

/* What a consumer may do: anything but this. */
static int as_consumer(void *arg)
{
	(void)arg;
	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
	CHECK(light_open("trigger", O_WRONLY) == -1 && errno == EACCES);
	CHECK(light_open("brightness", O_WRONLY) == -1 && errno == EACCES);
	return 0;
}

/* Many at once. Whenever all rest, all that tells the number is right. */
static void check_tumult(void)
{
	struct watcher watchers[WATCHERS];
	unsigned int seed = 1;

	for (int i = 0; i < WATCHERS; i++)
		watcher_start(&watchers[i]);
	for (int round = 0; round < ROUNDS; round++) {
		int killed = round % 4 ? -1 : rand_r(&seed) % WATCHERS, number = 0;

		for (int i = 0; i < WATCHERS; i++)
			byte_send(watchers[i].order[1], (char)('A' + rand_r(&seed) % 60));
		for (int i = rand_r(&seed) % 16; killed >= 0 && i > 0; i--)
			sched_yield();
		if (killed >= 0)
			watcher_kill(&watchers[killed]);
		for (int i = 0; i < WATCHERS; i++)
			if (i != killed)
				watchers[i].streams = byte_receive(watchers[i].answer[0]);
		if (killed >= 0)
			watcher_start(&watchers[killed]);
		for (int i = 0; i < WATCHERS; i++)
			number += watchers[i].streams;
		check_number(number);
		light_drain();
	}
	for (int i = 0; i < WATCHERS; i++)
		watcher_kill(&watchers[i]);
	check_number(0);
}

int main(void)
{
	camera_load("front,back");
	light_make();
	light_trigger("ownframe-front");
	feed = camera_open("front", "feed", 0);
	feed_format(feed, V4L2_PIX_FMT_GREY, 64, 64);
	number_subscribe();
	check_number(0);
	check_lit_while_streaming();
	check_late_led();
	check_format_change();
	check_sysfs_wakes();
	process_wait_ok(process_start(as_consumer, NULL));
	check_tumult();
	return 0;
}
