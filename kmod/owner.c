// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who owns a queue: a process, for as long as its memory map lives.
 *
 * Everything that decides whether a call may touch a buffer is in this file: binding a handle, the
 * check that the caller is the owner, and the end of the owner's process.
 *
 * The one thing to know: the process is its mm, not its pid and not the open file. Threads, vfork()
 * and CLONE_VM children share it; fork(), exec() and a passed descriptor do not.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ownframe.h"

/* However small the frames, a process may have this much. v4l2-compliance wants more than 1 MiB. */
#define MEMORY_LIMIT_LEAST	(8UL << 20)

/*
 * mmu_notifier_ops.release: in the last thread of the process, before its files are closed. The
 * descriptor may live on in a child, the frames must not. Also called by mmu_notifier_unregister().
 */
static void owner_process_gone(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct ownframe_owner *owner = container_of(notifier, struct ownframe_owner, notifier);
	struct ownframe_node *node = owner->node;

	mutex_lock(owner->queue.lock);
	vb2_queue_release(&owner->queue);
	owner->queue.owner = NULL;
	mutex_unlock(owner->queue.lock);

	spin_lock(&node->lock);
	if (!owner->gone) {
		owner->gone = true;
		list_del(&owner->entry);
		node->num_owners--;
	}
	spin_unlock(&node->lock);
}

static const struct mmu_notifier_ops owner_notifier_ops = {
	.release = owner_process_gone,
};

/**
 * ownframe_owner_new() - make an owner that is nobody yet
 * @node: whose
 *
 * Return: the owner, with an initialised queue and one reference, or an error pointer.
 */
struct ownframe_owner *ownframe_owner_new(struct ownframe_node *node)
{
	struct ownframe_owner *owner = kzalloc(node->type->owner_size, GFP_KERNEL);
	int ret;

	if (!owner)
		return ERR_PTR(-ENOMEM);
	kref_init(&owner->ref);
	owner->node = node;
	owner->notifier.ops = &owner_notifier_ops;
	mutex_init(&owner->lock);
	mutex_init(&owner->alloc_lock);
	owner->queue.lock = &owner->lock;
	owner->queue.io_modes = node->io_modes;
	owner->queue.mem_ops = &ownframe_mem_ops;
	owner->queue.buf_struct_size = sizeof(struct ownframe_buffer);
	node->type->owner_init(owner);
	ret = vb2_queue_init(&owner->queue);
	if (ret) {
		kfree(owner);
		return ERR_PTR(ret);
	}
	return owner;
}

static void owner_free(struct kref *ref)
{
	struct ownframe_owner *owner = container_of(ref, struct ownframe_owner, ref);

	put_pid(owner->pid);
	if (owner->account)
		ownframe_account_put(owner->account);
	kfree(owner);
}

void ownframe_owner_put(struct ownframe_owner *owner)
{
	kref_put(&owner->ref, owner_free);
}

void ownframe_owner_get(struct ownframe_owner *owner)
{
	kref_get(&owner->ref);
}

static struct ownframe_owner *owner_find(struct ownframe_node *node, struct mm_struct *mm)
{
	struct ownframe_owner *owner;

	lockdep_assert_held(&node->lock);
	list_for_each_entry(owner, &node->owners, entry)
		if (owner->mm == mm)
			return owner;
	return NULL;
}

/* The owner that a process is, with one more handle; NULL if it is none. */
static struct ownframe_owner *owner_join(struct ownframe_node *node, struct mm_struct *mm)
{
	struct ownframe_owner *owner;

	spin_lock(&node->lock);
	owner = owner_find(node, mm);
	if (owner) {
		owner->handles++;
		ownframe_owner_get(owner);
	}
	spin_unlock(&node->lock);
	return owner;
}

/* One handle less; the last one ends the owner. */
static void owner_leave(struct ownframe_owner *owner)
{
	struct ownframe_node *node = owner->node;
	bool last;

	spin_lock(&node->lock);
	last = !--owner->handles;
	if (last && !owner->gone) {
		owner->gone = true;
		list_del(&owner->entry);
		node->num_owners--;
	}
	spin_unlock(&node->lock);
	if (last)
		mmu_notifier_unregister(&owner->notifier, owner->mm);
}

/* Let the caller's process be an owner. Two of its threads may come here at once: one wins. */
static struct ownframe_owner *owner_create(struct ownframe_node *node, struct mm_struct *mm)
{
	struct ownframe_owner *owner = ownframe_owner_new(node);
	struct ownframe_owner *other;
	int ret;

	if (IS_ERR(owner))
		return owner;
	owner->account = ownframe_account_get(node, mm);
	if (!owner->account) {
		ownframe_owner_put(owner);
		return ERR_PTR(-ENOMEM);
	}
	owner->mm = mm;
	owner->pid = get_pid(task_tgid(current));
	owner->uid = current_euid();
	get_task_comm(owner->comm, current->group_leader);
	/* Takes mmap_lock, for which a thread in a page fault can make us wait: no lock is held. */
	ret = mmu_notifier_register(&owner->notifier, mm);
	if (ret) {
		ownframe_owner_put(owner);
		return ERR_PTR(ret);
	}

	owner->handles = 1;
	spin_lock(&node->lock);
	other = owner_find(node, mm);
	if (other) {
		other->handles++;
		ownframe_owner_get(other);
	} else if (node->num_owners >= node->max_owners) {
		other = ERR_PTR(-EBUSY);
	} else {
		list_add_tail(&owner->entry, &node->owners);
		node->num_owners++;
	}
	owner->gone = other;
	spin_unlock(&node->lock);

