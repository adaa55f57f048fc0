// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gaps and forks among verified clips. Apart from the reader, which sees one clip at a time. The
 * one thing to know: it can tell what is missing between two clips and before the first, never what
 * is missing after the last.
 */
#include "clip_chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int clip_chain_add(struct clip_chain *chain, const struct clip_report *report)
{
	const struct manifest *m = &report->manifest;
	struct clip_chain_link *link;

	if (!report->claim)
		return 0;
	if (chain->n == chain->cap) {
		size_t cap = chain->cap ? 2 * chain->cap : 64;

		link = reallocarray(chain->links, cap, sizeof(*link));
		if (!link)
			return -ENOMEM;
		chain->links = link;
		chain->cap = cap;
	}
	link = &chain->links[chain->n++];
	memset(link, 0, sizeof(*link));
	link->device = m->head.device;
	memcpy(link->camera, m->head.camera, sizeof(link->camera));
	link->epoch = m->head.epoch;
	link->seq = m->head.seq;
	link->has_prev = m->has_prev;
	link->dropped = m->lost == MANIFEST_LOST_DROPPED;
	memcpy(link->prev, m->prev, sizeof(link->prev));
	memcpy(link->digest, report->digest, sizeof(link->digest));
	return 0;
}

static int compare_chain(const struct clip_chain_link *a, const struct clip_chain_link *b)
{
	int order = strcmp(a->device.text, b->device.text);

	if (!order)
		order = strcmp(a->camera, b->camera);
	return order ? order : (a->epoch > b->epoch) - (a->epoch < b->epoch);
}

/* Of two manifests of one seq the dropped one comes last: then the next may name either. */
static int compare(const void *left, const void *right)
{
	const struct clip_chain_link *a = left, *b = right;
	int order = compare_chain(a, b);

	if (!order)
		order = (a->seq > b->seq) - (a->seq < b->seq);
	if (!order)
		order = a->dropped - b->dropped;
	return order ? order : memcmp(a->digest, b->digest, sizeof(a->digest));
}

/* What is wrong between @link and the one before it in its chain (NULL: it is the first). */
static bool judge(struct clip_chain_finding *finding, const struct clip_chain_link *before,
		  const struct clip_chain_link *link, bool from_first)
{
	uint64_t expected = before ? before->seq + 1 : from_first ? 1 : link->seq;

	*finding = (struct clip_chain_finding) { .link = link, .from = link->seq, .to = link->seq };
	if (link->seq > expected) {
		finding->fault = CLIP_CHAIN_GAP;
		finding->from = expected;
		finding->to = link->seq - 1;
		return true;
	}
	if (before && link->seq == before->seq) {
		finding->fault = CLIP_CHAIN_FORKED;
		return !link->dropped && !before->dropped &&
		       memcmp(link->digest, before->digest, sizeof(link->digest));
	}
	finding->fault = CLIP_CHAIN_BROKEN;
	if (!before)
		return link->seq == 1 && link->has_prev;
	return !link->has_prev ||
	       (!before->dropped && memcmp(link->prev, before->digest, sizeof(link->prev)));
}

size_t clip_chain_check(struct clip_chain *chain, bool from_first,
			void (*found)(const struct clip_chain_finding *finding, void *arg),
			void *arg)
{
	const struct clip_chain_link *before = NULL;
	struct clip_chain_finding finding;
	size_t n = 0;

	if (chain->n)
		qsort(chain->links, chain->n, sizeof(*chain->links), compare);
	for (size_t i = 0; i < chain->n; i++) {
		const struct clip_chain_link *link = &chain->links[i];

		if (before && compare_chain(before, link))
			before = NULL;
		if (judge(&finding, before, link, from_first)) {
			found(&finding, arg);
			n++;
		}
		before = link;
	}
	return n;
}

void clip_chain_release(struct clip_chain *chain)
{
	free(chain->links);
	*chain = (struct clip_chain) { 0 };
}
