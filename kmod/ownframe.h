/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of the driver, and which lock protects what.
 *
 *	camera --- feed node --- owner (at most one): the process that puts frames in
 *	       \-- view node --- owner = consumer: a process that takes frames out
 *
 * An owner is a process with a queue of its own on a node. A handle (an open file) has none until
 * the first call that allocates binds it to the owner that is the calling process.
 *
 * Locks, outermost first:
 *
 *	camera.feed_lock	is vb2_queue.lock of the feed's owners. Frames are copied under it,
 *				and write() copies from the feed's process.
 *	owner.lock		is vb2_queue.lock of a consumer. Held while user memory is pinned or
 *				copied to, so nobody but the consumer's own process may wait for it.
 *	camera.frame_lock	a frame is on its way, or what is made of frames is being changed:
 *				the format, policies, cuts. No page faults under it.
 *	consumer.copy_lock	a frame is being copied to this consumer. No page faults under it.
 *	camera.tally_lock	the world is told how many consumers stream.
 *	v4l2_ctrl_handler.lock	of the feed's controls.
 *	camera.lock		spinlock: formats, signal, sequences, who streams.
 *	node.lock		spinlock: owners of a node.
 *	consumer.buf_lock	spinlock: a consumer's buffers and counters.
 *	video_device.fh_lock	spinlock of the V4L2 core: handles, their mm and priority.
 *
 * Nothing takes feed_lock and an owner's lock at once. See docs/driver.md for the reasons.
 */
#ifndef OWNFRAME_H
#define OWNFRAME_H

#include "compat.h"

#include <linux/iosys-map.h>
#include <linux/kref.h>
#include <linux/leds.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/videodev2.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-fh.h>
#include <media/videobuf2-v4l2.h>
#include <uapi/linux/ownframe.h>

struct ownframe_camera;
struct ownframe_node;

/* format.c: layouts of the pixel formats */

#define OWNFRAME_MAX_PLANES	3

/**
 * struct ownframe_plane - where the lines of one plane of a picture are
 * @offset: bytes from the start of the picture to the first line
 * @stride: bytes from line to line
 * @line: bytes of a line that are picture
 * @rows: number of lines
 * @black: bytes of a black pixel, at even and odd offsets in a line
 */
struct ownframe_plane {
	u32 offset;
	u32 stride;
	u32 line;
	u32 rows;
	u8 black[2];
};

int ownframe_format_enum(struct v4l2_fmtdesc *desc);
int ownframe_format_enum_sizes(struct v4l2_frmsizeenum *sizes);
void ownframe_format_default(struct v4l2_pix_format *pix);
void ownframe_format_adjust(struct v4l2_pix_format *pix);
void ownframe_format_pack(struct v4l2_pix_format *pix);
bool ownframe_format_is_raw(const struct v4l2_pix_format *pix);
bool ownframe_format_is_divisible(const struct v4l2_pix_format *pix);
void ownframe_format_grid(const struct v4l2_pix_format *pix, u32 *columns, u32 *rows);
unsigned int ownframe_format_planes(const struct v4l2_pix_format *pix,
				    struct ownframe_plane planes[OWNFRAME_MAX_PLANES]);

/* memory.c: what buffers are made of */

struct ownframe_mem;
struct ownframe_account;

extern const struct vb2_mem_ops ownframe_mem_ops;

int ownframe_mem_init(void);
struct ownframe_account *ownframe_account_get(const struct ownframe_node *node,
					      struct mm_struct *mm);
void ownframe_account_put(struct ownframe_account *account);
void ownframe_account_forget(const struct ownframe_node *node);
int ownframe_mem_begin_read(struct ownframe_mem *mem, struct iosys_map *map);
void ownframe_mem_end_read(struct ownframe_mem *mem);
void ownframe_mem_write(struct ownframe_mem *mem, size_t offset, const struct iosys_map *from,
			size_t from_offset, size_t length);
void ownframe_mem_fill(struct ownframe_mem *mem, size_t offset, const u8 shade[2], size_t length);

/* owner.c: a process and its queue */

