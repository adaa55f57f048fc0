/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cameras of the fuzzer, and dma-bufs of another driver to feed them with. */
#ifndef FUZZ_NODES_H
#define FUZZ_NODES_H

/* Load the drivers; make the cameras, set run.tree and run.dmabufs. */
void nodes_prepare(void);
/* Give a camera that is new its first format; set its numbers in run.shared->video. */
void nodes_find(unsigned int camera);
void nodes_forget(unsigned int camera);
/* Open a node that nodes_find() found. Returns a descriptor, or -1 and errno: ENXIO if it is another. */
int node_open(unsigned int node, int flags);

#endif /* FUZZ_NODES_H */
