/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ownframe: a camera whose frames reach their owner only
 *
 * A camera has one feed node and one or more view nodes. All are ordinary V4L2 devices; this header
 * names what V4L2 leaves to the driver.
 *
 * Finding nodes
 *
 *	VIDIOC_QUERYCAP says driver "ownframe", bus_info "platform:ownframe-<camera>" and card
 *	"<camera> feed" or "<camera> <view>". The same names stand in sysfs, for udev:
 *
 *		/sys/class/video4linux/videoN/ownframe/camera	front
 *		/sys/class/video4linux/videoN/ownframe/node	feed, or the name of the view
 *
 *	With the rules that come with the driver the nodes are /dev/ownframe/<camera>/<node>. A
 *	name is 1 to OWNFRAME_NAME_MAX of the characters A-Z a-z 0-9 _ -, and does not begin with
 *	"-". No view can be called "feed".
 *
 * The feed (V4L2_CAP_VIDEO_OUTPUT)
 *
 *	One process at a time puts the camera's frames in: open() by a second gets EBUSY. The
 *	rules of binding below hold here too. VIDIOC_S_FMT sets the camera's format, which is what
 *	every view has. Buffers: V4L2_MEMORY_MMAP, V4L2_MEMORY_DMABUF or write(). VIDIOC_QBUF
 *	returns when every consumer has its copy, so the buffer can be dequeued at once.
 *	Timestamp, timecode and the KEYFRAME, PFRAME and BFRAME flags are passed through. A raw
 *	frame whose bytesused is less than sizeimage gets EINVAL.
 *
 *	The camera has a signal while the feed streams. A feed that wants to rest its sensor keeps
 *	streaming on the feed node and just queues nothing.
 *
 *	OWNFRAME_CID_CONSUMERS (integer, read-only) is how many consumers stream on all views of
 *	the camera. V4L2_EVENT_CTRL announces each change, with V4L2_EVENT_SUB_FL_SEND_INITIAL
 *	also the value at subscription: a feed can sleep in poll(POLLPRI) until somebody watches.
 *
 * Views (V4L2_CAP_VIDEO_CAPTURE)
 *
 *	Buffers: V4L2_MEMORY_MMAP, V4L2_MEMORY_USERPTR (another pointer may be given at every
 *	VIDIOC_QBUF) or read(). VIDIOC_S_FMT answers with the camera's format.
 *
 *	What a view shows is up to its files in configfs (crop, masks, max_rate, and whether
 *	V4L2_MEMORY_USERPTR and VIDIOC_EXPBUF are offered). Where these cannot be applied to what
 *	the feed brings, VIDIOC_ENUMINPUT says V4L2_IN_ST_NO_SIGNAL and VIDIOC_STREAMON gives
 *	EPIPE. A change that gives the view another format is announced like one of the feed's.
 *
 *	VIDIOC_REQBUFS, VIDIOC_CREATE_BUFS or the first read() binds the handle to the calling
 *	process for as long as it is open. From then on mmap(), read() and all ioctls but
 *	QUERYCAP, ENUM*, G_* and TRY_* give EACCES to every other process (a forked child, one
 *	that was passed the descriptor, the same one after execve()), and poll() gives POLLERR. A
 *	descriptor may be passed before it is bound. When the process ends, so does the stream.
 *
 *	Each process has buffers of its own, and handles of one process share one queue as V4L2
 *	has it: the second that allocates gets EBUSY. A view serves max_consumers processes; one
 *	more gets EBUSY from the call that would bind it. A process may have memory_limit bytes of
 *	buffers, memory given by user pointers included; beyond it is ENOMEM.
 *
 *	v4l2_buffer.sequence counts the view's frames (the camera's, but for those that max_rate
 *	withholds) from 0 at VIDIOC_STREAMON. Frames for which the process had no buffer queued
 *	leave a gap, and are counted. (The same frame has another number in another process, but
 *	the same timestamp.)
 *
 *	OWNFRAME_CID_DELIVERED, OWNFRAME_CID_DROPPED (64 bit integers, read-only,
 *	VIDIOC_G_EXT_CTRLS) are the frames that the handle's process was given on this view, and
 *	lost for want of a queued buffer, since its first handle was bound. 0 for a handle that is
 *	not bound.
 *
 *	VIDIOC_ENUMINPUT says V4L2_IN_ST_NO_SIGNAL while no feed streams. Consumers keep their
 *	queues then, and go on when a feed with the same format comes. When the format changes: an
 *	event V4L2_EVENT_SOURCE_CHANGE; VIDIOC_DQBUF gives EIO and VIDIOC_STREAMON EPIPE until the
 *	buffers are requested anew.
 */
#ifndef _UAPI_LINUX_OWNFRAME_H
#define _UAPI_LINUX_OWNFRAME_H

#include <linux/v4l2-controls.h>

/* The driver in struct v4l2_capability. */
#define OWNFRAME_DRIVER_NAME		"ownframe"

/* The node of a camera that is no view. */
#define OWNFRAME_FEED_NAME		"feed"

/* Longest name of a camera or view: bus_info and card have 32 bytes. */
#define OWNFRAME_NAME_MAX		13

/* Defaults for a view: processes that have buffers, and frames' worth of memory for each. */
#define OWNFRAME_MAX_CONSUMERS		8
#define OWNFRAME_MEMORY_LIMIT_FRAMES	32

/* The driver's private user controls. */
#define OWNFRAME_CID_BASE		(V4L2_CID_USER_BASE + 0x1f00)
#define OWNFRAME_CID_CONSUMERS		(OWNFRAME_CID_BASE + 0)	/* feed */
#define OWNFRAME_CID_DELIVERED		(OWNFRAME_CID_BASE + 1)	/* view */
#define OWNFRAME_CID_DROPPED		(OWNFRAME_CID_BASE + 2)	/* view */

#endif /* _UAPI_LINUX_OWNFRAME_H */
