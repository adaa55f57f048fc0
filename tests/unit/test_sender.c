// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * If this fails, a reader finds manifests of clips that are not there yet, an object of a store is
 * replaced, one bad clip keeps all others from leaving the board, or a clip is taken for sent that
 * is not.
 */
#include "clip_fixture.h"
#include "upload/object_key.h"
#include "upload/sender.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	char *root; /* with spool/ready, spool/sent and store/ */
	struct fixture_people people;
	struct upload_config cfg;
	struct sender sender;
};

static char *path_of(const struct world *w, const char *fmt, ...)
{
	char *path, *tail;
	va_list args;

	va_start(args, fmt);
	assert_true(vasprintf(&tail, fmt, args) >= 0);
	va_end(args);
	assert_true(asprintf(&path, "%s/%s", w->root, tail) >= 0);
	free(tail);
	return path;
}

static void make_folder(const struct world *w, const char *name)
{
	char *path = path_of(w, "%s", name);

	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char *store;

	w->root = fixture_dir_make();
	fixture_people_make(&w->people, NULL, 1);
	make_folder(w, "spool");
	make_folder(w, "spool/ready");
	make_folder(w, "spool/sent");
	make_folder(w, "store");
	store = path_of(w, "store");
	assert_true(asprintf(&w->cfg.store, "dir:%s", store) > 0);
	free(store);
	w->cfg.spool = path_of(w, "spool");
	w->cfg.retry_first = w->cfg.retry_cap = 1000000;
	assert_int_equal(sender_open(&w->sender, &w->cfg), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	sender_close(&w->sender);
	fixture_people_release(&w->people);
	fixture_dir_remove(w->root);
	free(w->cfg.store);
	free(w->cfg.spool);
	free(w);
	return 0;
}

/* A clip in ready/. */
static void ready(const struct world *w, struct fixture_clip *clip, uint64_t seq,
		  enum manifest_lost lost)
{
	struct fixture_plan plan = { .seq = seq, .lost = lost };
	char *dir;

	fixture_clip_make(clip, &w->people, &plan);
	dir = path_of(w, "spool/ready/%s", clip->manifest.head.clip.text);
	fixture_clip_save(clip, dir);
	free(dir);
}

static bool exists(const struct world *w, const char *folder, const char *name)
{
	char *path = path_of(w, "%s/%s", folder, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static bool is_sent(const struct world *w, const struct fixture_clip *clip)
{
	const char *id = clip->manifest.head.clip.text;
	bool sent = exists(w, "spool/sent", id);

	assert_int_equal(exists(w, "spool/ready", id), !sent);
	return sent;
}

static const char *key_of(const struct fixture_clip *clip, const char *kind)
{
	static char key[OBJECT_KEY_LEN];

	assert_int_equal(object_key(key, &clip->manifest.head, kind), 0);
	return key;
}

static void assert_object(const struct world *w, const struct fixture_clip *clip, const char *kind,
			  const void *data, size_t len)
{
	char *store = path_of(w, "store");
	uint8_t *there;
	size_t n;

	there = fixture_read(store, key_of(clip, kind), &n);
	assert_non_null(there);
	assert_int_equal(n, len);
	assert_memory_equal(there, data, len);
	free(there);
	free(store);
}

static void assert_stored(const struct world *w, const struct fixture_clip *clip)
{
	assert_object(w, clip, "mp4", clip->file, clip->size);
	assert_object(w, clip, "thumb", clip->thumb, clip->thumb_size);
	assert_object(w, clip, "jws", clip->jws, strlen(clip->jws));
}

/* The folder that the clip's objects come to stand in; its path, to be freed. */
static char *object_folder(const struct world *w, const struct fixture_clip *clip)
{
	char *path = path_of(w, "store/%s", key_of(clip, "mp4"));

	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	*strrchr(path, '/') = '\0';
	return path;
}

static void send_all(struct world *w, bool back_off)
{
	bool backs_off;

	sender_round(&w->sender, &backs_off);
	assert_int_equal(backs_off, back_off);
}

/* Names that appear for readers, in their order; hidden ones are left out. */
static void names_that_came(int watch, char *out, size_t size)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(watch, buf, sizeof(buf));

	out[0] = '\0';
	for (char *p = buf; n > 0 && p < buf + n;) {
		struct inotify_event *event = (void *)p;

		if (event->name[0] != '.')
			snprintf(out + strlen(out), size - strlen(out), "%s ",
				 strrchr(event->name, '.') + 1);
		p += sizeof(*event) + event->len;
	}
}

static void manifest_comes_last(void **state)
{
	struct world *w = *state;
	struct fixture_clip clip;
	char *folder, names[256];
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	ready(w, &clip, 1, MANIFEST_NOT_LOST);
	folder = object_folder(w, &clip);
	assert_true(inotify_add_watch(watch, folder, IN_CREATE | IN_MOVED_TO) >= 0);
	send_all(w, false);
	names_that_came(watch, names, sizeof(names));
	assert_string_equal(names, "mp4 thumb jws ");
	assert_stored(w, &clip);
	assert_true(is_sent(w, &clip));
	close(watch);
	free(folder);
	fixture_clip_release(&clip);
}

static void lost_clip_is_its_manifest(void **state)
{
	struct world *w = *state;
	struct fixture_clip clip;

	ready(w, &clip, 1, MANIFEST_LOST_DISK_FULL);
	send_all(w, false);
	assert_object(w, &clip, "jws", clip.jws, strlen(clip.jws));
	assert_false(exists(w, "store", key_of(&clip, "mp4")));
	assert_true(is_sent(w, &clip));
	fixture_clip_release(&clip);
}

static void same_object_is_success(void **state)
{
	struct world *w = *state;
	struct fixture_clip clip;
	struct stat before, after;
	char *store = path_of(w, "store"), *folder, *object;

	ready(w, &clip, 1, MANIFEST_NOT_LOST);
	folder = object_folder(w, &clip);
	object = path_of(w, "store/%s", key_of(&clip, "mp4"));
	fixture_write(store, key_of(&clip, "mp4"), clip.file, clip.size);
	assert_int_equal(stat(object, &before), 0);
	send_all(w, false);
	assert_int_equal(stat(object, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_stored(w, &clip);
	assert_true(is_sent(w, &clip));
	free(object);
	free(folder);
	free(store);
	fixture_clip_release(&clip);
}

/* One byte of the object differs, it is shorter, or it is longer; @len of @data are there. */
static void other_object_stays(struct world *w, uint64_t seq, const uint8_t *data, size_t len,
			       struct fixture_clip *clip)
{
	struct fixture_clip next;
	char *store = path_of(w, "store"), *folder = object_folder(w, clip);

	fixture_write(store, key_of(clip, "mp4"), data, len);
	ready(w, &next, seq + 1, MANIFEST_NOT_LOST);
	send_all(w, false);
	assert_object(w, clip, "mp4", data, len);
	assert_false(exists(w, "store", key_of(clip, "jws")));
	assert_false(is_sent(w, clip));
	assert_true(is_sent(w, &next));
	fixture_clip_release(&next);
	free(folder);
	free(store);
}

static void other_object_is_never_replaced(void **state)
{
	struct world *w = *state;
	struct fixture_clip clip;
	uint8_t *data;

	for (uint64_t kind = 0; kind < 3; kind++) {
		ready(w, &clip, 10 * kind + 1, MANIFEST_NOT_LOST);
		data = malloc(clip.size + 1);
		memcpy(data, clip.file, clip.size);
		data[clip.size - 1] ^= kind == 0;
		data[clip.size] = 0;
		other_object_stays(w, 10 * kind + 1, data,
				   clip.size - 1 + (kind != 1) + (kind == 2), &clip);
		free(data);
		fixture_clip_release(&clip);
	}
}

static void bad_manifest_stays(void **state)
{
	struct world *w = *state;
	struct fixture_clip good, bad, swapped;
	char *dir, *other;

	ready(w, &bad, 1, MANIFEST_NOT_LOST);
	ready(w, &swapped, 2, MANIFEST_NOT_LOST);
	ready(w, &good, 3, MANIFEST_NOT_LOST);
	dir = path_of(w, "spool/ready/%s", bad.manifest.head.clip.text);
	fixture_write(dir, "manifest.jws", bad.jws, strlen(bad.jws) / 2);
	free(dir);
	/* Well formed and signed, but of another clip. */
	dir = path_of(w, "spool/ready/%s", swapped.manifest.head.clip.text);
	fixture_write(dir, "manifest.jws", good.jws, strlen(good.jws));
	free(dir);
	send_all(w, false);
	assert_false(is_sent(w, &bad));
	assert_false(is_sent(w, &swapped));
	assert_true(is_sent(w, &good));
	assert_stored(w, &good);
	/* Put right by hand: the next start sends it. */
	dir = path_of(w, "spool/ready/%s", bad.manifest.head.clip.text);
	other = path_of(w, "spool/ready/%s", swapped.manifest.head.clip.text);
	fixture_write(dir, "manifest.jws", bad.jws, strlen(bad.jws));
	fixture_write(other, "manifest.jws", swapped.jws, strlen(swapped.jws));
	sender_close(&w->sender);
	assert_int_equal(sender_open(&w->sender, &w->cfg), 0);
	send_all(w, false);
	assert_stored(w, &bad);
	assert_stored(w, &swapped);
	free(dir);
	free(other);
	fixture_clip_release(&good);
	fixture_clip_release(&bad);
	fixture_clip_release(&swapped);
}

static void links_are_not_followed(void **state)
{
	struct world *w = *state;
	struct fixture_clip from, to;
	char *file, *target, *owner;

	/* In the spool: whoever can make one there must not have other files sent. */
	ready(w, &from, 1, MANIFEST_NOT_LOST);
	file = path_of(w, "spool/ready/%s/clip.mp4", from.manifest.head.clip.text);
	target = path_of(w, "elsewhere");
	assert_int_equal(rename(file, target), 0);
	assert_int_equal(symlink(target, file), 0);
	send_all(w, false);
	assert_false(is_sent(w, &from));
	assert_false(exists(w, "store", key_of(&from, "mp4")));
	free(target);
	free(file);

	/* In the store: an object must not land outside. */
	ready(w, &to, 2, MANIFEST_NOT_LOST);
	target = path_of(w, "outside");
	assert_int_equal(mkdir(target, 0700), 0);
	owner = path_of(w, "store/%.16s", to.manifest.head.owner.text);
	assert_int_equal(symlink(target, owner), 0);
	send_all(w, false);
	assert_false(is_sent(w, &to));
	assert_int_equal(rmdir(target), 0);
	free(owner);
	free(target);
	fixture_clip_release(&from);
	fixture_clip_release(&to);
}

static void store_may_come_later(void **state)
{
	struct world *w = *state;
	struct fixture_clip clip;
	char *store = path_of(w, "store");

	ready(w, &clip, 1, MANIFEST_NOT_LOST);
	assert_int_equal(rmdir(store), 0);
	send_all(w, true);
	assert_false(is_sent(w, &clip));
	assert_int_equal(mkdir(store, 0700), 0);
	send_all(w, false);
	assert_stored(w, &clip);
	assert_true(is_sent(w, &clip));
	free(store);
	fixture_clip_release(&clip);
}

/* @clip, which is in ready/, is dropped there to make room: its manifest replaced, the rest removed. */
static void drop_in_ready(const struct world *w, const struct fixture_clip *clip,
			  struct fixture_clip *dropped, uint64_t seq)
{
	char *dir = path_of(w, "spool/ready/%s", clip->manifest.head.clip.text), *file;

	fixture_clip_make(dropped, &w->people,
			  &(struct fixture_plan) { .seq = seq, .lost = MANIFEST_LOST_DROPPED });
	memcpy(dropped->manifest.head.content_kid, clip->manifest.head.content_kid,
	       sizeof(clip->manifest.head.content_kid));
	fixture_clip_sign(dropped);
	fixture_write(dir, "manifest.jws", dropped->jws, strlen(dropped->jws));
	for (const char *const *name = (const char *const[]) { "clip.mp4", "thumb", NULL }; *name;
	     name++) {
		file = path_of(w, "spool/ready/%s/%s", clip->manifest.head.clip.text, *name);
		assert_int_equal(unlink(file), 0);
		free(file);
	}
	free(dir);
}

/* Room was made after the store had the clip, and before it was moved to sent/. */
static void dropped_after_it_was_stored_is_sent(void **state)
{
	struct world *w = *state;
	struct fixture_clip clip, dropped;
	char *from, *to;

	ready(w, &clip, 1, MANIFEST_NOT_LOST);
	send_all(w, false);
	from = path_of(w, "spool/sent/%s", clip.manifest.head.clip.text);
	to = path_of(w, "spool/ready/%s", clip.manifest.head.clip.text);
	assert_int_equal(rename(from, to), 0);
	drop_in_ready(w, &clip, &dropped, 1);
	send_all(w, false);
	assert_stored(w, &clip);
	assert_true(is_sent(w, &clip));
	free(from);
	free(to);
	fixture_clip_release(&dropped);
	fixture_clip_release(&clip);
}

/* Only the clip's own first manifest will do: of @kind 0 no manifest, 1 another clip's, 2 lost, too. */
static void dropped_clip_conflicts(struct world *w, int kind)
{
	struct fixture_clip clip, dropped, other;
	uint64_t seq = 10 * kind + 1;
	char *store = path_of(w, "store"), *folder;

	ready(w, &clip, seq, MANIFEST_NOT_LOST);
	folder = object_folder(w, &clip);
	drop_in_ready(w, &clip, &dropped, seq);
	fixture_clip_make(&other, &w->people,
			  &(struct fixture_plan) { .seq = seq,
						   .lost = kind == 2 ? MANIFEST_LOST_DISK_FULL
								     : MANIFEST_NOT_LOST });
	fixture_write(store, key_of(&clip, "jws"), other.jws,
		      kind == 0 ? strlen(other.jws) / 2 : strlen(other.jws));
	send_all(w, false);
	assert_false(is_sent(w, &clip));
	fixture_clip_release(&other);
	fixture_clip_release(&dropped);
	fixture_clip_release(&clip);
	free(folder);
	free(store);
}

static void dropped_clip_yields_to_nothing_else(void **state)
{
	for (int kind = 0; kind < 3; kind++)
		dropped_clip_conflicts(*state, kind);
}

/* What a kill leaves: half a part, and a clip that was stored but not moved. */
static void goes_on_after_a_kill(void **state)
{
	struct world *w = *state;
	struct fixture_clip clip;
	char *folder, *from, *to, part[300];

	ready(w, &clip, 1, MANIFEST_NOT_LOST);
	folder = object_folder(w, &clip);
	snprintf(part, sizeof(part), ".%s.part", strrchr(key_of(&clip, "mp4"), '/') + 1);
	fixture_write(folder, part, clip.file, clip.size / 2);
	send_all(w, false);
	assert_stored(w, &clip);
	from = path_of(w, "spool/sent/%s", clip.manifest.head.clip.text);
	to = path_of(w, "spool/ready/%s", clip.manifest.head.clip.text);
	assert_int_equal(rename(from, to), 0);
	fixture_write(folder, part, clip.file, clip.size);
	send_all(w, false);
	assert_true(is_sent(w, &clip));
	assert_null(fixture_read(folder, part, &(size_t) { 0 }));
	free(from);
	free(to);
	free(folder);
	fixture_clip_release(&clip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(manifest_comes_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lost_clip_is_its_manifest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(same_object_is_success, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_object_is_never_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_manifest_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(links_are_not_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(store_may_come_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(goes_on_after_a_kill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dropped_after_it_was_stored_is_sent, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(dropped_clip_yields_to_nothing_else, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
