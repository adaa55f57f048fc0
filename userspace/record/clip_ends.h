/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of a clip, what is not its fragments: the folder and file with init before the first, index, mfra
 * and thumbnail after the last. Plain blocking calls, once a clip: the spooler's thread.
 */
#ifndef OWNFRAME_RECORD_CLIP_ENDS_H
#define OWNFRAME_RECORD_CLIP_ENDS_H

#include "clip.h"
#include "spool.h"

/*
 * Make the folder in open/ and in it clip.mp4: allocated, init and empty index written and synced.
 * clip->head and its recipients are set; @info is their HPKE info. On an error the folder stays if it
 * could be made (clip->dir), for a "lost" manifest.
 */
int clip_ends_create(struct clip *clip, struct spool *s, char *info);
/* Allocate clip->preallocate bytes more. */
int clip_ends_extend(struct clip *clip);
/*
 * Finish clip.mp4 at the last good fragment and write the thumbnail; fills clip->manifest but for
 * prev. -ENODATA: there is no good fragment.
 */
int clip_ends_seal(struct clip *clip);
/* Only the manifest will be left: remove what was written, fill clip->manifest as lost. */
void clip_ends_lose(struct clip *clip, enum manifest_lost why);

/* Close descriptors, free what the clip owns, wipe its keys; @clip is gone. */
void clip_free(struct clip *clip);

#endif
