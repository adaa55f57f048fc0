#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh: the whole way of a frame, shown to a person: `make demo`.
#
#	owner (here)                       board (virtual machine with a TPM, demo/board.sh)
#	  new: key and certificate
#	                                     identity init: keys in the TPM
#	  sign the claim          <------->  claim request, claim accept
#	                                     vivid > feed > ownframe.ko > record > upload
#	                           <-------  store
#	  verify, open
#
# Every figure is read from what the programs say. What is made stays in build/demo/.

set -euo pipefail

tree=$(dirname "$(dirname "$(readlink -f "$0")")")
build=$(readlink -m "${BUILD:-$tree/build}")
demo=$build/demo
export KERNEL=${KERNEL:-6.1}
shared=$build/tests/vm/$KERNEL/out/demo
PATH=$build/bin:$PATH
vm='' said=''

die()
{
	echo >&2
	echo "demo: $*" >&2
	for log in feed record upload; do
		[ ! -s "$shared/$log.log" ] || tail -n 5 "$shared/$log.log" >&2
	done
	exit 1
}

cleanup()
{
	# The machine ends with the program that started it.
	[ -z "$vm" ] || kill "$vm" 2>/dev/null || true
	[ -z "$said" ] || kill "$said" 2>/dev/null || true
}
trap cleanup EXIT

line()
{
	printf '  %-22s%s\n' "$1" "$2"
}

# The part of a line of a log that the pattern's group is: (log, pattern); fails if there is none.
figure()
{
	local text

	text=$(sed -n "s/.*$2.*/\\1/p" "$shared/$1.log" | "${3:-tail}" -n 1)
	[ -n "$text" ] || die "$1.log does not say \"$2\""
	echo "$text"
}

await_file()
{
	until [ -s "$1" ]; do
		kill -0 "$vm" 2>/dev/null || die "the board ended early: $(tail -n 5 "$demo/board.log")"
		sleep 0.2
	done
}

rm -rf "$demo" "$shared"
mkdir -p "$demo" "$shared"

echo "owner: makes a key and a certificate"
ownframe owner new --name "Demo Owner" --dir "$demo/owner" >"$demo/owner.log" 2>&1 ||
	die "$(cat "$demo/owner.log")"
ownframe owner new --name "A Stranger" --dir "$demo/stranger" >>"$demo/owner.log" 2>&1 ||
	die "$(cat "$demo/owner.log")"

echo "board: powers on (emulated: this takes a minute or two)"
"$tree/tests/vm/boot" --name demo --timeout 240 -- "$tree/demo/board.sh" >"$demo/board.log" 2>&1 &
vm=$!
await_file "$shared/steps"
tail -f -n +1 "$shared/steps" 2>/dev/null | sed -u 's/^/board: /' &
said=$!

await_file "$shared/request"
ownframe owner sign "$shared/request" --dir "$demo/owner" -o "$demo/half" 2>>"$demo/owner.log" ||
	die "$(cat "$demo/owner.log")"
cp "$demo/half" "$shared/half.new"
mv "$shared/half.new" "$shared/half"
await_file "$shared/claim"
ownframe owner add "$shared/claim" --dir "$demo/owner" 2>>"$demo/owner.log" ||
	die "$(cat "$demo/owner.log")"
echo "owner: has signed the claim"

wait "$vm" || die "the board failed: $(tail -n 20 "$demo/board.log")"
vm=''

# Only what came through the store is looked at from here on.
mv "$shared/store" "$demo/store"
mapfile -t clips < <(find "$demo/store" -name '*.mp4')
[ "${#clips[@]}" = 1 ] || die "${#clips[@]} clips in the store, not one"
clip=${clips[0]}
ownframe verify "$clip" --claims "$demo/owner/claims.json" >"$demo/verify.txt" 2>&1 ||
	die "verify: $(cat "$demo/verify.txt")"
ownframe open "$clip" --key "$demo/owner/owner.key" --output "$demo/clip.mp4" \
	--thumb "$demo/thumbnail.jpg" --info "$demo/info.json" 2>"$demo/open.txt" ||
	die "open: $(cat "$demo/open.txt")"

# The opened clip is a video with as many pictures as were sealed, the thumbnail a picture.
samples=$(figure record 'sealed, in ready: \([0-9]*\) samples')
pictures=$(ffprobe -v error -count_frames -select_streams v -of csv=p=0 \
	-show_entries stream=nb_read_frames "$demo/clip.mp4")
[ "$pictures" = "$samples" ] || die "the clip has $pictures pictures, $samples were sealed"
thumb=$(ffprobe -v error -select_streams v -of csv=p=0:s=x \
	-show_entries stream=width,height "$demo/thumbnail.jpg") || die "the thumbnail is no picture"

# Another owner's key, with the true owner's claims at hand, and as in that owner's home.
for claims in owner stranger; do
	if ownframe open "$clip" --key "$demo/stranger/owner.key" --output "$demo/stolen.mp4" \
		--claims "$demo/$claims/claims.json" 2>"$demo/stranger.$claims.txt"; then
		die "another owner's key opened the clip"
	fi
	[ ! -s "$demo/stolen.mp4" ] || die "another owner's key got bytes of the clip"
done

said_by_verify()
{
	local text

	text=$(sed -n "s/^ *$1 *//p" "$demo/verify.txt")
	[ -n "$text" ] || die "verify does not say \"$1\": $(cat "$demo/verify.txt")"
	echo "$text"
}

# Read first, said then: a figure that is missing ends the demo before it says anything.
device=$(said_by_verify device)
owner=$(said_by_verify owner)
epoch=$(said_by_verify epoch)
verified=$(said_by_verify verified:)
against=$(said_by_verify against)
captured=$(figure record 'frames: \([0-9]*\) captured')
dropped=$(figure record 'captured, \([0-9]*\) dropped')
copied=$(figure record 'dropped, \([0-9]*\) copied by the CPU')
fed=$(figure feed ': \([0-9]*\) frames fed')
fed_copied=$(figure feed 'fed, \([0-9]*\) copied')
begins=$(figure record 'motion begins at frame \([0-9]*\)' head)
ends=$(figure record 'motion ends at frame \([0-9]*\)')
pre_roll=$(figure record '(\([0-9]*\) pre-roll)')
refusal=$(sed -n 's/.*: \(this key opens nothing\)/\1/p' "$demo/stranger.owner.txt")
[ -n "$refusal" ] || die "another owner's key: $(cat "$demo/stranger.owner.txt")"

sleep 0.5 # the board's last words
kill "$said" 2>/dev/null || true
said=''
cp "$shared"/{feed,record,upload}.log "$demo/"

echo
line 'device id' "$device"
line 'owner id' "$owner"
line 'epoch' "$epoch"
echo
line 'frames fed' "$fed"
line '  copied by the CPU' "$fed_copied"
line 'frames captured' "$captured"
line '  dropped' "$dropped"
line '  copied by the CPU' "$copied"
line 'motion begins' "frame $begins"
line 'motion ends' "frame $ends"
line 'clip' "$samples pictures, $pre_roll of them from before the motion was seen"
echo
line 'sealed clip' "${clip#"$tree/"}"
line 'verified' "$verified"
line '  against' "$against"
line 'opened clip' "${demo#"$tree/"}/clip.mp4"
line 'thumbnail' "${demo#"$tree/"}/thumbnail.jpg ($thumb)"
line "another owner's key" "$refusal"
