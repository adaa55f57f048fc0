// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: a fragment that cannot be written because it lies across two registered
 * buffers, two frames in the same memory, a plan that is refused although it fits or the reverse.
 */
#include "clip_layout.h"
#include "record/arena.h"
#include "record/config.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define MIB ((size_t)1 << 20)

/* Each piece in its own memory, aligned, and in one region that index @region of it names. */
static void check_piece(const struct arena *a, const uint8_t *p, size_t size, const uint8_t *before,
			size_t size_before)
{
	const struct iovec *r = &a->regions[arena_region(a, p)];

	assert_int_equal((uintptr_t)p % a->plan.align, 0);
	assert_true(p >= (uint8_t *)r->iov_base);
	assert_true(p + size <= (uint8_t *)r->iov_base + r->iov_len);
	if (before)
		assert_true(p >= before + size_before);
}

static void check_layout(const struct arena *a)
{
	const struct arena_plan *plan = &a->plan;

	for (uint32_t i = 0; i < plan->n_runs; i++)
		check_piece(a, a->runs[i], plan->run_size, i ? a->runs[i - 1] : NULL,
			    plan->run_size);
	for (uint32_t i = 0; i < plan->n_slots; i++)
		check_piece(a, a->slots[i], plan->slot_size,
			    i ? a->slots[i - 1] : a->runs[plan->n_runs - 1],
			    i ? plan->slot_size : plan->run_size);
}

static void pieces_are_apart_and_aligned(void **state)
{
	const struct arena_plan plan = {
		.slot_size = 12345, .n_slots = 7, .run_size = 70000, .n_runs = 3, .align = 4096
	};
	struct arena a;

	(void)state;
	assert_int_equal(arena_init(&a, &plan), 0);
	assert_int_equal(a.size, arena_size(&plan));
	check_layout(&a);
	arena_exit(&a);
}

static void no_piece_lies_across_two_regions(void **state)
{
	const struct arena_plan plan = { .slot_size = 200 * MIB,
					 .n_slots = 5,
					 .run_size = 100 * MIB,
					 .n_runs = 1,
					 .align = 4096 };
	struct arena a;

	(void)state;
	if (arena_init(&a, &plan))
		skip(); /* so much memory cannot be locked here */
	assert_int_equal(a.n_regions, 2);
	assert_int_equal(a.regions[0].iov_len, ARENA_REGION);
	check_layout(&a);
	assert_int_equal(arena_region(&a, a.slots[3]), 0);
	assert_int_equal(arena_region(&a, a.slots[4]), 1);
	arena_exit(&a);
}

static void a_slot_is_given_once(void **state)
{
	const struct arena_plan plan = {
		.slot_size = 4096, .n_slots = 5, .run_size = 4096, .n_runs = 1, .align = 4096
	};
	bool taken[5] = { false };
	struct arena a;

	(void)state;
	assert_int_equal(arena_init(&a, &plan), 0);
	for (int i = 0; i < 5; i++) {
		int slot = arena_take(&a);

		assert_in_range(slot, 0, 4);
		assert_false(taken[slot]);
		taken[slot] = true;
	}
	assert_int_equal(arena_take(&a), -1);
	arena_give(&a, 3);
	assert_int_equal(arena_take(&a), 3);
	arena_exit(&a);
}

/* What the kernel says of the mapping: "dd" not dumped, "dc" not inherited. */
static void expect_private(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false, found = false;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (inside && !strncmp(line, "VmFlags:", 8)) {
			found = true;
			assert_non_null(strstr(line, " dd"));
			assert_non_null(strstr(line, " dc"));
		}
	}
	fclose(f);
	assert_true(found);
}

static void frames_and_keys_are_in_no_dump_and_no_child(void **state)
{
	const struct arena_plan plan = {
		.slot_size = 4096, .n_slots = 1, .run_size = 4096, .n_runs = 1, .align = 4096
	};
	struct arena a;
	uint8_t *key = secret_new(32);

	(void)state;
	assert_int_equal(arena_init(&a, &plan), 0);
	expect_private(a.slots[0]);
	expect_private(a.runs[0]);
	assert_non_null(key);
	expect_private(key);
	secret_free(key, 32);
	arena_exit(&a);
}

static const struct frame_format vga = {
	.fourcc = V4L2_PIX_FMT_NV12, .width = 640, .height = 480, .stride = 640, .size = 460800
};

static const struct config_stream stream = { .format = &vga,
					     .fps_num = 30000,
					     .fps_den = 1001,
					     .sample_max = 720000,
					     .block = 4096,
					     .buffers = 4 };

static const struct config usual = {
	.path = "front.conf",
	.pre_roll = 5000000,
	.max_clip = 300000000,
	.encoder_backlog = 2000000,
	.write_backlog = 4000000,
	.arena = 256 * MIB,
};

static void the_plan_has_a_slot_for_every_frame_that_can_wait(void **state)
{
	struct arena_plan plan;

	(void)state;
	assert_int_equal(config_plan(&usual, &stream, &plan), 0);
	/* 5 s and 2 s at 29.97 are 150 and 60 frames, rounded up; 4 with the driver, one in hand. */
	assert_int_equal(plan.n_slots, 150 + 60 + 4 + 1);
	assert_int_equal(plan.slot_size, vga.size);
	assert_int_equal(plan.n_runs, 5);
	assert_true(plan.run_size >= 2 * 4096 + 2 * stream.sample_max);
	assert_int_equal(plan.run_size % 4096, 0);
}

static void a_plan_fits_to_the_byte_or_is_refused(void **state)
{
	struct config cfg = usual;
	struct arena_plan plan;

	(void)state;
	assert_int_equal(config_plan(&cfg, &stream, &plan), 0);
	cfg.arena = arena_size(&plan);
	assert_int_equal(config_plan(&cfg, &stream, &plan), 0);
	cfg.arena--;
	assert_int_equal(config_plan(&cfg, &stream, &plan), -ENOMEM);
}

static void the_index_has_room_for_the_longest_clip(void **state)
{
	struct config cfg = usual;
	struct config_stream fast = stream;

	(void)state;
	assert_true(clip_index_capacity(4096, config_index_blocks(&cfg, &stream)) >= 305);
	cfg.max_clip = 3600000000;
	assert_true(clip_index_capacity(4096, config_index_blocks(&cfg, &stream)) >= 3605);
	fast.fps_num = 240; /* three fragments a second, of 100 samples at most */
	fast.fps_den = 1;
	assert_true(clip_index_capacity(4096, config_index_blocks(&cfg, &fast)) >= 3 * 3605);
	/* More than an index can hold: what it can, and an end to the search. */
	fast.fps_num = 1000;
	assert_int_equal(clip_index_capacity(4096, config_index_blocks(&cfg, &fast)),
			 CLIP_REFS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart_and_aligned),
		cmocka_unit_test(no_piece_lies_across_two_regions),
		cmocka_unit_test(a_slot_is_given_once),
		cmocka_unit_test(frames_and_keys_are_in_no_dump_and_no_child),
		cmocka_unit_test(the_plan_has_a_slot_for_every_frame_that_can_wait),
		cmocka_unit_test(a_plan_fits_to_the_byte_or_is_refused),
		cmocka_unit_test(the_index_has_room_for_the_longest_clip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