	if (!other)
		return owner;
	owner_leave(owner);
	ownframe_owner_put(owner);
	return other;
}

/*
 * From now on the handle's priority counts among those of its owner, who need not be content with
 * what another process set, and who waits for an event has to look at whose it is.
 */
static void handle_given(struct ownframe_handle *handle, struct mm_struct *mm)
{
	struct video_device *vdev = &handle->node->vdev;
	struct mm_struct *old;
	unsigned long flags;

	mmgrab(mm);
	spin_lock_irqsave(&vdev->fh_lock, flags);
	old = handle->mm;
	if (old != mm)
		handle->priority = V4L2_PRIORITY_DEFAULT;
	handle->mm = mm;
	spin_unlock_irqrestore(&vdev->fh_lock, flags);
	if (old)
		mmdrop(old);
	wake_up_all(&handle->fh.wait);
}

/**
 * ownframe_owner_bind() - the owner of a handle for a call that allocates
 * @handle: is bound to the calling process, if it is not yet bound
 * @create: let the process be an owner, if it is not yet one
 *
 * Return: the owner; NULL if the process is none and @create is not set; -EACCES if the handle is
 * another's, -EBUSY if the node has as many owners as it may have.
 */
struct ownframe_owner *ownframe_owner_bind(struct ownframe_handle *handle, bool create)
{
	/* Pairs with smp_store_release() below. */
	struct ownframe_owner *owner = smp_load_acquire(&handle->owner);
	struct ownframe_node *node = handle->node;
	struct mm_struct *mm = current->mm;
	bool bound;

	if (owner)
		return owner->mm == mm ? owner : ERR_PTR(-EACCES);
	if (!mm)
		return ERR_PTR(-EACCES);
	owner = owner_join(node, mm);
	if (!owner && create)
		owner = owner_create(node, mm);
	if (IS_ERR_OR_NULL(owner))
		return owner;

	spin_lock(&node->lock);
	bound = !handle->owner;
	if (bound) {
		if (handle->polled)
			owner->polled_early = true;
		/* Pairs with smp_load_acquire(): who sees the owner sees it initialised. */
		smp_store_release(&handle->owner, owner);
	}
	spin_unlock(&node->lock);

	if (!bound) {
		owner_leave(owner);
		ownframe_owner_put(owner);
		return ownframe_owner_bind(handle, create);
	}
	handle_given(handle, mm);
	return owner;
}

/**
 * ownframe_owner_of() - the owner of a handle for any other call
 * @handle: of the call
 *
 * Return: the owner; the node's @unbound, whose queue is always empty, if the handle is not bound;
 * -EACCES if it is another process's, or if the caller is no process.
 */
struct ownframe_owner *ownframe_owner_of(struct ownframe_handle *handle)
{
	/* Pairs with smp_store_release() in ownframe_owner_bind(). */
	struct ownframe_owner *owner = smp_load_acquire(&handle->owner);

	if (!owner)
		return handle->node->unbound;
	return owner->mm == current->mm ? owner : ERR_PTR(-EACCES);
}

/**
 * ownframe_owner_unbind() - the end of a handle
 * @handle: is being closed, possibly by another process than its owner. It keeps its reference to
 *	the owner, as it can still be seen in the list of the core
 */
void ownframe_owner_unbind(struct ownframe_handle *handle)
{
	struct ownframe_owner *owner = handle->owner;

	if (!owner)
		return;
	/*
	 * Only calls on this handle make it the queue's owner, and there are none any more. So this
	 * does not wait for a thread of the owner that sits in a page fault on another handle.
	 */
	if (READ_ONCE(owner->queue.owner) == handle) {
		mutex_lock(owner->queue.lock);
		vb2_queue_release(&owner->queue);
		owner->queue.owner = NULL;
		mutex_unlock(owner->queue.lock);
	}
	owner_leave(owner);
}

/**
 * ownframe_owner_set_limits() - how much memory an owner may have
 * @owner: its queue has no buffers yet
 * @sizeimage: bytes of a frame
 */
void ownframe_owner_set_limits(struct ownframe_owner *owner, u32 sizeimage)
{
	/* One page more for each, as user pointers need not be aligned. */
	unsigned long frames = OWNFRAME_MEMORY_LIMIT_FRAMES * (PAGE_ALIGN(sizeimage) + PAGE_SIZE);

	owner->memory_limit = max(frames, MEMORY_LIMIT_LEAST);
	/* Larger ones than a frame are asked for by v4l2-compliance, and by nobody else. */
	owner->buffer_limit = sizeimage + max_t(unsigned long, sizeimage, 1 << 20);
}

/**
 * ownframe_owner_wake_early() - wake those who polled a handle before it was bound
 * @owner: has a buffer to be dequeued
 *
 * epoll takes down the wait queues of a file once, and then the handle had only its own.
 */
void ownframe_owner_wake_early(struct ownframe_owner *owner)
{
	struct video_device *vdev = &owner->node->vdev;
	struct ownframe_handle *handle;
	unsigned long flags;

	if (likely(!READ_ONCE(owner->polled_early)))
		return;
	spin_lock_irqsave(&vdev->fh_lock, flags);
	list_for_each_entry(handle, &vdev->fh_list, fh.list)
		if (handle->owner == owner)
			wake_up(&handle->fh.wait);
	spin_unlock_irqrestore(&vdev->fh_lock, flags);
}
