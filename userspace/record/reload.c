// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which configuration counts. Separate from the loop, which only says what became of a stream.
 * The one thing to know: that a configuration works is known when it has opened a stream, which may be
 * hours later, when the camera is there again; until then the one before it is kept.
 */
#include "reload.h"

#include "log.h"

#include <stdlib.h>
#include <string.h>

static void drop(struct config **cfg)
{
	if (*cfg)
		config_free(*cfg);
	free(*cfg);
	*cfg = NULL;
}

static void say_refused(const struct reload *r)
{
	log_error("%s: not used, going on with the old configuration", r->cfg->path);
}

bool reload_read(struct reload *r)
{
	struct config *cfg = malloc(sizeof(*cfg));

	if (!cfg || config_read(cfg, r->cfg->path)) {
		say_refused(r);
		free(cfg);
		return false;
	}
	if (strcmp(cfg->camera, r->cfg->camera)) {
		log_error("%s: name = %s: another camera needs another start: name = %s again, or "
			  "systemctl restart",
			  cfg->path, cfg->camera, r->cfg->camera);
		say_refused(r);
		drop(&cfg);
		return false;
	}
	drop(&r->next);
	r->next = cfg;
	return true;
}

bool reload_is_light(const struct reload *r)
{
	return config_same_stream(r->cfg, r->next);
}

void reload_refuse(struct reload *r)
{
	say_refused(r);
	drop(&r->next);
}

bool reload_use(struct reload *r)
{
	struct config now;

	if (!r->next)
		return false;
	now = *r->cfg;
	*r->cfg = *r->next;
	*r->next = now;
	if (r->proven)
		drop(&r->next);
	else
		r->proven = r->next;
	r->next = NULL;
	log_info("%s: read anew", r->cfg->path);
	return true;
}

void reload_confirm(struct reload *r)
{
	drop(&r->proven);
}

bool reload_undo(struct reload *r)
{
	if (!r->proven)
		return false;
	say_refused(r);
	config_free(r->cfg);
	*r->cfg = *r->proven;
	free(r->proven);
	r->proven = NULL;
	return true;
}

void reload_exit(struct reload *r)
{
	drop(&r->next);
	drop(&r->proven);
}
