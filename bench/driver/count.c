// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU plugin that counts what a machine does between two marks: instructions, and what copies touch.
 *
 * Counted, not timed: with -icount and one processor the numbers are the same in every run, however
 * busy the host is. A mark is an instruction that does nothing, `nopl 0x7f4cXXXX(%rax)`: XXXX is 0 to
 * end, else the number of frames that begin. For each such, a line on QEMU's standard error:
 *
 *	count FRAMES USER KERNEL COPYING COPIED
 *
 * Instructions of programs and of the kernel; those that are steps of a copy; bytes that these read
 * and wrote. The one thing to know: a copy is a `rep movs` (as the kernel copies on the processor
 * "qemu64", eight bytes a step) of RUN_MIN bytes or more; a shorter one is the arguments of a system
 * call, and belongs to what a frame costs whatever its size.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * What is used of QEMU's plugin interface, version 1 (docs/devel/tcg-plugins.rst in QEMU's sources);
 * Debian packages no header of it.
 */
typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint32_t qemu_plugin_meminfo_t;
enum qemu_plugin_cb_flags {
	QEMU_PLUGIN_CB_NO_REGS
};
enum qemu_plugin_mem_rw {
	QEMU_PLUGIN_MEM_R = 1,
	QEMU_PLUGIN_MEM_W,
	QEMU_PLUGIN_MEM_RW
};
enum qemu_plugin_op {
	QEMU_PLUGIN_INLINE_ADD_U64
};

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
						  void (*cb)(qemu_plugin_id_t,
							     struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
						   void (*cb)(unsigned int vcpu, void *user),
						   enum qemu_plugin_cb_flags flags, void *user);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						       enum qemu_plugin_op op, void *counter,
						       uint64_t add);
extern void qemu_plugin_register_vcpu_mem_cb(
	struct qemu_plugin_insn *insn,
	void (*cb)(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *user),
	enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw, void *user);
extern unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
extern bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

#define MARK	   0x7f4c
#define RUN_MIN	   256
#define KERNEL_BIT (1ULL << 63)

/* A copy that is under way, one for what it reads and one for what it writes. */
struct run {
	uint64_t next; /* address */
	uint64_t bytes, steps;
};

static struct {
	uint64_t user, kernel, copying, copied;
} now, begin;
static struct run runs[2];
static unsigned int frames;

static void run_end(struct run *run, bool store)
{
	if (run->bytes >= RUN_MIN) {
		now.copied += run->bytes;
		/* A step is a load and a store, and one instruction. */
		now.copying += store ? run->steps : 0;
	}
	*run = (struct run) { 0 };
}

static void copy_step(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *user)
{
	bool store = qemu_plugin_mem_is_store(info);
	uint64_t bytes = 1ULL << qemu_plugin_mem_size_shift(info);
	struct run *run = &runs[store];

	(void)vcpu;
	(void)user;
	if (vaddr != run->next)
		run_end(run, store);
	run->next = vaddr + bytes;
	run->bytes += bytes;
	run->steps++;
}

static void mark(unsigned int vcpu, void *user)
{
	(void)vcpu;
	run_end(&runs[0], false);
	run_end(&runs[1], true);
	if (frames)
		fprintf(stderr, "count %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			frames, now.user - begin.user, now.kernel - begin.kernel,
			now.copying - begin.copying, now.copied - begin.copied);
	frames = (uintptr_t)user;
	begin = now;
}

static bool is_copy(const uint8_t *code, size_t size)
{
	size_t at = 1;

	if (size < 2 || code[0] != 0xf3)
		return false;
	if ((code[at] & 0xf0) == 0x40)
		at++;
	return at < size && (code[at] == 0xa4 || code[at] == 0xa5);
}

/* nopl disp32(%rax): 0f 1f 80 and the number. */
static bool is_mark(const uint8_t *code, size_t size, unsigned int *which)
{
	uint32_t number;

	if (size != 7 || memcmp(code, "\x0f\x1f\x80", 3) != 0)
		return false;
	memcpy(&number, code + 3, sizeof(number));
	*which = number & 0xffff;
	return number >> 16 == MARK;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		bool kernel = qemu_plugin_insn_vaddr(insn) & KERNEL_BIT;
		const uint8_t *code = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);
		unsigned int which;

		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							   kernel ? &now.kernel : &now.user, 1);
		if (is_copy(code, size))
			qemu_plugin_register_vcpu_mem_cb(insn, copy_step, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW, NULL);
		if (!kernel && is_mark(code, size, &which))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)which);
	}
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv);

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
