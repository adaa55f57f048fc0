/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where clips are sent: a folder, "dir:<path>". A store keeps objects under keys with slashes,
 * never replaces one, and has an object whole or not at all for whoever lists it.
 */
#ifndef OWNFRAME_UPLOAD_STORE_H
#define OWNFRAME_UPLOAD_STORE_H

#include "config.h"

#include <stddef.h>

#define STORE_WHY_LEN 512

enum store_result {
	STORE_DONE, /* the object is there, durably, with these bytes */
	STORE_TROUBLE, /* the store is missing, full, failing: any object would fare the same */
	STORE_CONFLICT, /* another object has this key, or it cannot be compared */
	STORE_UNREADABLE, /* the source cannot be read */
};

struct store;

/* The store that @cfg names, which need not be there now. NULL when out of memory. */
struct store *store_new(const struct upload_config *cfg);
void store_free(struct store *s);

/*
 * Put the file @fd, from its beginning, under @key. An object that is there already with the same
 * bytes is success. Unless STORE_DONE, @why is one sentence for a person. Blocks as long as the
 * store does; may be killed at any moment and called again.
 */
enum store_result store_put(struct store *s, const char *key, int fd, char why[STORE_WHY_LEN]);

/*
 * Read the object @key of at most @cap bytes into new memory (caller frees), NUL after it; it is
 * there durably. STORE_CONFLICT: there is no such object, or it is something else. @why as above.
 */
enum store_result store_get(struct store *s, const char *key, size_t cap, char **data, size_t *len,
			    char why[STORE_WHY_LEN]);

#endif
