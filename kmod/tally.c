// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tally: how many consumers stream, told to the feed (a control), to the room (an LED trigger)
 * and to who polls sysfs.
 *
 * Apart from camera.c, which counts, because it meets three subsystems that may sleep, and a frame
 * none.
 *
 * The one thing to know: whoever changed the number comes here afterwards, and reads it anew under
 * tally_lock. Of two who come at once, the second cannot put back what the first has told, so
 * neither number nor light is ever left behind.
 */
#include <linux/sysfs.h>

#include "ownframe.h"

/**
 * ownframe_tally_count() - how many consumers stream
 * @node: a view; or a feed, for all views of the camera
 */
unsigned int ownframe_tally_count(struct ownframe_node *node)
{
	return READ_ONCE(*(node == &node->camera->feed ? &node->camera->num_streaming :
							 &node->num_streaming));
}

#ifdef CONFIG_LEDS_TRIGGERS

static enum led_brightness tally_brightness(struct ownframe_camera *camera)
{
	return READ_ONCE(camera->num_streaming) ? LED_FULL : LED_OFF;
}

static void tally_light(struct ownframe_camera *camera)
{
	led_trigger_event(&camera->tally_led, tally_brightness(camera));
}

/* A LED was given to the camera while somebody streams. */
static int tally_led_activate(struct led_classdev *led)
{
	struct ownframe_camera *camera = container_of(led->trigger, struct ownframe_camera,
						      tally_led);

	mutex_lock(&camera->tally_lock);
	led_set_brightness(led, tally_brightness(camera));
	mutex_unlock(&camera->tally_lock);
	return 0;
}

static void tally_led_init(struct ownframe_camera *camera)
{
	struct led_trigger *trigger = &camera->tally_led;

	snprintf(camera->tally_name, sizeof(camera->tally_name), "%s-%s", KBUILD_MODNAME,
		 camera->name);
	trigger->name = camera->tally_name;
	trigger->activate = tally_led_activate;
	/* So that it may be unregistered, and told, without being registered. */
	INIT_LIST_HEAD(&trigger->next_trig);
	INIT_LIST_HEAD(&trigger->led_cdevs);
}

static int tally_led_register(struct ownframe_camera *camera)
{
	return led_trigger_register(&camera->tally_led);
}

static void tally_led_unregister(struct ownframe_camera *camera)
{
	led_trigger_unregister(&camera->tally_led);
}

#else

static void tally_light(struct ownframe_camera *camera) {}
static void tally_led_init(struct ownframe_camera *camera) {}
static int tally_led_register(struct ownframe_camera *camera) { return 0; }
static void tally_led_unregister(struct ownframe_camera *camera) {}

#endif /* CONFIG_LEDS_TRIGGERS */

void ownframe_tally_init(struct ownframe_camera *camera)
{
	mutex_init(&camera->tally_lock);
	tally_led_init(camera);
}

/**
 * ownframe_tally_register() - offer the LED trigger
 * @camera: not yet to be seen
 *
 * Return: 0, or -EEXIST if there is a trigger of the name.
 */
int ownframe_tally_register(struct ownframe_camera *camera)
{
	return tally_led_register(camera);
}

/**
 * ownframe_tally_unregister() - put out the light
 * @camera: whose nodes are unregistered. Consumers may stream on, in their own opinion
 */
void ownframe_tally_unregister(struct ownframe_camera *camera)
{
	tally_led_unregister(camera);
}

/* Wake who polls the attribute in sysfs, if it has another value. */
static void tally_notify(struct ownframe_node *node)
{
	unsigned int count = ownframe_tally_count(node);

	lockdep_assert_held(&node->camera->tally_lock);
	if (node->num_told == count)
		return;
	node->num_told = count;
	if (node->consumers_attr)
		sysfs_notify_dirent(node->consumers_attr);
}

/**
 * ownframe_tally_update() - the number of consumers may be another
 * @camera: whose
 */
void ownframe_tally_update(struct ownframe_camera *camera)
{
	struct ownframe_node *view;

	mutex_lock(&camera->tally_lock);
	v4l2_ctrl_s_ctrl(camera->consumers_ctrl, READ_ONCE(camera->num_streaming));
	tally_light(camera);
	tally_notify(&camera->feed);
	list_for_each_entry(view, &camera->views, entry)
		tally_notify(view);
	mutex_unlock(&camera->tally_lock);
}
