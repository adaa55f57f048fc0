// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, two programs can feed one camera, a camera without a feed shows an old picture, or
 * a viewer gets frames of another size than its buffers.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "camera.h"

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;

static int second_feed(void *arg)
{
	(void)arg;
	CHECK(camera_try_open("front", "feed", 0) == -1 && errno == EBUSY);
	/* Another camera's is another matter. */
	CHECK(camera_try_open("back", "feed", 0) >= 0);
	return 0;
}

static int feed_passed_on(void *arg)
{
	struct stream feed = { .fd = *(int *)arg };

	/* A broker opened it. Who allocates first has it. */
	stream_map(&feed, feed.fd, V4L2_BUF_TYPE_VIDEO_OUTPUT, 1);
	return 0;
}

static void check_exclusive(void)
{
	int fd = camera_open("front", "feed", 0);

	process_wait_ok(process_start(second_feed, NULL));
	CHECK(camera_open("front", "feed", 0) >= 0); /* the same process may */
	process_wait_ok(process_start(feed_passed_on, &fd));
	close(fd);
}

static void check_not_exported(struct stream *stream)
{
	struct v4l2_exportbuffer export = { .type = stream->type };

	CHECK_ERRNO(xioctl(stream->fd, VIDIOC_EXPBUF, &export), ENOTTY);
}

static void check_no_frame(int fd)
{
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };

	CHECK_ERRNO(xioctl(fd, VIDIOC_DQBUF, &buffer), EAGAIN);
}

/* Bytes that nobody fed must not come out, so what is fed must be whole. */
static void check_short_frame(struct stream *feed)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
		.memory = V4L2_MEMORY_MMAP,
		.bytesused = feed->pix.sizeimage - 1,
	};

	CHECK_ERRNO(xioctl(feed->fd, VIDIOC_QBUF, &buffer), EINVAL);
}

static void check_feed_gone(struct stream *feed, struct stream *view)
{
	struct v4l2_buffer buffer;

	feed_frame(feed, 1);
	buffer = stream_dequeue(view);
	CHECK(frame_number(view->buffers[buffer.index].start) == 1);
	CHECK(view_has_signal(view->fd));
	stream_queue(view, buffer.index);

	close(feed->fd);
	CHECK(!view_has_signal(view->fd));
	check_no_frame(view->fd);

	feed_start(feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	CHECK(view_has_signal(view->fd));
	check_no_frame(view->fd);
	CHECK(feed_consumers(feed->fd) == 1);
	feed_frame(feed, 2);
	buffer = stream_dequeue(view);
	CHECK(frame_number(view->buffers[buffer.index].start) == 2);
	CHECK(buffer.sequence == 1);
	stream_queue(view, buffer.index);
}

static void check_format_change(struct stream *feed, struct stream *view)
{
	struct v4l2_event_subscription subscription = { .type = V4L2_EVENT_SOURCE_CHANGE };
	struct v4l2_format format = { .type = capture };
	struct pollfd poller = { .fd = view->fd, .events = POLLIN };
	struct v4l2_buffer buffer = { .type = capture, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_event event;

	CHECK(xioctl(view->fd, VIDIOC_SUBSCRIBE_EVENT, &subscription) == 0);
	format.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	CHECK(xioctl(feed->fd, VIDIOC_G_FMT, &format) == 0);
	CHECK_ERRNO(xioctl(feed->fd, VIDIOC_S_FMT, &format), EBUSY); /* it has buffers */
	close(feed->fd);

	feed_start(feed, "front", V4L2_PIX_FMT_GREY, 128, 128);
	CHECK(feed_consumers(feed->fd) == 0);
	CHECK(xioctl(view->fd, VIDIOC_DQEVENT, &event) == 0);
	CHECK(event.type == V4L2_EVENT_SOURCE_CHANGE);
	CHECK(event.u.src_change.changes == V4L2_EVENT_SRC_CH_RESOLUTION);
	feed_frame(feed, 3);
	CHECK(poll(&poller, 1, 0) == 1 && poller.revents & POLLERR);
	CHECK_ERRNO(xioctl(view->fd, VIDIOC_DQBUF, &buffer), EIO);
	stream_off(view);
	CHECK_ERRNO(xioctl(view->fd, VIDIOC_STREAMON, &capture), EPIPE);
	stream_free(view);

	format = (struct v4l2_format) { .type = capture, .fmt.pix = { .width = 32, .height = 32 } };
	CHECK(xioctl(view->fd, VIDIOC_S_FMT, &format) == 0);
	CHECK(format.fmt.pix.width == 128 && format.fmt.pix.height == 128);
	stream_map(view, view->fd, capture, 2);
	stream_queue_all(view);
	stream_on(view);
	feed_frame(feed, 4);
	buffer = stream_dequeue(view);
	CHECK(buffer.bytesused == 128 * 128);
	CHECK(frame_intact(view->buffers[buffer.index].start, buffer.bytesused));
	CHECK(frame_number(view->buffers[buffer.index].start) == 4);
}

/* Whoever sets a frame rate on a view sets it for nobody. */
static void check_parm(int feed, int view)
{
	struct v4l2_streamparm parm = { .type = V4L2_BUF_TYPE_VIDEO_OUTPUT };

	parm.parm.output.timeperframe = (struct v4l2_fract) { 1, 15 };
	CHECK(xioctl(feed, VIDIOC_S_PARM, &parm) == 0);
	parm = (struct v4l2_streamparm) { .type = capture };
	parm.parm.capture.timeperframe = (struct v4l2_fract) { 1, 5 };
	CHECK(xioctl(view, VIDIOC_S_PARM, &parm) == 0);
	CHECK(parm.parm.capture.timeperframe.denominator == 15);
}

int main(void)
{
	struct stream feed, view;
	int fd;

	camera_load("front,back");
	check_exclusive();
	fd = camera_open("front", "main", O_NONBLOCK);
	CHECK(!view_has_signal(fd));
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 64, 64);
	stream_map(&view, fd, capture, 2);
	stream_queue_all(&view);
	stream_on(&view);
	check_not_exported(&feed);
	check_not_exported(&view);
	check_short_frame(&feed);
	check_parm(feed.fd, view.fd);
	check_feed_gone(&feed, &view);
	check_format_change(&feed, &view);
	return 0;
}
