// SPDX-License-Identifier: GPL-2.0-only
/*
 * provoke: a module that misbehaves on request, to see that the test machine notices.
 *
 * Loading it does what the parameter says; Debian's kernel has no lkdtm to ask instead.
 */

#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/smp.h>

static char *what = "";
module_param(what, charp, 0);

static void spin(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static int __init provoke_init(void)
{
	if (!strcmp(what, "warn")) {
		WARN(1, "provoked\n");
	} else if (!strcmp(what, "oops")) {
		WRITE_ONCE(*(int *)8, 0);
	} else if (!strcmp(what, "stop")) {
		/* Every processor, without interrupts: not even the watchdogs run. */
		smp_call_function(spin, NULL, 0);
		spin(NULL);
	} else if (!strcmp(what, "unkillable")) {
		for (;;) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			schedule();
		}
	} else if (!strcmp(what, "busy")) {
		__module_get(THIS_MODULE);
	}
	return 0;
}

static void __exit provoke_exit(void)
{
}

module_init(provoke_init);
module_exit(provoke_exit);
MODULE_DESCRIPTION("Misbehaves on request");
MODULE_LICENSE("GPL");