/**
 * struct ownframe_owner - a process that has a queue on a node
 * @ref: held by each bound handle, and by the feed while it copies
 * @node: the node. Valid as long as a handle is bound
 * @mm: the process. Compared, never dereferenced; @notifier holds it
 * @notifier: says when @mm is gone
 * @pid: the thread group that bound first, with its @uid and @comm of then, for who looks on:
 *	nothing depends on them
 * @uid: see @pid
 * @comm: see @pid
 * @entry: in node.owners (node.lock)
 * @handles: bound handles (node.lock)
 * @gone: @mm is gone, or no handle is left: no longer in node.owners (node.lock)
 * @polled_early: a handle was polled before it was bound, and waits on its own wait queue
 * @lock: the queue's lock, but for the feed, whose owners share camera.feed_lock
 * @alloc_lock: held while buffers are made, and while one is mapped, which cannot take @lock. From
 *	6.8 on vb2 shows a buffer to mmap() before it has memory, and frees it if there is none
 * @queue: the process's buffers; queue.owner is the handle that allocated them
 * @account: what is charged for buffers, and for what is still mapped or exported; NULL for
 *	node.unbound
 * @memory_limit: no more than that, unless the node has a limit of its own (queue lock)
 * @buffer_limit: bytes of one buffer at most (queue lock)
 * @write_bytes: what the present or last write() brings (queue lock)
 */
struct ownframe_owner {
	struct kref ref;
	struct ownframe_node *node;
	struct mm_struct *mm;
	struct mmu_notifier notifier;
	struct pid *pid;
	kuid_t uid;
	char comm[TASK_COMM_LEN];
	struct list_head entry;
	unsigned int handles;
	bool gone;
	bool polled_early;
	struct mutex lock; /* the queue */
	struct mutex alloc_lock; /* the making of its buffers, against their mapping */
	struct vb2_queue queue;
	struct ownframe_account *account;
	unsigned long memory_limit;
	unsigned long buffer_limit;
	unsigned long write_bytes;
};

/**
 * struct ownframe_handle - an open file
 * @fh: first, as the V4L2 core and vb2 take file->private_data for it
 * @node: the node that was opened
 * @owner: set once, when the handle is bound, for as long as it is open; read without a lock
 * @mm: the process for which @priority counts: the owner's, before that the opener's or the last
 *	that set it (fh_lock). Holds a reference
 * @priority: V4L2 priority among the handles of @mm (fh_lock)
 * @event_lock: taken to dequeue an event before the handle is bound. Held while the event is copied
 *	to user, so only those wait for it who share a handle that is nobody's
 * @polled: poll() was called before the handle was bound
 * @ctrl_handler: controls of the handle
 */
struct ownframe_handle {
	struct v4l2_fh fh;
	struct ownframe_node *node;
	struct ownframe_owner *owner;
	struct mm_struct *mm;
	enum v4l2_priority priority;
	struct mutex event_lock; /* VIDIOC_DQEVENT before the handle is bound */
	bool polled;
	struct v4l2_ctrl_handler ctrl_handler;
};

struct ownframe_owner *ownframe_owner_new(struct ownframe_node *node);
void ownframe_owner_put(struct ownframe_owner *owner);
void ownframe_owner_get(struct ownframe_owner *owner);
struct ownframe_owner *ownframe_owner_bind(struct ownframe_handle *handle, bool create);
struct ownframe_owner *ownframe_owner_of(struct ownframe_handle *handle);
void ownframe_owner_unbind(struct ownframe_handle *handle);
void ownframe_owner_set_limits(struct ownframe_owner *owner, u32 sizeimage);
void ownframe_owner_wake_early(struct ownframe_owner *owner);

/* node.c: a video device */

/**
 * struct ownframe_node_type - what feed and views do differently
 * @caps: V4L2_CAP_VIDEO_*
 * @io_modes: of queues
 * @ioctl_ops: of the video device
 * @owner_size: bytes of an owner, which begins with struct ownframe_owner
 * @owner_init: set up what follows struct ownframe_owner, and owner->queue but for what is the same
 *	everywhere
 * @handle_init: add the controls of a handle; may be NULL
 */
struct ownframe_node_type {
	u32 caps;
	unsigned int io_modes;
	const struct v4l2_ioctl_ops *ioctl_ops;
	size_t owner_size;
	void (*owner_init)(struct ownframe_owner *owner);
	int (*handle_init)(struct ownframe_handle *handle);
};

/**
 * struct ownframe_node - the feed of a camera, or a view
 * @vdev: the video device
 * @camera: whose
 * @type: feed or view
 * @name: "feed", or the view's
 * @entry: in camera.views
 * @max_owners: processes that may have a queue at a time
 * @memory_limit: bytes of buffers for each; 0: OWNFRAME_MEMORY_LIMIT_FRAMES frames
 * @io_modes: of queues that have no buffers
 * @export: buffers may be exported
 * @exclusive: only one process at a time may open it
 * @open_lock: two opens of an exclusive node
 * @lock: the fields below
 * @owners: processes that have a queue
 * @num_owners: their number
 * @unbound: an owner that never owns anything, so its queue is always empty: what handles that are
 *	not bound act upon
 * @num_streaming: consumers that stream on this view (camera.lock)
 * @consumers_attr: to tell who polls the attribute in sysfs
 * @num_told: what they know (camera.tally_lock)
 */
