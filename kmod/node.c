// SPDX-License-Identifier: GPL-2.0-only
/*
 * A video device, feed or view: its file operations, and the ioctls that both have.
 *
 * vb2's helpers for these take the queue from the video device. Here it is the caller's, so every
 * way into a queue goes through ownframe_owner_of() or ownframe_owner_bind() first.
 *
 * The one thing to know: the priority of the V4L2 core is one for all who opened the device. It is
 * answered here, among the handles of one process, and the core never sees one.
 */
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "ownframe.h"

static struct ownframe_handle *to_handle(struct file *file)
{
	return container_of(file_to_v4l2_fh(file), struct ownframe_handle, fh);
}

/* Open and close */

/* Is the node in the hands of another process? One that is gone does not count. */
static bool node_taken(struct ownframe_node *node)
{
	struct video_device *vdev = &node->vdev;
	struct ownframe_handle *handle;
	unsigned long flags;
	bool taken = false;

	spin_lock_irqsave(&vdev->fh_lock, flags);
	list_for_each_entry(handle, &vdev->fh_list, fh.list)
		if (handle->mm != current->mm && !(handle->owner && handle->owner->gone))
			taken = true;
	spin_unlock_irqrestore(&vdev->fh_lock, flags);
	return taken;
}

static void handle_free(struct ownframe_handle *handle)
{
	v4l2_fh_exit(&handle->fh);
	if (handle->owner)
		ownframe_owner_put(handle->owner);
	if (handle->node->type->handle_init)
		v4l2_ctrl_handler_free(&handle->ctrl_handler);
	if (handle->mm)
		mmdrop(handle->mm);
	kfree(handle);
}

static int node_open(struct file *file)
{
	struct ownframe_node *node = vdev_to_node(video_devdata(file));
	struct ownframe_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL);
	int ret = 0;

	if (!handle)
		return -ENOMEM;
	handle->node = node;
	mutex_init(&handle->event_lock);
	handle->priority = V4L2_PRIORITY_DEFAULT;
	handle->mm = current->mm;
	if (handle->mm)
		mmgrab(handle->mm);
	v4l2_fh_init(&handle->fh, &node->vdev);
	if (node->type->handle_init)
		ret = node->type->handle_init(handle);

	mutex_lock(&node->open_lock);
	if (!ret && node->exclusive && node_taken(node))
		ret = -EBUSY;
	if (!ret)
		v4l2_fh_add(&handle->fh, file);
	mutex_unlock(&node->open_lock);
	if (ret)
		handle_free(handle);
	return ret;
}

static int node_release(struct file *file)
{
	struct ownframe_handle *handle = to_handle(file);

	ownframe_owner_unbind(handle);
	v4l2_fh_del(&handle->fh, file);
	handle_free(handle);
	return 0;
}

/* Priority */

/*
 * A handle's priority counts for one process. Another that holds the same open file, because it was
 * passed before it was bound, has what it would have on a handle of its own.
 */
static enum v4l2_priority priority_of(struct ownframe_handle *handle, struct mm_struct *mm)
{
	return handle->mm == mm ? handle->priority : V4L2_PRIORITY_DEFAULT;
}

/* The highest priority among the handles of the calling process, of which this is one. */
static enum v4l2_priority priority_max(struct ownframe_handle *handle)
{
	enum v4l2_priority max = priority_of(handle, current->mm);
	struct ownframe_handle *other;

	lockdep_assert_held(&handle->node->vdev.fh_lock);
	list_for_each_entry(other, &handle->node->vdev.fh_list, fh.list)
		if (other->mm == current->mm)
			max = max(max, other->priority);
	return max;
}

static int priority_check(struct ownframe_handle *handle)
{
	struct video_device *vdev = &handle->node->vdev;
	unsigned long flags;
	bool outranked;

	spin_lock_irqsave(&vdev->fh_lock, flags);
	outranked = priority_of(handle, current->mm) < priority_max(handle);
	spin_unlock_irqrestore(&vdev->fh_lock, flags);
	return outranked ? -EBUSY : 0;
}

static int priority_get(struct ownframe_handle *handle, u32 __user *arg)
{
	struct video_device *vdev = &handle->node->vdev;
	unsigned long flags;
	u32 priority;

	spin_lock_irqsave(&vdev->fh_lock, flags);
	priority = priority_max(handle);
	spin_unlock_irqrestore(&vdev->fh_lock, flags);
	return put_user(priority, arg);
}

