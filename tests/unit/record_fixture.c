// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets up a recorder whose camera is a drawing, and looks at the spool as its owner would.
 *
 * Apart from the tests of the recorder, which all need one. The one thing to know: there is one
 * rig in a program, and its device may be told to fail, also while other threads use it.
 */
#include "record_fixture.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture_people rig_people;
struct device rig_device = { .lock = PTHREAD_MUTEX_INITIALIZER,
			     .answers = PTHREAD_COND_INITIALIZER };
struct rig rig;

/* --- the device ---------------------------------------------------------------------------- */

static int device_sign(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		       uint8_t sig[P256_SIG_LEN])
{
	struct signer *real = &rig_people.device_signer.signer;

	(void)signer;
	return atomic_load(&rig_device.deaf) ? -EIO : real->sign(real, digest, sig);
}

void rig_device_slow(bool slow)
{
	pthread_mutex_lock(&rig_device.lock);
	rig_device.slow = slow;
	pthread_cond_broadcast(&rig_device.answers);
	pthread_mutex_unlock(&rig_device.lock);
}

static int device_epoch(struct spooler_device *dev, uint64_t *epoch)
{
	(void)dev;
	pthread_mutex_lock(&rig_device.lock);
	while (rig_device.slow)
		pthread_cond_wait(&rig_device.answers, &rig_device.lock);
	pthread_mutex_unlock(&rig_device.lock);
	*epoch = atomic_load(&rig_device.epoch);
	return atomic_load(&rig_device.deaf) ? -EIO : 0;
}

static int device_claim(struct spooler_device *dev, struct claim *claim)
{
	const char *text = rig_device.claims[atomic_load(&rig_device.epoch) - FIXTURE_EPOCH];

	(void)dev;
	return atomic_load(&rig_device.unclaimed) ? -ENOENT
						  : claim_parse(claim, text, strlen(text));
}

/* The next claim, of the same owner, and in his file. */
static void claim_again(void)
{
	const struct claim *first = &rig_people.claims.list[0];
	struct claim_request req = { .device = first->device,
				     .tls = first->tls,
				     .epoch = FIXTURE_EPOCH + 1,
				     .has_prev = true,
				     .consented = true };
	char *half = NULL;

	memcpy(req.prev, first->payload_sha256, sizeof(req.prev));
	rig_device.claims[0] = strdup(first->text);
	FIXTURE_NEED(!claim_sign_owner(&half, &req, &rig_people.owner_signer.signer,
				       first->recipients, first->n_recipients));
	FIXTURE_NEED(!claim_sign_device(&rig_device.claims[1], half, strlen(half), &req,
					&rig_people.device_signer.signer));
	FIXTURE_NEED(!claims_add(&rig_people.claims, rig_device.claims[1],
				 strlen(rig_device.claims[1])));
	free(half);
}

int rig_enter_all(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	fixture_people_make(&rig_people, NULL, 2);
	claim_again();
	rig_device.signer.pub = rig_people.device_signer.signer.pub;
	rig_device.signer.sign = device_sign;
	rig_device.spooler =
		(struct spooler_device) { &rig_device.signer, device_epoch, device_claim };
	return 0;
}

int rig_leave_all(void **state)
{
	(void)state;
	free(rig_device.claims[0]);
	free(rig_device.claims[1]);
	fixture_people_release(&rig_people);
	return 0;
}

/* --- the rig ------------------------------------------------------------------------------- */

static void on_tick(struct ring_op *op, int res, unsigned int flags)
{
	(void)op;
	(void)res;
	(void)flags;
	rig.ticking = false;
}

void rig_turn(void)
{
	if (!rig.ticking) {
		rig.tick = (struct __kernel_timespec) { .tv_nsec = 5000000 };
		ring_timeout(&rig.ring, &rig.tick_op, &rig.tick);
		rig.ticking = true;
	}
	assert_int_equal(ring_turn(&rig.ring), 0);
	desk_read(&rig.desk);
}

void rig_start_spooler(void)
{
	const struct spooler_setup setup = {
		.spool = &rig.spool,
		.device = &rig_device.spooler,
		.spool_key = rig_people.spool_key,
		.camera_name = "front",
		.camera = FIXTURE_CAMERA,
		.reply = &rig.desk.box,
	};

	assert_int_equal(spooler_init(&rig.spooler, &setup), 0);
	assert_int_equal(spooler_start(&rig.spooler), 0);
}