struct ownframe_node {
	struct video_device vdev;
	struct ownframe_camera *camera;
	const struct ownframe_node_type *type;
	char name[OWNFRAME_NAME_MAX + 1];
	struct list_head entry;
	unsigned int max_owners;
	unsigned long memory_limit;
	unsigned int io_modes;
	bool export;
	bool exclusive;
	struct mutex open_lock; /* open of an exclusive node */
	spinlock_t lock; /* owners */
	struct list_head owners;
	unsigned int num_owners;
	struct ownframe_owner *unbound;
	unsigned int num_streaming;
	struct kernfs_node *consumers_attr;
	unsigned int num_told;
};

static inline struct ownframe_node *vdev_to_node(struct video_device *vdev)
{
	return container_of(vdev, struct ownframe_node, vdev);
}

int ownframe_node_init(struct ownframe_node *node, struct ownframe_camera *camera,
		       const struct ownframe_node_type *type, const char *name);
int ownframe_node_register(struct ownframe_node *node);
void ownframe_node_unregister(struct ownframe_node *node);
void ownframe_node_destroy(struct ownframe_node *node);

int ownframe_node_querycap(struct file *file, void *priv, struct v4l2_capability *cap);
int ownframe_node_reqbufs(struct file *file, void *priv, struct v4l2_requestbuffers *req);
int ownframe_node_create_bufs(struct file *file, void *priv, struct v4l2_create_buffers *create);
int ownframe_node_prepare_buf(struct file *file, void *priv, struct v4l2_buffer *buf);
int ownframe_node_querybuf(struct file *file, void *priv, struct v4l2_buffer *buf);
int ownframe_node_qbuf(struct file *file, void *priv, struct v4l2_buffer *buf);
int ownframe_node_dqbuf(struct file *file, void *priv, struct v4l2_buffer *buf);
int ownframe_node_expbuf(struct file *file, void *priv, struct v4l2_exportbuffer *export);
int ownframe_node_streamon(struct file *file, void *priv, enum v4l2_buf_type type);
int ownframe_node_streamoff(struct file *file, void *priv, enum v4l2_buf_type type);

/* cut.c: what a view may see */

#define OWNFRAME_MAX_MASKS	16

/**
 * struct ownframe_drawing - rectangles, and the size of the picture that they were drawn on
 * @width: of the picture, at most OWNFRAME_MAX_DRAWING
 * @height: of the picture
 * @num: number of rectangles
 * @rects: each of at least one pixel, inside the picture
 */
struct ownframe_drawing {
	u32 width;
	u32 height;
	unsigned int num;
	struct v4l2_rect rects[OWNFRAME_MAX_MASKS];
};

/* Times the largest side of a frame it fits into 32 bits. */
#define OWNFRAME_MAX_DRAWING	65535

/**
 * struct ownframe_policy - what the consumers of a view may have
 * @max_consumers: processes that have buffers
 * @memory_limit: bytes of buffers for each; 0: OWNFRAME_MEMORY_LIMIT_FRAMES frames
 * @max_rate: frames per second; 0: all
 * @crop: nothing, or the one part that is seen
 * @masks: what is black
 * @userptr: frames may be written into their own memory
 * @export: they may export their buffers
 */
struct ownframe_policy {
	unsigned int max_consumers;
	unsigned long memory_limit;
	unsigned int max_rate;
	struct ownframe_drawing crop;
	struct ownframe_drawing masks;
	bool userptr;
	bool export;
};

/**
 * struct ownframe_block - lines of a plane that are copied, or black
 * @to: offset in the view's picture
 * @from: offset in the feed's
 * @to_step: from line to line
 * @from_step: from line to line
 * @length: bytes of a line
 * @rows: number of lines
 * @black: @from is not read
 * @shade: bytes of black at even and odd offsets
 */
struct ownframe_block {
	u32 to;
	u32 from;
	u32 to_step;
	u32 from_step;
	u32 length;
	u32 rows;
	bool black;
	u8 shade[2];
};

/**
 * struct ownframe_cut - a policy for frames of one format of the feed. Never changed
 * @format: what consumers get
 * @refused: the policy cannot be applied, so they get nothing
 * @num_blocks: 0: all of a frame that is opaque
 * @blocks: together all of the view's picture
 */
struct ownframe_cut {
	struct v4l2_pix_format format;
	bool refused;
	unsigned int num_blocks;
	struct ownframe_block blocks[];
};

