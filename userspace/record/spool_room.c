// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making room. Separate because it is the one place that removes clips.
 * The one thing to know: a clip that was not sent leaves a signed manifest that says so. Its
 * successor's prev is still the hash of the manifest that was replaced, which the store may have.
 */
#include "spool_room.h"

#include "durable.h"
#include "jws.h"
#include "log.h"
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#define SLACK (4ull << 20) /* for folders and manifests, of lost clips too */

bool spool_room_free(const struct spool *s, uint64_t bytes)
{
	struct statvfs v;

	if (fstatvfs(s->fd, &v))
		return true; /* the allocation will tell */
	return (uint64_t)v.f_bavail * v.f_frsize >= bytes + SLACK;
}

int spool_room_drop_sent(struct spool *s)
{
	char **ids = NULL;
	size_t n = 0;
	int ret = spool_list(s, SPOOL_STATE_SENT, &ids, &n);

	if (ret)
		return ret;
	ret = -ENOENT;
	for (size_t i = 0; ret && i < n; i++) {
		ret = spool_clip_remove(s, SPOOL_STATE_SENT, ids[i]);
		if (ret)
			log_error("%s: cannot remove from sent: %s", ids[i], strerror(-ret));
		else
			log_info("%s: removed to make room, it was sent", ids[i]);
	}
	ret = ret ? -ENOENT : 0;
	spool_list_free(ids, n);
	return ret;
}

static int read_manifest(int dir, const struct p256_pub *device, struct manifest *m)
{
	SCOPE_FREE char *text = NULL;
	struct jws jws;
	size_t len;
	int ret = durable_read(dir, SPOOL_MANIFEST, O_NOFOLLOW, SPOOL_JWS_MAX, &text, &len);

	if (!ret)
		ret = jws_parse(&jws, text, len, JWS_TYP_CLIP);
	if (ret)
		return ret;
	ret = jws_verify(&jws, device);
	if (!ret)
		ret = manifest_decode(m, jws.payload, jws.payload_len);
	jws_release(&jws);
	return ret;
}

/* Sign that @m's clip was dropped, in place of what it says now. */
static int replace_manifest(int dir, const struct manifest *m, struct signer *signer)
{
	struct manifest lost = {
		.head = m->head,
		.has_prev = m->has_prev,
		.lost = MANIFEST_LOST_DROPPED,
	};
	SCOPE_FREE char *payload = NULL;
	SCOPE_FREE char *text = NULL;
	struct p256_id kid;
	int ret;

	memcpy(lost.prev, m->prev, sizeof(lost.prev));
	payload = manifest_encode(&lost);
	if (!payload)
		return -ENOMEM;
	ret = p256_thumbprint(&kid, &signer->pub);
	if (!ret)
		ret = jws_sign(&text, JWS_TYP_CLIP, &kid, payload, strlen(payload), signer);
	return ret ? ret : durable_write(dir, SPOOL_MANIFEST, text, strlen(text), 0640);
}

/* -ENOENT: there were none. */
static int remove_pictures(int dir)
{
	bool found = false;

	for (const char *const *name = (const char *const[]) { SPOOL_CLIP, SPOOL_THUMB, NULL };
	     *name; name++) {
		if (!unlinkat(dir, *name, 0))
			found = true;
		else if (errno != ENOENT)
			return -errno;
	}
	return found ? 0 : -ENOENT;
}

/*
 * -ENOENT: not a clip of ours with pictures. One that is lost has some if an earlier drop was cut
 * short between its manifest and them.
 */
static int drop(struct spool *s, const char *id, struct signer *signer, const char *camera)
{
	SCOPE_CLOSE int dir = spool_clip_open(s, SPOOL_STATE_READY, id);
	struct manifest m;
	bool ours, lost;
	int ret;

	if (dir < 0 || read_manifest(dir, &signer->pub, &m))
		return -ENOENT;
	/* In ready/ the uploader may exchange what he likes: only the clip of this name is meant. */
	ours = !strcmp(m.head.camera, camera) && !strcmp(m.head.clip.text, id);
	lost = m.lost != MANIFEST_NOT_LOST;
	ret = !ours ? -ENOENT : lost ? 0 : replace_manifest(dir, &m, signer);
	manifest_release(&m);
	if (ret)
		return ret;
	ret = remove_pictures(dir);
	if (lost)
		return ret;
	log_warn("%s: dropped to make room, it was not sent", id);
	return ret == -ENOENT ? 0 : ret;
}

int spool_room_drop_ready(struct spool *s, struct signer *signer, const char *camera)
{
	char **ids = NULL;
	size_t n = 0;
	int ret = spool_list(s, SPOOL_STATE_READY, &ids, &n);

	if (ret)
		return ret;
	ret = -ENOENT;
	for (size_t i = 0; ret == -ENOENT && i < n; i++)
		ret = drop(s, ids[i], signer, camera);
	spool_list_free(ids, n);
	return ret;
}
