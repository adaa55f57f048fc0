// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the identity's objects look like in a TPM. Separate because these tables are the security
 * of the whole: read them beside TPM 2.0 Library Part 2, sections 8.3 (TPMA_OBJECT) and 13.4
 * (TPMA_NV). To know: everything is NODA (NO_DA), so neither power cuts nor wrong guesses at
 * somebody else's object can lock the camera out of its own key.
 */
#include "identity_tpm.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define OBJECT_FIXED (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT)

/*
 * The storage key, derived from the owner's seed and this template: the same each time it is made.
 * The label keeps it apart from the SRK that other software may have. No authorisation value:
 * anybody may salt a session with it, and who makes children under it harms nobody.
 */
const TPM2B_PUBLIC tpm_storage_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = OBJECT_FIXED | TPMA_OBJECT_SENSITIVEDATAORIGIN |
				    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
				    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
		.parameters.eccDetail = {
			.symmetric = {
				.algorithm = TPM2_ALG_AES,
				.keyBits.aes = 128,
				.mode.aes = TPM2_ALG_CFB,
			},
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
		.unique.ecc.x = { .size = 16, .buffer = "ownframe storage" },
	},
};

/* "sign" and "tls": random, ECDSA with SHA-256 only. Not restricted: the digests are made here. */
const TPM2B_PUBLIC tpm_key_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = OBJECT_FIXED | TPMA_OBJECT_SENSITIVEDATAORIGIN |
				    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
				    TPMA_OBJECT_SIGN_ENCRYPT,
		.parameters.eccDetail = {
			.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme = {
				.scheme = TPM2_ALG_ECDSA,
				.details.ecdsa.hashAlg = TPM2_ALG_SHA256,
			},
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
	},
};

/* The spool key: sealed data. */
const TPM2B_PUBLIC tpm_spool_template = {
	.publicArea = {
		.type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = OBJECT_FIXED | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
	},
};

static void put_u32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/*
 * The epoch: reading is by policy, "the command is TPM2_NV_Read", which anybody can satisfy;
 * raising it is by authorisation value, which only root has; removing it is the owner hierarchy's.
 * So the value for writing need not be given away for reading, and no other way in is set
 * (OWNERWRITE, PPWRITE, POLICYWRITE, AUTHREAD).
 */
int tpm_counter_template(TPM2B_NV_PUBLIC *nv)
{
	/* Part 3 section 23.11: H(old digest || TPM_CC_PolicyCommandCode || code) */
	uint8_t policy[TPM2_SHA256_DIGEST_SIZE + 8] = { 0 };
	TPM2B_DIGEST *digest = &nv->nvPublic.authPolicy;
	unsigned int len;

	*nv = (TPM2B_NV_PUBLIC){
		.nvPublic = {
			.nvIndex = TPM_HANDLE_COUNTER,
			.nameAlg = TPM2_ALG_SHA256,
			.attributes = TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT |
				      TPMA_NV_AUTHWRITE | TPMA_NV_POLICYREAD | TPMA_NV_NO_DA,
			.dataSize = sizeof(uint64_t),
		},
	};
	put_u32(policy + TPM2_SHA256_DIGEST_SIZE, TPM2_CC_PolicyCommandCode);
	put_u32(policy + TPM2_SHA256_DIGEST_SIZE + 4, TPM2_CC_NV_Read);
	if (!EVP_Digest(policy, sizeof(policy), digest->buffer, &len, EVP_sha256(), NULL))
		return -ENOMEM;
	digest->size = (UINT16)len;
	return 0;
}

static bool ecc_made_from(const TPMS_ECC_PARMS *a, const TPMS_ECC_PARMS *b)
{
	return a->curveID == b->curveID && a->scheme.scheme == b->scheme.scheme &&
	       a->symmetric.algorithm == b->symmetric.algorithm && a->kdf.scheme == b->kdf.scheme &&
	       (a->scheme.scheme != TPM2_ALG_ECDSA ||
		a->scheme.details.ecdsa.hashAlg == b->scheme.details.ecdsa.hashAlg);
}

bool tpm_made_from(const TPM2B_PUBLIC *pub, const TPM2B_PUBLIC *template)
{
	const TPMT_PUBLIC *a = &pub->publicArea, *b = &template->publicArea;

	if (a->type != b->type || a->nameAlg != b->nameAlg ||
	    a->objectAttributes != b->objectAttributes || a->authPolicy.size)
		return false;
	if (a->type == TPM2_ALG_ECC)
		return ecc_made_from(&a->parameters.eccDetail, &b->parameters.eccDetail);
	return a->parameters.keyedHashDetail.scheme.scheme ==
	       b->parameters.keyedHashDetail.scheme.scheme;
}
