// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each letter means. Separate from the loop, which only waits.
 * The one thing to know: a clip is closed when the coder has posted its last fragment and nothing of it
 * is with the ring, whichever comes last.
 */
#include "desk.h"

#include "clip_ends.h"
#include "monotonic.h"

#include <errno.h>
#include <stddef.h>

static void close_clip(struct clip_writer *w, struct clip *clip)
{
	struct desk *d = letter_of(w, struct desk, writer);

	if (!clip->coded || clip->closing || !clip_writer_idle(clip))
		return;
	clip->closing = true;
	clip->closing_us = monotonic_us();
	spooler_close(d->spooler, clip);
}

static void extend_clip(struct clip_writer *w, struct clip *clip)
{
	spooler_extend(letter_of(w, struct desk, writer)->spooler, clip);
}

int desk_init(struct desk *d, struct ring *ring, const uint8_t *mac_key, struct spooler *spooler,
	      struct status *status)
{
	*d = (struct desk) {
		.writer = { .ring = ring,
			    .mac_key = mac_key,
			    .status = status,
			    .extend = extend_clip,
			    .progress = close_clip },
		.spooler = spooler,
		.status = status,
	};
	return mailbox_init(&d->box, true);
}

void desk_exit(struct desk *d)
{
	mailbox_exit(&d->box);
}

void desk_stream(struct desk *d, struct footage *footage, struct coder *coder)
{
	d->footage = footage;
	d->writer.runs = &coder->runs;
	d->coder_gone = false;
}

bool desk_is_clear(const struct desk *d)
{
	return d->coder_gone && !d->writer.out;
}

static void on_coded(struct desk *d, struct clip *clip)
{
	clip->coded = true;
	d->status->dropped[STATUS_DROP_ENCODER] += clip->coder_dropped;
	close_clip(&d->writer, clip);
}

/* Frames that were coded and are not on the disk. A clip that recovery will finish has lost none. */
static uint64_t unwritten(const struct clip *clip)
{
	uint64_t frames = clip->unwritten;

	for (size_t i = 0; i < clip->n_refs; i++)
		if ((clip->error && clip->error != -EAGAIN) ||
		    (clip->broken && i >= clip->broken - 1))
			frames += clip->n_samples[i];
	return frames;
}

static void on_closed(struct desk *d, struct clip *clip)
{
	d->status->dropped[STATUS_DROP_DISK] += unwritten(clip);
	if (!clip->error) {
		d->status->sealed++;
		histogram_add(&d->status->seal_time, monotonic_us() - clip->closing_us);
	} else if (clip->error != -EAGAIN) { /* which recovery will finish */
		d->status->lost++;
	}
	d->clips--;
	clip_free(clip);
}

static void on_letter(struct desk *d, struct letter *l)
{
	d->letters++;
	switch ((enum main_letter)l->what) {
	case MAIN_FRAME:
		footage_return(d->footage, letter_of(l, struct held, letter));
		break;
	case MAIN_RUN:
		clip_writer_add(&d->writer, letter_of(l, struct run, letter));
		break;
	case MAIN_CODED:
		on_coded(d, letter_of(l, struct clip, coder_letter));
		break;
	case MAIN_CODER_GONE:
		d->coder_gone = true;
		break;
	case MAIN_OPENED:
		d->open_error = letter_of(l, struct clip, letter)->error;
		clip_writer_resume(&d->writer, letter_of(l, struct clip, letter));
		break;
	case MAIN_EXTENDED:
		clip_writer_resume(&d->writer, letter_of(l, struct clip, letter));
		break;
	case MAIN_CLOSED:
		on_closed(d, letter_of(l, struct clip, letter));
		break;
	case MAIN_CLAIM_ENDED:
		if (!d->coder_gone)
			footage_stop(d->footage);
		break;
	}
}

void desk_read(struct desk *d)
{
	struct letter *l;

	while ((l = mailbox_take(&d->box)))
		on_letter(d, l);
}
