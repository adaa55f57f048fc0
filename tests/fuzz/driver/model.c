// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a process believes of its handles and queues.
 *
 * Apart from calls.c, which acts on it and corrects it, because this is what decides the column of
 * the table. A queue is one for each process and node; a file may be in several slots, in messages
 * under way, and in children.
 */
#include <string.h>

#include "fuzz.h"

pthread_rwlock_t descriptors_lock = PTHREAD_RWLOCK_INITIALIZER;
struct queue queues[NODES];
struct file files[FILES];
uint32_t process;

/* A slot as one word, so that it is read and emptied at once: generation, file, fd + 1. */
static _Atomic uint64_t slots[SLOTS];
static _Atomic uint32_t generations;

static struct slot unpack(uint64_t word)
{
	return (struct slot) {
		.fd = (int)(word & 0xffff) - 1,
		.file = word >> 16 & 0xff,
		.generation = word >> 32,
	};
}

void model_reset(void)
{
	memset(queues, 0, sizeof(queues));
	memset(files, 0, sizeof(files));
	memset(slots, 0, sizeof(slots));
	process = ++run.shared->next_process;
}

/* The same handles, in a process that has no queues: what was bound is now another's. */
void model_forked(void)
{
	descriptors_lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
	memset(queues, 0, sizeof(queues));
	process = ++run.shared->next_process;
	for (unsigned int i = 0; i < FILES; i++) {
		if (!files[i].bound)
			continue;
		files[i].bound = false;
		files[i].foreign = true;
		if (files[i].surely_bound == file_generation(&files[i]))
			files[i].surely_foreign = files[i].surely_bound;
		files[i].surely_bound = 0;
	}
}

/* Returns its number, with one reference, or -1. */
int file_new(unsigned int node, uint32_t epoch)
{
	for (unsigned int i = 0; i < FILES; i++) {
		uint64_t life = files[i].life;

		if ((uint32_t)life || !atomic_compare_exchange_strong(&files[i].life, &life,
								      ((life >> 32) + 1) << 32 | 1))
			continue;
		files[i].node = node;
		files[i].epoch = epoch;
		files[i].bound = false;
		files[i].foreign = false;
		files[i].nonblock = true;
		return i;
	}
	return -1;
}

bool file_get(unsigned int file, uint32_t generation)
{
	uint64_t life = files[file].life;

	do {
		if (life >> 32 != generation || !(uint32_t)life)
			return false;
	} while (!atomic_compare_exchange_weak(&files[file].life, &life, life + 1));
	return true;
}

/* Its last handle has been closed, so its buffers are gone. */
void file_put(unsigned int file)
{
	struct queue *queue = &queues[files[file].node];

	if ((uint32_t)files[file].life == 1 && queue->owner == file + 1)
		queue_reset(queue);
	files[file].life--;
}

void queue_reset(struct queue *queue)
{
	queue->owner = 0;
	queue->count = 0;
	queue->streaming = false;
	queue->fileio = false;
	for (unsigned int i = 0; i < BUFFERS; i++)
		queue->bits[i] &= BUF_MAPPED;
}

bool slot_get(unsigned int slot, struct slot *to)
{
	uint64_t word = slots[slot];

	*to = unpack(word);
	return word;
}

bool slot_put(unsigned int slot, int fd, unsigned int file)
{
	uint64_t empty = 0;
	uint64_t word =
		(uint64_t)++generations << 32 | (uint64_t)file << 16 | (unsigned int)(fd + 1);

	return atomic_compare_exchange_strong(&slots[slot], &empty, word);
}

bool slot_take(unsigned int slot, struct slot *from)
{
	uint64_t word = atomic_exchange(&slots[slot], 0);

	*from = unpack(word);
	return word;
}

/* Has the slot not been emptied since, so that the descriptor was the same all the time? */
bool slot_same(unsigned int slot, const struct slot *as)
{
	return slots[slot] >> 32 == as->generation;
}

static bool queue_queued(const struct queue *queue)
{
	for (unsigned int i = 0; i < queue->count; i++)
		if (queue->bits[i] & BUF_QUEUED)
			return true;
	return false;
}

enum state file_state(const struct file *file)
{
	const struct queue *queue = &queues[file->node];
	const struct camera *camera = node_camera(file->node);

	if (file->epoch != camera->epoch || file->gone == file_generation(file))
		return UNPLUGGED;
	if (file->foreign)
		return FOREIGN;
	if (!file->bound)
		return UNBOUND;
	if (queue->owner && queue->owner != file - files + 1)
		return SECOND;
	if (queue->fileio)
		return FILEIO;
	if (queue->count && queue->format != camera->format)
		return ENDED;
	if (queue->streaming)
		return STREAMING;
	if (!queue->count)
		return EMPTY;
	return queue_queued(queue) ? QUEUED : ALLOCATED;
}
