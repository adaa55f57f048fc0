// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mailboxes between the recorder's three threads. Separate so that no other file has a lock.
 * The one thing to know: an eventfd wakes a ring only on the step from empty to not empty.
 */
#include "mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int mailbox_init(struct mailbox *m, bool wake)
{
	pthread_condattr_t attr;

	m->first = NULL;
	m->last = NULL;
	m->fd = -1;
	if (wake) {
		m->fd = eventfd(0, EFD_CLOEXEC);
		if (m->fd < 0)
			return -errno;
	}
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->posted, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

void mailbox_exit(struct mailbox *m)
{
	pthread_cond_destroy(&m->posted);
	pthread_mutex_destroy(&m->lock);
	if (m->fd >= 0)
		close(m->fd);
}

void mailbox_post(struct mailbox *m, struct letter *l, int what)
{
	bool empty;

	l->next = NULL;
	l->what = what;
	pthread_mutex_lock(&m->lock);
	empty = !m->first;
	if (empty)
		m->first = l;
	else
		m->last->next = l;
	m->last = l;
	pthread_cond_signal(&m->posted);
	pthread_mutex_unlock(&m->lock);
	if (empty && m->fd >= 0)
		eventfd_write(m->fd, 1);
}

static struct letter *take_locked(struct mailbox *m)
{
	struct letter *l = m->first;

	if (l)
		m->first = l->next;
	return l;
}

struct letter *mailbox_take(struct mailbox *m)
{
	struct letter *l;

	pthread_mutex_lock(&m->lock);
	l = take_locked(m);
	pthread_mutex_unlock(&m->lock);
	return l;
}

struct letter *mailbox_wait(struct mailbox *m, uint64_t until_us)
{
	struct timespec ts = {
		.tv_sec = (time_t)(until_us / 1000000),
		.tv_nsec = (long)(until_us % 1000000) * 1000,
	};
	struct letter *l;
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	while (!(l = take_locked(m)) && ret != ETIMEDOUT)
		ret = until_us ? pthread_cond_timedwait(&m->posted, &m->lock, &ts)
			       : pthread_cond_wait(&m->posted, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return l;
}
