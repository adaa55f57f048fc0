// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ownframe verify: are these clips what a device of this owner recorded, and are they all there?
 * All judging is done by lib/clip_reader.h and lib/clip_chain.h; this is how a person or a program
 * is told.
 */
#include "clip_chain.h"
#include "clip_list.h"
#include "commands.h"
#include "log.h"
#include "scope.h"
#include "verdict.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char usage_text[] =
	"usage: ownframe verify CLIP... [--claims FILE] [--json]\n"
	"\n"
	"  CLIP           a clip's folder, its object in a store (...ffffffZ.0.mp4), or a folder of\n"
	"                 clips: a store or a spool\n"
	"  --claims FILE  the owner's claims.json; without it nothing can be more than consistent\n"
	"  --json         one JSON text instead of words\n"
	"\n"
	"Exit status 0: all verified, and none missing among them. Others: ownframe-verify(1).\n";

/* Statuses of one run: the worst is what it leaves with. */
static const enum command_status worst_first[] = { STATUS_TAMPERED,	  STATUS_OTHER_OWNER,
						   STATUS_UNKNOWN_DEVICE, STATUS_FAILED,
						   STATUS_INCOMPLETE,	  STATUS_CHAIN };

struct verify {
	const char *claims_path;
	bool json;
	struct claims claims;
	struct clip_list list;
	struct clip_chain chain;
	enum command_status status;
	json_t *clips, *findings; /* with json */
};

static void note_status(struct verify *v, enum command_status status)
{
	for (size_t i = 0; i < sizeof(worst_first) / sizeof(worst_first[0]); i++) {
		if (v->status == worst_first[i])
			return;
		if (status == worst_first[i]) {
			v->status = status;
			return;
		}
	}
}

static void verify_release(struct verify *v)
{
	if (v->claims_path)
		claims_release(&v->claims);
	clip_list_release(&v->list);
	clip_chain_release(&v->chain);
	json_decref(v->clips);
	json_decref(v->findings);
}

/* --- words --------------------------------------------------------------------------------- */

static void say_line(const char *path, const struct clip_report *report)
{
	printf("%-15s%s", verdict_name(report->verdict), path);
	if (report->verdict == CLIP_VERIFIED && report->manifest.lost)
		printf(": lost by its device (%s)", manifest_lost_name(report->manifest.lost));
	if (report->why[0])
		printf(": %s", report->why);
	putchar('\n');
}

static void say_video(const struct manifest *m)
{
	if (m->lost) {
		printf("  video     none: lost by its device (%s)\n", manifest_lost_name(m->lost));
		return;
	}
	printf("  video     %" PRIu64 " bytes, %zu fragments%s\n", m->size, m->n_ranges - 3,
	       m->recovered ? ", recovered after an interruption" : "");
	if (m->has_thumb)
		printf("  thumbnail %" PRIu64 " bytes\n", m->thumb_size);
}

/* The whole story, for a single clip. */
static void say_all(const char *path, const struct clip_report *report)
{
	const struct manifest *m = &report->manifest;

	printf("%s\nverified: %s", path, report->verdict == CLIP_VERIFIED ? "yes" : "NO");
	if (report->why[0])
		printf(" (%s): %s", verdict_name(report->verdict), report->why);
	putchar('\n');
	if (!report->has_manifest)
		return;
	if (!report->claim)
		printf("what its manifest says, unverified:\n");
	printf("  clip      %s\n  camera    %s\n", m->head.clip.text, m->head.camera);
	printf("  device    %s\n  owner     %s\n", m->head.device.text, m->head.owner.text);
	printf("  epoch     %" PRIu64 "\n", m->head.epoch);
	if (report->verdict == CLIP_VERIFIED)
		printf("  against   the claim of epoch %" PRIu64
		       ", signed by this owner and device\n",
		       report->claim->epoch);
	say_video(m);
}

static const char *const fault_names[] = {
	[CLIP_CHAIN_GAP] = "missing",
	[CLIP_CHAIN_BROKEN] = "broken",
	[CLIP_CHAIN_FORKED] = "forked",
};

static void say_finding(const struct clip_chain_finding *f)
{
	const struct clip_chain_link *link = f->link;

	printf("%-15scamera %s of device %s, epoch %" PRIu64 ": ", fault_names[f->fault],
	       link->camera, link->device.text, link->epoch);
	if (f->fault == CLIP_CHAIN_BROKEN)
		printf("clip %" PRIu64 " does not follow the one before it\n", f->from);
	else if (f->fault == CLIP_CHAIN_FORKED)
		printf("there are two different clips %" PRIu64 "\n", f->from);
	else if (f->from == f->to)
		printf("clip %" PRIu64 " is missing\n", f->from);
	else
		printf("clips %" PRIu64 " to %" PRIu64 " are missing\n", f->from, f->to);
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void set(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value))
		log_error("%s: out of memory", name);
}

