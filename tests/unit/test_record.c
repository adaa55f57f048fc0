// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken in the world: an event that makes no clip or one that its owner cannot open, a clip lost
 * because the TPM was slow, a clip for a former owner, a full disk that takes what was recorded.
 *
 * The whole recorder but the camera: frames are drawn into arena slots and go the way of captured
 * ones, through motion, coder, ring and spooler, to a spool that the clip reader verifies.
 */
#include "clip_fixture.h"
#include "clip_reader.h"
#include "jws.h"
#include "record/desk.h"
#include "record/encoder.h"
#include "record/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define WIDTH	 320
#define HEIGHT	 240
#define FPS	 10
#define FRAME_US (1000000 / FPS)
#define LEARN	 20 /* frames */

/* The fixture's device, that can be told to fail. */
struct device {
	struct spooler_device spooler;
	struct signer signer;
	atomic_bool deaf; /* signs nothing */
	atomic_bool slow; /* takes its time */
	atomic_bool unclaimed;
	_Atomic uint64_t epoch;
	char *claims[2]; /* texts, of FIXTURE_EPOCH and the next */
};

static struct fixture_people people;
static struct device device;

/* One recorder. */
struct rig {
	char *dir;
	struct spool spool;
	struct ring ring;
	struct desk desk;
	struct spooler spooler;
	struct status status;
	struct config cfg;
	struct frame_format format;
	struct encoder *encoder;
	struct arena arena;
	struct coder coder;
	struct footage footage;
	struct ring_op tick_op;
	struct __kernel_timespec tick;
	bool ticking;
	uint64_t t_us; /* of the next frame */
	unsigned int n; /* frames so far */
};

static struct rig rig;

/* --- the device ---------------------------------------------------------------------------- */

static int device_sign(struct signer *signer, const uint8_t digest[P256_DIGEST_LEN],
		       uint8_t sig[P256_SIG_LEN])
{
	struct signer *real = &people.device_signer.signer;

	(void)signer;
	return atomic_load(&device.deaf) ? -EIO : real->sign(real, digest, sig);
}

static int device_epoch(struct spooler_device *dev, uint64_t *epoch)
{
	(void)dev;
	while (atomic_load(&device.slow))
		usleep(1000);
	*epoch = atomic_load(&device.epoch);
	return atomic_load(&device.deaf) ? -EIO : 0;
}

static int device_claim(struct spooler_device *dev, struct claim *claim)
{
	const char *text = device.claims[atomic_load(&device.epoch) - FIXTURE_EPOCH];

	(void)dev;
	return atomic_load(&device.unclaimed) ? -ENOENT : claim_parse(claim, text, strlen(text));
}

/* The next claim, of the same owner, and in his file. */
static void claim_again(void)
{
	const struct claim *first = &people.claims.list[0];
	struct claim_request req = { .device = first->device,
				     .tls = first->tls,
				     .epoch = FIXTURE_EPOCH + 1,
				     .has_prev = true,
				     .consented = true };
	char *half = NULL;

	memcpy(req.prev, first->payload_sha256, sizeof(req.prev));
	device.claims[0] = strdup(first->text);
	FIXTURE_NEED(!claim_sign_owner(&half, &req, &people.owner_signer.signer, first->recipients,
				       first->n_recipients));
	FIXTURE_NEED(!claim_sign_device(&device.claims[1], half, strlen(half), &req,
					&people.device_signer.signer));
	FIXTURE_NEED(!claims_add(&people.claims, device.claims[1], strlen(device.claims[1])));
	free(half);
}

static int enter_all(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	fixture_people_make(&people, NULL, 2);
	claim_again();
	device.signer.pub = people.device_signer.signer.pub;
	device.signer.sign = device_sign;
	device.spooler = (struct spooler_device) { &device.signer, device_epoch, device_claim };
	return 0;
}

