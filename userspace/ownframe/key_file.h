/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A person's private key in a file of theirs: PEM, PKCS#8 as "ownframe owner new" makes it. */
#ifndef OWNFRAME_KEY_FILE_H
#define OWNFRAME_KEY_FILE_H

#include <openssl/evp.h>

/*
 * Read the P-256 key in @path; asks on the terminal if it has a passphrase. Logged; -errno, -EINVAL:
 * not such a key, or not its passphrase. The caller frees *@key.
 */
int key_file_read(EVP_PKEY **key, const char *path);

#endif
