/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that holds a descriptor of a node whose handle belongs to another process, and the ways
 * by which it gets there.
 */
#ifndef TESTS_STRANGER_H
#define TESTS_STRANGER_H

#include <stdint.h>

/*
 * Each way into the frames, the queue, the events and the priority of a bound handle is refused, and
 * what tells of the camera is answered. @type is the buffer type of the node. Ends the test if not so.
 */
void stranger_refused(int fd, uint32_t type);

/* stranger_refused() in a child that inherits the descriptor, and one that is passed it. */
void stranger_forked(int fd, uint32_t type);
void stranger_passed(int fd, uint32_t type);
/* In one that takes it by pidfd_getfd(). */
void stranger_takes(int fd, uint32_t type);
/* In a program that inherits it; the test's main() begins with stranger_executed_main(). */
void stranger_executed(int fd, uint32_t type);
void stranger_executed_main(int argc, char **argv);

#endif /* TESTS_STRANGER_H */