static int leave_all(void **state)
{
	(void)state;
	free(device.claims[0]);
	free(device.claims[1]);
	fixture_people_release(&people);
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

/* Let things happen for a moment. */
static void turn(void)
{
	if (!rig.ticking) {
		rig.tick = (struct __kernel_timespec) { .tv_nsec = 5000000 };
		ring_timeout(&rig.ring, &rig.tick_op, &rig.tick);
		rig.ticking = true;
	}
	assert_int_equal(ring_turn(&rig.ring), 0);
	desk_read(&rig.desk);
}

#define TURN_UNTIL(cond)                                \
	do {                                            \
		time_t end_ = time(NULL) + 60;          \
		while (!(cond)) {                       \
			assert_true(time(NULL) < end_); \
			turn();                         \
		}                                       \
	} while (0)

static void start_spooler(void)
{
	const struct spooler_setup setup = {
		.spool = &rig.spool,
		.device = &device.spooler,
		.spool_key = people.spool_key,
		.camera_name = "front",
		.camera = FIXTURE_CAMERA,
		.reply = &rig.desk.box,
	};

	assert_int_equal(spooler_init(&rig.spooler, &setup), 0);
	assert_int_equal(spooler_start(&rig.spooler), 0);
}

static void start_stream(void)
{
	struct encoder_config enc;
	struct arena_plan plan;
	struct footage *f = &rig.footage;

	assert_int_equal(frame_format_init(&rig.format, V4L2_PIX_FMT_NV12, WIDTH, HEIGHT, WIDTH,
					   WIDTH * HEIGHT * 3 / 2),
			 0);
	config_encoder(&rig.cfg, FPS, 1, &enc);
	rig.encoder = encoder_new(&rig.format, &enc);
	assert_non_null(rig.encoder);
	*f = (struct footage) {
		.cfg = &rig.cfg,
		.stream = { .format = &rig.format,
			    .fps_num = FPS,
			    .fps_den = 1,
			    .sample_max = encoder_sample_max(rig.encoder),
			    .buffers = 4 },
		.arena = &rig.arena,
		.coder = &rig.coder,
		.spooler = &rig.spooler,
		.status = &rig.status,
		.clips = &rig.desk.clips,
	};
	assert_int_equal(spool_block(&rig.spool, &f->stream.block), 0);
	assert_int_equal(config_plan(&rig.cfg, &f->stream, &plan), 0);
	assert_int_equal(arena_init(&rig.arena, &plan), 0);
	assert_int_equal(ring_register(&rig.ring, rig.arena.regions, rig.arena.n_regions), 0);
	assert_int_equal(coder_start(&rig.coder, &rig.arena, rig.encoder, &rig.format, FPS, 1,
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

static int enter(void **state)
{
	char path[512];

	(void)state;
	rig = (struct rig) { .dir = fixture_dir_make(), .tick_op.done = on_tick };
	atomic_store(&device.deaf, false);
	atomic_store(&device.slow, false);
	atomic_store(&device.unclaimed, false);
	atomic_store(&device.epoch, FIXTURE_EPOCH);
	make_config();
	snprintf(path, sizeof(path), "%s/spool", rig.dir);
	assert_int_equal(spool_open(&rig.spool, path), 0);
	assert_int_equal(ring_init(&rig.ring, 64), 0);
	status_init(&rig.status, NULL);
	assert_int_equal(
		desk_init(&rig.desk, &rig.ring, people.spool_key, &rig.spooler, &rig.status), 0);
	start_spooler();
	start_stream();
	rig.t_us = now_us();
	return 0;
}

static void stop_stream(void)
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

static int leave(void **state)
{
	(void)state;
	if (rig.arena.base)
		stop_stream();
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
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			data[y * WIDTH + x] = (uint8_t)(60 + (x * 7 ^ y * 13) % 64);
	memset(data + WIDTH * HEIGHT, 128, WIDTH * HEIGHT / 2);
	for (int y = 0; at >= 0 && y < 64; y++)
		memset(data + (80 + y) * WIDTH + at, 220, 64);
}

/* Frames at the camera's rate, by their own clock: as fast as they are taken. */
static void film(unsigned int frames, bool moving)
{
	for (unsigned int i = 0; i < frames; i++) {
		struct frame frame = { .sequence = rig.n, .timestamp_us = rig.t_us };
		int slot;

		TURN_UNTIL((slot = arena_take(&rig.arena)) >= 0 || rig.footage.oldest);
		if (slot < 0)
			slot = footage_spare(&rig.footage);
		frame.slot = (uint32_t)slot;
		frame.data = rig.arena.slots[slot];
		draw(frame.data, moving ? (int)(rig.n * 8 % (WIDTH - 64)) : -1);
		footage_frame(&rig.footage, &frame, true);
		rig.n++;
		rig.t_us += FRAME_US;
		turn();
	}
}

/* The same as a camera does it, which waits for nobody: what cannot be kept is lost. */
static void film_live(unsigned int frames, bool moving)
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

		draw(frame.data, moving ? (int)(rig.n * 8 % (WIDTH - 64)) : -1);
		footage_frame(&rig.footage, &frame, spare >= 0);
		if (spare >= 0)
			slot = spare;
		rig.n++;
		rig.t_us += FRAME_US;
		turn();
	}
	arena_give(&rig.arena, (uint32_t)slot);
}

/* An event of so many moving frames, and stillness until its clip has ended. */
static void event(unsigned int frames)
{
	film(frames, true);
	film(40, false);
}

static void wait_closed(void)
{
	TURN_UNTIL(!rig.desk.clips);
}

/* --- looking at the spool ------------------------------------------------------------------ */

static size_t count(enum spool_state state)
{
	char **ids;
	size_t n;

	assert_int_equal(spool_list(&rig.spool, state, &ids, &n), 0);
	spool_list_free(ids, n);
	return n;
}

static void path_of(char path[512], enum spool_state state, size_t i)
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

/* Clip @i of ready/ is what it should be; its manifest, to be released, in @m's report. */
static void verify(size_t i, struct clip_report *report, struct clip_opened *opened)
{
	struct opened_bytes video = { .sink = { keep_bytes } }, thumb = video;
	char path[512];
	int ret;

	path_of(path, SPOOL_STATE_READY, i);
	ret = clip_open(path, &people.claims, people.owner, &video.sink, &thumb.sink, opened,
			report);
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

static void verify_samples(size_t i, uint64_t samples)
{
	struct clip_report report;
	struct clip_opened opened;

	verify(i, &report, &opened);
	assert_true(opened.has_private);
	assert_int_equal(opened.private.samples, samples);
	assert_int_equal(opened.private.dropped, 0);
	assert_string_equal(opened.private.trigger, "motion");
	assert_true(opened.private.area_ppm > 10000);
	assert_string_equal(opened.open.camera_name, "front");
	assert_int_equal(opened.open.width, WIDTH);
	clip_report_release(&report);
}

static void expect_lost(size_t i, enum manifest_lost why)
{
	struct clip_report report;
	char path[512];

	path_of(path, SPOOL_STATE_READY, i);
	assert_int_equal(clip_verify(path, &people.claims, &report), 0);
	assert_int_equal(report.verdict, CLIP_VERIFIED);
	assert_int_equal(report.manifest.lost, why);
	clip_report_release(&report);
}

/* --- tests --------------------------------------------------------------------------------- */

static void what_moves_becomes_a_clip(void **state)
{
	(void)state;
	film(LEARN + 20, false);
	event(30);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(count(SPOOL_STATE_READY), 1);
	assert_int_equal(rig.status.sealed, 1);
	assert_int_equal(rig.status.captured, rig.n);
	assert_int_equal(rig.status.dropped, 0);
	assert_int_equal(rig.status.copied, 0);
}

/* In place of the C library's, for what it calls. */
static int clock_state = TIME_OK; /* -1: the sandbox does not let us ask */

int adjtimex(struct timex *t)
{
	(void)t;
	if (clock_state < 0)
		errno = EPERM;
	return clock_state;
}

static void clock_is(int state, bool synced)
{
	struct clip_report report;
	struct clip_opened opened;
	size_t before = count(SPOOL_STATE_READY);

	clock_state = state;
	film(LEARN + 20, false);
	event(30);
	wait_closed();
	clock_state = TIME_OK;
	verify(before, &report, &opened);
	assert_int_equal(opened.open.clock_synced, synced);
	clip_report_release(&report);
}

/* A clip vouches for its time only if the kernel does. */
static void a_clock_is_synced_only_if_the_kernel_says_so(void **state)
{
	(void)state;
	clock_is(TIME_OK, true);
	clock_is(TIME_ERROR, false);
	clock_is(-1, false);
}

static void nothing_moves_and_nothing_is_written(void **state)
{
	(void)state;
	film(LEARN + 100, false);
	assert_int_equal(rig.status.events, 0);
	assert_int_equal(count(SPOOL_STATE_OPEN) + count(SPOOL_STATE_READY), 0);
	assert_int_equal(rig.status.captured, LEARN + 100);
}

/*
 * Pre-roll is ten frames, post-roll ten after the last moving one, of which motion's own lag is a
 * part: the numbers are of the frames that footage was given, so none may be missing between them.
 */
static void every_frame_of_an_event_is_in_its_clip(void **state)
{
	uint64_t samples;

	(void)state;
	film(LEARN + 20, false);
	film(30, true);
	assert_non_null(rig.footage.clip);
	assert_int_equal(rig.footage.clip->pre_roll, FPS);
	samples = rig.footage.clip->pre_roll + rig.n - LEARN - 20;
	while (rig.footage.clip) {
		film(1, false);
		samples++;
	}
	samples--; /* the frame that ended it is in none */
	wait_closed();
	verify_samples(0, samples);
}

static void events_make_a_chain(void **state)
{
	uint8_t prev[32] = { 0 };

	(void)state;
	film(LEARN, false);
	for (int i = 0; i < 3; i++)
		event(15);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_READY), 3);
	for (size_t i = 0; i < 3; i++) {
		struct clip_report report;
		struct clip_opened opened;
		char path[512];
		char *text;
		struct jws jws;
		size_t len;

		verify(i, &report, &opened);
		assert_int_equal(report.manifest.head.seq, i + 1);
		assert_int_equal(report.manifest.has_prev, i > 0);
		assert_memory_equal(report.manifest.prev, prev, i ? 32 : 0);
		path_of(path, SPOOL_STATE_READY, i);
		text = (char *)fixture_read(path, SPOOL_MANIFEST, &len);
		assert_int_equal(jws_parse(&jws, text, len, JWS_TYP_CLIP), 0);
		memcpy(prev, jws.digest, 32);
		jws_release(&jws);
		free(text);
		clip_report_release(&report);
	}
}

static void a_long_event_is_split_without_a_gap(void **state)
{
	struct clip_report report[2];
	struct clip_opened opened[2];

	(void)state;
	rig.cfg.max_clip = 5000000;
	rig.footage.event.cfg.max_clip_us = 5000000;
	film(LEARN, false);
	event(60);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_READY), 2);
	for (size_t i = 0; i < 2; i++)
		verify(i, &report[i], &opened[i]);
	assert_int_equal(opened[0].private.samples, 50);
	assert_int_equal(opened[1].open.start_us - opened[0].private.end_us, FRAME_US);
	for (size_t i = 0; i < 2; i++)
		clip_report_release(&report[i]);
}

