// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of consumers in debugfs: who watches which view, and what it gets.
 *
 * The one thing to know: it is one file for all cameras, because removing a file waits for those
 * who read it, and removing a camera must wait for nobody.
 */
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/pid_namespace.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include "ownframe.h"

static LIST_HEAD(cameras);
static DEFINE_MUTEX(cameras_lock); /* cameras */
static struct dentry *folder;

static void show_consumer(struct seq_file *table, struct ownframe_consumer *consumer)
{
	struct ownframe_owner *owner = &consumer->owner;

	/* A process that the reader's PID namespace does not have is 0, as elsewhere. */
	seq_printf(table, "%-13s %-13s %7d %10u %-9s", owner->node->camera->name,
		   owner->node->name, pid_nr_ns(owner->pid, task_active_pid_ns(current)),
		   from_kuid_munged(seq_user_ns(table), owner->uid),
		   list_empty_careful(&consumer->stream_entry) ? "no" : "yes");
	spin_lock(&consumer->buf_lock);
	seq_printf(table, " %10llu %10llu %15llu %15llu ", consumer->delivered, consumer->dropped,
		   consumer->bytes, consumer->copy_ns);
	spin_unlock(&consumer->buf_lock);
	/* The process chose its name: nothing in it may look like another line. */
	seq_escape_str(table, owner->comm, ESCAPE_ANY | ESCAPE_NAP | ESCAPE_APPEND, "\\");
	seq_putc(table, '\n');
}

static void show_view(struct seq_file *table, struct ownframe_node *view)
{
	struct ownframe_owner *owner;

	spin_lock(&view->lock);
	list_for_each_entry(owner, &view->owners, entry)
		show_consumer(table, to_consumer(owner));
	spin_unlock(&view->lock);
}

static int consumers_show(struct seq_file *table, void *data)
{
	struct ownframe_camera *camera;
	struct ownframe_node *view;

	seq_printf(table, "%-13s %-13s %7s %10s %-9s %10s %10s %15s %15s %s\n", "camera", "view",
		   "tgid", "uid", "streaming", "delivered", "dropped", "bytes", "copy_ns", "comm");
	mutex_lock(&cameras_lock);
	list_for_each_entry(camera, &cameras, seen_entry)
		list_for_each_entry(view, &camera->views, entry)
			show_view(table, view);
	mutex_unlock(&cameras_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(consumers);

void ownframe_debugfs_init(void)
{
	folder = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("consumers", 0400, folder, NULL, &consumers_fops);
}

void ownframe_debugfs_exit(void)
{
	debugfs_remove(folder);
}

/**
 * ownframe_debugfs_add() - show a camera's consumers
 * @camera: with all its views
 */
void ownframe_debugfs_add(struct ownframe_camera *camera)
{
	mutex_lock(&cameras_lock);
	list_add_tail(&camera->seen_entry, &cameras);
	mutex_unlock(&cameras_lock);
}

/**
 * ownframe_debugfs_remove() - show them no more
 * @camera: that was perhaps never shown
 */
void ownframe_debugfs_remove(struct ownframe_camera *camera)
{
	mutex_lock(&cameras_lock);
	list_del_init(&camera->seen_entry);
	mutex_unlock(&cameras_lock);
}
