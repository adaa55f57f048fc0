// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cameras and views as directories in configfs, and policies as their files.
 *
 *	ownframe/<camera>/live
 *	ownframe/<camera>/views/<view>/{max_consumers,memory_limit,max_rate,crop,masks,...}
 *
 * A directory is what somebody wants; the nodes of a camera are made from it when `live` becomes
 * 1, and made anew each time. So those that are still open from the time before have nothing to do
 * with those that are there now.
 *
 * The one thing to know: everything here is under the mutex of the subsystem, with which configfs
 * calls for mkdir and rmdir. It keeps the directories where they are, and so nothing under it may
 * wait for one. configfs_depend_item_unlocked() does not: it is for calls from a subsystem's own
 * files.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/configfs.h>
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ownframe.h"

/* More than any camera has, and few enough for the arithmetic of time. */
#define MAX_RATE	1000
#define MAX_CONSUMERS	1024

/**
 * struct camera_item - directory of a camera
 * @group: the directory
 * @views_group: the directory of its views
 * @entry: in initial_cameras, if it is one of them
 * @camera: if it is live
 */
struct camera_item {
	struct config_group group;
	struct config_group views_group;
	struct list_head entry;
	struct ownframe_camera *camera;
};

/**
 * struct view_item - directory of a view
 * @group: the directory. A group, as only groups can be there from the beginning
 * @policy: what the files say
 * @view: if the camera is live
 */
struct view_item {
	struct config_group group;
	struct ownframe_policy policy;
	struct ownframe_view *view;
};

static struct configfs_subsystem subsystem;

/* Those of the module's parameter. */
static LIST_HEAD(initial_cameras);

static struct camera_item *to_camera_item(struct config_item *item)
{
	return container_of(to_config_group(item), struct camera_item, group);
}

static struct view_item *to_view_item(struct config_item *item)
{
	return container_of(to_config_group(item), struct view_item, group);
}

/* Everything that the files and directories stand for, see above. */
static void tree_lock(void)
{
	mutex_lock(&subsystem.su_mutex);
}

static void tree_unlock(void)
{
	mutex_unlock(&subsystem.su_mutex);
}

#define for_each_view(item, camera_item) \
	list_for_each_entry(item, &(camera_item)->views_group.cg_children, group.cg_item.ci_entry)

static bool name_valid(const char *name)
{
	if (ownframe_name_valid(name))
		return true;
	pr_err_ratelimited("\"%s\" is no name: 1 to %d of A-Z a-z 0-9 _ -, but not \"%s\"\n", name,
			   OWNFRAME_NAME_MAX, OWNFRAME_FEED_NAME);
	return false;
}

/* Drawings: "1920x1080:left,top,width,height;..." */

/* At most five digits, and what follows them. */
static bool parse_number(const char **text, char end, u32 *number)
{
	const char *start = *text;

	*number = 0;
	while (isdigit(**text) && *text - start < 5)
		*number = *number * 10 + *(*text)++ - '0';
	if (*text == start || *number > OWNFRAME_MAX_DRAWING || (end && **text != end))
		return false;
	*text += !!end;
	return true;
}

static bool parse_rect(const char **text, const struct ownframe_drawing *drawing,
		       struct v4l2_rect *rect)
{
	u32 left, top, width, height;

	if (!parse_number(text, ',', &left) || !parse_number(text, ',', &top) ||
	    !parse_number(text, ',', &width) || !parse_number(text, 0, &height))
		return false;
	*rect = (struct v4l2_rect) { left, top, width, height };
	return width && height && left + width <= drawing->width &&
	       top + height <= drawing->height;
}

static int parse_drawing(const char *text, unsigned int max_rects, struct ownframe_drawing *drawing)
{
	*drawing = (struct ownframe_drawing) {};
	if (sysfs_streq(text, ""))
		return 0;
	if (!parse_number(&text, 'x', &drawing->width) ||
	    !parse_number(&text, ':', &drawing->height))
		return -EINVAL;
	do {
		if (drawing->num == max_rects ||
		    !parse_rect(&text, drawing, &drawing->rects[drawing->num++]))
			return -EINVAL;
	} while (*text == ';' && text++);
	return sysfs_streq(text, "") ? 0 : -EINVAL;
}

static ssize_t show_drawing(char *page, const struct ownframe_drawing *drawing)
{
	const struct v4l2_rect *rect;
	ssize_t at = 0;

	if (!drawing->num)
		return sprintf(page, "\n");
	at += sprintf(page, "%ux%u", drawing->width, drawing->height);
	for (rect = drawing->rects; rect < drawing->rects + drawing->num; rect++)
		at += sprintf(page + at, "%c%d,%d,%u,%u", rect == drawing->rects ? ':' : ';',
			      rect->left, rect->top, rect->width, rect->height);
	return at + sprintf(page + at, "\n");
}

