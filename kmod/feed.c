// SPDX-License-Identifier: GPL-2.0-only
/*
 * The feed of a camera as a V4L2 device: frames go in here.
 *
 * The one thing to know: a frame is copied to every consumer inside VIDIOC_QBUF, so a buffer that
 * was queued is done when the call returns, and the feed's own time is what copies cost.
 */
#include <linux/ktime.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "ownframe.h"

/**
 * struct feed_owner - the process that feeds the camera
 * @owner: first
 * @streaming: between start_streaming and stop_streaming (queue lock)
 * @first: number of the first frame since then (queue lock)
 * @waiting: buffers that were queued before (queue lock)
 */
struct feed_owner {
	struct ownframe_owner owner;
	bool streaming;
	u32 first;
	struct list_head waiting;
};

static struct feed_owner *to_feed_owner(struct vb2_queue *queue)
{
	return container_of(queue, struct feed_owner, owner.queue);
}

static struct ownframe_camera *to_camera(struct file *file)
{
	return vdev_to_node(video_devdata(file))->camera;
}

/* Buffers */

static int feed_queue_setup(struct vb2_queue *queue, unsigned int *num_buffers,
			    unsigned int *num_planes, unsigned int sizes[],
			    struct device *alloc_devs[])
{
	struct ownframe_owner *owner = &to_feed_owner(queue)->owner;
	u32 sizeimage = owner->node->camera->format.sizeimage;

	ownframe_owner_set_limits(owner, sizeimage);
	if (*num_planes)
		return sizes[0] < sizeimage || sizes[0] > owner->buffer_limit ? -EINVAL : 0;
	*num_planes = 1;
	sizes[0] = sizeimage;
	return 0;
}

static int feed_buf_out_validate(struct vb2_buffer *vb)
{
	to_vb2_v4l2_buffer(vb)->field =
		to_feed_owner(vb->vb2_queue)->owner.node->camera->format.field;
	return 0;
}

/* What is missing in a raw frame would be filled with something, and no consumer may see that. */
static int feed_buf_prepare(struct vb2_buffer *vb)
{
	struct ownframe_owner *owner = &to_feed_owner(vb->vb2_queue)->owner;
	const struct v4l2_pix_format *format = &owner->node->camera->format;
	bool raw = ownframe_format_is_raw(format);
	unsigned long bytes = vb2_get_plane_payload(vb, 0);

	/* vb2 forgets what write() brought: a raw buffer comes when it is full, another at once. */
	if (vb2_fileio_is_active(vb->vb2_queue)) {
		bytes = vb2_plane_size(vb, 0);
		if (!raw)
			bytes = min(bytes, owner->write_bytes);
		vb2_set_plane_payload(vb, 0, bytes);
	}
	if (raw)
		return bytes < format->sizeimage ? -EINVAL : 0;
	return !bytes || bytes > format->sizeimage ? -EINVAL : 0;
}

/* Sets the number that the frame has at the camera. */
static int feed_deliver(struct ownframe_camera *camera, struct vb2_v4l2_buffer *vbuf)
{
	struct ownframe_mem *mem = vb2_plane_cookie(&vbuf->vb2_buf, 0);
	struct ownframe_frame frame = {
		.format = &camera->format,
		.bytesused = vb2_get_plane_payload(&vbuf->vb2_buf, 0),
		.timestamp = vbuf->vb2_buf.timestamp ?: ktime_get_ns(),
		.flags = vbuf->flags,
		.timecode = vbuf->timecode,
	};
	int ret;

	/* A dma-buf need not be looked at for nobody. Who starts now is in time for the next. */
	if (!READ_ONCE(camera->num_streaming)) {
		vbuf->sequence = ownframe_camera_lose(camera, &frame);
		return 0;
	}
	ret = ownframe_mem_begin_read(mem, &frame.map);
	if (ret) {
		vbuf->sequence = ownframe_camera_lose(camera, &frame);
		return ret;
	}
	vbuf->sequence = ownframe_camera_deliver(camera, &frame);
	ownframe_mem_end_read(mem);
	return 0;
}

static void feed_buf_done(struct feed_owner *feed, struct ownframe_buffer *buf)
{
	int ret = feed_deliver(feed->owner.node->camera, &buf->vb);

	buf->vb.sequence -= feed->first;
	vb2_buffer_done(&buf->vb.vb2_buf, ret ? VB2_BUF_STATE_ERROR : VB2_BUF_STATE_DONE);
}

