// SPDX-License-Identifier: GPL-2.0-only
/*
 * A camera: what its feed and its views share, and the way of a frame from one to the others.
 *
 * The one thing to know: its life is that of its v4l2_device, which every node that is open, or was
 * when the camera was removed, holds.
 */
#include <linux/ctype.h>
#include <linux/slab.h>
#include <media/v4l2-event.h>

#include "ownframe.h"
#include "trace.h"

/**
 * ownframe_name_valid() - can this be the name of a camera or view?
 * @name: to be part of file names, and of bus_info and card
 */
bool ownframe_name_valid(const char *name)
{
	size_t length = strlen(name);
	size_t i;

	if (!length || length > OWNFRAME_NAME_MAX || name[0] == '-')
		return false;
	for (i = 0; i < length; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && name[i] != '_' && name[i] != '-'))
			return false;
	return strcmp(name, OWNFRAME_FEED_NAME);
}

/* Formats and policies */

/**
 * ownframe_camera_format() - what the feed set
 * @camera: the camera
 * @pix: is set to the format
 */
void ownframe_camera_format(struct ownframe_camera *camera, struct v4l2_pix_format *pix)
{
	spin_lock(&camera->lock);
	*pix = camera->format;
	spin_unlock(&camera->lock);
}

/**
 * ownframe_camera_view_format() - what is left of it for a view
 * @view: the view
 * @pix: is set to the format
 *
 * Return: its generation.
 */
u32 ownframe_camera_view_format(struct ownframe_view *view, struct v4l2_pix_format *pix)
{
	struct ownframe_camera *camera = view->node.camera;
	u32 generation;

	spin_lock(&camera->lock);
	*pix = view->cut->format;
	generation = view->generation;
	spin_unlock(&camera->lock);
	return generation;
}

static void camera_drop_streaming(struct ownframe_camera *camera,
				  struct ownframe_consumer *consumer)
{
	list_del_init(&consumer->stream_entry);
	consumer->owner.node->num_streaming--;
	camera->num_streaming--;
}

/* Nobody who streams from the view can go on: their buffers are of the wrong size. */
static void camera_end_streams(struct ownframe_camera *camera, struct ownframe_view *view)
{
	struct ownframe_consumer *consumer, *next;

	lockdep_assert_held(&camera->lock);
	list_for_each_entry_safe(consumer, next, &camera->streaming, stream_entry) {
		if (consumer->owner.node != &view->node)
			continue;
		camera_drop_streaming(camera, consumer);
		/* Here, where it is known to stream: vb2 takes the mark off at STREAMOFF. */
		vb2_queue_error(&consumer->owner.queue);
	}
}

/* Let a view have its next_cut, and leave there the old one. Is it of another format? */
static bool camera_change_cut(struct ownframe_view *view)
{
	bool changed = view->cut->refused != view->next_cut->refused ||
		       memcmp(&view->cut->format, &view->next_cut->format,
			      sizeof(view->cut->format));

	swap(view->cut, view->next_cut);
	if (changed) {
		view->generation++;
		camera_end_streams(view->node.camera, view);
	}
	return changed;
}

static void camera_drop_next_cut(struct ownframe_view *view)
{
	ownframe_cut_free(view->next_cut);
	view->next_cut = NULL;
}

/* Once per change of format or policy, of which the former are up to the feed. */
static void camera_warn_refused(struct ownframe_view *view)
{
	const struct v4l2_pix_format *pix = &view->node.camera->format;

	if (view->cut->refused)
		dev_warn_ratelimited(&view->node.vdev.dev,
				     "%s: no frames: crop, masks or rate cannot be applied to %ux%u %p4cc\n",
				     view->node.vdev.name, pix->width, pix->height,
				     &pix->pixelformat);
}

static void camera_tell_source_change(struct ownframe_view *view)
{
	static const struct v4l2_event source_change = {
		.type = V4L2_EVENT_SOURCE_CHANGE,
		.u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION,
	};

	camera_warn_refused(view);
	v4l2_event_queue(&view->node.vdev, &source_change);
}

static int camera_prepare_cuts(struct ownframe_camera *camera, const struct v4l2_pix_format *pix)
{
	struct ownframe_view *view;

	list_for_each_entry(view, &camera->views, node.entry) {
		view->next_cut = ownframe_cut_new(pix, &view->policy);
		if (!view->next_cut)
			return -ENOMEM;
	}
	return 0;
}

