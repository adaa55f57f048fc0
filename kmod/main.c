// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: cameras by parameter.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>

#include "ownframe.h"

static char *cameras;
module_param(cameras, charp, 0444);
MODULE_PARM_DESC(cameras, "names of cameras, separated by commas; each has one view, main");

struct entry {
	struct list_head entry;
	struct ownframe_camera *camera;
};

static LIST_HEAD(entries);

static void remove_cameras(void)
{
	struct entry *entry, *next;

	list_for_each_entry_safe(entry, next, &entries, entry) {
		ownframe_camera_remove(entry->camera);
		kfree(entry);
	}
}

static bool __init name_taken(const char *name)
{
	struct entry *entry;

	list_for_each_entry(entry, &entries, entry)
		if (!strcmp(entry->camera->name, name))
			return true;
	return false;
}

static int __init add_camera(const char *name)
{
	struct entry *entry;
	int ret;

	if (!ownframe_name_valid(name)) {
		pr_err("cameras: \"%s\" is no name: 1 to %d of A-Z a-z 0-9 _ -, but not \"%s\"\n",
		       name, OWNFRAME_NAME_MAX, OWNFRAME_FEED_NAME);
		return -EINVAL;
	}
	if (name_taken(name)) {
		pr_err("cameras: \"%s\" is there twice\n", name);
		return -EINVAL;
	}
	entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	entry->camera = ownframe_camera_new(name);
	if (IS_ERR(entry->camera)) {
		ret = PTR_ERR(entry->camera);
		kfree(entry);
		return ret;
	}
	list_add_tail(&entry->entry, &entries);
	ret = ownframe_camera_add_view(entry->camera, "main");
	return ret ?: ownframe_camera_register(entry->camera);
}

static int __init add_cameras(void)
{
	char *names = kstrdup(cameras, GFP_KERNEL);
	char *rest = names;
	char *name;
	int ret = 0;

	if (!names)
		return -ENOMEM;
	while (!ret && (name = strsep(&rest, ",")))
		ret = add_camera(name);
	kfree(names);
	return ret;
}

static int __init ownframe_init(void)
{
	int ret = ownframe_mem_init();

	if (ret)
		return ret;
	ownframe_debugfs_init();
	if (cameras && *cameras)
		ret = add_cameras();
	if (ret) {
		remove_cameras();
		ownframe_debugfs_exit();
	}
	return ret;
}

static void __exit ownframe_exit(void)
{
	remove_cameras();
	ownframe_debugfs_exit();
}

module_init(ownframe_init);
module_exit(ownframe_exit);

MODULE_DESCRIPTION("Camera whose frames reach their owner only");
MODULE_LICENSE("GPL");
