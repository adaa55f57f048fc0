// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The operations on a handle: how each is filled in, made, and what is learnt from its result.
 *
 * An argument is first made as a program would, from the model. Then, one time in sixteen, one word
 * of it is replaced by an odd one, and one time in a hundred its address by a bad one.
 *
 * The one thing to know: what a call may never do is checked here, in call_judge(). It trusts the
 * model only where another thread or process could not have made it wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handle.h"

/* More bytes than any ioctl's argument has. */
union argument {
	struct v4l2_fmtdesc fmtdesc;
	struct v4l2_frmsizeenum sizes;
	struct v4l2_frmivalenum intervals;
	struct v4l2_format format;
	struct v4l2_streamparm parm;
	struct v4l2_input input;
	struct v4l2_output output;
	struct v4l2_queryctrl queryctrl;
	struct v4l2_query_ext_ctrl query_ext;
	struct v4l2_querymenu querymenu;
	struct v4l2_control control;
	struct v4l2_ext_controls controls;
	struct v4l2_event_subscription subscription;
	struct v4l2_event event;
	struct v4l2_requestbuffers request;
	struct v4l2_create_buffers create;
	struct v4l2_exportbuffer export;
	struct v4l2_buffer buffer;
	uint32_t word;
	uint32_t words[128];
};

struct call {
	struct thread *thread;
	uint64_t *random;
	enum operation operation;
	unsigned int number; /* of the slot */
	struct slot slot;
	struct file *file;
	uint32_t generation; /* of the file */
	bool surely_bound, surely_foreign, surely_gone; /* before the call */
	unsigned int node;
	struct queue *queue;
	struct camera *camera;
	enum role role;
	enum state state;
	uint32_t type; /* of the node's buffers */
	uint32_t format; /* the camera's before the call */
	union argument argument;
	struct v4l2_ext_control controls[2];
	long ret;
	int error;
};

/* What is true of an operation. */
enum {
	OPEN_TO_ALL = 1, /* it tells of the camera: a foreign handle will do */
	MEMORY = 2, /* it is about mappings; the handle only says which */
	DESCRIPTOR = 4, /* it is about the descriptor: works on every handle */
	SLEEPS = 8, /* may wait for a frame or event */
	FULL = 16, /* ioctls whose answer is kept: no bad address */
};

struct description {
	const char *name;
	unsigned long request;
	void (*fill)(struct call *call);
	long (*run)(struct call *call);
	void (*learn)(struct call *call);
	unsigned int flags;
	/* Words of the argument that must not be replaced: pointers, and what costs too much. */
	unsigned int keep[2]; /* the first, their number */
};

#define WORD(type, field) (offsetof(type, field) / 4)

static _Atomic bool forkable[NODES];

/* A dma-buf of a buffer of each camera; 0: none. */
static _Atomic int exported[CAMERAS];

static uint32_t below(struct call *call, uint32_t limit)
{
	return random_below(call->random, limit);
}

static bool one_in(struct call *call, uint32_t n)
{
	return random_one_in(call->random, n);
}

/* --- formats ----------------------------------------------------------------------------------- */

static const uint32_t fourccs[] = {
	V4L2_PIX_FMT_YUYV,  V4L2_PIX_FMT_UYVY,	 V4L2_PIX_FMT_NV12,   V4L2_PIX_FMT_NV21,
	V4L2_PIX_FMT_GREY,  V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_RGB24,  V4L2_PIX_FMT_BGR24,
	V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_XRGB32, V4L2_PIX_FMT_XBGR32, V4L2_PIX_FMT_H264,
};

static void fill_format(struct call *call)
{
	static const uint32_t sides[] = { 16, 16, 32, 64, 48, 17, 2, 0 };
	struct v4l2_format *format = &call->argument.format;
	struct v4l2_pix_format *pix = &format->fmt.pix;

	format->type = call->type;
	pix->width = sides[below(call, 8)];
	pix->height = sides[below(call, 8)];
	pix->pixelformat = fourccs[below(call, 12)];
	pix->field = one_in(call, 4) ? V4L2_FIELD_INTERLACED : V4L2_FIELD_NONE;
	if (one_in(call, 4))
		pix->bytesperline = 2 * below(call, 160);
	pix->sizeimage = 4096 + below(call, 8192);
}

