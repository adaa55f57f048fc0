// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, what moves before one camera and is recorded is not before another, of another
 * format or at another processor; or a frame costs a call for memory, which can take as long as it likes.
 */
#include "record/motion_means.h"
#include "scene_fixture.h"

#include "scope.h"

#include <linux/videodev2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define SIDE_MAX 400u
#define ROOM	 (2 * 1024 * 1024u)

/* A frame whose last byte is the last that may be read. */
struct pixels {
	uint8_t *end;
	uint16_t means[SIDE_MAX * SIDE_MAX / 64 + 1];
};

static int pixels_setup(void **state)
{
	struct pixels *p = calloc(1, sizeof(*p));
	uint8_t *map = mmap(NULL, ROOM + 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (!p || map == MAP_FAILED || mprotect(map + ROOM, 65536, PROT_NONE))
		return -1;
	p->end = map + ROOM;
	*state = p;
	return 0;
}

static int pixels_teardown(void **state)
{
	struct pixels *p = *state;

	munmap(p->end - ROOM, ROOM + 65536);
	free(p);
	return 0;
}

static unsigned int naive_mean(const uint8_t *data, const struct frame_format *f, uint32_t column,
			       uint32_t row)
{
	unsigned int sum = 0;

	for (uint32_t i = 0; i < 64; i++) {
		uint32_t x = column * 8 + i % 8, y = row * 8 + i / 8;

		sum += data[(size_t)y * f->stride + f->luma_offset + (size_t)x * f->luma_step];
	}
	return sum;
}

/* A frame that ends where nothing may be read, its lines and its padding as the format wants. */
static const uint8_t *place(struct pixels *p, const struct frame_format *f)
{
	return p->end - ((size_t)f->stride * (f->height - 1) + (size_t)f->width * f->luma_step);
}

static void check_means(struct pixels *p, const struct motion_means_path *path,
			const struct frame_format *f)
{
	uint32_t columns = f->width / 8, n = columns * (f->height / 8);
	const uint8_t *data = place(p, f);

	memset(p->means, 0xa5, sizeof(p->means));
	motion_means(path, p->means, data, f);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(p->means[i], naive_mean(data, f, i % columns, i / columns));
	assert_int_equal(p->means[n], 0xa5a5);
}

static void fill_randomly(struct pixels *p)
{
	for (size_t i = 0; i < ROOM; i++)
		p->end[-1 - (ptrdiff_t)i] = random();
}

/* Any even size; any stride, so any alignment of a line. */
static void random_format(struct frame_format *f, uint32_t fourcc)
{
	uint32_t width = FRAME_SIDE_MIN + random() % (SIDE_MAX - FRAME_SIDE_MIN) / 2 * 2;
	uint32_t height = FRAME_SIDE_MIN + random() % (SIDE_MAX - FRAME_SIDE_MIN) / 2 * 2;
	uint32_t stride = width * 2 + random() % 33 * 2;

	assert_int_equal(frame_format_init(f, fourcc, width, height, stride, stride * height * 2),
			 0);
}

static void each_path(void **state, void (*check)(struct pixels *, const struct motion_means_path *,
						  const struct frame_format *))
{
	for (size_t i = 0; motion_means_paths[i]; i++) {
		if (!motion_means_paths[i]->offered()) {
			print_message("%s: not offered here\n", motion_means_paths[i]->name);
			continue;
		}
		for (const uint32_t *fourcc = frame_formats; *fourcc; fourcc++)
			for (int round = 0; round < 8; round++) {
				struct frame_format f;

				random_format(&f, *fourcc);
				check(*state, motion_means_paths[i], &f);
			}
	}
}

static void test_every_path_is_the_same(void **state)
{
	fill_randomly(*state);
	each_path(state, check_means);
}

/* No sum overflows. */
static void test_white(void **state)
{
	struct pixels *p = *state;

	memset(p->end - ROOM, 255, ROOM);
	each_path(state, check_means);
}

static void test_best_is_offered(void **state)
{
	const struct motion_means_path *best = motion_means_best();
	bool after = false;

	(void)state;
	assert_true(best->offered());
	for (size_t i = 0; motion_means_paths[i]; i++) {
		assert_false(after && motion_means_paths[i]->offered());
		after |= motion_means_paths[i] == best;
	}
	assert_true(after);
}

#ifdef __SANITIZE_ADDRESS__
/* sanitizer/allocator_interface.h, which Debian's gcc comes without */
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
					      void (*free_hook)(const volatile void *));

static unsigned int allocations;

static void count_allocation(const volatile void *at, size_t size)
{
	(void)at;
	(void)size;
	allocations++;
}

static void ignore_release(const volatile void *at)
{
	(void)at;
}

/* While it learns, while nothing moves, while something does, when the light is switched. */
static void test_no_allocation_per_frame(void **state)
{
	struct scene s;

	(void)state;
	assert_true(__sanitizer_install_malloc_and_free_hooks(count_allocation, ignore_release));
	scene_open(&s, &scene_config);
	assert_true(allocations > 0);
	allocations = 0;
	scene_still(&s, 4 * SCENE_FPS);
	s.square = (struct square) { 20, 100, 64, 30 };
	scene_move(&s, 20, 8, 0);
	assert_true(s.moving > 0);
	s.gain = 0.3;
	scene_still(&s, SCENE_FPS);
	motion_reset(s.motion);
	scene_still(&s, SCENE_FPS);
	assert_int_equal(allocations, 0);
	scene_close(&s);
}
#else
static void test_no_allocation_per_frame(void **state)
{
	(void)state;
	skip(); /* counted by what AddressSanitizer tells */
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_path_is_the_same),
		cmocka_unit_test(test_white),
		cmocka_unit_test(test_best_is_offered),
		cmocka_unit_test(test_no_allocation_per_frame),
	};

	return cmocka_run_group_tests(tests, pixels_setup, pixels_teardown);
}