void rig_start_stream(void)
{
	struct encoder_config enc;
	struct arena_plan plan;
	struct footage *f = &rig.footage;

	assert_int_equal(frame_format_init(&rig.format, V4L2_PIX_FMT_NV12, RIG_WIDTH, RIG_HEIGHT,
					   RIG_WIDTH, RIG_WIDTH * RIG_HEIGHT * 3 / 2),
			 0);
	config_encoder(&rig.cfg, RIG_FPS, 1, &enc);
	rig.encoder = encoder_new(&rig.format, &enc);
	assert_non_null(rig.encoder);
	*f = (struct footage) {
		.cfg = &rig.cfg,
		.stream = { .format = &rig.format,
			    .fps_num = RIG_FPS,
			    .fps_den = 1,
			    .sample_max = encoder_sample_max(rig.encoder),
			    .buffers = 4 },
		.arena = &rig.arena,
		.coder = &rig.coder,
		.spooler = &rig.spooler,
		.status = &rig.status,
		.trigger = &rig.trigger,
		.clips = &rig.desk.clips,
	};
	assert_int_equal(spool_block(&rig.spool, &f->stream.block), 0);
	assert_int_equal(config_plan(&rig.cfg, &f->stream, &plan), 0);
	assert_int_equal(arena_init(&rig.arena, &plan), 0);
	assert_int_equal(ring_register(&rig.ring, rig.arena.regions, rig.arena.n_regions), 0);
	assert_int_equal(coder_start(&rig.coder, &rig.arena, rig.encoder, &rig.format, RIG_FPS, 1,
				     f->stream.block, &rig.desk.box),
			 0);
	encoder_params(rig.encoder, &f->params);
	assert_int_equal(footage_init(f), 0);
	desk_stream(&rig.desk, f, &rig.coder);
}

