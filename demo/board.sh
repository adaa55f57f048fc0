#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# board.sh: what happens on the board, from the first start to the clip in the store. demo/run.sh
# starts it in a virtual machine with a TPM, and plays the owner's part outside.
#
# $OUT is shared with the owner: the claim goes back and forth there, and the store is there.

set -euo pipefail

: "${OUT:?}" "${TREE:?}"
export TSS2_LOG=all+none # what the TPM is asked and has not is normal at the first start
spool=/scratch/spool
feed_log=$OUT/feed.log record_log=$OUT/record.log upload_log=$OUT/upload.log
# shellcheck source=tests/vm/lib/nodes.sh
. "$TREE/tests/vm/lib/nodes.sh"

step()
{
	echo "$*" >>"$OUT/steps"
}

die()
{
	echo "board: $*" >&2
	exit 1
}

# Until the log has the line; the programs' logs are on the shared folder, where nothing notifies.
await()
{
	local i

	for ((i = 0; i < 600; i++)); do
		if grep -q -e "$1" "$2" 2>/dev/null; then
			return 0
		fi
		sleep 0.2
	done
	die "no \"$1\" in $(basename "$2"): $(tail -n 3 "$2" 2>/dev/null)"
}

# The owner's half, made elsewhere with a key that never comes here.
claim()
{
	ownframe claim request -o "$OUT/request.new"
	mv "$OUT/request.new" "$OUT/request"
	step "asks its owner for a claim"
	await . "$OUT/half"
	ownframe claim accept "$OUT/half" -o "$OUT/claim.new"
	mv "$OUT/claim.new" "$OUT/claim"
	step "has an owner: $(ownframe claim show | sed -n 's/^owner  *//p')"
}

# vivid, the kernel's virtual camera.
plug_sensor()
{
	modprobe vivid node_types=0x1
	for name in /sys/class/video4linux/video*/name; do
		if grep -q '^vivid-000-vid-cap' "$name"; then
			sensor=/dev/$(basename "${name%/name}")
		fi
	done
	# Nothing moves: no text, no shifting.
	v4l2-ctl -d "$sensor" --set-ctrl=osd_text_mode=2,horizontal_movement=3
}

configure()
{
	cat >/tmp/front.feed.conf <<-END
		[feed]
		camera = front
		sensor = bus:platform:vivid-000
		width  = 640
		height = 360
		fps    = 10
	END
	cat >/tmp/front.conf <<-END
		[camera]
		name   = front
		device = /dev/ownframe/front/main
		[clip]
		pre_roll    = 2s
		post_roll   = 2s
		merge_gap   = 2s
		preallocate = 4MiB
		[motion]
		learn = 2s
		[encode]
		# an emulated processor has to keep up
		preset = ultrafast
		[memory]
		encoder_backlog = 20s
	END
	cat >/tmp/upload.conf <<-END
		[upload]
		store = dir:$OUT/store
		spool = $spool
	END
	mkdir -p "$OUT/store"
}

step "starts for the first time"
ownframe identity init
step "has a TPM identity: $(ownframe identity show | sed -n 's/^device  *//p')"
claim

ownframe_load front
plug_sensor
configure
ownframe-feed /tmp/front.feed.conf 2>"$feed_log" & feed=$!
await 'rests, nobody watches' "$feed_log"
ownframe-record --spool "$spool" /tmp/front.conf 2>"$record_log" & record=$!
await 'frames a second' "$record_log"
ownframe-upload /tmp/upload.conf 2>"$upload_log" & upload=$!
await 'feeds' "$feed_log"
step "records nothing: nothing moves"
sleep 8 # long enough to learn the picture, and to show that nothing is recorded
! grep -q 'motion begins' "$record_log" || die "motion in a still picture"

v4l2-ctl -d "$sensor" --set-ctrl=horizontal_movement=6
await 'motion begins' "$record_log"
step "sees motion, and records"
sleep 4
v4l2-ctl -d "$sensor" --set-ctrl=horizontal_movement=3
await 'sealed, in ready' "$record_log"
step "has sealed and signed the clip"
await ': sent$' "$upload_log"
step "has sent it to the store"

kill -TERM "$record"
wait "$record" || die "ownframe-record ended with status $?"
kill -TERM "$feed"
wait "$feed" || die "ownframe-feed ended with status $?"
kill -TERM "$upload"
sync
