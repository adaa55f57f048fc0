// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe open: show a clip to whom it is encrypted to. All verifying and decrypting is done by
 * lib/clip_reader.h. To know: a file gets its name only when it is whole, and nobody but the caller
 * may read it.
 */
#include "clip_reader.h"
#include "commands.h"
#include "key_file.h"
#include "log.h"
#include "scope.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char usage_text[] =
	"usage: ownframe open CLIP --key FILE [OPTION]... > clear.mp4\n"
	"\n"
	"  CLIP           a clip's folder, or its object in a store (...ffffffZ.0.mp4)\n"
	"  --key FILE     private key of the owner or another recipient, PEM\n"
	"  --claims FILE  the owner's claims (default: claims.json beside the key)\n"
	"  --output FILE  the clear video (default: stdout)\n"
	"  --thumb FILE   the thumbnail, JPEG\n"
	"  --info FILE    camera, times and reason, JSON\n"
	"\n"
	"Exit status 0: verified, and opened. Others: ownframe-open(1).\n";

struct options {
	const char *clip, *key, *claims, *output, *thumb, *info;
};

/* --- where it goes ------------------------------------------------------------------------- */

/*
 * A file that appears under its name when it is whole. What is there and is no file, such as a
 * terminal or /dev/null, is written to and not replaced; without a name: stdout.
 */
struct output {
	struct clip_sink sink;
	const char *path;
	char *temporary;
	int fd;
};

static int output_write(struct clip_sink *sink, const void *data, size_t len)
{
	const struct output *o = (const struct output *)sink;
	const char *at = data;

	while (len) {
		ssize_t n = write(o->fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			log_error("%s: %s", o->path ? o->path : "stdout", strerror(errno));
			return -EPIPE;
		}
		at += n;
		len -= n;
	}
	return 0;
}

static int output_fail(struct output *o)
{
	log_error("%s: %s", o->path, strerror(errno));
	free(o->temporary);
	o->temporary = NULL;
	return -EIO;
}

static int output_open(struct output *o, const char *path)
{
	struct stat st;

	*o = (struct output) { .sink = { output_write }, .path = path, .fd = STDOUT_FILENO };
	if (!path)
		return 0;
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		o->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
		return o->fd < 0 ? output_fail(o) : 0;
	}
	o->fd = -1;
	if (asprintf(&o->temporary, "%s.XXXXXX", path) < 0) {
		o->temporary = NULL;
		return -ENOMEM;
	}
	o->fd = mkostemp(o->temporary, O_CLOEXEC);
	return o->fd < 0 ? output_fail(o) : 0;
}

/* Give it its name. */
static int output_keep(struct output *o)
{
	if (!o->temporary)
		return 0;
	if (fsync(o->fd) || rename(o->temporary, o->path)) {
		log_error("%s: %s", o->path, strerror(errno));
		return -EIO;
	}
	free(o->temporary);
	o->temporary = NULL;
	return 0;
}

static void output_close(struct output *o)
{
	if (o->temporary)
		unlink(o->temporary);
	free(o->temporary);
	if (o->path && o->fd >= 0)
		close(o->fd);
}

#define SCOPE_OUTPUT __attribute__((cleanup(output_close)))

/* --- what is told -------------------------------------------------------------------------- */

static json_t *time_json(int64_t us)
{
	char text[CLIP_TIME_LEN + 1];

	clip_time_format(text, us);
	return json_string(text);
}

static json_t *private_json(const struct clip_private_info *p)
{
	return json_pack("{s:o,s:I,s:I,s:s,s:s,s:I}", "end", time_json(p->end_us), "samples",
			 (json_int_t)p->samples, "dropped", (json_int_t)p->dropped, "trigger",
			 p->trigger, "zones", p->zones, "area_ppm", (json_int_t)p->area_ppm);
}

static char *info_text(const struct clip_opened *opened)
{
	const struct clip_open_info *i = &opened->open;
	json_t *o = json_pack("{s:s,s:o,s:b,s:s,s:I,s:s,s:I,s:I,s:o}", "camera", i->camera_name,
			      "start", time_json(i->start_us), "clock_synced", i->clock_synced,
			      "boot_id", i->boot_id, "boot_monotonic_us",
			      (json_int_t)i->boot_monotonic_us, "codec", i->codec, "width",
			      (json_int_t)i->width, "height", (json_int_t)i->height, "private",
			      opened->has_private ? private_json(&opened->private) : json_null());
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;

	json_decref(o);
	return text;
}

static int write_info(struct output *o, const struct clip_opened *opened)
{
	SCOPE_FREE char *text = info_text(opened);
	int ret;

	if (!text)
		return -ENOMEM;
	ret = output_write(&o->sink, text, strlen(text));
	if (!ret)
		ret = output_write(&o->sink, "\n", 1);
	return ret ? ret : output_keep(o);
}

