// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, frames stay in the machine's free memory after the process that had them is gone,
 * for whatever reads memory without clearing it first: a bug, a kernel dump, a cold boot.
 *
 * Where the pages are is asked while they are mapped, and read through /proc/kcore once they are
 * free: after REQBUFS(0), after a process ended with its buffers mapped, and after it was killed.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "camera.h"
#include "found.h"

#define BUFFERS	  4
#define SIZE	  (256 * 64) /* GREY */
#define PAGES	  (BUFFERS * SIZE / FOUND_PAGE)
#define PFN_MASK  ((1ULL << 55) - 1)
#define MAX_PARTS 256

static uint32_t capture = V4L2_BUF_TYPE_VIDEO_CAPTURE;
static struct stream feed;
static int told[2];

static int kcore;
static Elf64_Phdr parts[MAX_PARTS];
static unsigned int num_parts;

static void kcore_open(void)
{
	Elf64_Ehdr header;

	kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	CHECK(kcore >= 0);
	CHECK(pread(kcore, &header, sizeof(header), 0) == sizeof(header));
	num_parts = header.e_phnum;
	CHECK(num_parts <= MAX_PARTS);
	CHECK(pread(kcore, parts, num_parts * sizeof(*parts), header.e_phoff) ==
	      (ssize_t)(num_parts * sizeof(*parts)));
}

static void page_read(uint64_t pfn, uint8_t page[FOUND_PAGE])
{
	uint64_t physical = pfn * FOUND_PAGE;

	for (unsigned int i = 0; i < num_parts; i++) {
		const Elf64_Phdr *part = &parts[i];

		if (part->p_type != PT_LOAD || part->p_paddr == (Elf64_Addr)-1 ||
		    physical < part->p_paddr || physical >= part->p_paddr + part->p_memsz)
			continue;
		CHECK(pread(kcore, page, FOUND_PAGE, part->p_offset + physical - part->p_paddr) ==
		      FOUND_PAGE);
		return;
	}
	CHECK(!"a page that /proc/kcore has");
}

/* How many of the pages hold frames 1 to BUFFERS. */
static unsigned int pages_with_frames(const uint64_t *pfns)
{
	uint8_t page[FOUND_PAGE];
	unsigned int found = 0;

	for (uint32_t number = 1; number <= BUFFERS; number++)
		for (unsigned int i = 0; i < PAGES; i++) {
			page_read(pfns[i], page);
			found += found_in_page(page, number, SIZE);
		}
	return found;
}

static void pfns_of(const struct stream *view, uint64_t *pfns)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned int pages = SIZE / FOUND_PAGE;
	volatile uint8_t byte;
	uint8_t *start;

	CHECK(pagemap >= 0);
	for (unsigned int i = 0; i < PAGES; i++) {
		start = view->buffers[i / pages].start + (size_t)i % pages * FOUND_PAGE;
		byte = *start;
		(void)byte;
		CHECK(pread(pagemap, &pfns[i], sizeof(*pfns),
			    (uintptr_t)start / FOUND_PAGE * sizeof(*pfns)) == sizeof(*pfns));
		pfns[i] &= PFN_MASK;
		CHECK(pfns[i]);
	}
	close(pagemap);
}

/* Four frames, and where they are. */
static struct stream has_frames(uint64_t *pfns)
{
	struct stream view;

	stream_map(&view, camera_open("front", "main", 0), capture, BUFFERS);
	stream_queue_all(&view);
	stream_on(&view);
	for (unsigned int i = 0; i < BUFFERS; i++)
		stream_dequeue(&view);
	pfns_of(&view, pfns);
	return view;
}

static void tell(const uint64_t *pfns)
{
	byte_send(told[1], 't');
	CHECK(write(told[1], pfns, PAGES * sizeof(*pfns)) == PAGES * (ssize_t)sizeof(*pfns));
}

static int gives_back(void *arg)
{
	uint64_t pfns[PAGES];
	struct stream view = has_frames(pfns);

	(void)arg;
	stream_off(&view);
	stream_free(&view);
	tell(pfns);
	pause();
	return 0;
}

static int ends(void *arg)
{
	uint64_t pfns[PAGES];

	(void)arg;
	has_frames(pfns);
	tell(pfns);
	return 0;
}

static int waits(void *arg)
{
	ends(arg);
	pause();
	return 0;
}

static pid_t start(int (*function)(void *arg), uint64_t *pfns)
{
	pid_t pid = process_start(function, NULL);

	feed_await_consumers(feed.fd, 1);
	for (uint32_t number = 1; number <= BUFFERS; number++)
		feed_frame(&feed, number);
	byte_receive(told[0]);
	CHECK(read(told[0], pfns, PAGES * sizeof(*pfns)) == PAGES * (ssize_t)sizeof(*pfns));
	return pid;
}

/* The last reference to a file may be dropped by a worker. */
static void await_wiped(const uint64_t *pfns)
{
	for (int i = 0; pages_with_frames(pfns); i++) {
		CHECK(i < 100);
		usleep(10000);
	}
}

int main(void)
{
	uint64_t pfns[PAGES];
	pid_t pid;

	camera_load("front");
	kcore_open();
	CHECK(pipe(told) == 0);
	feed_start(&feed, "front", V4L2_PIX_FMT_GREY, 256, 64);

	pid = start(gives_back, pfns);
	await_wiped(pfns);
	kill(pid, SIGKILL);
	process_wait(pid);

	process_wait_ok(start(ends, pfns));
	await_wiped(pfns);

	pid = start(waits, pfns);
	CHECK(pages_with_frames(pfns) == PAGES); /* it can be seen */
	kill(pid, SIGKILL);
	process_wait(pid);
	await_wiped(pfns);
	return 0;
}
