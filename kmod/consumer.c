// SPDX-License-Identifier: GPL-2.0-only
/*
 * A consumer: a process that takes frames out of a view, and its copy of each.
 *
 * Apart from view.c, which is the device, because this is what the feed calls: it runs in the
 * feed's context, on memory of another process.
 *
 * The one thing to know: a frame is copied under copy_lock alone. A consumer that is stopped, hangs
 * in a page fault, or is slow, holds other locks, so it costs nobody anything.
 */
#include <linux/ktime.h>

#include "ownframe.h"
#include "trace.h"

static int consumer_queue_setup(struct vb2_queue *queue, unsigned int *num_buffers,
				unsigned int *num_planes, unsigned int sizes[],
				struct device *alloc_devs[])
{
	struct ownframe_owner *owner = container_of(queue, struct ownframe_owner, queue);
	struct ownframe_consumer *consumer = to_consumer(owner);

	if (!vb2_get_num_buffers(queue)) {
		consumer->generation = ownframe_camera_view_format(to_view(owner->node),
								   &consumer->format);
		ownframe_owner_set_limits(owner, consumer->format.sizeimage);
	}
	if (*num_planes)
		return sizes[0] < consumer->format.sizeimage || sizes[0] > owner->buffer_limit ?
		       -EINVAL : 0;
	/* read() asks for one, and would lose the frames that come while it copies. */
	if (vb2_fileio_is_active(queue))
		*num_buffers = max(*num_buffers, 4U);
	*num_planes = 1;
	sizes[0] = consumer->format.sizeimage;
	return 0;
}

static int consumer_buf_prepare(struct vb2_buffer *vb)
{
	struct ownframe_owner *owner = vb2_get_drv_priv(vb->vb2_queue);

	return vb2_plane_size(vb, 0) < to_consumer(owner)->format.sizeimage ? -EINVAL : 0;
}

static void consumer_buf_queue(struct vb2_buffer *vb)
{
	struct ownframe_consumer *consumer = to_consumer(vb2_get_drv_priv(vb->vb2_queue));

	spin_lock(&consumer->buf_lock);
	list_add_tail(&to_buffer(vb)->entry, &consumer->queued);
	spin_unlock(&consumer->buf_lock);
}

/* Give all buffers back to vb2. Nobody copies. */
static void consumer_return_buffers(struct ownframe_consumer *consumer, enum vb2_buffer_state state)
{
	struct ownframe_buffer *buf, *next;

	spin_lock(&consumer->buf_lock);
	if (consumer->filled)
		list_add(&consumer->filled->entry, &consumer->queued);
	consumer->filled = NULL;
	list_for_each_entry_safe(buf, next, &consumer->queued, entry) {
		list_del(&buf->entry);
		vb2_buffer_done(&buf->vb.vb2_buf, state);
	}
	spin_unlock(&consumer->buf_lock);
}

static int consumer_start_streaming(struct vb2_queue *queue, unsigned int count)
{
	struct ownframe_owner *owner = vb2_get_drv_priv(queue);
	struct ownframe_consumer *consumer = to_consumer(owner);
	int ret;

	/* A frame that is on its way meets a consumer that has started, or one that has not. */
	mutex_lock(&consumer->copy_lock);
	ret = ownframe_camera_link(owner->node->camera, consumer);
	consumer->running = !ret;
	mutex_unlock(&consumer->copy_lock);
	if (ret)
		consumer_return_buffers(consumer, VB2_BUF_STATE_QUEUED);
	return ret;
}

static void consumer_stop_streaming(struct vb2_queue *queue)
{
	struct ownframe_owner *owner = vb2_get_drv_priv(queue);
	struct ownframe_consumer *consumer = to_consumer(owner);

	ownframe_camera_unlink(owner->node->camera, consumer);
	/* The feed may be about to copy here, or in the midst of it: wait for this one copy. */
	mutex_lock(&consumer->copy_lock);
	consumer->running = false;
	mutex_unlock(&consumer->copy_lock);
	consumer_return_buffers(consumer, VB2_BUF_STATE_ERROR);
}

static const struct vb2_ops consumer_vb2_ops = {
	.queue_setup		= consumer_queue_setup,
	.buf_prepare		= consumer_buf_prepare,
	.buf_queue		= consumer_buf_queue,
	.start_streaming	= consumer_start_streaming,
	.stop_streaming		= consumer_stop_streaming,
	OWNFRAME_VB2_OPS_WAIT
};

