/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handles that are opened, and passed about among all processes, with what is known of them.
 */
#ifndef FUZZ_HANDLE_H
#define FUZZ_HANDLE_H

#include "fuzz.h"

/**
 * struct handle_message - goes with a descriptor
 * @process: who sends it
 * @file, @generation: which it is of the sender's files
 * @node, @epoch, @nonblock, @bound, @surely_bound: see struct file
 */
struct handle_message {
	uint32_t process;
	uint32_t file;
	uint32_t generation;
	uint32_t epoch;
	uint8_t node;
	bool nonblock;
	bool bound;
	bool surely_bound;
};

/* Returns 0, or -1 and errno. */
int handle_send(int socket, int fd, const struct handle_message *message);
/* Put a handle into an empty slot: a new one, or one from the pool. */
void handle_open(struct thread *thread, unsigned int slot);
void handle_receive(struct thread *thread, unsigned int slot);

#endif /* FUZZ_HANDLE_H */
