/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hand-over between threads: a list of letters, each embedded in what it passes on, so that posting
 * neither allocates nor fails. Whoever holds a letter's object owns it; posting gives it away.
 */
#ifndef OWNFRAME_RECORD_MAILBOX_H
#define OWNFRAME_RECORD_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct letter {
	struct letter *next;
	int what; /* what happened or is asked for; the receiver's enum */
};

struct mailbox {
	pthread_mutex_t lock; /* of first, last */
	pthread_cond_t posted;
	struct letter *first, *last;
	int fd; /* eventfd that is written at each post into an empty box, or -1 */
};

/* @wake: make an eventfd, for a receiver that waits in a ring. 0 or -errno. */
int mailbox_init(struct mailbox *m, bool wake);
void mailbox_exit(struct mailbox *m);

void mailbox_post(struct mailbox *m, struct letter *l, int what);
/* The oldest letter or NULL, without waiting. */
struct letter *mailbox_take(struct mailbox *m);
/* Wait for a letter; NULL: none came until @until_us (CLOCK_MONOTONIC), 0 = for ever. */
struct letter *mailbox_wait(struct mailbox *m, uint64_t until_us);

#define letter_of(l, type, member) ((type *)((char *)(l)-offsetof(type, member)))

#endif
