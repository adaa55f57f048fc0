// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The uploader's configuration: a table of keys. Separate so that --check touches neither spool nor
 * store.
 */
#include "config.h"

#include "../lib/settings.h"
#include "../lib/spool.h"

#include <errno.h>
#include <string.h>

#define SECOND UINT64_C(1000000)

static const char *check_store(const char *store)
{
	return !strncmp(store, "dir:/", 5) ? NULL : "expected dir:<absolute path>";
}

static const char *check_spool(const char *spool)
{
	return spool[0] == '/' ? NULL : "expected an absolute path";
}

#define KEY(name, kind)                                            \
	.section = "upload", .key = #name, .type = SETTING_##kind, \
	.offset = offsetof(struct upload_config, name)

static const struct setting table[] = {
	{ KEY(store, TEXT), .required = true, .check = check_store,
	  .expected = "dir:<absolute path>" },
	{ KEY(mountpoint, BOOL), .expected = "yes or no" },
	{ KEY(spool, TEXT), .check = check_spool, .expected = "an absolute path" },
	{ KEY(retry_first, DURATION), .min = SECOND / 100, .max = 3600 * SECOND,
	  .expected = "a duration like 5s, 10ms to 1h" },
	{ KEY(retry_cap, DURATION), .min = SECOND / 100, .max = 24 * 3600 * SECOND,
	  .expected = "a duration like 15min, 10ms to 24h" },
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

int upload_config_read(struct upload_config *cfg, const char *path)
{
	int ret;

	*cfg = (struct upload_config) { .retry_first = 5 * SECOND, .retry_cap = 900 * SECOND };
	ret = settings_read(path, table, TABLE_LEN, cfg);
	if (!ret && !cfg->spool) {
		cfg->spool = strdup(SPOOL_DIR);
		if (!cfg->spool)
			ret = -ENOMEM;
	}
	return ret;
}

void upload_config_free(struct upload_config *cfg)
{
	settings_free(table, TABLE_LEN, cfg);
}