static int priority_set(struct ownframe_handle *handle, u32 __user *arg)
{
	struct video_device *vdev = &handle->node->vdev;
	struct mm_struct *mm = current->mm;
	unsigned long flags;
	u32 priority;
	int ret = 0;

	if (get_user(priority, arg))
		return -EFAULT;
	if (priority < V4L2_PRIORITY_BACKGROUND || priority > V4L2_PRIORITY_RECORD)
		return -EINVAL;
	if (!mm)
		return -EACCES;

	mmgrab(mm);
	spin_lock_irqsave(&vdev->fh_lock, flags);
	/* Another process may have bound it while we fetched the number. */
	if (IS_ERR(ownframe_owner_of(handle))) {
		ret = -EACCES;
	} else if (priority_of(handle, mm) < priority_max(handle)) {
		ret = -EBUSY;
	} else {
		swap(handle->mm, mm);
		handle->priority = priority;
	}
	spin_unlock_irqrestore(&vdev->fh_lock, flags);
	if (mm)
		mmdrop(mm);
	return ret;
}

/* The ioctls that the core guards with priority, as far as we have them. */
static bool needs_priority(unsigned int cmd)
{
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VIDIOC_S_FMT):
	case _IOC_NR(VIDIOC_S_PARM):
	case _IOC_NR(VIDIOC_S_CTRL):
	case _IOC_NR(VIDIOC_S_EXT_CTRLS):
	case _IOC_NR(VIDIOC_S_INPUT):
	case _IOC_NR(VIDIOC_S_OUTPUT):
	case _IOC_NR(VIDIOC_REQBUFS):
	case _IOC_NR(VIDIOC_CREATE_BUFS):
	case _IOC_NR(VIDIOC_STREAMON):
	case _IOC_NR(VIDIOC_STREAMOFF):
		return true;
	default:
		return false;
	}
}

/* What others than the owner may do with a handle: it tells of the camera, not of its frames. */
static bool open_to_all(unsigned int cmd)
{
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VIDIOC_QUERYCAP):
	case _IOC_NR(VIDIOC_ENUM_FMT):
	case _IOC_NR(VIDIOC_ENUM_FRAMESIZES):
	case _IOC_NR(VIDIOC_ENUM_FRAMEINTERVALS):
	case _IOC_NR(VIDIOC_ENUMINPUT):
	case _IOC_NR(VIDIOC_ENUMOUTPUT):
	case _IOC_NR(VIDIOC_G_FMT):
	case _IOC_NR(VIDIOC_G_PARM):
	case _IOC_NR(VIDIOC_G_INPUT):
	case _IOC_NR(VIDIOC_G_OUTPUT):
	case _IOC_NR(VIDIOC_G_CTRL):
	case _IOC_NR(VIDIOC_G_EXT_CTRLS):
	case _IOC_NR(VIDIOC_G_PRIORITY):
	case _IOC_NR(VIDIOC_TRY_FMT):
	case _IOC_NR(VIDIOC_TRY_EXT_CTRLS):
		return true;
	default:
		return false;
	}
}

/* Until a handle is bound, one process at a time asks for an event that is there. */
static long event_dequeue_unbound(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ownframe_handle *handle = to_handle(file);
	long ret;

	if (mutex_lock_interruptible(&handle->event_lock))
		return -ERESTARTSYS;
	if (IS_ERR(ownframe_owner_of(handle)))
		ret = -EACCES;
	else if (v4l2_event_pending(&handle->fh) || file->f_flags & O_NONBLOCK)
		ret = video_ioctl2(file, cmd, arg);
	else
		ret = -EAGAIN;
	mutex_unlock(&handle->event_lock);
	return ret;
}

/*
 * VIDIOC_DQEVENT. The core sleeps until there is an event, without a look at who owns the handle by
 * then: a process that was there before the handle was bound would take the owner's events. So all
 * sleep here, and go to the core for an event that is there.
 */
static long event_dequeue(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ownframe_handle *handle = to_handle(file);
	struct video_device *vdev = &handle->node->vdev;
	struct ownframe_owner *owner;
	long ret;

	do {
		owner = ownframe_owner_of(handle);
		if (IS_ERR(owner))
			return PTR_ERR(owner);
		if (!(file->f_flags & O_NONBLOCK) &&
		    wait_event_interruptible(handle->fh.wait,
					     v4l2_event_pending(&handle->fh) ||
					     ownframe_owner_of(handle) != owner ||
					     !video_is_registered(vdev)))
			return -ERESTARTSYS;
		if (!video_is_registered(vdev))
			return -ENODEV;
		/* A stranger may hold the lock, in a page fault: no owner waits for it. */
		if (owner != handle->node->unbound)
			return video_ioctl2(file, cmd, arg);
		ret = event_dequeue_unbound(file, cmd, arg);
	} while (ret == -EAGAIN);
	return ret;
}

