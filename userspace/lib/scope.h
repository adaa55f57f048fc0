/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope cleanup: a variable marked with one of these is released when it leaves its scope, so
 * functions return early and leak nothing.
 */
#ifndef OWNFRAME_SCOPE_H
#define OWNFRAME_SCOPE_H

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void scope_free(void *p)
{
	free(*(void **)p);
}

static inline void scope_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void scope_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define SCOPE_FREE     __attribute__((cleanup(scope_free)))
#define SCOPE_CLOSE    __attribute__((cleanup(scope_close)))
#define SCOPE_CLOSEDIR __attribute__((cleanup(scope_closedir)))

/* Hand an owned pointer or descriptor out of its scope. */
#define SCOPE_TAKE_PTR(p)                   \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define SCOPE_TAKE_FD(fd)          \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

#endif
