/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tests of the driver do over and over: load it, feed a camera, and take frames out of a view.
 *
 * Everything that goes wrong ends the test with a message; nothing returns an error unless it says
 * so. A frame is made from a number and can be told from any other, byte by byte.
 */
#ifndef TESTS_CAMERA_H
#define TESTS_CAMERA_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/ownframe.h>
#include <linux/videodev2.h>

/* End the test if it is not so. */
#define CHECK(condition) \
	((condition) ? (void)0 : camera_fail(__FILE__, __LINE__, #condition, errno))

/* The call fails with this errno. */
#define CHECK_ERRNO(call, number)                                                       \
	do {                                                                            \
		errno = 0;                                                              \
		long result_ = (long)(call);                                            \
		if (result_ != -1 || errno != (number))                                 \
			camera_fail(__FILE__, __LINE__, #call " gets " #number, errno); \
	} while (0)

void camera_fail(const char *file, int line, const char *what, int error) __attribute__((noreturn));

/* ioctl(), again if a signal came. */
int xioctl(int fd, unsigned long request, void *arg);

/* modprobe ownframe cameras=NAMES. The test machine removes it after the test. */
void camera_load(const char *names);

/*
 * Write to a file of a camera in configfs, "live" or "views/main/crop"; the first returns -1 and errno
 * if that fails.
 */
int camera_try_set(const char *camera, const char *file, const char *value);
void camera_set(const char *camera, const char *file, const char *value);

/* Open a node by name: O_RDWR | flags; -1 and errno if that fails. */
int camera_try_open(const char *camera, const char *node, int flags);
int camera_open(const char *camera, const char *node, int flags);
/* Open an attribute that the driver gives a node in sysfs, for reading. */
int camera_open_attribute(const char *camera, const char *node, const char *attribute);

/* Bytes of frame NUMBER. Any two frames differ in nearly every word, the first of which is NUMBER. */
void frame_fill(void *to, size_t length, uint32_t number);

/* Is this frame FRAME_NUMBER(of), whole and unchanged? */
bool frame_intact(const void *of, size_t length);
uint32_t frame_number(const void *of);

#define STREAM_MAX_BUFFERS 32

/* Buffers of a node, feed or view. */
struct stream {
	int fd;
	uint32_t type;
	uint32_t memory;
	unsigned int count;
	struct v4l2_pix_format pix;
	struct {
		uint8_t *start;
		size_t length;
	} buffers[STREAM_MAX_BUFFERS];
};

/* REQBUFS and mmap. */
void stream_map(struct stream *stream, int fd, uint32_t type, unsigned int count);
/* REQBUFS(USERPTR) and memory of the test's own. */
void stream_userptr(struct stream *stream, int fd, uint32_t type, unsigned int count);
void stream_queue(struct stream *stream, unsigned int index);
void stream_queue_all(struct stream *stream);
void stream_on(struct stream *stream);
void stream_off(struct stream *stream);
/* Wait at most 30 s for a buffer and dequeue it. */
struct v4l2_buffer stream_dequeue(struct stream *stream);
/* munmap or free, and REQBUFS(0). */
void stream_free(struct stream *stream);

/* Set the format of a feed. */
struct v4l2_pix_format feed_format(int fd, uint32_t fourcc, uint32_t width, uint32_t height);
/* The whole of it: open, format, two mapped buffers, STREAMON. */
void feed_start(struct stream *feed, const char *camera, uint32_t fourcc, uint32_t width,
		uint32_t height);
/* Fill a buffer with frame NUMBER, queue and dequeue it. Returns its number at the camera. */
uint32_t feed_frame(struct stream *feed, uint32_t number);
/* Wait until so many consumers stream, by the control's event. */
void feed_await_consumers(int fd, int count);
int feed_consumers(int fd);

/* A 64 bit control of a view's handle. */
uint64_t view_counter(int fd, uint32_t id);
bool view_has_signal(int fd);

/* Start a process; it ends with what the function returns. */
pid_t process_start(int (*function)(void *arg), void *arg);
/* Wait for it, at most 30 s; returns the status of wait(). */
int process_wait(pid_t pid);
/* It exited with 0. */
void process_wait_ok(pid_t pid);
/* Wait until it sleeps: in the call that it was about to make when it last said something. */
void process_await_sleep(pid_t pid);

/* Memory that a thread waits for as long as it lives; its faults can be read from `faults`. */
void *memory_of_nowhere(size_t length, int *faults);

/* A byte over a pipe or socket, to put processes in step. */
void byte_send(int fd, char byte);
char byte_receive(int fd);

/* SCM_RIGHTS. */
void fd_send(int socket, int fd);
int fd_receive(int socket);

#endif /* TESTS_CAMERA_H */