static long node_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner;

	/* The numbers are the same for 32 bit callers, whose structures are not. */
	if (!open_to_all(cmd)) {
		owner = ownframe_owner_of(handle);
		if (IS_ERR(owner))
			return PTR_ERR(owner);
	}
	if (cmd == VIDIOC_G_PRIORITY)
		return priority_get(handle, (u32 __user *)arg);
	if (cmd == VIDIOC_S_PRIORITY)
		return priority_set(handle, (u32 __user *)arg);
	if (needs_priority(cmd) && priority_check(handle))
		return -EBUSY;
	if (_IOC_NR(cmd) == _IOC_NR(VIDIOC_DQEVENT))
		return event_dequeue(file, cmd, arg);
	return video_ioctl2(file, cmd, arg);
}

/* Streaming */

/* What a call says that was woken because the camera is gone. */
static int error_or_gone(struct ownframe_handle *handle, int error)
{
	return error == -EIO && !video_is_registered(&handle->node->vdev) ? -ENODEV : error;
}

static bool queue_taken(struct ownframe_owner *owner, struct ownframe_handle *handle)
{
	return owner->queue.owner && owner->queue.owner != handle;
}

/*
 * Get the queue that a call may act upon, locked. With @any, a handle of the process that did not
 * allocate the buffers will do.
 */
static struct ownframe_owner *queue_lock(struct ownframe_handle *handle, bool any)
{
	struct ownframe_owner *owner = ownframe_owner_of(handle);

	if (IS_ERR(owner))
		return owner;
	if (mutex_lock_interruptible(owner->queue.lock))
		return ERR_PTR(-ERESTARTSYS);
	if (any || !queue_taken(owner, handle))
		return owner;
	mutex_unlock(owner->queue.lock);
	return ERR_PTR(-EBUSY);
}

/* The same for a call that allocates, and so binds the handle; with !@create only if it can. */
static struct ownframe_owner *queue_bind(struct ownframe_handle *handle, bool create)
{
	struct ownframe_owner *owner = ownframe_owner_bind(handle, create);

	if (IS_ERR(owner))
		return owner;
	owner = queue_lock(handle, false);
	if (!IS_ERR(owner) && !vb2_is_busy(&owner->queue))
		owner->queue.io_modes = READ_ONCE(handle->node->io_modes);
	return owner;
}

static void queue_unlock(struct ownframe_owner *owner)
{
	mutex_unlock(owner->queue.lock);
}

int ownframe_node_reqbufs(struct file *file, void *priv, struct v4l2_requestbuffers *req)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner = queue_bind(handle, req->count);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	mutex_lock(&owner->alloc_lock);
	ret = vb2_reqbufs(&owner->queue, req);
	mutex_unlock(&owner->alloc_lock);
	if (!ret)
		owner->queue.owner = req->count ? handle : NULL;
	queue_unlock(owner);
	return ret;
}

int ownframe_node_create_bufs(struct file *file, void *priv, struct v4l2_create_buffers *create)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner = queue_bind(handle, create->count);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	mutex_lock(&owner->alloc_lock);
	ret = vb2_create_bufs(&owner->queue, create);
	mutex_unlock(&owner->alloc_lock);
	if (!ret && create->count)
		owner->queue.owner = handle;
	queue_unlock(owner);
	return ret;
}

int ownframe_node_prepare_buf(struct file *file, void *priv, struct v4l2_buffer *buf)
{
	struct ownframe_owner *owner = queue_lock(to_handle(file), false);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = vb2_prepare_buf(&owner->queue, NULL, buf);
	queue_unlock(owner);
	return ret;
}

int ownframe_node_querybuf(struct file *file, void *priv, struct v4l2_buffer *buf)
{
	struct ownframe_owner *owner = queue_lock(to_handle(file), true);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = vb2_querybuf(&owner->queue, buf);
	queue_unlock(owner);
	return ret;
}

int ownframe_node_qbuf(struct file *file, void *priv, struct v4l2_buffer *buf)
{
	struct ownframe_owner *owner = queue_lock(to_handle(file), false);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = vb2_qbuf(&owner->queue, NULL, buf);
	queue_unlock(owner);
	return ret;
}