static void camera_change_format(struct ownframe_camera *camera, const struct v4l2_pix_format *pix)
{
	struct ownframe_view *view;

	spin_lock(&camera->lock);
	camera->format = *pix;
	list_for_each_entry(view, &camera->views, node.entry)
		view->changed = camera_change_cut(view);
	spin_unlock(&camera->lock);
	list_for_each_entry(view, &camera->views, node.entry)
		if (view->changed)
			camera_tell_source_change(view);
}

/**
 * ownframe_camera_set_format() - the feed has another format
 * @camera: its feed_lock is held, and its feed has no buffers
 * @pix: adjusted
 *
 * Return: 0 or -ENOMEM.
 */
int ownframe_camera_set_format(struct ownframe_camera *camera, const struct v4l2_pix_format *pix)
{
	struct ownframe_view *view;
	int ret;

	lockdep_assert_held(&camera->feed_lock);
	if (!memcmp(&camera->format, pix, sizeof(*pix)))
		return 0;
	mutex_lock(&camera->frame_lock);
	ret = camera_prepare_cuts(camera, pix);
	if (!ret)
		camera_change_format(camera, pix);
	list_for_each_entry(view, &camera->views, node.entry)
		camera_drop_next_cut(view);
	mutex_unlock(&camera->frame_lock);
	ownframe_tally_update(camera);
	return ret;
}

/* What does not depend on the format. */
static void camera_limit_node(struct ownframe_node *node, const struct ownframe_policy *policy)
{
	spin_lock(&node->lock);
	node->max_owners = policy->max_consumers;
	spin_unlock(&node->lock);
	WRITE_ONCE(node->memory_limit, policy->memory_limit);
	WRITE_ONCE(node->io_modes,
		   node->type->io_modes & ~(policy->userptr ? 0 : VB2_USERPTR));
	WRITE_ONCE(node->export, policy->export);
}

/**
 * ownframe_camera_set_policy() - let the consumers of a view have something else
 * @view: may be in use
 * @policy: a valid one
 *
 * When this returns, no consumer is given a frame of the old policy any more. It waits for the
 * frame that is on its way, and for nothing that a user can hold up.
 *
 * Return: 0 or -ENOMEM.
 */
int ownframe_camera_set_policy(struct ownframe_view *view, const struct ownframe_policy *policy)
{
	struct ownframe_camera *camera = view->node.camera;
	bool changed;

	mutex_lock(&camera->frame_lock);
	view->next_cut = ownframe_cut_new(&camera->format, policy);
	if (!view->next_cut) {
		mutex_unlock(&camera->frame_lock);
		return -ENOMEM;
	}
	camera_limit_node(&view->node, policy);
	spin_lock(&camera->lock);
	view->policy = *policy;
	changed = camera_change_cut(view);
	spin_unlock(&camera->lock);
	camera_drop_next_cut(view);
	if (changed)
		camera_tell_source_change(view);
	mutex_unlock(&camera->frame_lock);
	ownframe_tally_update(camera);
	return 0;
}

/* Signal */

void ownframe_camera_set_signal(struct ownframe_camera *camera, bool signal)
{
	WRITE_ONCE(camera->signal, signal);
}

/**
 * ownframe_camera_has_signal() - does the feed bring what the view can show?
 * @view: the view
 */
bool ownframe_camera_has_signal(struct ownframe_view *view)
{
	struct ownframe_camera *camera = view->node.camera;
	bool signal;

	spin_lock(&camera->lock);
	signal = camera->signal && !view->cut->refused;
	spin_unlock(&camera->lock);
	return signal;
}

/* Streaming */

/**
 * ownframe_camera_link() - let a consumer have the frames that come from now on
 * @camera: of the consumer
 * @consumer: with its queue and its copy locked
 *
 * Return: 0; -EPIPE if its buffers are for a format that the view no longer has, or if the view's
 * policy cannot be applied to what the feed brings; -ENODEV if the camera is gone.
 */
int ownframe_camera_link(struct ownframe_camera *camera, struct ownframe_consumer *consumer)
{
	struct ownframe_view *view = to_view(consumer->owner.node);
	int ret = 0;

	spin_lock(&camera->lock);
	if (!video_is_registered(&view->node.vdev)) {
		ret = -ENODEV;
	} else if (consumer->generation == view->generation && !view->cut->refused) {
		consumer->first = view->sequence;
		list_add_tail(&consumer->stream_entry, &camera->streaming);
		consumer->owner.node->num_streaming++;
		camera->num_streaming++;
	} else {
		ret = -EPIPE;
	}
	spin_unlock(&camera->lock);
	if (!ret)
		ownframe_tally_update(camera);
	return ret;
}

/**
 * ownframe_camera_unlink() - no more frames for a consumer, but for one that is on its way
 * @camera: of the consumer
 * @consumer: with its queue locked. A change of format may have unlinked it already
 */
