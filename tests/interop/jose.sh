#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken in the world: clips, claims and keys in a form that only ownframe's own code can read, so
# that an owner who has nothing but their key and the standards could not open what is theirs.
#
# Read by npm jose, @hpke/core, WebCrypto and the jose command: what ownframe makes. Read by
# ownframe: what they make.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
build=${BUILD:-$here/../../build}/tests/interop
npm=$build/npm

say() { echo "jose.sh: $*" >&2; }
for tool in node npm jose; do
	command -v "$tool" >/dev/null || { say "no $tool here: skipped"; exit 77; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Node looks for packages above the script, so scripts and packages live together, out of the tree.
packages() {
	mkdir -p "$npm"
	if ! cmp -s "$here/package-lock.json" "$npm/installed"; then
		cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$npm/"
		(cd "$npm" && npm ci --silent --no-audit --no-fund)
		cp "$here/package-lock.json" "$npm/installed"
	fi
	cp "$here"/*.mjs "$npm/"
}

# What must fail, does: status 1, not a crash.
refused() {
	local status=0
	"$@" >/dev/null 2>&1 || status=$?
	[ "$status" = 1 ] || { say "not refused ($status): $*"; exit 1; }
}

# Member $2 of the payload of the first claim in $1.
claimed() {
	node -e 'const c = JSON.parse(require("fs").readFileSync(process.argv[1]));
		const p = JSON.parse(Buffer.from(c.claims[0].payload, "base64url"));
		console.log(JSON.stringify(p[process.argv[2]]));' "$1" "$2"
}

packages
"$build/clip_maker" "$work" recipients=3
cd "$work"

# 1. JavaScript reads a sealed clip, and one that is still open, whole.
node "$npm/reader.mjs" clip owner content.key
node "$npm/reader.mjs" open owner content.key
refused node "$npm/reader.mjs" clip stranger
mkdir mixed
cp owner/claims.json mixed/
cp stranger/owner.key mixed/
refused node "$npm/reader.mjs" clip mixed
for part in clip.mp4 thumb; do
	cp -r clip "changed-$part"
	node -e 'const f = require("fs"), b = f.readFileSync(process.argv[1]);
		b[b.length >> 1] ^= 1; f.writeFileSync(process.argv[1], b)' "changed-$part/$part"
	refused node "$npm/reader.mjs" "changed-$part" owner
done

# 2. The jose command verifies manifest, open.jws and claim, and agrees on the ids.
claimed owner/claims.json device >device.jwk
claimed owner/claims.json owner >owner.jwk
claimed stranger/claims.json device >stranger.jwk
jose jws ver -i clip/manifest.jws -k device.jwk -O manifest.json
jose jws ver -i open/open.jws -k device.jwk -O open.json
refused jose jws ver -i clip/manifest.jws -k stranger.jwk
node -e 'console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(process.argv[1])).claims[0]))' \
	owner/claims.json >claim.json
jose jws ver -a -i claim.json -k owner.jwk -k device.jwk -O claim.payload
refused jose jws ver -a -i claim.json -k owner.jwk -k device.jwk -k stranger.jwk
for who in device owner; do
	id=$(jose jwk thp -i $who.jwk)
	grep -q "\"$who\":\"$id\"" manifest.json || { say "another $who id than $id"; exit 1; }
done

# 3. ownframe reads what JavaScript makes, and only in the form of the format.
mkdir theirs
ids=$(node "$npm/writer.mjs" owner theirs)
cd theirs
[ "$("$build/peer" jws ownframe-clip+jws device.jwk clip.jws)" = '{"v":1}' ]
[ "$("$build/peer" claim claim.json)" = "$ids" ]
"$build/peer" hpke-open ../owner/owner.key enc info ct | cmp - pt
for jws in wrong-*.jws; do
	refused "$build/peer" jws ownframe-clip+jws device.jwk "$jws"
done
refused "$build/peer" hpke-open ../stranger/owner.key enc info ct
refused "$build/peer" jws ownframe-clip+jws ../device.jwk clip.jws
printf x >>info
refused "$build/peer" hpke-open ../owner/owner.key enc info ct
