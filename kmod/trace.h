/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: what became of each frame.
 *
 * Each ownframe:frame_in says for how many consumers it is; as many ownframe:frame_out and
 * ownframe:frame_drop of the same camera and sequence follow, before the next frame_in. The fields
 * are described in docs/abi/events-ownframe.
 *
 * The one thing to know: names are copied, not pointed to, and a process is its tgid, so nothing
 * here tells of the kernel's addresses.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ownframe

#if !defined(OWNFRAME_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define OWNFRAME_TRACE_H

#include <linux/tracepoint.h>

#include "ownframe.h"

/* A plain number, as `format` in tracefs shows it to programs. */
#define OWNFRAME_TRACE_NAME	14
static_assert(OWNFRAME_TRACE_NAME == OWNFRAME_NAME_MAX + 1);

TRACE_DEFINE_ENUM(OWNFRAME_DROP_NO_BUFFER);
TRACE_DEFINE_ENUM(OWNFRAME_DROP_STOPPED);

TRACE_EVENT(frame_in,
	TP_PROTO(const struct ownframe_camera *camera, const struct ownframe_frame *frame,
		 unsigned int consumers),
	TP_ARGS(camera, frame, consumers),

	TP_STRUCT__entry(
		__array(char, camera, OWNFRAME_TRACE_NAME)
		__field(u32, sequence)
		__field(u32, bytes)
		__field(u64, timestamp)
		__field(u32, consumers)
	),

	TP_fast_assign(
		memcpy(__entry->camera, camera->name, sizeof(__entry->camera));
		__entry->sequence = frame->sequence;
		__entry->bytes = frame->bytesused;
		__entry->timestamp = frame->timestamp;
		__entry->consumers = consumers;
	),

	TP_printk("camera=%s sequence=%u bytes=%u timestamp=%llu consumers=%u",
		  __entry->camera, __entry->sequence, __entry->bytes, __entry->timestamp,
		  __entry->consumers)
);

/*
 * What both events of a consumer begin with. They are no event class, which has one set of fields:
 * the last field of each is its own.
 */
#define CONSUMER_FRAME_ENTRY							\
	__array(char, camera, OWNFRAME_TRACE_NAME)				\
	__array(char, view, OWNFRAME_TRACE_NAME)				\
	__field(pid_t, tgid)							\
	__field(u32, sequence)							\
	__field(u32, bytes)
#define CONSUMER_FRAME_ASSIGN(bytes_) do {					\
	memcpy(__entry->camera, consumer->owner.node->camera->name,		\
	       sizeof(__entry->camera));					\
	memcpy(__entry->view, consumer->owner.node->name, sizeof(__entry->view)); \
	__entry->tgid = pid_nr(consumer->owner.pid);				\
	__entry->sequence = frame->sequence;					\
	__entry->bytes = (bytes_);						\
} while (0)
#define CONSUMER_FRAME_FMT "camera=%s view=%s tgid=%d sequence=%u bytes=%u"
#define CONSUMER_FRAME_ARG							\
	__entry->camera, __entry->view, __entry->tgid, __entry->sequence, __entry->bytes

TRACE_EVENT(frame_out,
	TP_PROTO(const struct ownframe_consumer *consumer, const struct ownframe_frame *frame,
		 u32 bytes, u64 copy_ns),
	TP_ARGS(consumer, frame, bytes, copy_ns),

	TP_STRUCT__entry(
		CONSUMER_FRAME_ENTRY
		__field(u64, copy_ns)
	),

	TP_fast_assign(
		CONSUMER_FRAME_ASSIGN(bytes);
		__entry->copy_ns = copy_ns;
	),

	TP_printk(CONSUMER_FRAME_FMT " copy_ns=%llu", CONSUMER_FRAME_ARG, __entry->copy_ns)
);

TRACE_EVENT(frame_drop,
	TP_PROTO(const struct ownframe_consumer *consumer, const struct ownframe_frame *frame,
		 enum ownframe_drop reason),
	TP_ARGS(consumer, frame, reason),

	TP_STRUCT__entry(
		CONSUMER_FRAME_ENTRY
		__field(u32, reason)
	),

	TP_fast_assign(
		CONSUMER_FRAME_ASSIGN(frame->bytesused);
		__entry->reason = reason;
	),

	TP_printk(CONSUMER_FRAME_FMT " reason=%s", CONSUMER_FRAME_ARG,
		  __print_symbolic(__entry->reason,
				   { OWNFRAME_DROP_NO_BUFFER, "no_buffer" },
				   { OWNFRAME_DROP_STOPPED, "stopped" }))
);

#endif /* OWNFRAME_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
