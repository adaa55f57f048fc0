// SPDX-License-Identifier: GPL-2.0-only
/*
 * A view as a V4L2 device: what its users can ask, and set to no effect.
 *
 * The one thing to know: feed and policy alone decide on the format. Nothing that one process sets
 * here changes what another gets, or sees.
 */
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "ownframe.h"

static void view_format(struct ownframe_node *node, struct v4l2_pix_format *pix)
{
	ownframe_camera_view_format(to_view(node), pix);
}

static int view_enum_fmt(struct file *file, void *priv, struct v4l2_fmtdesc *desc)
{
	struct v4l2_pix_format pix;

	if (desc->index)
		return -EINVAL;
	view_format(vdev_to_node(video_devdata(file)), &pix);
	desc->pixelformat = pix.pixelformat;
	return 0;
}

/* Also S_FMT and TRY_FMT. */
static int view_g_fmt(struct file *file, void *priv, struct v4l2_format *format)
{
	view_format(vdev_to_node(video_devdata(file)), &format->fmt.pix);
	return 0;
}

static int view_enum_framesizes(struct file *file, void *priv, struct v4l2_frmsizeenum *sizes)
{
	struct v4l2_pix_format pix;

	view_format(vdev_to_node(video_devdata(file)), &pix);
	if (sizes->index || sizes->pixel_format != pix.pixelformat)
		return -EINVAL;
	sizes->type = V4L2_FRMSIZE_TYPE_DISCRETE;
	sizes->discrete.width = pix.width;
	sizes->discrete.height = pix.height;
	return 0;
}

static struct v4l2_fract view_interval(struct ownframe_node *node)
{
	struct ownframe_camera *camera = node->camera;
	struct v4l2_fract interval;
	u32 max_rate;

	spin_lock(&camera->lock);
	interval = camera->interval;
	max_rate = to_view(node)->policy.max_rate;
	spin_unlock(&camera->lock);
	if (max_rate && interval.denominator > (u64)interval.numerator * max_rate)
		return (struct v4l2_fract) { 1, max_rate };
	return interval;
}

static int view_enum_frameintervals(struct file *file, void *priv,
				    struct v4l2_frmivalenum *intervals)
{
	struct ownframe_node *node = vdev_to_node(video_devdata(file));
	struct v4l2_pix_format pix;

	view_format(node, &pix);
	if (intervals->index || intervals->pixel_format != pix.pixelformat ||
	    intervals->width != pix.width || intervals->height != pix.height)
		return -EINVAL;
	intervals->type = V4L2_FRMIVAL_TYPE_DISCRETE;
	intervals->discrete = view_interval(node);
	return 0;
}

/* Also S_PARM. */
static int view_g_parm(struct file *file, void *priv, struct v4l2_streamparm *parm)
{
	struct v4l2_captureparm *capture = &parm->parm.capture;

	if (parm->type != V4L2_BUF_TYPE_VIDEO_CAPTURE)
		return -EINVAL;
	*capture = (struct v4l2_captureparm) {
		.capability = V4L2_CAP_TIMEPERFRAME,
		.timeperframe = view_interval(vdev_to_node(video_devdata(file))),
		.readbuffers = 4,
	};
	return 0;
}

static int view_enum_input(struct file *file, void *priv, struct v4l2_input *input)
{
	struct ownframe_node *node = vdev_to_node(video_devdata(file));

	if (input->index)
		return -EINVAL;
	input->type = V4L2_INPUT_TYPE_CAMERA;
	strscpy(input->name, node->camera->name, sizeof(input->name));
	input->status = ownframe_camera_has_signal(to_view(node)) ? 0 : V4L2_IN_ST_NO_SIGNAL;
	return 0;
}

static int view_g_input(struct file *file, void *priv, unsigned int *index)
{
	*index = 0;
	return 0;
}

static int view_s_input(struct file *file, void *priv, unsigned int index)
{
	return index ? -EINVAL : 0;
}

static int view_subscribe_event(struct v4l2_fh *fh, const struct v4l2_event_subscription *sub)
{
	if (sub->type == V4L2_EVENT_SOURCE_CHANGE)
		return v4l2_src_change_event_subscribe(fh, sub);
	return v4l2_ctrl_subscribe_event(fh, sub);
}

