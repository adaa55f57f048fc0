/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fuzzer's cameras in configfs, on drivers that have it. */
#ifndef FUZZ_TREE_H
#define FUZZ_TREE_H

#include "fuzz.h"

/* Has the driver directories? */
bool tree_exists(void);
/* Make the directories of a camera that are missing, and its nodes. Returns 0 or -errno. */
int tree_camera_start(unsigned int number);
/* One operation on a directory or file. */
void tree_touch(struct thread *thread);
/* A process that may have been in the midst of taking a camera away has ended. */
void tree_release(pid_t pid);
/* Leave nothing. */
void tree_remove(void);

#endif /* FUZZ_TREE_H */
