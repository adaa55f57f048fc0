// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operations on a queue of buffers: those that make it, fill it, start it and take from it.
 *
 * The one thing to know: what is dequeued from a view must be its own camera's, every byte of it;
 * see learn_dqbuf().
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"

/* A dma-buf of a buffer of each camera; 0: none. */
static _Atomic int exported[CAMERAS];

/* One of the queue's, if there is one, that is queued or not. */
static unsigned int pick(struct call *call, bool queued)
{
	unsigned int count = call->queue->count;
	unsigned int first = below(call, count ? count : 4), index;

	for (unsigned int i = 0; i < count; i++) {
		index = (first + i) % count;
		if (!(call->queue->bits[index] & BUF_QUEUED) == !queued)
			return index;
	}
	return first;
}

static void fill_request(struct call *call)
{
	struct v4l2_requestbuffers *request = &call->argument.request;

	request->type = call->type;
	request->count = one_in(call, 8) ? 1 + below(call, 32) : 2 + below(call, 3);
	request->memory = V4L2_MEMORY_MMAP;
	if (call->role == VIEW && one_in(call, 3))
		request->memory = V4L2_MEMORY_USERPTR;
	else if (call->role == FEED && run.num_dmabufs && one_in(call, 3))
		request->memory = V4L2_MEMORY_DMABUF;
	else if (one_in(call, 32))
		request->memory = 1 + below(call, 4);
}

static void fill_free(struct call *call)
{
	call->argument.request.type = call->type;
	call->argument.request.memory = call->queue->memory ?: V4L2_MEMORY_MMAP;
}

/* Somebody of this process has the buffers. Two threads may have come at once: nobody knows who. */
static void learn_request(struct call *call)
{
	const struct v4l2_requestbuffers *request = &call->argument.request;

	queue_reset(call->queue);
	if (!request->count)
		return;
	set_bound(call);
	call->queue->memory = request->memory;
	call->queue->format = call->format;
	call->queue->count = request->count < BUFFERS ? request->count : BUFFERS;
	call->queue->owner = call->slot.file + 1;
}

static void fill_create(struct call *call)
{
	struct v4l2_create_buffers *create = &call->argument.create;

	fill_request(call);
	memset(create, 0, sizeof(*create));
	create->count = below(call, 4);
	create->memory = call->queue->count ? call->queue->memory : V4L2_MEMORY_MMAP;
	create->format.type = call->type;
	create->format.fmt.pix.width = call->camera->width;
	create->format.fmt.pix.height = call->camera->height;
	create->format.fmt.pix.pixelformat = call->camera->fourcc;
	create->format.fmt.pix.sizeimage = call->camera->size;
	if (one_in(call, 4))
		create->format.fmt.pix.sizeimage += below(call, 1 << 14);
}

static void learn_create(struct call *call)
{
	const struct v4l2_create_buffers *create = &call->argument.create;
	unsigned int count = create->index + create->count;

	if (!create->count)
		return;
	set_bound(call);
	if (!call->queue->count) {
		queue_reset(call->queue);
		call->queue->memory = create->memory;
		call->queue->format = call->format;
	}
	call->queue->count = count < BUFFERS ? count : BUFFERS;
	call->queue->owner = call->slot.file + 1;
}

/* A pointer to memory of the process; whether what is there afterwards can be told. */
static bool fill_user(struct call *call, struct v4l2_buffer *buffer)
{
	uint32_t size = call->camera->size;

	buffer->length = one_in(call, 2) ? size : (size + 4095) & ~4095u;
	buffer->m.userptr = (unsigned long)memory_user(call->node, buffer->index);
	if (!one_in(call, 8))
		return true;
	/* Into a buffer of its own; something odd; another frame's memory. */
	if (one_in(call, 4))
		buffer->m.userptr = (unsigned long)memory_mapping(call->node, below(call, 4));
	else if (one_in(call, 4))
		buffer->m.userptr = (unsigned long)memory_user(call->node, below(call, BUFFERS));
	else
		buffer->m.userptr = (unsigned long)memory_odd(call->random);
	return false;
}

static void fill_buffer(struct call *call, unsigned int index)
{
	struct v4l2_buffer *buffer = &call->argument.buffer;

	buffer->index = index;
	buffer->type = call->type;
	buffer->memory = call->queue->memory ?: V4L2_MEMORY_MMAP;
	buffer->field = V4L2_FIELD_NONE;
}

static void fill_querybuf(struct call *call)
{
	fill_buffer(call, below(call, call->queue->count ?: 1));
}

static void fill_dqbuf(struct call *call)
{
	fill_buffer(call, 0);
}

static void fill_export(struct call *call)
{
	call->argument.export.type = call->type;
	call->argument.export.index = below(call, call->queue->count ?: 1);
	call->argument.export.flags = one_in(call, 2) ? O_CLOEXEC : O_CLOEXEC | O_RDWR;
}