static void feed_buf_queue(struct vb2_buffer *vb)
{
	struct feed_owner *feed = to_feed_owner(vb->vb2_queue);
	struct ownframe_buffer *buf = to_buffer(vb);

	if (!feed->streaming) {
		list_add_tail(&buf->entry, &feed->waiting);
		return;
	}
	feed_buf_done(feed, buf);
	ownframe_owner_wake_early(&feed->owner);
}

static int feed_start_streaming(struct vb2_queue *queue, unsigned int count)
{
	struct feed_owner *feed = to_feed_owner(queue);
	struct ownframe_buffer *buf, *next;

	/* Nobody else makes frames: the number stays. */
	feed->first = READ_ONCE(feed->owner.node->camera->sequence);
	feed->streaming = true;
	ownframe_camera_set_signal(feed->owner.node->camera, true);
	list_for_each_entry_safe(buf, next, &feed->waiting, entry) {
		list_del(&buf->entry);
		feed_buf_done(feed, buf);
	}
	return 0;
}

static void feed_stop_streaming(struct vb2_queue *queue)
{
	struct feed_owner *feed = to_feed_owner(queue);

	/* No buffer is with us: each was done when it was queued, or when streaming started. */
	feed->streaming = false;
	ownframe_camera_set_signal(feed->owner.node->camera, false);
}

static const struct vb2_ops feed_vb2_ops = {
	.queue_setup		= feed_queue_setup,
	.buf_out_validate	= feed_buf_out_validate,
	.buf_prepare		= feed_buf_prepare,
	.buf_queue		= feed_buf_queue,
	.start_streaming	= feed_start_streaming,
	.stop_streaming		= feed_stop_streaming,
	OWNFRAME_VB2_OPS_WAIT
};

static void feed_owner_init(struct ownframe_owner *owner)
{
	struct feed_owner *feed = container_of(owner, struct feed_owner, owner);

	INIT_LIST_HEAD(&feed->waiting);
	owner->queue.lock = &owner->node->camera->feed_lock;
	owner->queue.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	owner->queue.drv_priv = owner;
	owner->queue.ops = &feed_vb2_ops;
	owner->queue.timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
}

/* ioctls */

static int feed_enum_fmt(struct file *file, void *priv, struct v4l2_fmtdesc *desc)
{
	return ownframe_format_enum(desc);
}

static int feed_enum_framesizes(struct file *file, void *priv, struct v4l2_frmsizeenum *sizes)
{
	return ownframe_format_enum_sizes(sizes);
}

/* Nothing depends on it, so any will do. */
static int feed_enum_frameintervals(struct file *file, void *priv,
				    struct v4l2_frmivalenum *intervals)
{
	struct v4l2_frmsizeenum sizes = { .pixel_format = intervals->pixel_format };

	if (intervals->index || ownframe_format_enum_sizes(&sizes) ||
	    intervals->width < sizes.stepwise.min_width ||
	    intervals->width > sizes.stepwise.max_width ||
	    intervals->height < sizes.stepwise.min_height ||
	    intervals->height > sizes.stepwise.max_height)
		return -EINVAL;
	intervals->type = V4L2_FRMIVAL_TYPE_CONTINUOUS;
	intervals->stepwise.min = (struct v4l2_fract) { 1, 1000 };
	intervals->stepwise.max = (struct v4l2_fract) { 1000, 1 };
	intervals->stepwise.step = (struct v4l2_fract) { 1, 1 };
	return 0;
}

static int feed_g_fmt(struct file *file, void *priv, struct v4l2_format *format)
{
	ownframe_camera_format(to_camera(file), &format->fmt.pix);
	return 0;
}

static int feed_try_fmt(struct file *file, void *priv, struct v4l2_format *format)
{
	ownframe_format_adjust(&format->fmt.pix);
	return 0;
}

static bool feed_busy(struct ownframe_camera *camera)
{
	struct ownframe_owner *owner;
	bool busy = false;

	lockdep_assert_held(&camera->feed_lock);
	spin_lock(&camera->feed.lock);
	list_for_each_entry(owner, &camera->feed.owners, entry)
		busy |= vb2_is_busy(&owner->queue);
	spin_unlock(&camera->feed.lock);
	return busy;
}

static int feed_s_fmt(struct file *file, void *priv, struct v4l2_format *format)
{
	struct ownframe_camera *camera = to_camera(file);
	int ret = 0;

	ownframe_format_adjust(&format->fmt.pix);
	if (mutex_lock_interruptible(&camera->feed_lock))
		return -ERESTARTSYS;
	if (feed_busy(camera))
		ret = -EBUSY;
	else
		ret = ownframe_camera_set_format(camera, &format->fmt.pix);
	mutex_unlock(&camera->feed_lock);
	return ret;
}

