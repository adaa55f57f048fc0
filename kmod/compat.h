/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which kernels, and what differs between them. The rest of the driver reads as if only the newest
 * of them existed.
 */
#ifndef OWNFRAME_COMPAT_H
#define OWNFRAME_COMPAT_H

#include <linux/version.h>

/* The tested range: from the first version, up to and without the second. */
#define OWNFRAME_KERNEL_FIRST	KERNEL_VERSION(6, 1, 0)
#define OWNFRAME_KERNEL_END	KERNEL_VERSION(6, 2, 0)

#if LINUX_VERSION_CODE < OWNFRAME_KERNEL_FIRST || LINUX_VERSION_CODE >= OWNFRAME_KERNEL_END
#error "ownframe was not tested with this kernel; OWNFRAME_KERNEL_FIRST begins the range that was"
#endif

/* Without it nobody says when a consumer's process is gone. */
#ifndef CONFIG_MMU_NOTIFIER
#error "ownframe needs a kernel with CONFIG_MMU_NOTIFIER"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#include <linux/mm.h>

static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif /* OWNFRAME_COMPAT_H */
