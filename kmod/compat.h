/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which kernels, and what differs between them. The rest of the driver reads as if only the newest
 * of them existed.
 *
 * The series named here are those that all tests pass on. Others are refused, by DKMS too, unless
 * OWNFRAME_ANY_KERNEL is defined: that it compiles does not say that frames stay apart. What is
 * below for kernels newer than those is compiled only.
 */
#ifndef OWNFRAME_COMPAT_H
#define OWNFRAME_COMPAT_H

#include <linux/version.h>

#define OWNFRAME_SERIES(major, minor) \
	(LINUX_VERSION_MAJOR == (major) && LINUX_VERSION_PATCHLEVEL == (minor))

/* dkms.conf and tests/vm/kernel name the same: make lint-kernels. */
#if !OWNFRAME_SERIES(6, 1) && !OWNFRAME_SERIES(6, 12) && !defined(OWNFRAME_ANY_KERNEL)
#error "ownframe was not tested with this kernel: kmod/compat.h names those that it was"
#endif

/* Without it nobody says when a consumer's process is gone. */
#ifndef CONFIG_MMU_NOTIFIER
#error "ownframe needs a kernel with CONFIG_MMU_NOTIFIER"
#endif

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <media/v4l2-fh.h>
#include <media/videobuf2-v4l2.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* FOLL_LONGTERM of later kernels refuses the pages of files that are written back. */
#define OWNFRAME_GUP_PINS_FILES	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0))

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline unsigned int vb2_get_num_buffers(struct vb2_queue *queue)
{
	return queue->num_buffers;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, ns)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
static inline struct v4l2_fh *file_to_v4l2_fh(struct file *file)
{
	return file->private_data;
}

static inline void ownframe_compat_fh_add(struct v4l2_fh *fh, struct file *file)
{
	file->private_data = fh;
	v4l2_fh_add(fh);
}

static inline void ownframe_compat_fh_del(struct v4l2_fh *fh, struct file *file)
{
	v4l2_fh_del(fh);
	file->private_data = NULL;
}

#define v4l2_fh_add ownframe_compat_fh_add
#define v4l2_fh_del ownframe_compat_fh_del
#endif

/* Since 7.0 vb2 lets go of the queue's lock by itself while it waits. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define OWNFRAME_VB2_OPS_WAIT .wait_prepare = vb2_ops_wait_prepare, \
			      .wait_finish = vb2_ops_wait_finish,
#else
#define OWNFRAME_VB2_OPS_WAIT
#endif

/* Until 7.3 shmem_file_setup() takes plain flags, and files have only the one way to be mapped. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define EMPTY_VMA_FLAGS 0
#endif

static inline int ownframe_compat_mmap(const struct file_operations *fops, struct file *file,
				       struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
	struct vm_area_desc desc;
	int ret;

	compat_set_desc_from_vma(&desc, file, vma);
	ret = fops->mmap_prepare(&desc);
	return ret ? ret : __compat_vma_mmap(&desc, vma);
#else
	return fops->mmap(file, vma);
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define vfs_mmap call_mmap
#endif

#endif /* OWNFRAME_COMPAT_H */