static void say_opened(const struct clip_opened *opened)
{
	const struct clip_private_info *p = &opened->private;
	SCOPE_FREE char *camera = verdict_printable(opened->open.camera_name);
	char start[CLIP_TIME_LEN + 1];

	clip_time_format(start, opened->open.start_us);
	log_info("%s from %s%s", camera ? camera : "?", start,
		 opened->open.clock_synced ? "" : " (its clock was not set)");
	if (opened->has_private)
		log_info("%llu frames, %llu dropped, recorded for %s",
			 (unsigned long long)p->samples, (unsigned long long)p->dropped,
			 p->trigger);
}

/* --- the work ------------------------------------------------------------------------------ */

/* The status for what clip_open() came to, told once. */
static int judge(const struct options *o, const struct clip_report *report, int ret)
{
	SCOPE_FREE char *clip = verdict_printable(o->clip);

	switch (ret) {
	case 0:
		return STATUS_OK;
	case -EBADMSG:
		log_error("%s: not opened, %s: %s", clip, verdict_name(report->verdict),
			  report->why);
		return verdict_status(report->verdict);
	case -EKEYREJECTED:
		log_error("%s: %s", clip, report->why);
		return STATUS_NO_RECIPIENT;
	case -ENODATA:
		log_error("%s: the device lost this clip (%s)", clip,
			  manifest_lost_name(report->manifest.lost));
		return STATUS_LOST;
	case -EPIPE:
		return STATUS_FAILED; /* told where it happened */
	default:
		log_error("%s: %s", clip, ret == -EINVAL ? "not a clip" : strerror(-ret));
		return STATUS_FAILED;
	}
}

static int open_to(const struct options *o, const struct claims *claims, EVP_PKEY *key)
{
	SCOPE_OUTPUT struct output video = { .fd = -1 };
	SCOPE_OUTPUT struct output thumb = { .fd = -1 };
	SCOPE_OUTPUT struct output info = { .fd = -1 };
	struct clip_opened opened;
	struct clip_report report;
	int ret, status;

	if (output_open(&video, o->output) || (o->thumb && output_open(&thumb, o->thumb)) ||
	    (o->info && output_open(&info, strcmp(o->info, "-") ? o->info : NULL)))
		return STATUS_FAILED;
	ret = clip_open(o->clip, claims, key, &video.sink, o->thumb ? &thumb.sink : NULL, &opened,
			&report);
	status = judge(o, &report, ret);
	if (!ret && o->thumb && !report.manifest.has_thumb)
		log_warn("%s: the clip has no thumbnail", o->thumb);
	else if (!ret && o->thumb && output_keep(&thumb))
		status = STATUS_FAILED;
	clip_report_release(&report);
	if (ret)
		return status;
	if (output_keep(&video) || (o->info && write_info(&info, &opened)))
		return STATUS_FAILED;
	say_opened(&opened);
	return status;
}

static int load_claims(struct claims *claims, const struct options *o)
{
	SCOPE_FREE char *key = strdup(o->key);
	SCOPE_FREE char *beside = NULL;
	const char *path = o->claims;
	int ret;

	if (!path) {
		if (!key || asprintf(&beside, "%s/claims.json", dirname(key)) < 0)
			return -ENOMEM;
		path = beside;
	}
	ret = claims_load(claims, path);
	if (ret)
		log_error("%s: %s%s", path,
			  ret == -EBADMSG ? "not an owner's claims" : strerror(-ret),
			  o->claims ? "" : "; the owner's claims are given with --claims");
	return ret;
}

static int run(const struct options *o)
{
	struct claims claims;
	EVP_PKEY *key;
	int status;

	if (key_file_read(&key, o->key))
		return STATUS_FAILED;
	if (load_claims(&claims, o)) {
		EVP_PKEY_free(key);
		return STATUS_FAILED;
	}
	status = open_to(o, &claims, key);
	claims_release(&claims);
	EVP_PKEY_free(key);
	return status;
}

static const char **option_place(struct options *o, int c)
{
	switch (c) {
	case 'k':
		return &o->key;
	case 'c':
		return &o->claims;
	case 'o':
		return &o->output;
	case 't':
		return &o->thumb;
	case 'i':
		return &o->info;
	default:
		return NULL;
	}
}

int cmd_open(int argc, char **argv)
{
	static const struct option longs[] = { { "key", required_argument, NULL, 'k' },
					       { "claims", required_argument, NULL, 'c' },
					       { "output", required_argument, NULL, 'o' },
					       { "thumb", required_argument, NULL, 't' },
					       { "info", required_argument, NULL, 'i' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "ho:", longs, NULL)) != -1) {
		const char **place = option_place(&o, c);

		if (!place)
			return command_usage(usage_text, c == 'h');
		*place = optarg;
	}
	if (optind + 1 != argc || !o.key)
		return command_usage(usage_text, false);
	o.clip = argv[optind];
	if (!o.output && o.info && !strcmp(o.info, "-"))
		return command_usage(usage_text, false);
	if (!o.output && isatty(STDOUT_FILENO)) {
		log_error("the video would go to this terminal: redirect it, or --output FILE");
		return STATUS_USAGE;
	}
	return run(&o);
}
