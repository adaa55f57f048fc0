#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken in the world: clips, claims and keys in a form that only ownframe's own code can read, so
# that an owner who has nothing but their key and the standards could not open what is theirs.
#
# Read by npm jose, @hpke/core, WebCrypto and the jose command: what ownframe makes. Read by
# ownframe: what they make.
#
# Run by tests/native (`make check-unit T=jose`), which says what is on the PATH.
set -euo pipefail

modules=$BUILD/interop

for tool in node jose; do
	command -v "$tool" >/dev/null || { echo "no $tool here: skipped"; exit 77; }
done

# What must fail, does: status 1, not a crash.
refused() {
	local status=0
	"$@" >/dev/null 2>&1 || status=$?
	[ "$status" = 1 ] || { echo "not refused ($status): $*"; exit 1; }
}

# Member $2 of the payload of the first claim in $1.
claimed() {
	node -e 'const c = JSON.parse(require("fs").readFileSync(process.argv[1]));
		const p = JSON.parse(Buffer.from(c.claims[0].payload, "base64url"));
		console.log(JSON.stringify(p[process.argv[2]]));' "$1" "$2"
}

# Node looks for packages in the folders above a script.
cp "$TREE"/tests/interop/*.mjs "$modules/"
cd "$OUT"
clip_maker . recipients=3

# 1. JavaScript reads a sealed clip, and one that is still open, whole.
node "$modules/reader.mjs" clip owner content.key
node "$modules/reader.mjs" open owner content.key
refused node "$modules/reader.mjs" clip stranger
mkdir mixed
cp owner/claims.json mixed/
cp stranger/owner.key mixed/
refused node "$modules/reader.mjs" clip mixed
for part in clip.mp4 thumb; do
	cp -r clip "changed-$part"
	node -e 'const f = require("fs"), b = f.readFileSync(process.argv[1]);
		b[b.length >> 1] ^= 1; f.writeFileSync(process.argv[1], b)' "changed-$part/$part"
	refused node "$modules/reader.mjs" "changed-$part" owner
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
	grep -q "\"$who\":\"$id\"" manifest.json || { echo "another $who id than $id"; exit 1; }
done

# 3. ownframe reads what JavaScript makes, and only in the form of the format.
mkdir theirs
ids=$(node "$modules/writer.mjs" owner theirs)
cd theirs
[ "$(jose_peer jws ownframe-clip+jws device.jwk clip.jws)" = '{"v":1}' ]
[ "$(jose_peer claim claim.json)" = "$ids" ]
jose_peer hpke-open ../owner/owner.key enc info ct | cmp - pt
for jws in wrong-*.jws; do
	refused jose_peer jws ownframe-clip+jws device.jwk "$jws"
done
refused jose_peer hpke-open ../stranger/owner.key enc info ct
refused jose_peer jws ownframe-clip+jws ../device.jwk clip.jws
printf x >>info
refused jose_peer hpke-open ../owner/owner.key enc info ct
