#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# board.sh: what happens on the board, from the first start to the clip in the store. demo/run.sh
# starts it in a virtual machine with a TPM, and plays the owner's part outside.
#
# $OUT is shared with the owner: the claim goes back and forth there, and the store's content ends
# up there. Each program runs as its own user, who may open what is its business.

set -euo pipefail

: "${OUT:?}" "${TREE:?}"
export TSS2_LOG=all+none # what the TPM is asked and has not is normal at the first start
spool=/var/lib/ownframe/spool
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

# Users, folders and their modes are those of a real board; the spool is on the disk.
prepare()
{
	systemd-sysusers "$TREE/systemd/ownframe.sysusers"
	mkdir -p "$spool"
	mount --bind /scratch "$spool"
	systemd-tmpfiles --create "$TREE/systemd/ownframe.tmpfiles"
	chgrp tss /dev/tpmrm0
	chmod 660 /dev/tpmrm0
}

# USER UMASK PROGRAM...: as its unit would start it.
as_user()
{
	umask "$2"
	exec prlimit --memlock=unlimited setpriv --reuid="$1" --regid="$1" \
		--groups="${groups:-$1}" --no-new-privs "${@:3}"
}

# Who may open which node: what our udev rules do where udevd runs.
give_nodes()
{
	chown ownframe-feed: "$sensor" "$(readlink -f /dev/ownframe/front/feed)"
	chown ownframe-record: "$(readlink -f /dev/ownframe/front/main)"
	chmod 600 "$sensor" "$(readlink -f /dev/ownframe/front/feed)" \
		"$(readlink -f /dev/ownframe/front/main)"
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
		store = dir:/srv/ownframe
	END
}

step "starts for the first time"
prepare
ownframe identity init
step "has a TPM identity: $(ownframe identity show | sed -n 's/^device  *//p')"
claim

ownframe_load front
plug_sensor
give_nodes
configure
as_user ownframe-feed 0077 ownframe-feed /tmp/front.feed.conf 2>"$feed_log" & feed=$!
await 'rests, nobody watches' "$feed_log"
groups=tss as_user ownframe-record 0007 ownframe-record /tmp/front.conf 2>"$record_log" & record=$!
await 'frames a second' "$record_log"
as_user ownframe-upload 0022 ownframe-upload /tmp/upload.conf 2>"$upload_log" & upload=$!
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
cp -r /srv/ownframe "$OUT/store"