void ownframe_camera_unlink(struct ownframe_camera *camera, struct ownframe_consumer *consumer)
{
	spin_lock(&camera->lock);
	if (!list_empty(&consumer->stream_entry))
		camera_drop_streaming(camera, consumer);
	spin_unlock(&camera->lock);
	ownframe_tally_update(camera);
}

/*
 * Is it time for the next frame? Frames come about when they are due, and not exactly; so one may
 * be early by a part of the period, and the next is due when it would be without that.
 */
static bool view_is_due(struct ownframe_view *view, u64 now)
{
	u64 period = NSEC_PER_SEC / view->policy.max_rate;
	u64 early = now + period / 8;

	/* More than one period away is another clock, or an older time than this one's. */
	if (early < view->due && view->due - early <= period)
		return false;
	if (early >= view->due && early - view->due < period)
		view->due += period;
	else
		view->due = now + period;
	return true;
}

/* Count a frame for each view, unless it withholds it. */
static void camera_admit(struct ownframe_camera *camera, u64 timestamp)
{
	struct ownframe_view *view;

	lockdep_assert_held(&camera->lock);
	list_for_each_entry(view, &camera->views, node.entry) {
		view->admits = !view->policy.max_rate || view_is_due(view, timestamp);
		view->sequence += view->admits;
	}
}

/**
 * ownframe_camera_deliver() - copy a frame to all who stream
 * @camera: its feed_lock is held
 * @frame: complete but for its sequence number
 *
 * All are woken after all copies: one that is woken at once takes the processor from the feed while
 * the others still wait.
 *
 * Return: the number of the frame at the camera.
 */
u32 ownframe_camera_deliver(struct ownframe_camera *camera, struct ownframe_frame *frame)
{
	struct ownframe_consumer *consumer, *next;
	unsigned int consumers;
	LIST_HEAD(batch);

	lockdep_assert_held(&camera->feed_lock);
	mutex_lock(&camera->frame_lock);
	spin_lock(&camera->lock);
	frame->sequence = camera->sequence++;
	consumers = camera->num_streaming;
	camera_admit(camera, frame->timestamp);
	list_for_each_entry(consumer, &camera->streaming, stream_entry) {
		if (!to_view(consumer->owner.node)->admits)
			continue;
		ownframe_owner_get(&consumer->owner);
		list_add_tail(&consumer->batch_entry, &batch);
	}
	spin_unlock(&camera->lock);
	trace_frame_in(camera, frame, consumers);

	list_for_each_entry(consumer, &batch, batch_entry) {
		ownframe_consumer_copy(consumer, frame);
		cond_resched();
	}
	list_for_each_entry_safe(consumer, next, &batch, batch_entry) {
		ownframe_consumer_complete(consumer);
		ownframe_owner_put(&consumer->owner);
	}
	mutex_unlock(&camera->frame_lock);
	return frame->sequence;
}

/**
 * ownframe_camera_lose() - number a frame that nobody gets
 * @camera: its feed_lock is held
 * @frame: complete but for its sequence number
 *
 * Return: the number of the frame at the camera.
 */
u32 ownframe_camera_lose(struct ownframe_camera *camera, struct ownframe_frame *frame)
{
	mutex_lock(&camera->frame_lock);
	spin_lock(&camera->lock);
	frame->sequence = camera->sequence++;
	camera_admit(camera, frame->timestamp);
	spin_unlock(&camera->lock);
	mutex_unlock(&camera->frame_lock);
	trace_frame_in(camera, frame, 0);
	return frame->sequence;
}

/* Life */

static void camera_free(struct ownframe_camera *camera)
{
	struct ownframe_view *view, *next;

	list_for_each_entry_safe(view, next, &camera->views, node.entry) {
		ownframe_node_destroy(&view->node);
		ownframe_cut_free(view->cut);
		kfree(view);
	}
	ownframe_node_destroy(&camera->feed);
	v4l2_ctrl_handler_free(&camera->feed_ctrls);
	kfree(camera);
}

static void camera_release(struct v4l2_device *v4l2_dev)
{
	camera_free(container_of(v4l2_dev, struct ownframe_camera, v4l2_dev));
}

static int camera_init_ctrls(struct ownframe_camera *camera)
{
	static const struct v4l2_ctrl_config consumers = {
		.id = OWNFRAME_CID_CONSUMERS,
		.name = "Consumers",
		.type = V4L2_CTRL_TYPE_INTEGER,
		.max = S32_MAX,
		.step = 1,
		.flags = V4L2_CTRL_FLAG_READ_ONLY,
	};

	v4l2_ctrl_handler_init(&camera->feed_ctrls, 1);
	camera->consumers_ctrl = v4l2_ctrl_new_custom(&camera->feed_ctrls, &consumers, NULL);
	return camera->feed_ctrls.error;
}