int ownframe_node_dqbuf(struct file *file, void *priv, struct v4l2_buffer *buf)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner = queue_lock(handle, false);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = vb2_dqbuf(&owner->queue, buf, file->f_flags & O_NONBLOCK);
	queue_unlock(owner);
	return error_or_gone(handle, ret);
}

int ownframe_node_expbuf(struct file *file, void *priv, struct v4l2_exportbuffer *export)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner = queue_lock(handle, true);
	int ret = -ENOTTY;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	/* As a device answers that does not know the call. */
	if (READ_ONCE(handle->node->export))
		ret = vb2_expbuf(&owner->queue, export);
	queue_unlock(owner);
	return ret;
}

int ownframe_node_streamon(struct file *file, void *priv, enum v4l2_buf_type type)
{
	struct ownframe_owner *owner = queue_lock(to_handle(file), false);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = vb2_streamon(&owner->queue, type);
	queue_unlock(owner);
	return ret;
}

int ownframe_node_streamoff(struct file *file, void *priv, enum v4l2_buf_type type)
{
	struct ownframe_owner *owner = queue_lock(to_handle(file), false);
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = vb2_streamoff(&owner->queue, type);
	queue_unlock(owner);
	return ret;
}

int ownframe_node_querycap(struct file *file, void *priv, struct v4l2_capability *cap)
{
	strscpy(cap->driver, OWNFRAME_DRIVER_NAME, sizeof(cap->driver));
	strscpy(cap->card, video_devdata(file)->name, sizeof(cap->card));
	return 0;
}

static ssize_t node_read(struct file *file, char __user *data, size_t count, loff_t *pos)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner;
	ssize_t ret;

	if (!(handle->node->type->caps & V4L2_CAP_VIDEO_CAPTURE))
		return -EINVAL;
	owner = queue_bind(handle, true);
	if (IS_ERR(owner))
		return PTR_ERR(owner);
	ret = vb2_read(&owner->queue, data, count, pos, file->f_flags & O_NONBLOCK);
	if (vb2_fileio_is_active(&owner->queue))
		owner->queue.owner = handle;
	queue_unlock(owner);
	return error_or_gone(handle, ret);
}

static ssize_t node_write(struct file *file, const char __user *data, size_t count, loff_t *pos)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner;
	ssize_t ret;

	if (!(handle->node->type->caps & V4L2_CAP_VIDEO_OUTPUT))
		return -EINVAL;
	owner = queue_bind(handle, true);
	if (IS_ERR(owner))
		return PTR_ERR(owner);
	/* A compressed frame is what one write() brings; a raw one is known by its size. */
	if (!vb2_fileio_is_active(&owner->queue))
		owner->queue.fileio_write_immediately =
			!ownframe_format_is_raw(&handle->node->camera->format);
	owner->write_bytes = count;
	ret = vb2_write(&owner->queue, data, count, pos, file->f_flags & O_NONBLOCK);
	if (vb2_fileio_is_active(&owner->queue))
		owner->queue.owner = handle;
	queue_unlock(owner);
	return ret;
}

/* Not bound, so not streaming; but read() or write() would start that, and work. */
static __poll_t poll_unbound(struct file *file, struct poll_table_struct *wait)
{
	struct ownframe_handle *handle = to_handle(file);
	__poll_t events = EPOLLIN | EPOLLRDNORM;

	if (handle->node->type->caps & V4L2_CAP_VIDEO_OUTPUT)
		events = EPOLLOUT | EPOLLWRNORM;
	poll_wait(file, &handle->fh.wait, wait);
	if (v4l2_event_pending(&handle->fh))
		events |= EPOLLPRI;
	/* Who comes here just when the camera goes is not woken any more. */
	if (!video_is_registered(&handle->node->vdev))
		events |= EPOLLERR | EPOLLHUP;
	return events;
}

static __poll_t node_poll(struct file *file, struct poll_table_struct *wait)
{
	struct ownframe_handle *handle = to_handle(file);
	struct ownframe_owner *owner;
	bool bound;
	__poll_t events;

	spin_lock(&handle->node->lock);
	bound = handle->owner;
	handle->polled |= !bound;
	spin_unlock(&handle->node->lock);
	if (!bound)
		return poll_unbound(file, wait);

	owner = queue_lock(handle, true);
	if (IS_ERR(owner))
		return EPOLLERR;
	events = vb2_poll(&owner->queue, file, wait);
	/* It may have started to read. */
	if (vb2_fileio_is_active(&owner->queue) && !owner->queue.owner)
		owner->queue.owner = handle;
	queue_unlock(owner);
	return events;
}

