// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The feed's configuration: a table of keys, and the two checks that a table cannot state. Separate
 * so that --check touches no device. The names of cameras are the driver's, see linux/ownframe.h.
 */
#include "config.h"

#include "../lib/settings.h"

#include <linux/ownframe.h>
#include <string.h>

const char *const feed_config_formats[] = { "auto", "NV12", "YU12", "NV21", "YUYV", "UYVY", NULL };

static const char *check_camera(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";
	size_t len = strlen(name);

	if (len < 1 || len > OWNFRAME_NAME_MAX || name[0] == '-' || strspn(name, allowed) != len)
		return "expected a camera's name: 1 to 13 of A-Z a-z 0-9 _ -, not beginning with -";
	return NULL;
}

static const char *check_sensor(const char *sensor)
{
	if (sensor[0] == '/' && sensor[1])
		return NULL;
	if (!strncmp(sensor, "bus:", 4) && sensor[4])
		return NULL;
	if (!strncmp(sensor, "serial:", 7) && sensor[7])
		return NULL;
	return "expected a path like /dev/v4l/by-path/..., bus:<bus info> or serial:<serial number>";
}

#define KEY(name, kind) \
	.section = "feed", .key = #name, .type = kind, .offset = offsetof(struct feed_config, name)

static const struct setting table[] = {
	{ KEY(camera, SETTING_TEXT), .required = true, .check = check_camera,
	  .expected = "a camera's name" },
	{ KEY(sensor, SETTING_TEXT), .required = true, .check = check_sensor,
	  .expected = "a sensor" },
	{ KEY(format, SETTING_CHOICE), .choices = feed_config_formats,
	  .expected = "auto, NV12, YU12, NV21, YUYV or UYVY" },
	{ KEY(width, SETTING_UINT), .max = 16384, .expected = "pixels, 0 to 16384" },
	{ KEY(height, SETTING_UINT), .max = 16384, .expected = "pixels, 0 to 16384" },
	{ KEY(fps, SETTING_UINT), .max = 1000, .expected = "frames per second, 0 to 1000" },
	{ KEY(buffers, SETTING_UINT), .min = 2, .max = 32, .expected = "2 to 32" },
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

int feed_config_read(struct feed_config *cfg, const char *path)
{
	*cfg = (struct feed_config) { .buffers = 4 };
	return settings_read(path, table, TABLE_LEN, cfg);
}

void feed_config_free(struct feed_config *cfg)
{
	settings_free(table, TABLE_LEN, cfg);
}