static const struct v4l2_ioctl_ops view_ioctl_ops = {
	.vidioc_querycap		= ownframe_node_querycap,
	.vidioc_enum_fmt_vid_cap	= view_enum_fmt,
	.vidioc_g_fmt_vid_cap		= view_g_fmt,
	.vidioc_s_fmt_vid_cap		= view_g_fmt,
	.vidioc_try_fmt_vid_cap		= view_g_fmt,
	.vidioc_enum_framesizes		= view_enum_framesizes,
	.vidioc_enum_frameintervals	= view_enum_frameintervals,
	.vidioc_g_parm			= view_g_parm,
	.vidioc_s_parm			= view_g_parm,
	.vidioc_enum_input		= view_enum_input,
	.vidioc_g_input			= view_g_input,
	.vidioc_s_input			= view_s_input,
	.vidioc_reqbufs			= ownframe_node_reqbufs,
	.vidioc_create_bufs		= ownframe_node_create_bufs,
	.vidioc_prepare_buf		= ownframe_node_prepare_buf,
	.vidioc_querybuf		= ownframe_node_querybuf,
	.vidioc_qbuf			= ownframe_node_qbuf,
	.vidioc_dqbuf			= ownframe_node_dqbuf,
	.vidioc_expbuf			= ownframe_node_expbuf,
	.vidioc_streamon		= ownframe_node_streamon,
	.vidioc_streamoff		= ownframe_node_streamoff,
	.vidioc_subscribe_event		= view_subscribe_event,
	.vidioc_unsubscribe_event	= v4l2_event_unsubscribe,
};

/* Controls: what a handle's process was given, and lost */

static int view_g_volatile_ctrl(struct v4l2_ctrl *ctrl)
{
	struct ownframe_handle *handle = container_of(ctrl->handler, struct ownframe_handle,
						      ctrl_handler);
	/* Pairs with smp_store_release() in ownframe_owner_bind(). */
	struct ownframe_owner *owner = smp_load_acquire(&handle->owner);
	struct ownframe_consumer *consumer;

	*ctrl->p_new.p_s64 = 0;
	if (!owner)
		return 0;
	consumer = to_consumer(owner);
	spin_lock(&consumer->buf_lock);
	*ctrl->p_new.p_s64 = ctrl->id == OWNFRAME_CID_DELIVERED ? consumer->delivered :
								  consumer->dropped;
	spin_unlock(&consumer->buf_lock);
	return 0;
}

static const struct v4l2_ctrl_ops view_ctrl_ops = {
	.g_volatile_ctrl = view_g_volatile_ctrl,
};

static const struct v4l2_ctrl_config view_ctrls[] = {
	{
		.ops = &view_ctrl_ops,
		.id = OWNFRAME_CID_DELIVERED,
		.name = "Frames Delivered",
		.type = V4L2_CTRL_TYPE_INTEGER64,
		.max = S64_MAX,
		.step = 1,
		.flags = V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_VOLATILE,
	},
	{
		.ops = &view_ctrl_ops,
		.id = OWNFRAME_CID_DROPPED,
		.name = "Frames Dropped",
		.type = V4L2_CTRL_TYPE_INTEGER64,
		.max = S64_MAX,
		.step = 1,
		.flags = V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_VOLATILE,
	},
};

static int view_handle_init(struct ownframe_handle *handle)
{
	struct v4l2_ctrl_handler *handler = &handle->ctrl_handler;
	unsigned int i;

	v4l2_ctrl_handler_init(handler, ARRAY_SIZE(view_ctrls));
	for (i = 0; i < ARRAY_SIZE(view_ctrls); i++)
		v4l2_ctrl_new_custom(handler, &view_ctrls[i], NULL);
	handle->fh.ctrl_handler = handler;
	return handler->error;
}

/**
 * ownframe_view_default_policy() - what consumers may have if nobody says otherwise
 * @policy: is set
 */
void ownframe_view_default_policy(struct ownframe_policy *policy)
{
	*policy = (struct ownframe_policy) {
		.max_consumers = OWNFRAME_MAX_CONSUMERS,
		.userptr = true,
	};
}

const struct ownframe_node_type ownframe_view_type = {
	.caps		= V4L2_CAP_VIDEO_CAPTURE,
	.io_modes	= VB2_MMAP | VB2_USERPTR | VB2_READ,
	.ioctl_ops	= &view_ioctl_ops,
	.owner_size	= sizeof(struct ownframe_consumer),
	.owner_init	= ownframe_consumer_init,
	.handle_init	= view_handle_init,
};
