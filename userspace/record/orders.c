// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests to the recorder. Separate from the socket that they come by and from the loop that they
 * change.
 * The one thing to know: "pause" is obeyed first and noted then, so that no failure to note it leaves
 * the camera on; and a note that cannot be read means paused.
 */
#include "orders.h"

#include "durable.h"
#include "log.h"
#include "monotonic.h"
#include "scope.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECORD_MAX (24 * 3600 * 1000000ull)

/* --- what stays -------------------------------------------------------------------------------- */

/* A link in the way is replaced, a temporary file of another, too: it is our folder. */
static int state_store(const struct orders *o)
{
	const char *text = o->paused ? o->trigger.disarmed ? "paused disarmed\n" : "paused\n"
			   : o->trigger.disarmed ? "disarmed\n"
						 : "";

	if (!*text)
		return unlink(o->state_path) && errno != ENOENT ? -errno : 0;
	return durable_write(AT_FDCWD, o->state_path, text, strlen(text), 0640);
}

int orders_init(struct orders *o, const char *state_path)
{
	SCOPE_FREE char *text = NULL;
	size_t len;
	int ret;

	o->state_path = strdup(state_path);
	if (!o->state_path)
		return -ENOMEM;
	ret = durable_read(AT_FDCWD, state_path, O_NOFOLLOW, 64, &text, &len);
	if (ret == -ENOENT)
		return 0;
	o->trigger.disarmed = !ret && strstr(text, "disarmed");
	o->paused = ret || strcmp(text, "disarmed\n");
	log_warn("%s%s as before, see %s: \"ownframe %s\" ends that", o->paused ? "paused" : "",
		 o->trigger.disarmed ? o->paused ? " and disarmed" : "disarmed" : "", state_path,
		 o->paused ? "resume" : "arm");
	return 0;
}

void orders_exit(struct orders *o)
{
	free(o->state_path);
	o->state_path = NULL;
}

/* --- what can be asked ------------------------------------------------------------------------- */

static const char *keep(struct orders *o)
{
	int ret = state_store(o);

	if (!ret)
		return NULL;
	snprintf(o->why, sizeof(o->why), "done, but a restart will not know of it: %.80s",
		 strerror(-ret));
	log_error("%s: %s", o->state_path, o->why);
	return o->why;
}

static const char *arm(struct orders *o, bool armed)
{
	o->trigger.disarmed = !armed;
	return keep(o);
}

static const char *pause_camera(struct orders *o, bool paused)
{
	if (o->paused != paused) {
		o->paused = paused;
		trigger_forget(&o->trigger);
		o->pause(o, paused);
	}
	return keep(o);
}

static const char *record(struct orders *o, const char *time)
{
	const char *none = o->paused ? "it is paused: \"ownframe resume\" first" : o->no_frames(o);
	uint64_t us = 0;

	if (none)
		return none;
	if (time && (!settings_duration(time, &us) || us > RECORD_MAX))
		return "expected a duration up to 24h, like 30s";
	trigger_ask(&o->trigger, monotonic_us(), us);
	return NULL;
}

static const char *obey(struct orders *o, const char *line, struct control_reply *reply)
{
	if (!strcmp(line, "arm") || !strcmp(line, "disarm"))
		return arm(o, *line == 'a');
	if (!strcmp(line, "pause") || !strcmp(line, "resume"))
		return pause_camera(o, *line == 'p');
	if (!strcmp(line, "record"))
		return record(o, NULL);
	if (!strncmp(line, "record ", 7))
		return record(o, line + 7);
	if (!strcmp(line, "status")) {
		o->status(o, reply);
		return NULL;
	}
	if (!strcmp(line, "metrics")) {
		o->metrics(o, reply);
		return NULL;
	}
	return "expected arm, disarm, record [TIME], pause, resume, status or metrics";
}

const char *orders_answer(struct orders *o, const char *line, const struct ucred *peer,
			  struct control_reply *reply)
{
	const char *refused = obey(o, line, reply);

	/* Who paused it can be found in the log, but no text that anybody likes to have there. */
	if (refused)
		log_warn("a request of user %u, process %d: %s", peer->uid, (int)peer->pid,
			 refused);
	else if (strcmp(line, "status") && strcmp(line, "metrics"))
		log_info("%s: asked by user %u, process %d", line, peer->uid, (int)peer->pid);
	return refused;
}
