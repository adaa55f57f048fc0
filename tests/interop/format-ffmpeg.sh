#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken in the world: a clip that only ownframe itself can play, or of which other players show
# wrong frames, lose the last ones, or seek to the wrong place.
#
# ffmpeg is the judge: what it decodes of the sealed file with the content key, and of what
# "ownframe open" makes, must be what was captured, frame by frame.
#
# Run by tests/native (`make check-unit T=format-ffmpeg`), which says what is on the PATH.
set -euo pipefail

command -v ffmpeg >/dev/null || { echo "no ffmpeg here: skipped"; exit 77; }

fail() { echo "$clip: $*"; exit 1; }

# Hashes of the decoded frames, one a line; arguments are ffmpeg's, input and all.
frames() { ffmpeg -nostdin -v error "$@" -map 0:v -f framemd5 - | awk -F, '!/^#/ { print $NF }'; }

# $1 is the end of the capture, and not all of it or nothing.
is_end() {
	local n
	n=$(wc -l <"$1")
	[ "$n" -gt 0 ] && [ "$n" -lt "$(wc -l <captured)" ] && tail -n "$n" captured | cmp -s - "$1"
}

# Name of the clip, its length in seconds, and what clip_maker is told.
make_clip() {
	clip=$1 seconds=$2
	shift 2
	rm -rf "${OUT:?}/$clip"
	clip_maker "$OUT/$clip" width=96 height=64 "$@"
	cd "$OUT/$clip"
	sealed=(-decryption_key "$(cat content.key)" -i clip/clip.mp4)
	frames -i captured.h264 >captured
	ownframe open clip --key owner/owner.key --output clear.mp4 2>opened
}

plays() {
	make_clip "$@"
	frames "${sealed[@]}" >sealed.frames 2>sealed.errors
	cmp -s captured sealed.frames || fail "sealed: other frames than were captured"
	[ ! -s sealed.errors ] || fail "sealed: ffmpeg complains: $(head -1 sealed.errors)"
	frames -i clear.mp4 >clear.frames 2>clear.errors
	cmp -s captured clear.frames || fail "opened: other frames than were captured"
	[ ! -s clear.errors ] || fail "opened: ffmpeg complains: $(head -1 clear.errors)"
}

# To these parts of its length, the sealed file as output option (5.1 cannot seek it as input), the
# opened one by its index.
seeks() {
	local at
	for at; do
		at=$(awk "BEGIN { printf \"%.3f\", $seconds * $at }")
		frames "${sealed[@]}" -ss "$at" >part
		is_end part || fail "sealed: wrong frames from $at s on"
		mv part part.sealed
		frames -ss "$at" -i clear.mp4 >part
		cmp -s part part.sealed || fail "opened: wrong frames from $at s on"
	done
}

# Cut anywhere behind the first fragment: what is whole of it is shown.
plays_cut() {
	local size before=0 offset samples whole cut
	size=$(stat -c %s clip/clip.mp4)
	for cut in $((size - 1)) $((size - 5000)) $((size * 7 / 8)) $((size * 2 / 3)) $((size / 2)); do
		whole=0
		while read -r offset samples; do
			[ "$offset" -gt "$cut" ] || whole=$samples
		done <fragments
		[ "$whole" -gt 0 ] || continue
		head -c "$cut" clip/clip.mp4 >cut.mp4
		frames -fflags +ignidx -decryption_key "$(cat content.key)" -i cut.mp4 >part 2>/dev/null || true
		head -n "$whole" captured | cmp -s - <(head -n "$whole" part) ||
			fail "cut at $cut: its first $whole frames are not what was captured"
		before=$((before + 1))
	done
	[ "$before" -ge 3 ] || fail "only $before cuts were tried"
}

# 47 samples at 10 a second: the last fragment has 7 of 10.
plays short-last 4.7 samples=47
seeks 0.33 0.5 0.72 0.96
plays_cut
plays slices 4.7 samples=47 slices=4
seeks 0.52 0.96
# Fragments that do not all begin at a sync sample, as passthrough makes them.
plays loose-sync 20 samples=200 gop=7
seeks 0.33 0.5 0.72 0.96
plays single-samples 60 samples=60 gop=7 duration=90000
seeks 0.52 0.96
plays hundred 2.5 samples=250 gop=50 duration=900
plays_cut
plays block-64k 4.7 samples=47 block=65536
seeks 0.52 0.96
plays_cut
plays recipients 4.7 samples=47 recipients=16
for n in 338 339 340; do
	plays "references-$n" "$n" samples=$n duration=90000 index_blocks=$(((n + 337) / 338))
	seeks 0.52 0.96
done
plays_cut
echo "all frames as captured"