struct ownframe_frame;

struct ownframe_cut *ownframe_cut_new(const struct v4l2_pix_format *format,
				      const struct ownframe_policy *policy);
void ownframe_cut_free(struct ownframe_cut *cut);
u32 ownframe_cut_copy(const struct ownframe_cut *cut, struct ownframe_mem *mem,
		      const struct ownframe_frame *frame);

/* feed.c, view.c, consumer.c */

extern const struct ownframe_node_type ownframe_feed_type;
extern const struct ownframe_node_type ownframe_view_type;

/**
 * struct ownframe_view - a view of a camera
 * @node: first
 * @policy: what its consumers may have. Written with camera.frame_lock and camera.lock, may be
 *	read with either, as the following three
 * @cut: what that is for the present format
 * @generation: number of formats of @cut so far
 * @sequence: number of the next frame, of those that @policy does not withhold
 * @next_cut: will be @cut (camera.frame_lock)
 * @changed: @cut is of another format than before (camera.frame_lock)
 * @due: time of the next frame, if there is a rate (camera.lock)
 * @admits: the present frame is not withheld (camera.lock)
 */
struct ownframe_view {
	struct ownframe_node node;
	struct ownframe_policy policy;
	struct ownframe_cut *cut;
	u32 generation;
	u32 sequence;
	struct ownframe_cut *next_cut;
	bool changed;
	u64 due;
	bool admits;
};

static inline struct ownframe_view *to_view(struct ownframe_node *node)
{
	return container_of(node, struct ownframe_view, node);
}

void ownframe_view_default_policy(struct ownframe_policy *policy);

/**
 * struct ownframe_frame - a frame on its way from the feed to the consumers
 * @format: as the feed has it
 * @map: the picture
 * @bytesused: its length
 * @timestamp: ns, CLOCK_MONOTONIC if the feed keeps to what V4L2 recommends
 * @sequence: number of the frame at the camera. Consumers count from when they started to stream,
 *	and what their view does not withhold
 * @flags: V4L2_BUF_FLAG_*: frame type, timecode and timestamp source
 * @timecode: valid if @flags say so
 */
struct ownframe_frame {
	const struct v4l2_pix_format *format;
	struct iosys_map map;
	u32 bytesused;
	u64 timestamp;
	u32 sequence;
	u32 flags;
	struct v4l2_timecode timecode;
};

/**
 * enum ownframe_drop - why a consumer does not get a frame
 * @OWNFRAME_DROP_NO_BUFFER: it has none queued
 * @OWNFRAME_DROP_STOPPED: it stopped to stream since the frame came
 */
enum ownframe_drop {
	OWNFRAME_DROP_NO_BUFFER,
	OWNFRAME_DROP_STOPPED,
};

/**
 * struct ownframe_consumer - a process that takes frames out
 * @owner: first
 * @generation: of the view when the buffers were allocated (queue lock)
 * @format: of the buffers: the view's (queue lock; constant while @running)
 * @first: the view's number of the first frame since streaming started (copy_lock)
 * @running: between start_streaming and stop_streaming (copy_lock)
 * @stream_entry: in camera.streaming (camera.lock)
 * @batch_entry: consumers that the present frame goes to (camera.frame_lock)
 * @copy_lock: held while a frame is copied here
 * @buf_lock: the fields below
 * @queued: buffers to be filled
 * @filled: the one that holds the present frame, until all consumers have it
 * @delivered: frames that it was given
 * @dropped: frames for which it had no buffer
 * @bytes: of the frames that it was given
 * @copy_ns: time that copying them took
 */
struct ownframe_consumer {
	struct ownframe_owner owner;
	u32 generation;
	struct v4l2_pix_format format;
	u32 first;
	bool running;
	struct list_head stream_entry;
	struct list_head batch_entry;
	struct mutex copy_lock; /* the copy of a frame */
	spinlock_t buf_lock; /* buffers and counters */
	struct list_head queued;
	struct ownframe_buffer *filled;
	u64 delivered;
	u64 dropped;
	u64 bytes;
	u64 copy_ns;
};

static inline struct ownframe_consumer *to_consumer(struct ownframe_owner *owner)
{
	return container_of(owner, struct ownframe_consumer, owner);
}

/**
 * struct ownframe_buffer - a buffer of a feed or of a consumer
 * @vb: first, for vb2
 * @entry: in the list of buffers that wait
 */
struct ownframe_buffer {
	struct vb2_v4l2_buffer vb;
	struct list_head entry;
};

