// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reader.mjs CLIP OWNER [CONTENT_KEY]: verify and open the sealed clip in folder CLIP with what is
 * in the owner's folder (claims.json, owner.key), written from docs/clip-format.md with npm jose,
 * @hpke/core and WebCrypto, and nothing of ownframe's own code. Prints what it found, a line each;
 * CONTENT_KEY is a file with the key in hex, to be compared. Exit status 1: something does not hold.
 */
import { readFileSync, existsSync } from "node:fs";
import { deepStrictEqual as same, ok } from "node:assert";
import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import { calculateJwkThumbprint, compactVerify, generalVerify, importJWK } from "jose";

const { subtle } = globalThis.crypto;
const [clip, owner, contentKeyFile] = process.argv.slice(2);
const utf8 = (text) => new TextEncoder().encode(text);
const unbase64 = (text) => new Uint8Array(Buffer.from(text, "base64url"));
const base64 = (bytes) => Buffer.from(bytes).toString("base64url");
const sha256 = async (bytes) => base64(await subtle.digest("SHA-256", bytes));
const json = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

/* The claim of (device, epoch), signed by the owner of claims.json and by the device. */
async function findClaim(claims, device, epoch) {
	for (const claim of claims.claims) {
		const payload = json(unbase64(claim.payload));
		if ((await calculateJwkThumbprint(payload.device)) !== device || payload.epoch !== epoch)
			continue;
		same(payload.owner, claims.owner);
		same(claim.signatures.length, 2);
		for (const [i, jwk] of [claims.owner, payload.device].entries()) {
			const one = { payload: claim.payload, signatures: [claim.signatures[i]] };
			const { protectedHeader } = await generalVerify(one, await importJWK(jwk, "ES256"), {
				algorithms: ["ES256"],
			});
			same(protectedHeader, {
				alg: "ES256",
				typ: "ownframe-claim+jws",
				kid: await calculateJwkThumbprint(jwk),
			});
		}
		return payload;
	}
	throw new Error(`no claim of device ${device}, epoch ${epoch}`);
}

/* A compact JWS of a clip, verified with the key of the claim that it is found to be under. */
async function verify(text, typ, claims) {
	ok(!/\s/.test(text), "white space in a JWS");
	const unverified = json(unbase64(text.split(".")[1]));
	const claim = await findClaim(claims, unverified.device, unverified.epoch);
	const key = await importJWK(claim.device, "ES256");
	const { payload, protectedHeader } = await compactVerify(text, key, { algorithms: ["ES256"] });
	const said = json(payload);
	same(protectedHeader, { alg: "ES256", typ, kid: said.device });
	same(said.owner, await calculateJwkThumbprint(claims.owner));
	await refusesTampering(text, key);
	return { said, claim };
}

/* The oracle itself must be able to say no. */
async function refusesTampering(text, key) {
	const [header, payload, signature] = text.split(".");
	const bytes = unbase64(payload);
	bytes[bytes.length - 3] ^= 1;
	let refused = false;
	await compactVerify([header, base64(bytes), signature].join("."), key).catch(() => (refused = true));
	ok(refused, "npm jose accepts a changed payload");
}

async function checkRecipients(said, claim) {
	same(said.recipients.length, claim.recipients.length);
	for (const [i, cert] of claim.recipients.entries())
		same(said.recipients[i].thumbprint, await sha256(unbase64(cert)));
}

function* boxes(file, start, end) {
	const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
	for (let at = start; at < end; at += view.getUint32(at)) {
		ok(view.getUint32(at) >= 8 && at + view.getUint32(at) <= end, "a box does not fit");
		yield {
			type: String.fromCharCode(...file.subarray(at + 4, at + 8)),
			start: at + 8,
			end: at + view.getUint32(at),
		};
	}
}