/* Kept, to be fed to the camera that it is of. */
static void learn_export(struct call *call)
{
	int old = atomic_exchange(&exported[call->node / 3], call->argument.export.fd);

	if (old > 0)
		close(old);
}

static int pick_dmabuf(struct call *call)
{
	int fd = exported[call->node / 3];

	if (one_in(call, 32))
		return call->slot.fd;
	if (fd > 0 && one_in(call, 3))
		return fd;
	return run.num_dmabufs ? run.dmabufs[below(call, run.num_dmabufs)] : fd;
}

static void fill_qbuf(struct call *call)
{
	struct v4l2_buffer *buffer = &call->argument.buffer;
	unsigned int index = pick(call, false);
	bool own = true;

	fill_buffer(call, index);
	if (call->role == FEED) {
		buffer->bytesused = call->camera->size;
		if (one_in(call, 16))
			buffer->bytesused = below(call, 2 * call->camera->size + 1);
		buffer->flags = one_in(call, 4) ? V4L2_BUF_FLAG_KEYFRAME : 0;
		buffer->timestamp.tv_sec = below(call, 2);
	}
	if (buffer->memory == V4L2_MEMORY_USERPTR)
		own = fill_user(call, buffer);
	else if (buffer->memory == V4L2_MEMORY_DMABUF)
		buffer->m.fd = pick_dmabuf(call);
	else if (call->role == FEED && call->queue->bits[index] & BUF_MAPPED)
		memory_fill(memory_mapping(call->node, index), call->camera->size, call->node,
			    below(call, 16));
	if (own)
		call->queue->bits[index % BUFFERS] |= BUF_OWN;
	else
		call->queue->bits[index % BUFFERS] &= ~BUF_OWN;
}

static void learn_qbuf(struct call *call)
{
	call->queue->bits[call->argument.buffer.index % BUFFERS] |= BUF_QUEUED;
	if (call->role == FEED && call->queue->streaming)
		call->camera->frames++;
}

static void learn_querybuf(struct call *call)
{
	const struct v4l2_buffer *buffer = &call->argument.buffer;
	unsigned int index = buffer->index % BUFFERS;

	if (buffer->memory == V4L2_MEMORY_MMAP)
		call->queue->offset[index] = buffer->m.offset;
	if (buffer->flags & (V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_DONE))
		call->queue->bits[index] |= BUF_QUEUED;
	else
		call->queue->bits[index] &= ~BUF_QUEUED;
}

/* What was delivered is the camera's own. */
static void learn_dqbuf(struct call *call)
{
	const struct v4l2_buffer *buffer = &call->argument.buffer;
	unsigned int index = buffer->index % BUFFERS;
	uint8_t bits = call->queue->bits[index];
	const uint8_t *frame = NULL;

	call->queue->bits[index] = bits & ~BUF_QUEUED;
	if (call->role == FEED || buffer->flags & V4L2_BUF_FLAG_ERROR)
		return;
	if (buffer->memory == V4L2_MEMORY_MMAP && bits & BUF_MAPPED)
		frame = memory_mapping(call->node, index);
	else if (buffer->memory == V4L2_MEMORY_USERPTR && bits & BUF_OWN)
		frame = memory_user(call->node, index);
	if (frame && memory_check(frame, buffer->bytesused, call->node) == 1 && still_same(call))
		wrong(call->thread, "node %u: a frame of %u bytes has some of another camera",
		      call->node, buffer->bytesused);
}

static void learn_streamon(struct call *call)
{
	call->queue->streaming = true;
	call->queue->frames = call->camera->frames;
}

static void learn_streamoff(struct call *call)
{
	call->queue->streaming = false;
	for (unsigned int i = 0; i < BUFFERS; i++)
		call->queue->bits[i] &= ~BUF_QUEUED;
}

#define BUFFER_POINTER WORD(struct v4l2_buffer, m), 2

const struct description buffer_calls[OPERATIONS_NUMBER] = {
	IOCTL(REQBUFS, fill_request, learn_request, FULL),
	[OP_FREE] = { .name = "REQBUFS(0)",
		      .request = VIDIOC_REQBUFS,
		      .fill = fill_free,
		      .learn = learn_request,
		      .flags = FULL },
	IOCTL(CREATE_BUFS, fill_create, learn_create, FULL),
	KEEP(PREPARE_BUF, fill_qbuf, NULL, FULL, BUFFER_POINTER),
	IOCTL(QUERYBUF, fill_querybuf, learn_querybuf, FULL),
	IOCTL(EXPBUF, fill_export, learn_export, FULL),
	KEEP(QBUF, fill_qbuf, learn_qbuf, FULL, BUFFER_POINTER),
	KEEP(DQBUF, fill_dqbuf, learn_dqbuf, FULL | SLEEPS, BUFFER_POINTER),
	IOCTL(STREAMON, fill_type, learn_streamon, FULL),
	IOCTL(STREAMOFF, fill_type, learn_streamoff, FULL),
};