/**
 * ownframe_camera_new() - make a camera that is not yet to be seen
 * @name: a valid one
 *
 * Return: the camera, to be given to ownframe_camera_remove(), or an error pointer.
 */
struct ownframe_camera *ownframe_camera_new(const char *name)
{
	struct ownframe_camera *camera = kzalloc(sizeof(*camera), GFP_KERNEL);
	int ret;

	if (!camera)
		return ERR_PTR(-ENOMEM);
	strscpy(camera->name, name, sizeof(camera->name));
	INIT_LIST_HEAD(&camera->views);
	INIT_LIST_HEAD(&camera->streaming);
	INIT_LIST_HEAD(&camera->seen_entry);
	mutex_init(&camera->feed_lock);
	mutex_init(&camera->frame_lock);
	spin_lock_init(&camera->lock);
	ownframe_tally_init(camera);
	ownframe_format_default(&camera->format);
	camera->interval = (struct v4l2_fract) { 1, 30 };
	ret = camera_init_ctrls(camera);
	if (ret)
		goto free_ctrls;
	ret = ownframe_node_init(&camera->feed, camera, &ownframe_feed_type, OWNFRAME_FEED_NAME);
	if (ret)
		goto free_ctrls;
	camera->feed.vdev.ctrl_handler = &camera->feed_ctrls;

	snprintf(camera->v4l2_dev.name, sizeof(camera->v4l2_dev.name), "%s-%s", KBUILD_MODNAME,
		 name);
	camera->parent = platform_device_register_simple(camera->v4l2_dev.name,
							 PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(camera->parent)) {
		ret = PTR_ERR(camera->parent);
		goto destroy_feed;
	}
	ret = v4l2_device_register(&camera->parent->dev, &camera->v4l2_dev);
	if (ret)
		goto unregister_parent;
	camera->v4l2_dev.release = camera_release;
	return camera;

unregister_parent:
	platform_device_unregister(camera->parent);
destroy_feed:
	ownframe_node_destroy(&camera->feed);
free_ctrls:
	v4l2_ctrl_handler_free(&camera->feed_ctrls);
	kfree(camera);
	return ERR_PTR(ret);
}

/**
 * ownframe_camera_add_view() - give a camera one more view
 * @camera: not yet registered
 * @name: a valid one
 * @policy: what its consumers may have
 *
 * Return: the view or an error pointer.
 */
struct ownframe_view *ownframe_camera_add_view(struct ownframe_camera *camera, const char *name,
					       const struct ownframe_policy *policy)
{
	struct ownframe_view *view = kzalloc(sizeof(*view), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!view)
		return ERR_PTR(ret);
	view->policy = *policy;
	view->cut = ownframe_cut_new(&camera->format, policy);
	if (!view->cut)
		goto free_view;
	ret = ownframe_node_init(&view->node, camera, &ownframe_view_type, name);
	if (ret)
		goto free_cut;
	camera_limit_node(&view->node, policy);
	list_add_tail(&view->node.entry, &camera->views);
	return view;

free_cut:
	ownframe_cut_free(view->cut);
free_view:
	kfree(view);
	return ERR_PTR(ret);
}

/**
 * ownframe_camera_register() - let the world see a camera
 * @camera: with all its views
 *
 * Return: 0 or an error; to be removed in either case.
 */
int ownframe_camera_register(struct ownframe_camera *camera)
{
	struct ownframe_node *view;
	int ret = ownframe_tally_register(camera);

	if (!ret)
		ret = ownframe_node_register(&camera->feed);
	list_for_each_entry(view, &camera->views, entry)
		if (!ret)
			ret = ownframe_node_register(view);
	if (!ret)
		ownframe_debugfs_add(camera);
	return ret;
}

/**
 * ownframe_camera_remove() - take a camera away
 * @camera: may be in use, and is freed when the last handle is closed
 */
void ownframe_camera_remove(struct ownframe_camera *camera)
{
	struct platform_device *parent = camera->parent;
	struct ownframe_node *view;

	ownframe_debugfs_remove(camera);
	ownframe_node_unregister(&camera->feed);
	list_for_each_entry(view, &camera->views, entry)
		ownframe_node_unregister(view);
	ownframe_tally_unregister(camera);
	v4l2_device_unregister(&camera->v4l2_dev);
	platform_device_unregister(parent);
	v4l2_device_put(&camera->v4l2_dev);
}