/* The same unless another was set: then all consumers have to begin anew. */
static void learn_format(struct call *call)
{
	const struct v4l2_pix_format *pix = &call->argument.format.fmt.pix;
	uint32_t hash = 1;

	if (call->role != FEED || call->argument.format.type != call->type)
		return;
	for (unsigned int i = 0; i < sizeof(*pix) / 4; i++)
		hash = (hash ^ call->argument.words[WORD(struct v4l2_format, fmt) + i]) *
		       0x01000193;
	call->camera->width = pix->width;
	call->camera->height = pix->height;
	call->camera->fourcc = pix->pixelformat;
	call->camera->size = pix->sizeimage;
	if (atomic_exchange(&call->camera->hash, hash) != hash)
		call->camera->format++;
}

static void fill_type(struct call *call)
{
	call->argument.word = call->type;
}

static void fill_fmtdesc(struct call *call)
{
	call->argument.fmtdesc.index = below(call, call->role == FEED ? 15 : 2);
	call->argument.fmtdesc.type = call->type;
}

static void fill_sizes(struct call *call)
{
	call->argument.sizes.index = below(call, 4) == 3;
	call->argument.sizes.pixel_format = call->camera->fourcc;
}

static void fill_intervals(struct call *call)
{
	call->argument.intervals.index = below(call, 4) == 3;
	call->argument.intervals.pixel_format = call->camera->fourcc;
	call->argument.intervals.width = call->camera->width;
	call->argument.intervals.height = call->camera->height;
}

static void fill_parm(struct call *call)
{
	call->argument.parm.type = call->type;
	call->argument.parm.parm.output.timeperframe.numerator = below(call, 3);
	call->argument.parm.parm.output.timeperframe.denominator = 25 * below(call, 3);
}

/* --- controls and events ----------------------------------------------------------------------- */

static uint32_t control_id(struct call *call)
{
	if (one_in(call, 8))
		return V4L2_CID_BRIGHTNESS;
	return call->role == FEED ? OWNFRAME_CID_CONSUMERS
				  : OWNFRAME_CID_DELIVERED + below(call, 2);
}

static void fill_queryctrl(struct call *call)
{
	static const uint32_t flags[] = { 0, V4L2_CTRL_FLAG_NEXT_CTRL,
					  V4L2_CTRL_FLAG_NEXT_COMPOUND };

	call->argument.queryctrl.id = one_in(call, 2) ? control_id(call) : flags[below(call, 3)];
}

static void fill_querymenu(struct call *call)
{
	call->argument.querymenu.id = control_id(call);
}

static void fill_control(struct call *call)
{
	call->argument.control.id = control_id(call);
	call->argument.control.value = below(call, 4);
}

static void fill_controls(struct call *call)
{
	struct v4l2_ext_controls *controls = &call->argument.controls;

	controls->which =
		one_in(call, 2) ? V4L2_CTRL_WHICH_CUR_VAL : V4L2_CTRL_ID2WHICH(OWNFRAME_CID_BASE);
	controls->count = 1 + below(call, 2);
	controls->controls = call->controls;
	for (unsigned int i = 0; i < 2; i++)
		call->controls[i].id = control_id(call);
}

static void fill_subscription(struct call *call)
{
	static const uint32_t types[] = { V4L2_EVENT_CTRL, V4L2_EVENT_SOURCE_CHANGE, V4L2_EVENT_EOS,
					  V4L2_EVENT_ALL };
	struct v4l2_event_subscription *subscription = &call->argument.subscription;

	subscription->type = types[one_in(call, 8) ? 2 + below(call, 2) : below(call, 2)];
	if (subscription->type == V4L2_EVENT_CTRL)
		subscription->id = control_id(call);
	subscription->flags = below(call, 4);
}

static void fill_priority(struct call *call)
{
	/* A high one keeps the process's other handles from doing much. */
	call->argument.word = one_in(call, 6) ? V4L2_PRIORITY_BACKGROUND + below(call, 3)
					      : V4L2_PRIORITY_INTERACTIVE;
}

/* --- buffers ----------------------------------------------------------------------------------- */

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

/* Unless another thread has put another file in its place since. */
static bool still_same(const struct call *call)
{
	return slot_same(call->number, &call->slot);
}