static void a_tpm_that_does_not_answer_only_delays(void **state)
{
	char path[512];
	size_t len;

	(void)state;
	film(LEARN, false);
	atomic_store(&device.deaf, true);
	event(15);
	event(15);
	TURN_UNTIL(count(SPOOL_STATE_OPEN) == 2);
	assert_int_equal(count(SPOOL_STATE_READY), 0);
	path_of(path, SPOOL_STATE_OPEN, 0);
	assert_null(fixture_read(path, SPOOL_MANIFEST, &len));
	atomic_store(&device.deaf, false);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(count(SPOOL_STATE_READY), 2);
	for (size_t i = 0; i < 2; i++) {
		struct clip_report report;
		struct clip_opened opened;

		verify(i, &report, &opened);
		assert_int_equal(report.manifest.head.seq, i + 1);
		assert_false(report.manifest.recovered);
		clip_report_release(&report);
	}
}

static void a_tpm_that_is_slower_than_the_backlog_costs_frames(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	uint64_t first;

	(void)state;
	film(LEARN, false);
	atomic_store(&device.slow, true);
	first = rig.t_us - FPS * FRAME_US;
	film_live(300, true);
	assert_int_equal(rig.status.captured, rig.n); /* the camera went on */
	assert_true(rig.status.dropped > 100);
	atomic_store(&device.slow, false);
	TURN_UNTIL(rig.footage.clip->opened);
	film(40, false);
	wait_closed();
	verify(0, &report, &opened);
	assert_int_equal(opened.private.dropped, rig.status.dropped);
	/* What is not in the clip is counted in it. */
	assert_int_equal(opened.private.samples + opened.private.dropped,
			 (uint64_t)(opened.private.end_us - opened.open.start_us) / FRAME_US + 1);
	assert_true(opened.private.samples > 30);
	assert_int_equal(opened.open.boot_monotonic_us, first);
	clip_report_release(&report);
}

