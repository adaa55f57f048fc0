// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: cameras by parameter, and all others in configfs.
 */
#include <linux/module.h>

#include "ownframe.h"

static char *cameras;
module_param(cameras, charp, 0444);
MODULE_PARM_DESC(cameras, "names of cameras, separated by commas; each has one view, main");

static int __init ownframe_init(void)
{
	int ret = ownframe_mem_init();

	if (ret)
		return ret;
	ownframe_debugfs_init();
	ret = ownframe_configfs_init(cameras);
	if (ret)
		ownframe_debugfs_exit();
	return ret;
}

static void __exit ownframe_exit(void)
{
	ownframe_configfs_exit();
	ownframe_debugfs_exit();
}

module_init(ownframe_init);
module_exit(ownframe_exit);

MODULE_DESCRIPTION("Camera whose frames reach their owner only");
MODULE_LICENSE("GPL");
