// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD=no_dmabuf.so NO_DMABUF=export|import PROGRAM: a sensor whose driver does not export
 * its buffers, or exports what the importer cannot use. Everything but VIDIOC_EXPBUF is left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int refuse(struct v4l2_exportbuffer *exp)
{
	const char *how = getenv("NO_DMABUF");

	if (!how)
		abort();
	if (!strcmp(how, "export")) {
		errno = ENOTTY;
		return -1;
	}
	/* A file, which is no dma-buf. */
	exp->fd = memfd_create("no dma-buf", MFD_CLOEXEC);
	return exp->fd < 0 ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int fd, unsigned long request, void *arg);
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == VIDIOC_EXPBUF)
		return refuse(arg);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ioctl");
	return next(fd, request, arg);
}