static void what_was_not_signed_is_recovered_at_the_next_start(void **state)
{
	struct clip_report report;
	struct clip_opened opened;

	(void)state;
	film(LEARN, false);
	film(15, true); /* open.jws is signed */
	TURN_UNTIL(rig.footage.clip->opened && count(SPOOL_STATE_OPEN) == 1);
	usleep(200000);
	atomic_store(&device.deaf, true);
	film(40, false);
	stop_stream();
	spooler_exit(&rig.spooler);
	desk_read(&rig.desk);
	assert_int_equal(count(SPOOL_STATE_OPEN), 1);
	assert_int_equal(count(SPOOL_STATE_READY), 0);

	atomic_store(&device.deaf, false);
	start_spooler();
	TURN_UNTIL(count(SPOOL_STATE_READY) == 1);
	verify(0, &report, &opened);
	assert_true(report.manifest.recovered);
	clip_report_release(&report);
	start_stream();
	film(LEARN, false);
	event(15);
	wait_closed();
	verify(1, &report, &opened);
	assert_int_equal(report.manifest.head.seq, 2);
	assert_true(report.manifest.has_prev);
	clip_report_release(&report);
}

static void without_a_claim_there_is_no_clip(void **state)
{
	(void)state;
	film(LEARN, false);
	atomic_store(&device.unclaimed, true);
	atomic_store(&device.epoch, FIXTURE_EPOCH + 1);
	event(15);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_OPEN) + count(SPOOL_STATE_READY), 0);
	assert_int_equal(rig.status.sealed, 0);
	atomic_store(&device.unclaimed, false);
	event(15);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_READY), 1);
}

