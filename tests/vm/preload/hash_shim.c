// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD=hash_shim.so HASH_LOG=FILE PROGRAM: writes down the hash of every frame that the program
 * gets from a V4L2 device, gives to one, or gives to libx264, so that a test can follow a picture from
 * sensor to encoder without the programs' help. A line a frame:
 *
 *	got SEQUENCE BYTES SHA256	VIDIOC_DQBUF on a capture node
 *	gave SEQUENCE BYTES SHA256	VIDIOC_DQBUF on an output node: the frame that was given to it
 *	encoded N BYTES SHA256		x264_encoder_encode(): the planes, line by line without padding
 *
 * The one thing to know: of buffers that the program itself never maps (a sensor's MMAP buffers that go
 * on as dma-buf) it makes a mapping of its own for as long as it takes to hash them.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/videodev2.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x264.h>

typedef int ioctl_fn(int fd, unsigned long request, void *arg);
typedef int encode_fn(x264_t *x264, x264_nal_t **nals, int *n_nals, x264_picture_t *in,
		      x264_picture_t *out);

static void *next_symbol(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (!symbol)
		abort();
	return symbol;
}

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	static ioctl_fn *next;

	if (!next)
		next = (ioctl_fn *)next_symbol("ioctl");
	return next(fd, request, arg);
}

static void log_hash(const char *what, unsigned int number, size_t bytes, EVP_MD_CTX *md)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char line[160];
	int used = snprintf(line, sizeof(line), "%s %u %zu ", what, number, bytes);
	int fd = open(getenv("HASH_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	EVP_DigestFinal_ex(md, sum, NULL);
	EVP_MD_CTX_free(md);
	for (int i = 0; i < 32; i++)
		used += snprintf(line + used, sizeof(line) - used, "%02x", sum[i]);
	line[used++] = '\n';
	if (fd < 0 || write(fd, line, used) != used)
		abort();
	close(fd);
}

static EVP_MD_CTX *hash_begin(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		abort();
	return md;
}

static void hash_memory(const char *what, const struct v4l2_buffer *b, const void *data)
{
	EVP_MD_CTX *md = hash_begin();

	EVP_DigestUpdate(md, data, b->bytesused);
	log_hash(what, b->sequence, b->bytesused, md);
}

static void hash_mapped(const char *what, const struct v4l2_buffer *b, int fd, off_t offset)
{
	void *data = mmap(NULL, b->length, PROT_READ, MAP_SHARED, fd, offset);

	if (data == MAP_FAILED)
		abort();
	hash_memory(what, b, data);
	munmap(data, b->length);
}

static void hash_dmabuf(const char *what, const struct v4l2_buffer *b)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };

	real_ioctl(b->m.fd, DMA_BUF_IOCTL_SYNC, &sync);
	hash_mapped(what, b, b->m.fd, 0);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	real_ioctl(b->m.fd, DMA_BUF_IOCTL_SYNC, &sync);
}

static void hash_buffer(int fd, const struct v4l2_buffer *b)
{
	const char *what = b->type == V4L2_BUF_TYPE_VIDEO_OUTPUT ? "gave" : "got";

	switch (b->memory) {
	case V4L2_MEMORY_MMAP:
		hash_mapped(what, b, fd, b->m.offset);
		break;
	case V4L2_MEMORY_USERPTR:
		hash_memory(what, b, (const void *)b->m.userptr);
		break;
	case V4L2_MEMORY_DMABUF:
		hash_dmabuf(what, b);
		break;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	ret = real_ioctl(fd, request, arg);
	if (!ret && request == VIDIOC_DQBUF)
		hash_buffer(fd, arg);
	return ret;
}

static void hash_plane(EVP_MD_CTX *md, const x264_image_t *img, int plane, int bytes, int lines)
{
	for (int y = 0; y < lines; y++)
		EVP_DigestUpdate(md, img->plane[plane] + (size_t)y * img->i_stride[plane], bytes);
}

static void hash_picture(x264_t *x264, const x264_picture_t *in)
{
	static unsigned int n;
	EVP_MD_CTX *md = hash_begin();
	x264_param_t p;

	x264_encoder_parameters(x264, &p);
	hash_plane(md, &in->img, 0, p.i_width, p.i_height);
	if (in->img.i_plane == 2) {
		hash_plane(md, &in->img, 1, p.i_width, p.i_height / 2);
	} else {
		hash_plane(md, &in->img, 1, p.i_width / 2, p.i_height / 2);
		hash_plane(md, &in->img, 2, p.i_width / 2, p.i_height / 2);
	}
	log_hash("encoded", n++, (size_t)p.i_width * p.i_height * 3 / 2, md);
}

int x264_encoder_encode(x264_t *x264, x264_nal_t **nals, int *n_nals, x264_picture_t *in,
			x264_picture_t *out)
{
	static encode_fn *next;

	if (!next)
		next = (encode_fn *)next_symbol("x264_encoder_encode");
	if (in)
		hash_picture(x264, in);
	return next(x264, nals, n_nals, in, out);
}