static void set_bound(struct call *call)
{
	if (!still_same(call))
		return;
	call->file->bound = true;
	call->file->surely_bound = call->generation;
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

/* --- read, write, poll ------------------------------------------------------------------------- */

static void set_fileio(struct call *call)
{
	set_bound(call);
	if (!call->queue->fileio)
		queue_reset(call->queue);
	call->queue->fileio = true;
	call->queue->owner = call->slot.file + 1;
}

static long run_read(struct call *call)
{
	uint8_t *to = memory_user(call->node, BUFFERS - 1 - call->thread->number);
	uint32_t length = call->camera->size;
	long ret;

	if (one_in(call, 8))
		length = below(call, SPAN);
	if (one_in(call, 32))
		to = memory_odd(call->random);
	ret = read(call->slot.fd, to, length);
	/* It began, though there is no frame yet. */
	if (call->role == VIEW && (ret > 0 || (ret < 0 && errno == EAGAIN)))
		set_fileio(call);
	return ret;
}

static void learn_read(struct call *call)
{
	const uint8_t *at = memory_user(call->node, BUFFERS - 1 - call->thread->number);

	if (memory_check(at, call->ret, call->node) == 1 && still_same(call))
		wrong(call->thread, "node %u: read() gave some of another camera", call->node);
}

static long run_write(struct call *call)
{
	uint8_t *from = memory_user(call->node, BUFFERS - 1 - call->thread->number);
	uint32_t length = call->camera->size;
	long ret;

	if (one_in(call, 16))
		length = below(call, SPAN);
	if (one_in(call, 32))
		from = memory_mapping(call->node, 0);
	else
		memory_fill(from, length, call->node, below(call, 16));
	ret = write(call->slot.fd, from, length);
	if (call->role == FEED && ret > 0)
		set_fileio(call);
	return ret;
}

static void learn_write(struct call *call)
{
	call->camera->frames++;
}

static long run_poll(struct call *call)
{
	struct pollfd event = { .fd = call->slot.fd, .events = POLLIN | POLLOUT | POLLPRI };
	struct queue *queue = call->queue;
	int ret;

	if (one_in(call, 4))
		event.events = one_in(call, 2) ? POLLPRI : POLLIN | POLLOUT;
	ret = poll(&event, 1, 0);
	if (ret < 0)
		return ret;
	if (event.revents & POLLERR) {
		errno = EIO;
		return -1;
	}
	/* vb2 begins to read or write for who polls a queue without buffers. */
	if (call->state == EMPTY && call->surely_bound && event.events & POLLIN && !queue->count)
		set_fileio(call);
	return 0;
}

/* --- mappings ---------------------------------------------------------------------------------- */

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

/* --- descriptors ------------------------------------------------------------------------------- */

/* A descriptor that is certainly of this file: it was made before the other could be closed. */
static int duplicate(struct call *call)
{
	int fd = fcntl(call->slot.fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0 || still_same(call))
		return fd;
	close(fd);
	errno = EBADF;
	return -1;
}

static long run_dup(struct call *call)
{
	int fd = duplicate(call);

	if (fd < 0)
		return -1;
	if (!one_in(call, 4)) {
		close(fd);
		return 0;
	}
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (!file_get(call->slot.file, call->generation))
			break;
		if (slot_put(i, fd, call->slot.file))
			return 0;
		file_put(call->slot.file);
	}
	close(fd);
	return 0;
}

static long run_pass(struct call *call)
{
	struct handle_message message = {
		.process = process,
		.file = call->slot.file,
		.generation = call->generation,
		.epoch = call->file->epoch,
		.node = call->node,
		.nonblock = call->file->nonblock,
		.bound = call->file->bound,
		.surely_bound = call->file->surely_bound == call->generation,
	};
	int fd, ret, error;

	fd = duplicate(call);
	if (fd < 0)
		return -1;
	ret = handle_send(run.pool[0], fd, &message);
	error = errno;
	close(fd);
	errno = error;
	return ret;
}

static long run_close(struct call *call)
{
	struct slot slot;
	int ret;

	if (!slot_take(call->number, &slot)) {
		errno = EBADF;
		return -1;
	}
	ret = close(slot.fd);
	file_put(slot.file);
	return ret;
}

/* --- all of them ------------------------------------------------------------------------------- */

static void fill_request_unknown(struct call *call)
{
	for (unsigned int i = 0; i < 16; i++)
		call->argument.words[i] = below(call, 4);
}