static int node_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ownframe_owner *owner = ownframe_owner_of(to_handle(file));
	int ret;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	mutex_lock(&owner->alloc_lock);
	ret = vb2_mmap(&owner->queue, vma);
	mutex_unlock(&owner->alloc_lock);
	return ret;
}

static const struct v4l2_file_operations node_fops = {
	.owner		= THIS_MODULE,
	.open		= node_open,
	.release	= node_release,
	.unlocked_ioctl	= node_ioctl,
	.read		= node_read,
	.write		= node_write,
	.poll		= node_poll,
	.mmap		= node_mmap,
};

/* sysfs: the names for udev, and how many watch */

static ssize_t camera_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", vdev_to_node(to_video_device(dev))->camera->name);
}
static DEVICE_ATTR_RO(camera);

static ssize_t node_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", vdev_to_node(to_video_device(dev))->name);
}
static DEVICE_ATTR_RO(node);

static ssize_t consumers_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n",
			  ownframe_tally_count(vdev_to_node(to_video_device(dev))));
}
static DEVICE_ATTR_RO(consumers);

static struct attribute *node_attrs[] = {
	&dev_attr_camera.attr,
	&dev_attr_node.attr,
	&dev_attr_consumers.attr,
	NULL
};

static const struct attribute_group node_group = {
	.name = KBUILD_MODNAME,
	.attrs = node_attrs,
};

static const struct attribute_group *node_groups[] = {
	&node_group,
	NULL
};

/* Life */

/**
 * ownframe_node_init() - set up a node that is not yet to be seen
 * @node: zeroed memory that lives as long as @camera
 * @camera: whose
 * @type: feed or view
 * @name: a valid one
 *
 * Return: 0, to be paired with ownframe_node_destroy(), or an error.
 */
int ownframe_node_init(struct ownframe_node *node, struct ownframe_camera *camera,
		       const struct ownframe_node_type *type, const char *name)
{
	struct video_device *vdev = &node->vdev;
	bool feed = type->caps & V4L2_CAP_VIDEO_OUTPUT;

	node->camera = camera;
	node->type = type;
	strscpy(node->name, name, sizeof(node->name));
	node->max_owners = 1;
	node->io_modes = type->io_modes;
	node->exclusive = feed;
	mutex_init(&node->open_lock);
	spin_lock_init(&node->lock);
	INIT_LIST_HEAD(&node->owners);
	node->unbound = ownframe_owner_new(node);
	if (IS_ERR(node->unbound))
		return PTR_ERR(node->unbound);

	snprintf(vdev->name, sizeof(vdev->name), "%s %s", camera->name, name);
	vdev->fops = &node_fops;
	vdev->ioctl_ops = type->ioctl_ops;
	vdev->device_caps = type->caps | V4L2_CAP_STREAMING | V4L2_CAP_READWRITE;
	vdev->vfl_dir = feed ? VFL_DIR_TX : VFL_DIR_RX;
	vdev->v4l2_dev = &camera->v4l2_dev;
	vdev->dev.groups = node_groups;
	/* The memory is the camera's, which outlives its nodes. */
	vdev->release = video_device_release_empty;
	return 0;
}

static void node_find_consumers_attr(struct ownframe_node *node)
{
	struct kernfs_node *group = sysfs_get_dirent(node->vdev.dev.kobj.sd, node_group.name);

	if (!group)
		return;
	node->consumers_attr = sysfs_get_dirent(group, dev_attr_consumers.attr.name);
	sysfs_put(group);
}

int ownframe_node_register(struct ownframe_node *node)
{
	int ret = video_register_device(&node->vdev, VFL_TYPE_VIDEO, -1);

	if (!ret)
		node_find_consumers_attr(node);
	return ret;
}

/**
 * ownframe_node_unregister() - take a node away from its users
 * @node: may be in use
 *
 * Calls get ENODEV from now on, and who waits for a buffer is woken. Waits for no owner, which
 * may sit in a page fault: buffers go when the handles are closed.
 */
void ownframe_node_unregister(struct ownframe_node *node)
{
	struct ownframe_owner *owner;

	video_unregister_device(&node->vdev);
	spin_lock(&node->lock);
	list_for_each_entry(owner, &node->owners, entry)
		vb2_queue_error(&owner->queue);
	spin_unlock(&node->lock);
}

void ownframe_node_destroy(struct ownframe_node *node)
{
	sysfs_put(node->consumers_attr);
	ownframe_owner_put(node->unbound);
	ownframe_account_forget(node);
}
