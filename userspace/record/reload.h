/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration in force, the next one, and the one to go back to: a file with a fault, or one
 * that the camera or the memory turns out not to allow, never ends a recorder that was running.
 */
#ifndef OWNFRAME_RECORD_RELOAD_H
#define OWNFRAME_RECORD_RELOAD_H

#include "config.h"

struct reload {
	struct config *cfg; /* in force; others keep this address */
	struct config *next; /* read, and not in force yet, or NULL */
	struct config *proven; /* what was in force when a stream was opened last, or NULL: cfg */
};

/* Read the file of @r->cfg as r->next. False: it has a fault, or another camera (logged). */
bool reload_read(struct reload *r);
/* The next one needs no other stream than there is. */
bool reload_is_light(const struct reload *r);
/* r->next cannot be used, which has been said: go on with what is in force. */
void reload_refuse(struct reload *r);
/* r->next, if there is one, is in force from now on. */
bool reload_use(struct reload *r);
/* A stream was opened by it: there is no way back. */
void reload_confirm(struct reload *r);
/* None can be, which has been said: go back. False: there is nothing to go back to. */
bool reload_undo(struct reload *r);
/* All but r->cfg itself. */
void reload_exit(struct reload *r);

#endif