/* The files of a view */

/* Let what the files say hold, also for a camera that is live. */
static ssize_t view_item_apply(struct view_item *item, const struct ownframe_policy *policy)
{
	int ret = 0;

	lockdep_assert_held(&subsystem.su_mutex);
	if (item->view)
		ret = ownframe_camera_set_policy(item->view, policy);
	if (!ret)
		item->policy = *policy;
	return ret;
}

/*
 * Each file has a function that shows a policy's part, and one that changes it in a copy, which
 * then replaces the policy.
 */
static ssize_t view_item_show(struct config_item *config_item, char *page,
			      ssize_t (*show)(const struct ownframe_policy *policy, char *page))
{
	ssize_t ret;

	tree_lock();
	ret = show(&to_view_item(config_item)->policy, page);
	tree_unlock();
	return ret;
}

static ssize_t view_item_store(struct config_item *config_item, const char *page, size_t count,
			       int (*store)(struct ownframe_policy *policy, const char *page))
{
	struct view_item *item = to_view_item(config_item);
	struct ownframe_policy *policy;
	ssize_t ret;

	/* A zero in the midst of it would hide the rest. */
	if (strlen(page) != count)
		return -EINVAL;
	tree_lock();
	policy = kmemdup(&item->policy, sizeof(item->policy), GFP_KERNEL);
	ret = policy ? store(policy, page) : -ENOMEM;
	if (!ret)
		ret = view_item_apply(item, policy);
	tree_unlock();
	kfree(policy);
	return ret ?: count;
}