static void put_manifest(json_t *o, const struct manifest *m)
{
	set(o, "device", json_string(m->head.device.text));
	set(o, "owner", json_string(m->head.owner.text));
	set(o, "epoch", json_integer(m->head.epoch));
	set(o, "camera", json_string(m->head.camera));
	set(o, "clip", json_string(m->head.clip.text));
	set(o, "seq", json_integer(m->head.seq));
	set(o, "recovered", json_boolean(m->recovered));
	set(o, "lost", m->lost ? json_string(manifest_lost_name(m->lost)) : json_null());
	if (m->lost)
		return;
	set(o, "size", json_integer(m->size));
	set(o, "fragments", json_integer(m->n_ranges - 3));
	set(o, "thumbnail", json_boolean(m->has_thumb));
}

static void put_clip(struct verify *v, const char *path, const struct clip_report *report)
{
	json_t *o = json_object();

	set(o, "path", json_string(path));
	set(o, "verdict", json_string(verdict_name(report->verdict)));
	set(o, "why", json_string(report->why));
	set(o, "signed", json_boolean(report->claim));
	if (report->has_manifest)
		put_manifest(o, &report->manifest);
	json_array_append_new(v->clips, o);
}

static void put_finding(struct verify *v, const struct clip_chain_finding *f)
{
	json_t *o = json_object();

	set(o, "fault", json_string(fault_names[f->fault]));
	set(o, "device", json_string(f->link->device.text));
	set(o, "camera", json_string(f->link->camera));
	set(o, "epoch", json_integer(f->link->epoch));
	set(o, "from", json_integer(f->from));
	set(o, "to", json_integer(f->to));
	json_array_append_new(v->findings, o);
}

static int print_json(const struct verify *v)
{
	json_t *o = json_object();
	int ret;

	set(o, "clips", json_incref(v->clips));
	set(o, "chain", json_incref(v->findings));
	set(o, "status", json_integer(v->status));
	ret = json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) ? -EIO : 0;
	putchar('\n');
	json_decref(o);
	return ret;
}

/* --- the work ------------------------------------------------------------------------------ */

static void found(const struct clip_chain_finding *finding, void *arg)
{
	struct verify *v = arg;

	note_status(v, STATUS_CHAIN);
	if (v->json)
		put_finding(v, finding);
	else
		say_finding(finding);
}

static void verify_one(struct verify *v, const char *path)
{
	SCOPE_FREE char *shown = verdict_printable(path);
	struct clip_report report;
	int ret = clip_verify(path, v->claims_path ? &v->claims : NULL, &report);

	if (!ret && !shown)
		ret = -ENOMEM;
	if (!ret)
		ret = clip_chain_add(&v->chain, &report);
	if (ret) {
		log_error("%s: %s", shown ? shown : "?",
			  ret == -EINVAL ? "not a clip" : strerror(-ret));
		note_status(v, STATUS_FAILED);
		clip_report_release(&report);
		return;
	}
	note_status(v, verdict_status(report.verdict));
	if (v->json)
		put_clip(v, shown, &report);
	else if (v->list.n == 1)
		say_all(shown, &report);
	else
		say_line(shown, &report);
	clip_report_release(&report);
}

static int verify_all(struct verify *v)
{
	if (!v->list.n) {
		log_error("there are no clips");
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < v->list.n; i++)
		verify_one(v, v->list.paths[i]);
	clip_chain_check(&v->chain, v->list.whole, found, v);
	if (v->json && print_json(v))
		note_status(v, STATUS_FAILED);
	if (fflush(stdout)) {
		log_error("stdout: %s", strerror(errno));
		note_status(v, STATUS_FAILED);
	}
	return v->status;
}

static int load_claims(struct verify *v)
{
	int ret = v->claims_path ? claims_load(&v->claims, v->claims_path) : 0;

	if (!ret)
		return 0;
	log_error("%s: %s", v->claims_path,
		  ret == -EBADMSG ? "not an owner's claims" : strerror(-ret));
	v->claims_path = NULL;
	return ret;
}

/* STATUS_OK, or the status to leave with (@done). */
static int options_parse(struct verify *v, int argc, char **argv, bool *done)
{
	static const struct option longs[] = { { "claims", required_argument, NULL, 'c' },
					       { "json", no_argument, NULL, 'j' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int c;

	*done = true;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'c')
			v->claims_path = optarg;
		else if (c == 'j')
			v->json = true;
		else
			return command_usage(usage_text, c == 'h');
	}
	if (optind == argc)
		return command_usage(usage_text, false);
	*done = false;
	return STATUS_OK;
}

int cmd_verify(int argc, char **argv)
{
	__attribute__((cleanup(verify_release))) struct verify v = { 0 };
	bool done;
	int status = options_parse(&v, argc, argv, &done);

	if (done) {
		v.claims_path = NULL;
		return status;
	}
	if (load_claims(&v))
		return STATUS_FAILED;
	v.clips = json_array();
	v.findings = json_array();
	for (int i = optind; i < argc; i++)
		if (clip_list_add(&v.list, argv[i]))
			return STATUS_FAILED;
	clip_list_sort(&v.list);
	return verify_all(&v);
}