/* Any number of the V4L2 range, but for those that take pointers or are known. */
static long run_unknown(struct call *call)
{
	static const unsigned long requests[] = {
		VIDIOC_G_STD,
		VIDIOC_QUERYSTD,
		VIDIOC_G_TUNER,
		VIDIOC_G_SELECTION,
		VIDIOC_CROPCAP,
		VIDIOC_G_CROP,
		VIDIOC_G_FBUF,
		VIDIOC_G_JPEGCOMP,
		VIDIOC_G_ENC_INDEX,
		VIDIOC_DECODER_CMD,
		VIDIOC_OVERLAY,
		VIDIOC_G_AUDIO,
		VIDIOC_QUERY_DV_TIMINGS,
		VIDIOC_ENUM_FREQ_BANDS,
		0,
		~0ul,
		_IOWR('V', 192, uint32_t),
		_IOR('V', 255, uint64_t),
	};

	return ioctl(call->slot.fd, requests[below(call, sizeof(requests) / sizeof(*requests))],
		     &call->argument);
}

#define IOCTL(op, fill_it, learn_it, flags_)  \
	[OP_##op] = { .name = #op,            \
		      .request = VIDIOC_##op, \
		      .fill = fill_it,        \
		      .learn = learn_it,      \
		      .flags = flags_ }
#define KEEP(op, fill_it, learn_it, flags_, ...) \
	[OP_##op] = { .name = #op,               \
		      .request = VIDIOC_##op,    \
		      .fill = fill_it,           \
		      .learn = learn_it,         \
		      .flags = flags_,           \
		      .keep = { __VA_ARGS__ } }