static void make_config(void)
{
	static const char text[] = "[camera]\nname = front\ndevice = /dev/video0\n"
				   "[clip]\npre_roll = 1s\npost_roll = 1s\nmerge_gap = 1s\n"
				   "preallocate = 1MiB\n"
				   "[motion]\nmin_duration = 0s\n"
				   "[encode]\npreset = ultrafast\nquality = 20\n";
	char path[512];

	fixture_write(rig.dir, "front.conf", text, strlen(text));
	snprintf(path, sizeof(path), "%s/front.conf", rig.dir);
	assert_int_equal(config_read(&rig.cfg, path), 0);
	rig.cfg.path = "front.conf";
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int rig_enter(void **state)
{
	char path[512];

	(void)state;
	rig = (struct rig) { .dir = fixture_dir_make(), .tick_op.done = on_tick };
	atomic_store(&rig_device.deaf, false);
	rig_device_slow(false);
	atomic_store(&rig_device.unclaimed, false);
	atomic_store(&rig_device.epoch, FIXTURE_EPOCH);
	make_config();
	snprintf(path, sizeof(path), "%s/spool", rig.dir);
	assert_int_equal(spool_open(&rig.spool, path), 0);
	assert_int_equal(ring_init(&rig.ring, 64), 0);
	assert_int_equal(
		desk_init(&rig.desk, &rig.ring, rig_people.spool_key, &rig.spooler, &rig.status),
		0);
	rig_start_spooler();
	rig_start_stream();
	rig.t_us = now_us();
	return 0;
}

void rig_stop_stream(void)
{
	footage_stop(&rig.footage);
	coder_quit(&rig.coder);
	TURN_UNTIL(desk_is_clear(&rig.desk));
	assert_int_equal(rig.arena.n_free, rig.arena.plan.n_slots); /* no slot was lost */
	coder_exit(&rig.coder);
	footage_exit(&rig.footage);
	ring_unregister(&rig.ring);
	arena_exit(&rig.arena);
	encoder_free(rig.encoder);
}

int rig_leave(void **state)
{
	(void)state;
	if (rig.arena.base)
		rig_stop_stream();
	spooler_exit(&rig.spooler);
	desk_read(&rig.desk);
	assert_int_equal(rig.desk.clips, 0);
	TURN_UNTIL(!rig.ticking);
	ring_exit(&rig.ring);
	desk_exit(&rig.desk);
	spool_close(&rig.spool);
	config_free(&rig.cfg);
	fixture_dir_remove(rig.dir);
	return 0;
}

/* A still, textured picture; with @at >= 0 a bright square at that place. */
static void draw(uint8_t *data, int at)
{
	for (int y = 0; y < RIG_HEIGHT; y++)
		for (int x = 0; x < RIG_WIDTH; x++)
			data[y * RIG_WIDTH + x] = (uint8_t)(60 + (x * 7 ^ y * 13) % 64);
	memset(data + RIG_WIDTH * RIG_HEIGHT, 128, RIG_WIDTH * RIG_HEIGHT / 2);
	for (int y = 0; at >= 0 && y < 64; y++)
		memset(data + (80 + y) * RIG_WIDTH + at, 220, 64);
}

void film(unsigned int frames, bool moving)
{
	for (unsigned int i = 0; i < frames; i++) {
		struct frame frame = { .sequence = rig.n, .timestamp_us = rig.t_us };
		int slot;

		TURN_UNTIL((slot = arena_take(&rig.arena)) >= 0 || rig.footage.oldest);
		if (slot < 0)
			slot = footage_spare(&rig.footage);
		frame.slot = (uint32_t)slot;
		frame.data = rig.arena.slots[slot];
		draw(frame.data, moving ? (int)(rig.n * 8 % (RIG_WIDTH - 64)) : -1);
		footage_frame(&rig.footage, &frame, true);
		rig.n++;
		rig.t_us += RIG_FRAME_US;
		rig_turn();
	}
}

void film_live(unsigned int frames, bool moving)
{
	int slot = footage_spare(&rig.footage);

	assert_true(slot >= 0);
	for (unsigned int i = 0; i < frames; i++) {
		int spare = footage_spare(&rig.footage);
		struct frame frame = {
			.data = rig.arena.slots[slot],
			.slot = (uint32_t)slot,
			.sequence = rig.n,
			.timestamp_us = rig.t_us,
		};

		draw(frame.data, moving ? (int)(rig.n * 8 % (RIG_WIDTH - 64)) : -1);
		footage_frame(&rig.footage, &frame, spare >= 0);
		if (spare >= 0)
			slot = spare;
		rig.n++;
		rig.t_us += RIG_FRAME_US;
		rig_turn();
	}
	arena_give(&rig.arena, (uint32_t)slot);
}

void film_event(unsigned int frames)
{
	film(frames, true);
	film(40, false);
}

void rig_wait_closed(void)
{
	TURN_UNTIL(!rig.desk.clips);
}

/* --- looking at the spool ------------------------------------------------------------------ */

size_t spool_count(enum spool_state state)
{
	char **ids;
	size_t n;

	assert_int_equal(spool_list(&rig.spool, state, &ids, &n), 0);
	spool_list_free(ids, n);
	return n;
}

void spool_path(char path[512], enum spool_state state, size_t i)
{
	static const char *const names[] = { "open", "ready", "sent", "quarantine" };
	char **ids;
	size_t n;

	assert_int_equal(spool_list(&rig.spool, state, &ids, &n), 0);
	assert_true(i < n);
	snprintf(path, 512, "%s/spool/%s/%s", rig.dir, names[state], ids[i]);
	spool_list_free(ids, n);
}

/* What an opened clip gave. */
struct opened_bytes {
	struct clip_sink sink;
	uint8_t *data;
	size_t len;
};

static int keep_bytes(struct clip_sink *sink, const void *data, size_t len)
{
	struct opened_bytes *o = (struct opened_bytes *)sink;

	o->data = realloc(o->data, o->len + len);
	FIXTURE_NEED(o->data);
	memcpy(o->data + o->len, data, len);
	o->len += len;
	return 0;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/*
 * Each fragment begins with a whole IDR picture: one slice, from macroblock 0, of type I (7), which
 * makes the byte behind the NAL unit's header 0x88. That byte is encrypted in the clip.
 */
static void expect_pictures(const uint8_t *p, size_t len, size_t fragments)
{
	size_t found = 0;

	for (size_t at = 0; at < len; at += be32(p + at)) {
		assert_true(at + 8 <= len && be32(p + at) >= 8 && be32(p + at) <= len - at);
		if (memcmp(p + at + 4, "mdat", 4))
			continue;
		assert_int_equal(p[at + 12], 0x65);
		assert_int_equal(p[at + 13], 0x88);
		found++;
	}
	assert_int_equal(found, fragments);
}

void verify_clip(size_t i, struct clip_report *report, struct clip_opened *opened)
{
	struct opened_bytes video = { .sink = { keep_bytes } }, thumb = video;
	char path[512];
	int ret;

	spool_path(path, SPOOL_STATE_READY, i);
	ret = clip_open(path, &rig_people.claims, rig_people.owner, &video.sink, &thumb.sink,
			opened, report);
	if (ret)
		fprintf(stderr, "%s: %s\n", path, report->why);
	assert_int_equal(ret, 0);
	assert_int_equal(report->verdict, CLIP_VERIFIED);
	expect_pictures(video.data, video.len, report->manifest.n_ranges - 3);
	if (!report->manifest.recovered)
		assert_memory_equal(thumb.data, "\xff\xd8\xff", 3); /* JPEG */
	free(video.data);
	free(thumb.data);
}
