// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of buffers, at addresses that are the same in every run.
 *
 * Nothing else is ever mapped there, so a thread that reads or writes a buffer which another has just
 * unmapped gets a signal, which is caught, and spoils nothing.
 *
 * A frame of camera N consists of bytes 0xX0 + n, with a digit X of the camera's own. Black and zero
 * are nobody's. So bytes of another camera are seen at once.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define NODE_SPAN (BUFFERS * SPAN)
#define MAPPINGS  ((uint8_t *)0x100000000000)
#define USER	  ((uint8_t *)0x110000000000)
#define ODD	  ((uint8_t *)0x120000000000)

static __thread sigjmp_buf fault;
static __thread volatile sig_atomic_t guarded;

static void on_fault(int signal_number)
{
	if (guarded)
		siglongjmp(fault, 1);
	signal(signal_number, SIG_DFL);
}

static void map(uint8_t *at, size_t length, int protection, int flags, int fd)
{
	if (mmap(at, length, protection, flags | MAP_FIXED | MAP_NORESERVE, fd, 0) != at) {
		perror("mmap");
		_exit(2);
	}
}

/* The odd ones: plain, read-only, a file's, shared, and a hole. */
enum {
	ODD_PLAIN,
	ODD_READONLY,
	ODD_FILE,
	ODD_SHARED,
	ODD_HOLE,
	ODD_KINDS
};

void memory_init(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, SPAN))
		perror("memfd");
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	map(USER, NODES * NODE_SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map(ODD + ODD_PLAIN * SPAN, SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map(ODD + ODD_READONLY * SPAN, SPAN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	map(ODD + ODD_FILE * SPAN, SPAN, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	map(ODD + ODD_SHARED * SPAN, SPAN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	close(fd);
}

uint8_t *memory_mapping(unsigned int node, unsigned int index)
{
	return MAPPINGS + node * NODE_SPAN + index % BUFFERS * SPAN;
}

uint8_t *memory_user(unsigned int node, unsigned int index)
{
	return USER + node * NODE_SPAN + index % BUFFERS * SPAN;
}

uint8_t *memory_odd(uint64_t *random)
{
	uint8_t *at = ODD + random_below(random, ODD_KINDS) * SPAN;

	/* Not aligned, and perhaps too near to the end. */
	if (random_one_in(random, 2))
		at += random_below(random, SPAN);
	return at;
}

static uint8_t tag(unsigned int node)
{
	return 0x20 + 0x20 * (node / 3);
}

bool memory_fill(uint8_t *to, uint32_t length, unsigned int node, uint8_t value)
{
	if (length > SPAN)
		length = SPAN;
	if (sigsetjmp(fault, 0)) {
		guarded = 0;
		return false;
	}
	guarded = 1;
	memset(to, tag(node) | (value & 15), length);
	guarded = 0;
	return true;
}

static bool nobodys(uint8_t byte)
{
	return byte == 0 || byte == 0x10 || byte == 0x80;
}

int memory_check(const uint8_t *of, uint32_t length, unsigned int node)
{
	uint8_t want = tag(node), byte;

	/* The beginning of a frame, where its lines have all their places, and its end. */
	if (length > SPAN)
		length = SPAN;
	if (sigsetjmp(fault, 0)) {
		guarded = 0;
		return -1;
	}
	guarded = 1;
	for (uint32_t i = 0; i < length; i++) {
		if (i == 256 && length > 512)
			i = length - 256;
		byte = ((const volatile uint8_t *)of)[i];
		if ((byte & 0xf0) != want && !nobodys(byte)) {
			guarded = 0;
			return 1;
		}
	}
	guarded = 0;
	return 0;
}

bool memory_touch(uint8_t *at, bool write)
{
	volatile uint8_t *byte = at;

	if (sigsetjmp(fault, 0)) {
		guarded = 0;
		return false;
	}
	guarded = 1;
	if (write)
		*byte = *byte;
	else
		(void)*byte;
	guarded = 0;
	return true;
}