#define RUN(op, run_it, learn_it, flags_) \
	[OP_##op] = { .name = #op, .run = run_it, .learn = learn_it, .flags = flags_ }

#define BUFFER_POINTER	 WORD(struct v4l2_buffer, m), 2
#define CONTROLS_POINTER WORD(struct v4l2_ext_controls, controls), 2

static const struct description descriptions[OPERATIONS_NUMBER] = {
	IOCTL(QUERYCAP, NULL, NULL, OPEN_TO_ALL),
	IOCTL(ENUM_FMT, fill_fmtdesc, NULL, OPEN_TO_ALL),
	IOCTL(ENUM_FRAMESIZES, fill_sizes, NULL, OPEN_TO_ALL),
	IOCTL(ENUM_FRAMEINTERVALS, fill_intervals, NULL, OPEN_TO_ALL),
	IOCTL(G_FMT, fill_type, NULL, OPEN_TO_ALL),
	/* Large pictures would make it a test of memcpy(). */
	KEEP(S_FMT, fill_format, learn_format, FULL, WORD(struct v4l2_format, fmt), 6),
	IOCTL(TRY_FMT, fill_format, NULL, OPEN_TO_ALL),
	IOCTL(G_PARM, fill_type, NULL, OPEN_TO_ALL),
	IOCTL(S_PARM, fill_parm, NULL, 0),
	IOCTL(ENUMINPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(G_INPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(S_INPUT, NULL, NULL, 0),
	IOCTL(ENUMOUTPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(G_OUTPUT, NULL, NULL, OPEN_TO_ALL),
	IOCTL(S_OUTPUT, NULL, NULL, 0),
	IOCTL(QUERYCTRL, fill_queryctrl, NULL, 0),
	IOCTL(QUERY_EXT_CTRL, fill_queryctrl, NULL, 0),
	IOCTL(QUERYMENU, fill_querymenu, NULL, 0),
	IOCTL(G_CTRL, fill_control, NULL, OPEN_TO_ALL),
	IOCTL(S_CTRL, fill_control, NULL, 0),
	KEEP(G_EXT_CTRLS, fill_controls, NULL, OPEN_TO_ALL, CONTROLS_POINTER),
	KEEP(S_EXT_CTRLS, fill_controls, NULL, 0, CONTROLS_POINTER),
	KEEP(TRY_EXT_CTRLS, fill_controls, NULL, OPEN_TO_ALL, CONTROLS_POINTER),
	IOCTL(G_PRIORITY, NULL, NULL, OPEN_TO_ALL),
	IOCTL(S_PRIORITY, fill_priority, NULL, 0),
	IOCTL(SUBSCRIBE_EVENT, fill_subscription, NULL, 0),
	IOCTL(UNSUBSCRIBE_EVENT, fill_subscription, NULL, 0),
	IOCTL(DQEVENT, NULL, NULL, SLEEPS),
	IOCTL(LOG_STATUS, NULL, NULL, 0),
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
	[OP_UNKNOWN] = { .name = "other ioctls", .fill = fill_request_unknown, .run = run_unknown },
	RUN(READ, run_read, learn_read, SLEEPS),
	RUN(WRITE, run_write, learn_write, SLEEPS),
	RUN(POLL, run_poll, NULL, 0),
	RUN(MMAP, run_mmap, NULL, 0),
	RUN(MUNMAP, run_munmap, NULL, MEMORY),
	RUN(MREMAP, run_mremap, NULL, MEMORY),
	RUN(MADVISE, run_madvise, NULL, MEMORY),
	RUN(TOUCH, run_touch, NULL, MEMORY),
	RUN(DUP, run_dup, NULL, DESCRIPTOR),
	RUN(PASS, run_pass, NULL, DESCRIPTOR),
	RUN(CLOSE, run_close, NULL, DESCRIPTOR),
};

const char *operation_name(unsigned int operation)
{
	static const char *const events[] = {
		[EV_OPEN] = "open",
		[EV_RECEIVE] = "receive",
		[EV_FORK] = "fork",
		[EV_ORPHAN] = "exit, leaving a child",
		[EV_END] = "exit, all closed",
		[EV_EXIT] = "exit",
		[EV_KILL] = "kill",
		[EV_LIVE] = "live=1",
		[EV_UNPLUG] = "live=0",
		[EV_SPARE] = "live of another",
		[EV_SHOW] = "read of a policy",
		[EV_STORE] = "change of a policy",
		[EV_MKDIR] = "mkdir",
		[EV_RMDIR] = "rmdir",
	};

	if (operation >= OPERATIONS_NUMBER)
		return events[operation - OPERATIONS_NUMBER];
	return descriptions[operation].name;
}

/*
 * Is there a way to this place in the table? The feed's format cannot change while it has buffers.
 * Cameras that were made by a parameter of the module cannot be unplugged.
 */
bool operation_expected(enum role role, enum operation operation, enum state state)
{
	(void)operation;
	if (state == UNPLUGGED)
		return run.tree;
	return role == VIEW || state != ENDED;
}

/* One word of the argument is not what it should be. */
static void spoil(struct call *call, const struct description *description)
{
	static const uint32_t odd[] = { 0, 1, 2, 3, 4, 31, 32, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int words = _IOC_SIZE(description->request) / 4, word;

	if (!words)
		return;
	word = below(call, words);
	if (word >= description->keep[0] && word < description->keep[0] + description->keep[1])
		return;
	call->argument.words[word] =
		one_in(call, 4) ? random_next(call->random) : odd[below(call, 10)];
}

static void *bad_address(struct call *call)
{
	uint8_t *at = memory_odd(call->random);

	return one_in(call, 3) ? NULL : at;
}

static long call_ioctl(struct call *call, const struct description *description)
{
	void *argument = &call->argument;

	if (one_in(call, 16))
		spoil(call, description);
	if (!(description->flags & FULL) && one_in(call, 100))
		argument = bad_address(call);
	return ioctl(call->slot.fd, description->request, argument);
}

static bool binds(enum operation operation)
{
	return operation == OP_REQBUFS || operation == OP_CREATE_BUFS || operation == OP_READ ||
	       operation == OP_WRITE;
}

/* Two threads at once leave the model with a buffer that is not as it says. */
static void learn_queue_error(struct call *call)
{
	struct queue *queue = call->queue;

	if (call->error == EINVAL && call->operation == OP_DQBUF)
		queue->streaming = false;
	/* VIDIOC_QUERYBUF will tell. */
	if (call->error == EINVAL && call->operation == OP_QBUF)
		queue->bits[call->argument.buffer.index % BUFFERS] |= BUF_QUEUED;
	if (call->error == EAGAIN && call->operation == OP_DQBUF && call->role == FEED)
		for (unsigned int i = 0; i < BUFFERS; i++)
			queue->bits[i] &= ~BUF_QUEUED;
	if (call->error != EBUSY)
		return;
	if (!queue->owner && (binds(call->operation) || call->operation == OP_QBUF))
		queue->owner = NOBODY_KNOWS;
	/* It was bound, and then found that another handle has the buffers; or priority forbids. */
	if (queue->owner && binds(call->operation))
		call->file->bound = true;
}

/* What the result says of the handle. */
static void call_learn(struct call *call, const struct description *description)
{
	bool guarded = !(description->flags & (OPEN_TO_ALL | MEMORY | DESCRIPTOR));

	if (call->ret >= 0) {
		if (description->learn)
			description->learn(call);
		return;
	}
	/* A node that was taken away does not come back. */
	if (call->error == ENODEV && still_same(call))
		call->file->gone = call->generation;
	/* Not of controls, which may be read-only, nor of what is refused to all. */
	if (guarded && call->error == EACCES && still_same(call) && call->operation != OP_S_CTRL &&
	    call->operation != OP_S_EXT_CTRLS && call->operation != OP_MMAP) {
		call->file->foreign = true;
		call->file->surely_foreign = call->generation;
		call->file->bound = false;
	}
	learn_queue_error(call);
}

/* What must not be. */
static void call_judge(struct call *call, const struct description *description)
{
	if (call->ret < 0 || description->flags & (MEMORY | DESCRIPTOR))
		return;
	if (!still_same(call))
		return;
	if (call->state == UNPLUGGED && call->surely_gone)
		wrong(call->thread, "node %u: %s works on a camera that is gone (epoch %u, now %u)",
		      call->node, description->name, call->file->epoch, call->camera->epoch);
	if (call->state == FOREIGN && call->surely_foreign && !(description->flags & OPEN_TO_ALL))
		wrong(call->thread, "node %u: %s works on a handle of another process", call->node,
		      description->name);
}

static void lane_begin(struct lane *lane, struct step step, bool blocks)
{
	lane->current = step;
	lane->blocks = blocks;
}

static void lane_end(struct lane *lane, int error)
{
	lane->blocks = false;
	lane->current.error = error;
	lane->trail[lane->calls % TRAIL] = lane->current;
	lane->digest = random_seed(lane->digest, (uint64_t)lane->current.operation << 32 |
							 lane->current.state << 24 |
							 lane->current.node << 16 | error);
	lane->calls++;
	if (run.trace)
		fprintf(stderr, "%2d %8llu %s on node %u (%s): %s\n",
			(int)(lane - run.shared->lanes), (unsigned long long)lane->calls,
			operation_name(lane->current.operation), lane->current.node,
			state_name(lane->current.state), error ? strerror(error) : "ok");
}

void call_make(struct thread *thread, unsigned int number, enum operation operation)
{
	const struct description *description = &descriptions[operation];
	struct call call = {
		.thread = thread,
		.random = &thread->random,
		.operation = operation,
		.number = number,
	};
	bool descriptors = description->flags & DESCRIPTOR || operation == OP_EXPBUF;
	struct count *count;

	if (!slot_get(number, &call.slot))
		return;
	call.file = &files[call.slot.file];
	call.generation = file_generation(call.file);
	call.surely_bound = call.file->surely_bound == call.generation;
	call.surely_gone = call.file->epoch != node_camera(call.file->node)->epoch;
	call.surely_foreign = call.file->surely_foreign == call.generation;
	call.node = call.file->node;
	call.queue = &queues[call.node];
	call.camera = node_camera(call.node);
	call.role = node_role(call.node);
	call.type = call.role == FEED ? V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE;
	call.format = call.camera->format;
	call.state = file_state(call.file);

	lane_begin(thread->lane,
		   (struct step) { .operation = operation,
				   .state = call.state,
				   .node = call.node,
				   .slot = number },
		   description->flags & SLEEPS && !call.file->nonblock);
	if (description->fill)
		description->fill(&call);
	if (descriptors)
		pthread_rwlock_rdlock(&descriptors_lock);
	errno = 0;
	call.ret = description->run ? description->run(&call) : call_ioctl(&call, description);
	call.error = call.ret < 0 ? errno : 0;
	if (descriptors)
		pthread_rwlock_unlock(&descriptors_lock);
	call_judge(&call, description);
	call_learn(&call, description);

	count = &thread->lane->table[call.role][operation][call.state];
	count->calls++;
	count->successes += call.ret >= 0;
	lane_end(thread->lane, call.error);
}

void event_begin(struct thread *thread, enum event event, int number)
{
	lane_begin(thread->lane,
		   (struct step) { .operation = OPERATIONS_NUMBER + event, .slot = number }, false);
}

void event_end(struct thread *thread, int error)
{
	struct lane *lane = thread->lane;
	struct count *count = &lane->events[lane->current.operation - OPERATIONS_NUMBER];

	count->calls++;
	count->successes += !error;
	lane_end(lane, -error);
}