static inline struct ownframe_buffer *to_buffer(struct vb2_buffer *vb)
{
	return container_of(vb, struct ownframe_buffer, vb.vb2_buf);
}

void ownframe_consumer_init(struct ownframe_owner *owner);
void ownframe_consumer_copy(struct ownframe_consumer *consumer, const struct ownframe_frame *frame);
void ownframe_consumer_complete(struct ownframe_consumer *consumer);

/* camera.c */

/**
 * struct ownframe_camera - a feed, its views, and what they agree on
 * @name: as the user calls it
 * @parent: what the nodes hang from in sysfs, and their bus_info
 * @v4l2_dev: lives as long as any node does; its release frees the camera
 * @feed: the feed node
 * @feed_ctrls: controls of the feed node
 * @consumers_ctrl: OWNFRAME_CID_CONSUMERS
 * @views: ownframe_node.entry of struct ownframe_view; complete before the nodes are registered
 * @seen_entry: in the list of cameras that debugfs shows
 * @tally_led: LED trigger, lit while somebody streams
 * @tally_name: its name
 * @feed_lock: see above
 * @frame_lock: see above
 * @tally_lock: see above
 * @lock: the fields below
 * @format: what the feed set. Written with @feed_lock, @frame_lock and @lock held, may be read with
 *	any of them
 * @interval: time per frame, as the feed set it: it is told to consumers, nothing depends on it
 * @signal: the feed streams
 * @sequence: number of the next frame
 * @streaming: consumers that want frames
 * @num_streaming: their number
 */
struct ownframe_camera {
	char name[OWNFRAME_NAME_MAX + 1];
	struct platform_device *parent;
	struct v4l2_device v4l2_dev;
	struct ownframe_node feed;
	struct v4l2_ctrl_handler feed_ctrls;
	struct v4l2_ctrl *consumers_ctrl;
	struct list_head views;
	struct list_head seen_entry;
	struct led_trigger tally_led;
	char tally_name[sizeof(KBUILD_MODNAME "-") + OWNFRAME_NAME_MAX];
	struct mutex feed_lock; /* the feed's queue */
	struct mutex frame_lock; /* the frame that is on its way, policies and cuts */
	struct mutex tally_lock; /* what was told */
	spinlock_t lock; /* formats, signal, sequences, who streams */
	struct v4l2_pix_format format;
	struct v4l2_fract interval;
	bool signal;
	u32 sequence;
	struct list_head streaming;
	unsigned int num_streaming;
};

bool ownframe_name_valid(const char *name);
struct ownframe_camera *ownframe_camera_new(const char *name);
struct ownframe_view *ownframe_camera_add_view(struct ownframe_camera *camera, const char *name,
					       const struct ownframe_policy *policy);
int ownframe_camera_register(struct ownframe_camera *camera);
void ownframe_camera_remove(struct ownframe_camera *camera);

void ownframe_camera_format(struct ownframe_camera *camera, struct v4l2_pix_format *pix);
int ownframe_camera_set_format(struct ownframe_camera *camera, const struct v4l2_pix_format *pix);
u32 ownframe_camera_view_format(struct ownframe_view *view, struct v4l2_pix_format *pix);
int ownframe_camera_set_policy(struct ownframe_view *view, const struct ownframe_policy *policy);
bool ownframe_camera_has_signal(struct ownframe_view *view);
void ownframe_camera_set_signal(struct ownframe_camera *camera, bool signal);
int ownframe_camera_link(struct ownframe_camera *camera, struct ownframe_consumer *consumer);
void ownframe_camera_unlink(struct ownframe_camera *camera, struct ownframe_consumer *consumer);
u32 ownframe_camera_deliver(struct ownframe_camera *camera, struct ownframe_frame *frame);
u32 ownframe_camera_lose(struct ownframe_camera *camera, struct ownframe_frame *frame);

/* tally.c: who is told how many consumers stream */

unsigned int ownframe_tally_count(struct ownframe_node *node);
void ownframe_tally_init(struct ownframe_camera *camera);
int ownframe_tally_register(struct ownframe_camera *camera);
void ownframe_tally_unregister(struct ownframe_camera *camera);
void ownframe_tally_update(struct ownframe_camera *camera);

/* debugfs.c: the table of consumers */

void ownframe_debugfs_init(void);
void ownframe_debugfs_exit(void);
void ownframe_debugfs_add(struct ownframe_camera *camera);
void ownframe_debugfs_remove(struct ownframe_camera *camera);

/* configfs.c: cameras and views as directories */

int ownframe_configfs_init(const char *cameras);
void ownframe_configfs_exit(void);

#endif /* OWNFRAME_H */
