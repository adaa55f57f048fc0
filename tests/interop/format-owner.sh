#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken in the world: the command shows a clip to somebody else, or says "verified" of one that is
# not, or a script cannot tell one refusal from another.
#
# Run by tests/native (`make check-unit T=format-owner`), which says what is on the PATH.
set -euo pipefail

# Statuses of ownframe-verify(1) and ownframe-open(1).
failed=1 usage=2 tampered=3 unknown_device=4 other_owner=5 incomplete=6 no_recipient=8 chain=9

# A command's status is $1, and what it says on either stream holds $2.
answers() {
	local expected=$1 text=$2 status=0
	shift 2
	"$@" >said 2>&1 || status=$?
	[ "$status" = "$expected" ] || { echo "status $status, not $expected: $*"; cat said; exit 1; }
	grep -qF -- "$text" said || { echo "did not say \"$text\": $*"; cat said; exit 1; }
}

# "open" refuses with status $1 and leaves no file behind, not even an empty one.
opens_nothing() {
	local expected=$1 text=$2
	shift 2
	answers "$expected" "$text" ownframe open "$@" --output shown.mp4 --thumb shown.jpg \
		--info shown.json
	! ls shown.* >/dev/null 2>&1 || { echo "something was shown: $*"; ls shown.*; exit 1; }
}

cd "$OUT"
clip_maker . recipients=2 chain=5

# The owner.
answers 0 "verified: yes" ownframe verify clip --claims owner/claims.json
ownframe open clip --key owner/owner.key >by-stdout.mp4 2>said
ownframe open clip --key owner/owner.key -o by-file.mp4 --thumb thumb.jpg --info info.json 2>said
cmp by-stdout.mp4 by-file.mp4
for file in by-file.mp4 thumb.jpg info.json; do
	[ "$(stat -c %a "$file")" = 600 ]
done
grep -q '"trigger": "motion"' info.json
# What is no file is not replaced by one.
mkfifo pipe
timeout 60 cat pipe >by-pipe.json &
ownframe open clip --key owner/owner.key -o by-file.mp4 --info pipe 2>said
wait $!
[ -p pipe ]
cmp by-pipe.json info.json
cp owner/owner.key locked.key
openssl pkcs8 -topk8 -in owner/owner.key -out locked.key -v2 aes256 -passout pass:secret
opens_nothing $failed "locked.key" clip --key locked.key --claims owner/claims.json
locked="ownframe open clip --key locked.key --claims owner/claims.json --output by-passphrase.mp4"
answers $failed "not the passphrase of this key" script -qec "$locked" /dev/null <<<guess
answers 0 "recorded for motion" script -qec "$locked" /dev/null <<<secret
cmp by-passphrase.mp4 by-file.mp4

# Anybody else, with whatever claims.
opens_nothing $other_owner "not opened, other-owner" clip --key stranger/owner.key
opens_nothing $no_recipient "this key opens nothing here: the clip is encrypted to" \
	clip --key stranger/owner.key --claims owner/claims.json
opens_nothing $other_owner "other-owner" clip --key owner/owner.key --claims stranger/claims.json
answers $other_owner "verified: NO (other-owner)" ownframe verify clip --claims stranger/claims.json
answers $unknown_device "without claims" ownframe verify clip

# Renamed, re-tagged, re-uploaded: what counts is inside.
mkdir -p theirs/2026
cp clip/clip.mp4 theirs/2026/01-02.000003Z.0.mp4
cp clip/thumb theirs/2026/01-02.000003Z.0.thumb
cp clip/manifest.jws theirs/2026/01-02.000003Z.0.jws
opens_nothing $other_owner "other-owner" theirs/2026/01-02.000003Z.0.mp4 --key stranger/owner.key
answers 0 "verified: yes" ownframe verify theirs/2026/01-02.000003Z.0.mp4 --claims owner/claims.json

# Another device that names the same owner: made by another run, its owner file changed for ours.
clip_maker other
answers $other_owner "other-owner" ownframe verify other/clip --claims owner/claims.json

# A byte.
cp -r clip changed
printf x | dd of=changed/clip.mp4 bs=1 seek=20000 conv=notrunc status=none
answers $tampered "bytes 16384 to 24575 of the video were changed" \
	ownframe verify changed --claims owner/claims.json
opens_nothing $tampered "tampered" changed --key owner/owner.key
cp -r clip short
rm short/thumb
answers $incomplete "the thumbnail is missing" ownframe verify short --claims owner/claims.json
answers $incomplete "no manifest" ownframe verify open --claims owner/claims.json
opens_nothing $incomplete "incomplete" open --key owner/owner.key

# A store: all of it, with one withheld, with one put in twice.
answers 0 "verified" ownframe verify store --claims owner/claims.json
[ "$(grep -c ^verified said)" = 5 ]
mkdir withheld
mv store/3.0.* withheld
answers $chain "clip 3 is missing" ownframe verify store --claims owner/claims.json
mv store/1.0.* withheld
answers $chain "clip 1 is missing" ownframe verify store --claims owner/claims.json
answers 0 "verified" ownframe verify store/4.0.mp4 store/5.0.mp4 --claims owner/claims.json
answers $chain "clip 3 is missing" \
	ownframe verify store/2.0.mp4 store/4.0.mp4 --claims owner/claims.json
cp -r withheld twice
mv withheld/* store
mv twice store
answers 0 "verified" ownframe verify store --claims owner/claims.json
cp -r clip store/another-first
answers $chain "there are two different clips 1" ownframe verify store --claims owner/claims.json
rm store/4.0.jws
answers $incomplete "no manifest" ownframe verify store --claims owner/claims.json
printf x | dd of=store/2.0.mp4 bs=1 seek=5000 conv=notrunc status=none
answers $tampered "4.0.mp4" ownframe verify store --claims owner/claims.json

# For programs.
ownframe verify clip changed --claims owner/claims.json --json >json || true
node -e 'const j = JSON.parse(require("fs").readFileSync("json"));
	const assert = require("assert");
	assert.deepEqual(j.clips.map((c) => c.verdict), ["tampered", "verified"]);
	assert.equal(j.clips[1].seq, 1);
	assert.equal(j.clips[1].lost, null);
	assert.deepEqual(j.chain, []);
	assert.equal(j.status, 3);'

# What is no clip, no key, no claims.
answers $failed "not a clip" ownframe verify said --claims owner/claims.json
answers $failed "No such file" ownframe verify nothing --claims owner/claims.json
answers $failed "no clips" ownframe verify owner --claims owner/claims.json
opens_nothing $failed "not a P-256 private key" clip --key owner/claims.json
opens_nothing $failed "not an owner's claims" clip --key owner/owner.key --claims info.json
answers $usage "usage: ownframe verify" ownframe verify
answers $usage "usage: ownframe open" ownframe open clip
touch "store/$(printf '9\033]0;owned\007').0.jws"
answers $tampered '9?]0;owned?.0.mp4' ownframe verify store --claims owner/claims.json
echo "told apart, and nothing shown"