static int feed_parm(struct ownframe_camera *camera, struct v4l2_streamparm *parm)
{
	struct v4l2_outputparm *output = &parm->parm.output;

	if (parm->type != V4L2_BUF_TYPE_VIDEO_OUTPUT)
		return -EINVAL;
	*output = (struct v4l2_outputparm) {
		.capability = V4L2_CAP_TIMEPERFRAME,
		.timeperframe = camera->interval,
		.writebuffers = 1,
	};
	return 0;
}

static int feed_g_parm(struct file *file, void *priv, struct v4l2_streamparm *parm)
{
	struct ownframe_camera *camera = to_camera(file);
	int ret;

	spin_lock(&camera->lock);
	ret = feed_parm(camera, parm);
	spin_unlock(&camera->lock);
	return ret;
}

static int feed_s_parm(struct file *file, void *priv, struct v4l2_streamparm *parm)
{
	struct ownframe_camera *camera = to_camera(file);
	struct v4l2_fract interval = parm->parm.output.timeperframe;
	int ret;

	spin_lock(&camera->lock);
	if (parm->type == V4L2_BUF_TYPE_VIDEO_OUTPUT && interval.numerator && interval.denominator)
		camera->interval = interval;
	ret = feed_parm(camera, parm);
	spin_unlock(&camera->lock);
	return ret;
}

static int feed_enum_output(struct file *file, void *priv, struct v4l2_output *output)
{
	if (output->index)
		return -EINVAL;
	output->type = V4L2_OUTPUT_TYPE_ANALOG;
	strscpy(output->name, to_camera(file)->name, sizeof(output->name));
	return 0;
}

static int feed_g_output(struct file *file, void *priv, unsigned int *index)
{
	*index = 0;
	return 0;
}

static int feed_s_output(struct file *file, void *priv, unsigned int index)
{
	return index ? -EINVAL : 0;
}

/*
 * The buffer is done by now, but V4L2 has it that VIDIOC_QBUF gives back one that is queued, and
 * VIDIOC_DQBUF one that is done.
 */
static int feed_qbuf(struct file *file, void *priv, struct v4l2_buffer *buf)
{
	int ret = ownframe_node_qbuf(file, priv, buf);

	if (!ret) {
		buf->flags &= ~(V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_ERROR);
		buf->flags |= V4L2_BUF_FLAG_QUEUED;
		buf->sequence = 0;
	}
	return ret;
}

static const struct v4l2_ioctl_ops feed_ioctl_ops = {
	.vidioc_querycap		= ownframe_node_querycap,
	.vidioc_enum_fmt_vid_out	= feed_enum_fmt,
	.vidioc_enum_framesizes		= feed_enum_framesizes,
	.vidioc_enum_frameintervals	= feed_enum_frameintervals,
	.vidioc_g_fmt_vid_out		= feed_g_fmt,
	.vidioc_s_fmt_vid_out		= feed_s_fmt,
	.vidioc_try_fmt_vid_out		= feed_try_fmt,
	.vidioc_g_parm			= feed_g_parm,
	.vidioc_s_parm			= feed_s_parm,
	.vidioc_enum_output		= feed_enum_output,
	.vidioc_g_output		= feed_g_output,
	.vidioc_s_output		= feed_s_output,
	.vidioc_reqbufs			= ownframe_node_reqbufs,
	.vidioc_create_bufs		= ownframe_node_create_bufs,
	.vidioc_prepare_buf		= ownframe_node_prepare_buf,
	.vidioc_querybuf		= ownframe_node_querybuf,
	.vidioc_qbuf			= feed_qbuf,
	.vidioc_dqbuf			= ownframe_node_dqbuf,
	.vidioc_streamon		= ownframe_node_streamon,
	.vidioc_streamoff		= ownframe_node_streamoff,
	.vidioc_subscribe_event		= v4l2_ctrl_subscribe_event,
	.vidioc_unsubscribe_event	= v4l2_event_unsubscribe,
};

const struct ownframe_node_type ownframe_feed_type = {
	.caps		= V4L2_CAP_VIDEO_OUTPUT,
	.io_modes	= VB2_MMAP | VB2_DMABUF | VB2_WRITE,
	.ioctl_ops	= &feed_ioctl_ops,
	.owner_size	= sizeof(struct feed_owner),
	.owner_init	= feed_owner_init,
};
