// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files for others: status and metrics. Separate because its steps follow the ring's results.
 * The one thing to know: one that fails is tried again with the next figures, and said once in ten
 * minutes.
 */
#include "publish.h"

#include "mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void finish(struct publish *p)
{
	p->step = PUBLISH_IDLE;
	if (p->error && log_gate_open(&p->gate, 600))
		log_warn("%s: cannot write: %s", p->path_now, strerror(-p->error));
}

/* The step before has ended with @res; the file is closed whatever happened to it. */
static void on_step(struct ring_op *op, int res, unsigned int flags)
{
	struct publish *p = letter_of(op, struct publish, op);

	(void)flags;
	if (res < 0 && !p->error)
		p->error = res;
	switch (p->step) {
	case PUBLISH_OPENING:
		if (res < 0)
			break;
		p->fd = res;
		p->step = PUBLISH_WRITING;
		ring_write_plain(p->ring, op, p->fd, p->text, p->len);
		return;
	case PUBLISH_WRITING:
		if (res >= 0 && (size_t)res != p->len)
			p->error = -ENOSPC;
		p->step = PUBLISH_CLOSING;
		ring_close(p->ring, op, p->fd);
		return;
	case PUBLISH_CLOSING:
		if (p->error)
			break;
		p->step = PUBLISH_RENAMING;
		ring_rename(p->ring, op, p->path_new, p->path_now);
		return;
	default:
		break;
	}
	finish(p);
}

bool publish(struct publish *p, const char *text)
{
	size_t len = strlen(text);

	if (!p->path || !publish_is_idle(p) || len > sizeof(p->text) ||
	    strlen(p->path) >= sizeof(p->path_now))
		return false;
	strcpy(p->path_now, p->path); /* a reload may name another while this one is written */
	snprintf(p->path_new, sizeof(p->path_new), "%s.new", p->path);
	memcpy(p->text, text, len);
	p->len = len;
	p->error = 0;
	p->op.done = on_step;
	p->step = PUBLISH_OPENING;
	ring_open(p->ring, &p->op, p->path_new,
		  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return true;
}
