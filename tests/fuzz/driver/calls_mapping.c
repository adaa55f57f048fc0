// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations on mappings of buffers: made, moved, advised, touched, also by a child that has none.
 *
 * The one thing to know: each buffer of a node has its place in memory (memory.c), so that any
 * thread may try it, mapped or not.
 */
#include <errno.h>
#include <sys/mman.h>

#include "calls.h"

static _Atomic bool forkable[NODES];

static long run_mmap(struct call *call)
{
	unsigned int index = below(call, call->queue->count ?: 1);
	uint32_t offset = call->queue->offset[index], size = call->camera->size;
	int protection = one_in(call, 8) ? PROT_READ : PROT_READ | PROT_WRITE;
	size_t length = (size + 4095) & ~4095u;
	void *at;

	if (!offset)
		offset = index * length;
	if (one_in(call, 32))
		offset += 4096 * below(call, 16);
	if (one_in(call, 32))
		length = 4096u << below(call, 5);
	at = mmap(memory_mapping(call->node, index), length < SPAN ? length : SPAN, protection,
		  MAP_FIXED | (one_in(call, 32) ? MAP_PRIVATE : MAP_SHARED) |
			  (one_in(call, 16) ? MAP_POPULATE : 0),
		  call->slot.fd, offset);
	/* A fixed mapping has taken away what was there, also if it failed. */
	if (at == MAP_FAILED)
		call->queue->bits[index] &= ~BUF_MAPPED;
	else
		call->queue->bits[index] |= BUF_MAPPED;
	return at == MAP_FAILED ? -1 : 0;
}

static unsigned int pick_mapped(struct call *call)
{
	unsigned int first = below(call, BUFFERS);

	for (unsigned int i = 0; i < BUFFERS; i++)
		if (call->queue->bits[(first + i) % BUFFERS] & BUF_MAPPED)
			return (first + i) % BUFFERS;
	return first;
}

static long run_munmap(struct call *call)
{
	unsigned int index = pick_mapped(call);

	call->queue->bits[index] &= ~BUF_MAPPED;
	return munmap(memory_mapping(call->node, index), one_in(call, 4) ? 4096 : SPAN);
}

static long run_mremap(struct call *call)
{
	unsigned int index = pick_mapped(call), other = below(call, BUFFERS);
	uint8_t *at = memory_mapping(call->node, index);
	void *ret;

	if (one_in(call, 2)) {
		ret = mremap(at, one_in(call, 4) ? 0 : 4096, 8192, 0);
		if (ret != MAP_FAILED)
			wrong(call->thread, "node %u: a mapping grew", call->node);
	} else if (index != other) {
		ret = mremap(at, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED,
			     memory_mapping(call->node, other));
		if (ret != MAP_FAILED)
			call->queue->bits[other] |= BUF_MAPPED;
	} else {
		ret = mremap(at, 4096, 4096, 0);
	}
	return ret == MAP_FAILED ? -1 : 0;
}

static long run_madvise(struct call *call)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_WILLNEED, MADV_REMOVE,   MADV_DONTFORK,
		MADV_DOFORK,   MADV_DODUMP,   MADV_DONTDUMP, MADV_HUGEPAGE,
		MADV_COLD,     MADV_PAGEOUT,  MADV_FREE,     MADV_UNMERGEABLE,
	};
	uint8_t *at = memory_mapping(call->node, pick_mapped(call));
	int advice = advices[below(call, sizeof(advices) / sizeof(*advices))];
	long ret;

	/* Before, as a fork() may happen at once. */
	if (advice == MADV_DOFORK)
		forkable[call->node] = true;
	ret = madvise(at, 4096, advice);
	if (ret == 0 && (advice == MADV_REMOVE || advice == MADV_DODUMP))
		wrong(call->thread, "node %u: madvise(%d) was granted", call->node, advice);
	return ret;
}

static long run_touch(struct call *call)
{
	unsigned int index = pick_mapped(call);
	bool mapped = call->queue->bits[index] & BUF_MAPPED;

	if (memory_touch(memory_mapping(call->node, index), one_in(call, 2))) {
		if (call->thread->child && !mapped && !forkable[call->node])
			wrong(call->thread, "node %u: a child has its parent's buffer", call->node);
		return 0;
	}
	errno = EFAULT;
	return -1;
}

const struct description mapping_calls[OPERATIONS_NUMBER] = {
	RUN(MMAP, run_mmap, NULL, 0),	       RUN(MUNMAP, run_munmap, NULL, MEMORY),
	RUN(MREMAP, run_mremap, NULL, MEMORY), RUN(MADVISE, run_madvise, NULL, MEMORY),
	RUN(TOUCH, run_touch, NULL, MEMORY),
};
