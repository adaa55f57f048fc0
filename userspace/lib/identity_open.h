/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open identity, as identity.c and identity_claim.c see it; everybody else sees identity.h. */
#ifndef OWNFRAME_IDENTITY_OPEN_H
#define OWNFRAME_IDENTITY_OPEN_H

#include "identity_backend.h"

struct identity_signer {
	struct signer signer;
	struct identity *id;
	enum identity_key key;
	struct identity_auth auth;
	bool ready;
};

struct identity {
	struct identity_dir dir;
	struct identity_record record;
	struct identity_backend *backend;
	struct identity_signer signers[2]; /* by enum identity_key */
};

#endif
