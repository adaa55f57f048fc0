#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken in the world: a clip that was saved from a power cut verifies, but no player shows all
# that was committed of it.
#
# Run by tests/native (`make check-unit T=format-recover`), which says what is on the PATH.
set -euo pipefail

command -v ffmpeg >/dev/null || { echo "no ffmpeg here: skipped"; exit 77; }

frames() { ffmpeg -nostdin -v error "$@" -f framemd5 - | awk -F, '!/^#/ { print $NF }'; }

# The capture's first $2 frames are what is left of a clip cut off at byte $1.
recovers() {
	local cut=$1 samples=$2 clip
	rm -rf "${OUT:?}/cut"
	clip_maker "$OUT/cut" samples=47 cut="$cut"
	cd "$OUT/cut"
	clip=$(echo spool/ready/*)
	frames -i captured.h264 | head -n "$samples" >expected
	ownframe verify "$clip" --claims owner/claims.json >verified || { cat verified; exit 1; }
	ownframe open "$clip" --key owner/owner.key --output clear.mp4
	frames -i clear.mp4 | cmp - expected
	frames -decryption_key "$(cat content.key)" -i "$clip/clip.mp4" | cmp - expected
	grep -q recovered verified
	[ ! -e "$clip/open.jws" ] && [ -z "$(ls -A spool/open)" ]
}

# Fragments are 8192 bytes here and begin at 8192; the first lines of "fragments" say so.
clip_maker "$OUT/layout" samples=47
[ "$(head -n 3 "$OUT/layout/fragments" | tr '\n' ' ')" = "8192 0 16384 10 24576 20 " ]
recovers 16384 10
recovers 16385 10
recovers 30000 20
recovers 49151 40
recovers 49152 47

# Nothing was committed: lost, said so, and signed.
rm -rf "${OUT:?}/cut"
clip_maker "$OUT/cut" samples=47 cut=16383
cd "$OUT/cut"
status=0
ownframe open spool/ready/* --key owner/owner.key >/dev/null 2>said || status=$?
[ "$status" = 7 ] && grep -q interrupted said
ownframe verify spool --claims owner/claims.json | grep -q 'verified: yes'
echo "what was committed plays"
