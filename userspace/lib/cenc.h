/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AES-128-CTR of samples in place, ISO/IEC 23001-7 scheme 'cenc': IV = 8-byte sample number,
 * block counter from 0, running on through the protected parts of one sample.
 */
#ifndef OWNFRAME_CENC_H
#define OWNFRAME_CENC_H

#include <stddef.h>
#include <stdint.h>

#define CENC_IV_LEN 8

/* One subsample (ISO/IEC 23001-7 7.2): clear bytes, then protected ones. */
struct cenc_subsample {
	uint16_t clear;
	uint32_t protected;
};

struct cenc; /* cipher context of one content key; one thread at a time */

struct cenc *cenc_new(const uint8_t key[16]);
void cenc_free(struct cenc *c); /* wipes; NULL is allowed */

/*
 * Encrypt (or decrypt: CTR is its own inverse) the @len bytes of sample @number (from 1) at @data in
 * place. @n subsamples must add up to @len; @n == 0: the whole sample is protected. Never call it
 * twice for a sample on its way to disk: CTR applied twice is plaintext again. 0, -EINVAL, -EIO.
 */
int cenc_sample(struct cenc *c, uint64_t number, void *data, size_t len,
		const struct cenc_subsample *sub, size_t n);

#endif