void ownframe_consumer_init(struct ownframe_owner *owner)
{
	struct ownframe_consumer *consumer = to_consumer(owner);

	INIT_LIST_HEAD(&consumer->stream_entry);
	mutex_init(&consumer->copy_lock);
	spin_lock_init(&consumer->buf_lock);
	INIT_LIST_HEAD(&consumer->queued);
	owner->queue.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	owner->queue.drv_priv = owner;
	owner->queue.ops = &consumer_vb2_ops;
	owner->queue.timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
}

/* The next buffer to be filled; without one the frame is lost, and counted. */
static struct ownframe_buffer *consumer_take(struct ownframe_consumer *consumer, u32 sequence,
					     const struct ownframe_frame *frame)
{
	struct ownframe_buffer *buf;

	/* It may have stopped since the frame came, and started anew: with the next frame. */
	if (!consumer->running || (s32)(sequence - consumer->first) < 0) {
		trace_frame_drop(consumer, frame, OWNFRAME_DROP_STOPPED);
		return NULL;
	}
	spin_lock(&consumer->buf_lock);
	buf = list_first_entry_or_null(&consumer->queued, struct ownframe_buffer, entry);
	if (buf)
		list_del(&buf->entry);
	else
		consumer->dropped++;
	spin_unlock(&consumer->buf_lock);
	if (!buf)
		trace_frame_drop(consumer, frame, OWNFRAME_DROP_NO_BUFFER);
	return buf;
}

/**
 * ownframe_consumer_copy() - give a consumer its copy of a frame
 * @consumer: may have stopped streaming
 * @frame: of the format that the camera has had since the consumer was linked, and not withheld
 *
 * The consumer does not learn of it before ownframe_consumer_complete().
 */
void ownframe_consumer_copy(struct ownframe_consumer *consumer, const struct ownframe_frame *frame)
{
	const struct ownframe_view *view = to_view(consumer->owner.node);
	struct vb2_queue *queue = &consumer->owner.queue;
	u32 sequence = view->sequence - 1;
	struct ownframe_buffer *buf;
	struct vb2_buffer *vb;
	u64 copy_ns;
	u32 bytes;

	mutex_lock(&consumer->copy_lock);
	buf = consumer_take(consumer, sequence, frame);
	if (!buf)
		goto unlock;
	vb = &buf->vb.vb2_buf;
	copy_ns = ktime_get_ns();
	bytes = ownframe_cut_copy(view->cut, vb2_plane_cookie(vb, 0), frame);
	copy_ns = ktime_get_ns() - copy_ns;
	vb2_set_plane_payload(vb, 0, bytes);
	vb->timestamp = frame->timestamp;
	buf->vb.sequence = sequence - consumer->first;
	buf->vb.field = consumer->format.field;
	buf->vb.flags |= frame->flags & (V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_PFRAME |
					 V4L2_BUF_FLAG_BFRAME | V4L2_BUF_FLAG_TIMECODE);
	buf->vb.timecode = frame->timecode;
	/* Of all buffers alike, as far as vb2 knows. */
	queue->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC |
				 (frame->flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK);

	spin_lock(&consumer->buf_lock);
	consumer->filled = buf;
	consumer->delivered++;
	consumer->bytes += bytes;
	consumer->copy_ns += copy_ns;
	spin_unlock(&consumer->buf_lock);
	trace_frame_out(consumer, frame, bytes, copy_ns);
unlock:
	mutex_unlock(&consumer->copy_lock);
}

/**
 * ownframe_consumer_complete() - let a consumer have the frame that was copied
 * @consumer: may have stopped streaming since, and then has its buffer back already
 */
void ownframe_consumer_complete(struct ownframe_consumer *consumer)
{
	struct ownframe_buffer *buf;

	spin_lock(&consumer->buf_lock);
	buf = consumer->filled;
	consumer->filled = NULL;
	if (buf)
		vb2_buffer_done(&buf->vb.vb2_buf, VB2_BUF_STATE_DONE);
	spin_unlock(&consumer->buf_lock);
	if (buf)
		ownframe_owner_wake_early(&consumer->owner);
}