/* The ONVIF pssh says the same as what was signed. */
function checkPssh(file, said, info) {
	const system = "a4852bd080fc484eb9e178a74d49f5ce";
	const moov = [...boxes(file, 0, said.ranges[0].len)].find((b) => b.type === "moov");
	const pssh = [...boxes(file, moov.start, moov.end)].find(
		(b) =>
			b.type === "pssh" &&
			Buffer.from(file.subarray(b.start + 4, b.start + 20)).toString("hex") === system,
	);
	let at = pssh.start + 20;
	const bytes = (n) => file.subarray(at, (at += n));
	const number = (n) => bytes(n).reduce((v, b) => v * 256 + b, 0);
	same(number(4), 1, "one KID");
	same(base64(bytes(16)), said.content_kid);
	same(number(4), pssh.end - at);
	same(number(4), said.recipients.length);
	for (const r of said.recipients) {
		same(number(2), 2, "SHA-256");
		same(number(4), 32);
		same(base64(bytes(32)), r.thumbprint);
		same(number(1), 2, "EncryptionVersion");
		same([number(2), number(2), number(2)], [0x10, 1, 1], "the suite");
		same(base64(bytes(65)), r.enc);
		same(number(2), 32);
		same(base64(bytes(32)), r.key);
		same(new TextDecoder().decode(bytes(number(2))), info);
	}
	same(at, pssh.end);
}

async function checkFile(file, said) {
	let end = 0;
	same(file.length, said.size);
	for (const r of said.ranges) {
		same(r.off, end);
		end += r.len;
		same(await sha256(file.subarray(r.off, end)), r.sha256);
	}
	same(end, said.size);
}

async function contentKey(said, info) {
	const pem = readFileSync(`${owner}/owner.key`, "utf8").replace(/-----[^-]+-----|\s/g, "");
	const recipientKey = await subtle.importKey(
		"pkcs8",
		Buffer.from(pem, "base64"),
		{ name: "ECDH", namedCurve: "P-256" },
		true,
		["deriveBits"],
	);
	const suite = new CipherSuite({
		kem: new DhkemP256HkdfSha256(),
		kdf: new HkdfSha256(),
		aead: new Aes128Gcm(),
	});
	const { enc, key } = said.recipients[0];
	const context = await suite.createRecipientContext({
		recipientKey,
		enc: unbase64(enc),
		info: utf8(info),
	});
	return new Uint8Array(await context.open(unbase64(key)));
}

async function unseal(master, said, label, sealed) {
	const key = await subtle.deriveKey(
		{ name: "HKDF", hash: "SHA-256", salt: unbase64(said.content_kid), info: utf8(label) },
		await subtle.importKey("raw", master, "HKDF", false, ["deriveKey"]),
		{ name: "AES-GCM", length: 128 },
		false,
		["decrypt"],
	);
	const parameters = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: utf8(said.clip) };
	return new Uint8Array(await subtle.decrypt(parameters, key, sealed));
}

const claims = json(readFileSync(`${owner}/claims.json`));
const isOpen = existsSync(`${clip}/open.jws`);
const { said, claim } = isOpen
	? await verify(readFileSync(`${clip}/open.jws`, "utf8"), "ownframe-open+jws", claims)
	: await verify(readFileSync(`${clip}/manifest.jws`, "utf8"), "ownframe-clip+jws", claims);
const info = `ownframe/1 ${said.device} ${said.owner} ${said.epoch}`;
console.log(`verified ${said.clip} of ${said.device}, epoch ${said.epoch}`);

await checkRecipients(said, claim);
const file = new Uint8Array(readFileSync(`${clip}/clip.mp4`));
if (isOpen) {
	said.ranges = [{ len: 0 }];
	while ((await sha256(file.subarray(0, said.ranges[0].len))) !== said.init_sha256)
		ok((said.ranges[0].len += 4096) <= file.length, "init is not what was signed");
} else {
	await checkFile(file, said);
}
checkPssh(file, said, info);

const master = await contentKey(said, info);
same(master.length, 16);
if (contentKeyFile)
	same(Buffer.from(master).toString("hex"), readFileSync(contentKeyFile, "utf8").trim());
console.log(`open: ${JSON.stringify(json(await unseal(master, said, "ownframe/1 open", unbase64(said.open))))}`);
if (said.private)
	console.log(
		`private: ${JSON.stringify(json(await unseal(master, said, "ownframe/1 private", unbase64(said.private))))}`,
	);
if (said.thumb) {
	const sealed = new Uint8Array(readFileSync(`${clip}/thumb`));
	same([sealed.length, await sha256(sealed)], [said.thumb.size, said.thumb.sha256]);
	const thumb = await unseal(master, said, "ownframe/1 thumb", sealed);
	console.log(`thumb: ${thumb.length} bytes, SHA-256 ${await sha256(thumb)}`);
}