static void a_claim_that_ends_ends_the_open_clip(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	unsigned int frames;

	(void)state;
	film(LEARN, false);
	film(15, true);
	assert_non_null(rig.footage.clip);
	atomic_store(&device.epoch, FIXTURE_EPOCH + 1);
	TURN_UNTIL(!rig.footage.clip); /* nobody moves meanwhile: the spooler looks every 5 s */
	frames = rig.n;
	event(15);
	wait_closed();
	assert_true(rig.n > frames);
	assert_int_equal(count(SPOOL_STATE_READY), 2);
	for (size_t i = 0; i < 2; i++) {
		verify(i, &report, &opened);
		assert_int_equal(report.manifest.head.epoch, FIXTURE_EPOCH + i);
		assert_int_equal(report.manifest.head.seq, 1);
		assert_false(report.manifest.has_prev);
		clip_report_release(&report);
	}
}

static void limit_files(rlim_t bytes)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

static void a_clip_that_cannot_begin_is_lost_and_says_so(void **state)
{
	(void)state;
	film(LEARN, false);
	limit_files(512 << 10);
	event(15);
	wait_closed();
	limit_files(RLIM_INFINITY);
	assert_int_equal(count(SPOOL_STATE_OPEN), 0);
	expect_lost(0, MANIFEST_LOST_WRITE_ERROR);
	assert_int_equal(rig.status.lost, 1);
	event(15);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_READY), 2);
}

