// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * writer.mjs OWNER OUT: what another implementation would make, for ownframe to read: with npm jose
 * a manifest's JWS by a device of its own and a claim of that device by the owner in folder OWNER;
 * with @hpke/core a message to the owner. In OUT: device.jwk, clip.jws, claim.json, enc, ct, info,
 * pt, and wrong-*.jws, good signatures in forms that ownframe must refuse.
 */
import { createPrivateKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import {
	CompactSign,
	GeneralSign,
	calculateJwkThumbprint,
	exportJWK,
	generateKeyPair,
	importJWK,
} from "jose";

const [owner, out] = process.argv.slice(2);
const put = (name, data) => writeFileSync(`${out}/${name}`, data);
const utf8 = (text) => new TextEncoder().encode(text);
const pub = ({ crv, kty, x, y }) => ({ crv, kty, x, y });

const device = await generateKeyPair("ES256", { extractable: true });
const tls = pub(await exportJWK((await generateKeyPair("ES256", { extractable: true })).publicKey));
const deviceJwk = pub(await exportJWK(device.publicKey));
const deviceId = await calculateJwkThumbprint(deviceJwk);
const ownerJwk = createPrivateKey(readFileSync(`${owner}/owner.key`)).export({ format: "jwk" });
const ownerKey = await importJWK(ownerJwk, "ES256");
const ownerId = await calculateJwkThumbprint(pub(ownerJwk));
const claims = JSON.parse(readFileSync(`${owner}/claims.json`));
const ownCert = JSON.parse(Buffer.from(claims.claims[0].payload, "base64url")).recipients[0];

/* jose writes header members in the order given. */
const header = { alg: "ES256", typ: "ownframe-clip+jws", kid: deviceId };
const payload = utf8('{"v":1}');
const sign = (h, key = device.privateKey) => new CompactSign(payload).setProtectedHeader(h).sign(key);
put("device.jwk", JSON.stringify(deviceJwk));
put("clip.jws", await sign(header));
put("wrong-order.jws", await sign({ typ: header.typ, alg: "ES256", kid: deviceId }));
put("wrong-typ.jws", await sign({ ...header, typ: "ownframe-open+jws" }));
put("wrong-jwk.jws", await sign({ ...header, jwk: deviceJwk }));
const p384 = await generateKeyPair("ES384");
put("wrong-alg.jws", await sign({ ...header, alg: "ES384" }, p384.privateKey));
put("wrong-newline.jws", `${await sign(header)}\n`);

const claim = new GeneralSign(
	utf8(
		JSON.stringify({
			v: 1,
			device: deviceJwk,
			owner: pub(ownerJwk),
			tls,
			recipients: [ownCert],
			epoch: 7,
			prev: null,
			consented: true,
		}),
	),
);
const typ = "ownframe-claim+jws";
claim.addSignature(ownerKey).setProtectedHeader({ alg: "ES256", typ, kid: ownerId });
claim.addSignature(device.privateKey).setProtectedHeader({ alg: "ES256", typ, kid: deviceId });
put("claim.json", JSON.stringify(await claim.sign()));

const suite = new CipherSuite({
	kem: new DhkemP256HkdfSha256(),
	kdf: new HkdfSha256(),
	aead: new Aes128Gcm(),
});
const info = `ownframe/1 ${deviceId} ${ownerId} 7`;
const pt = globalThis.crypto.getRandomValues(new Uint8Array(16));
const recipientPublicKey = await globalThis.crypto.subtle.importKey(
	"jwk",
	pub(ownerJwk),
	{ name: "ECDH", namedCurve: "P-256" },
	true,
	[],
);
const context = await suite.createSenderContext({ recipientPublicKey, info: utf8(info) });
put("ct", new Uint8Array(await context.seal(pt)));
put("enc", new Uint8Array(context.enc));
put("info", info);
put("pt", pt);
console.log(`${deviceId} ${ownerId}`);