#define VIEW_FILE(name)								\
static ssize_t view_item_##name##_show(struct config_item *item, char *page)	\
{										\
	return view_item_show(item, page, name##_show);				\
}										\
										\
static ssize_t view_item_##name##_store(struct config_item *item, const char *page, \
					size_t count)				\
{										\
	return view_item_store(item, page, count, name##_store);		\
}										\
										\
CONFIGFS_ATTR(view_item_, name)

static int store_number(const char *page, unsigned int min, unsigned int max, unsigned int *number)
{
	unsigned int value;
	int ret = kstrtouint(page, 10, &value);

	if (ret)
		return ret;
	if (value < min || value > max)
		return -EINVAL;
	*number = value;
	return 0;
}

static ssize_t max_consumers_show(const struct ownframe_policy *policy, char *page)
{
	return sprintf(page, "%u\n", policy->max_consumers);
}

static int max_consumers_store(struct ownframe_policy *policy, const char *page)
{
	return store_number(page, 1, MAX_CONSUMERS, &policy->max_consumers);
}

static ssize_t memory_limit_show(const struct ownframe_policy *policy, char *page)
{
	return sprintf(page, "%lu\n", policy->memory_limit);
}

static int memory_limit_store(struct ownframe_policy *policy, const char *page)
{
	return kstrtoul(page, 10, &policy->memory_limit);
}

static ssize_t max_rate_show(const struct ownframe_policy *policy, char *page)
{
	return sprintf(page, "%u\n", policy->max_rate);
}

static int max_rate_store(struct ownframe_policy *policy, const char *page)
{
	return store_number(page, 0, MAX_RATE, &policy->max_rate);
}

static ssize_t crop_show(const struct ownframe_policy *policy, char *page)
{
	return show_drawing(page, &policy->crop);
}

static int crop_store(struct ownframe_policy *policy, const char *page)
{
	return parse_drawing(page, 1, &policy->crop);
}

static ssize_t masks_show(const struct ownframe_policy *policy, char *page)
{
	return show_drawing(page, &policy->masks);
}

static int masks_store(struct ownframe_policy *policy, const char *page)
{
	return parse_drawing(page, OWNFRAME_MAX_MASKS, &policy->masks);
}

static ssize_t userptr_show(const struct ownframe_policy *policy, char *page)
{
	return sprintf(page, "%d\n", policy->userptr);
}

static int userptr_store(struct ownframe_policy *policy, const char *page)
{
	return kstrtobool(page, &policy->userptr);
}

static ssize_t export_show(const struct ownframe_policy *policy, char *page)
{
	return sprintf(page, "%d\n", policy->export);
}

static int export_store(struct ownframe_policy *policy, const char *page)
{
	return kstrtobool(page, &policy->export);
}

VIEW_FILE(max_consumers);
VIEW_FILE(memory_limit);
VIEW_FILE(max_rate);
VIEW_FILE(crop);
VIEW_FILE(masks);
VIEW_FILE(userptr);
VIEW_FILE(export);

static struct configfs_attribute *view_item_attrs[] = {
	&view_item_attr_max_consumers,
	&view_item_attr_memory_limit,
	&view_item_attr_max_rate,
	&view_item_attr_crop,
	&view_item_attr_masks,
	&view_item_attr_userptr,
	&view_item_attr_export,
	NULL
};

/* Directories of views */

static void view_item_release(struct config_item *item)
{
	kfree(to_view_item(item));
}

static struct configfs_item_operations view_item_ops = {
	.release = view_item_release,
};

static const struct config_item_type view_item_type = {
	.ct_item_ops	= &view_item_ops,
	.ct_attrs	= view_item_attrs,
	.ct_owner	= THIS_MODULE,
};

static struct view_item *view_item_new(const char *name)
{
	struct view_item *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return NULL;
	ownframe_view_default_policy(&item->policy);
	config_group_init_type_name(&item->group, name, &view_item_type);
	return item;
}

static struct config_group *views_make_group(struct config_group *group, const char *name)
{
	struct camera_item *camera = container_of(group, struct camera_item, views_group);
	struct view_item *item;

	lockdep_assert_held(&subsystem.su_mutex);
	if (!name_valid(name))
		return ERR_PTR(-EINVAL);
	if (camera->camera)
		return ERR_PTR(-EBUSY);
	item = view_item_new(name);
	return item ? &item->group : ERR_PTR(-ENOMEM);
}

static struct configfs_group_operations views_ops = {
	.make_group = views_make_group,
};

static const struct config_item_type views_type = {
	.ct_group_ops	= &views_ops,
	.ct_owner	= THIS_MODULE,
};

/* The file `live` */

/* Let its directories be removed again; of views, those before @end. */
static void camera_item_unpin(struct camera_item *item, struct view_item *end)
{
	struct view_item *view;

	for_each_view(view, item) {
		if (view == end)
			break;
		configfs_undepend_item(&view->group.cg_item);
	}
	configfs_undepend_item(&item->group.cg_item);
}

/* Fails if one of them is just being made or removed: configfs takes its time for either. */
static int camera_item_pin(struct camera_item *item)
{
	struct view_item *view;

	if (configfs_depend_item_unlocked(&subsystem, &item->group.cg_item))
		return -EBUSY;
	for_each_view(view, item) {
		if (!configfs_depend_item_unlocked(&subsystem, &view->group.cg_item))
			continue;
		camera_item_unpin(item, view);
		return -EBUSY;
	}
	return 0;
}

static int camera_item_add_views(struct camera_item *item)
{
	struct ownframe_view *view;
	struct view_item *view_item;

	for_each_view(view_item, item) {
		view = ownframe_camera_add_view(item->camera,
						config_item_name(&view_item->group.cg_item),
						&view_item->policy);
		if (IS_ERR(view))
			return PTR_ERR(view);
		view_item->view = view;
	}
	return ownframe_camera_register(item->camera);
}

static void camera_item_stop(struct camera_item *item)
{
	struct view_item *view;

	ownframe_camera_remove(item->camera);
	item->camera = NULL;
	for_each_view(view, item)
		view->view = NULL;
	camera_item_unpin(item, NULL);
}

static int camera_item_start(struct camera_item *item)
{
	struct ownframe_camera *camera;
	int ret;

	if (list_empty(&item->views_group.cg_children)) {
		pr_err_ratelimited("%s: has no view\n", config_item_name(&item->group.cg_item));
		return -EINVAL;
	}
	ret = camera_item_pin(item);
	if (ret)
		return ret;
	camera = ownframe_camera_new(config_item_name(&item->group.cg_item));
	if (IS_ERR(camera)) {
		camera_item_unpin(item, NULL);
		return PTR_ERR(camera);
	}
	item->camera = camera;
	ret = camera_item_add_views(item);
	if (ret)
		camera_item_stop(item);
	return ret;
}

static int camera_item_set_live(struct camera_item *item, bool live)
{
	int ret = 0;

	tree_lock();
	if (live && !item->camera)
		ret = camera_item_start(item);
	else if (!live && item->camera)
		camera_item_stop(item);
	tree_unlock();
	return ret;
}

static ssize_t camera_item_live_show(struct config_item *item, char *page)
{
	return sprintf(page, "%d\n", !!READ_ONCE(to_camera_item(item)->camera));
}

static ssize_t camera_item_live_store(struct config_item *item, const char *page, size_t count)
{
	bool live;
	int ret = kstrtobool(page, &live);

	if (!ret)
		ret = camera_item_set_live(to_camera_item(item), live);
	return ret ?: count;
}

CONFIGFS_ATTR(camera_item_, live);

static struct configfs_attribute *camera_item_attrs[] = {
	&camera_item_attr_live,
	NULL
};

/* Directories of cameras */

static void camera_item_release(struct config_item *config_item)
{
	struct camera_item *item = to_camera_item(config_item);

	configfs_remove_default_groups(&item->views_group);
	kfree(item);
}

static struct configfs_item_operations camera_item_ops = {
	.release = camera_item_release,
};

static const struct config_item_type camera_item_type = {
	.ct_item_ops	= &camera_item_ops,
	.ct_attrs	= camera_item_attrs,
	.ct_owner	= THIS_MODULE,
};

static struct camera_item *camera_item_new(const char *name)
{
	struct camera_item *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return NULL;
	config_group_init_type_name(&item->group, name, &camera_item_type);
	config_group_init_type_name(&item->views_group, "views", &views_type);
	configfs_add_default_group(&item->views_group, &item->group);
	return item;
}

static struct config_group *cameras_make_group(struct config_group *group, const char *name)
{
	struct camera_item *item;

	if (!name_valid(name))
		return ERR_PTR(-EINVAL);
	item = camera_item_new(name);
	return item ? &item->group : ERR_PTR(-ENOMEM);
}

static struct configfs_group_operations cameras_ops = {
	.make_group = cameras_make_group,
};

static const struct config_item_type cameras_type = {
	.ct_group_ops	= &cameras_ops,
	.ct_owner	= THIS_MODULE,
};

static struct configfs_subsystem subsystem = {
	.su_group.cg_item = {
		.ci_namebuf = KBUILD_MODNAME,
		.ci_type = &cameras_type,
	},
};

/* Life */

static bool __init name_taken(const char *name)
{
	struct camera_item *item;

	list_for_each_entry(item, &initial_cameras, entry)
		if (!strcmp(config_item_name(&item->group.cg_item), name))
			return true;
	return false;
}

/* A camera that is there from the beginning, with one view. */
static int __init initial_camera_add(const char *name)
{
	struct camera_item *item;
	struct view_item *view;

	if (!name_valid(name))
		return -EINVAL;
	if (name_taken(name)) {
		pr_err("cameras: \"%s\" is there twice\n", name);
		return -EINVAL;
	}
	item = camera_item_new(name);
	if (!item)
		return -ENOMEM;
	list_add_tail(&item->entry, &initial_cameras);
	configfs_add_default_group(&item->group, &subsystem.su_group);
	view = view_item_new("main");
	if (!view)
		return -ENOMEM;
	configfs_add_default_group(&view->group, &item->views_group);
	return 0;
}

static int __init initial_cameras_add(const char *cameras)
{
	char *names = kstrdup(cameras, GFP_KERNEL);
	char *rest = names;
	char *name;
	int ret = 0;

	if (!names)
		return -ENOMEM;
	while (!ret && (name = strsep(&rest, ",")))
		ret = initial_camera_add(name);
	kfree(names);
	return ret;
}

static int __init initial_cameras_start(void)
{
	struct camera_item *item;
	int ret = 0;

	list_for_each_entry(item, &initial_cameras, entry)
		if (!ret)
			ret = camera_item_set_live(item, true);
	return ret;
}

/**
 * ownframe_configfs_init() - make the directory of cameras
 * @cameras: names of those that are live from the beginning, with commas, or NULL
 *
 * These cannot be removed but with the module.
 *
 * Return: 0 or an error.
 */
int __init ownframe_configfs_init(const char *cameras)
{
	int ret = 0;

	config_group_init(&subsystem.su_group);
	mutex_init(&subsystem.su_mutex);
	if (cameras && *cameras)
		ret = initial_cameras_add(cameras);
	if (!ret)
		ret = configfs_register_subsystem(&subsystem);
	if (ret) {
		configfs_remove_default_groups(&subsystem.su_group);
		return ret;
	}
	ret = initial_cameras_start();
	if (ret)
		ownframe_configfs_exit();
	return ret;
}

/**
 * ownframe_configfs_exit() - remove all cameras
 *
 * There are none but the initial ones: directories that somebody made hold the module.
 */
void ownframe_configfs_exit(void)
{
	struct camera_item *item;

	list_for_each_entry(item, &initial_cameras, entry)
		camera_item_set_live(item, false);
	configfs_unregister_subsystem(&subsystem);
	configfs_remove_default_groups(&subsystem.su_group);
}