static void a_clip_that_cannot_grow_keeps_what_it_has(void **state)
{
	struct clip_report report;
	struct clip_opened opened;

	(void)state;
	film(LEARN, false);
	limit_files((1 << 20) + (512 << 10));
	event(150);
	wait_closed();
	limit_files(RLIM_INFINITY);
	verify(0, &report, &opened);
	assert_true(opened.private.dropped > 0);
	assert_true(opened.private.samples >= 10);
	assert_true(report.manifest.size <= 1 << 20);
	clip_report_release(&report);
}

/* In place of the C library's: a folder that once cannot be synced. */
static _Atomic ino_t unsyncable;

int fsync(int fd)
{
	struct stat st;
	ino_t ino;

	if (!fstat(fd, &st)) {
		ino = st.st_ino;
		if (atomic_compare_exchange_strong(&unsyncable, &ino, 0)) {
			errno = EIO;
			return -1;
		}
	}
	return (int)syscall(SYS_fsync, fd);
}

/* Nothing in ready/, where the uploader may write, keeps later clips from being signed. */
static void a_clip_whose_name_is_taken_holds_nothing_up(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	char path[512], *folder;

	(void)state;
	film(LEARN, false);
	film(15, true);
	TURN_UNTIL(rig.footage.clip->opened && count(SPOOL_STATE_OPEN) == 1);
	path_of(path, SPOOL_STATE_OPEN, 0);
	folder = strstr(path, "/open/");
	assert_int_equal(
		mkdirat(rig.spool.state[SPOOL_STATE_READY], folder + strlen("/open/"), 0700), 0);
	film(40, false);
	event(15);
	wait_closed();
	assert_int_equal(count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(count(SPOOL_STATE_QUARANTINE), 1);
	assert_int_equal(count(SPOOL_STATE_READY), 2);
	assert_int_equal(rig.status.lost, 1);
	verify(1, &report, &opened);
	assert_int_equal(report.manifest.head.seq, 2);
	assert_true(report.manifest.has_prev);
	clip_report_release(&report);
}

static void a_folder_that_cannot_be_synced_once_holds_nothing_up(void **state)
{
	struct clip_report report;
	struct clip_opened opened;
	struct stat st;

	(void)state;
	film(LEARN, false);
	assert_int_equal(fstat(rig.spool.state[SPOOL_STATE_READY], &st), 0);
	atomic_store(&unsyncable, st.st_ino);
	event(15);
	event(15);
	wait_closed();
	assert_int_equal(atomic_load(&unsyncable), 0);
	assert_int_equal(count(SPOOL_STATE_OPEN), 0);
	assert_int_equal(count(SPOOL_STATE_READY), 2);
	assert_int_equal(rig.status.sealed, 2);
	for (size_t i = 0; i < 2; i++) {
		verify(i, &report, &opened);
		clip_report_release(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
		T(what_moves_becomes_a_clip),
		T(a_clock_is_synced_only_if_the_kernel_says_so),
		T(nothing_moves_and_nothing_is_written),
		T(every_frame_of_an_event_is_in_its_clip),
		T(events_make_a_chain),
		T(a_long_event_is_split_without_a_gap),
		T(a_tpm_that_does_not_answer_only_delays),
		T(a_tpm_that_is_slower_than_the_backlog_costs_frames),
		T(what_was_not_signed_is_recovered_at_the_next_start),
		T(without_a_claim_there_is_no_clip),
		T(a_claim_that_ends_ends_the_open_clip),
		T(a_clip_that_cannot_begin_is_lost_and_says_so),
		T(a_clip_that_cannot_grow_keeps_what_it_has),
		T(a_clip_whose_name_is_taken_holds_nothing_up),
		T(a_folder_that_cannot_be_synced_once_holds_nothing_up),
#undef T
	};

	return cmocka_run_group_tests(tests, enter_all, leave_all);
}
