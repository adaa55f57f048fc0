# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A device that has an owner, and a recorder, for tests. Needs feed.sh.
#
#	. "$TREE/tests/vm/lib/record.sh"
#	device_claimed		identity in the usual place, claimed by $owner; both live as long as
#				the machine, as its TPM does
#	camera_still, camera_moves	what vivid shows
#	record_config DEVICE [LINES]	$record_conf: 1 s pre-roll, post-roll and merge gap; an area
#				that vivid's bars have when they move, and not while they come to rest
#	record_start		its log is $record_log, its process $record, spool $spool
#	await_frames N		captured since then
#	clips STATE		folders of the clips in open, ready, sent, quarantine

# shellcheck source=tests/vm/lib/feed.sh
. "$TREE/tests/vm/lib/feed.sh"
owner=/var/lib/ownframe-owner
spool=/scratch/spool
record_conf=/tmp/front.conf
record_log=/tmp/record.log
recorder_status=/tmp/record.status

device_claimed()
{
	if [ ! -e /var/lib/ownframe/identity/claim.json ]; then
		mkdir -p /var/lib/ownframe
		ownframe identity init
		ownframe owner new --name owner --dir "$owner"
		ownframe claim --owner "$owner"
	fi
}

# vivid's bars with no text in them, shifted sideways or not.
camera_still()
{
	v4l2-ctl -d "$sensor" -c osd_text_mode=2 -c horizontal_movement=3
}

camera_moves()
{
	v4l2-ctl -d "$sensor" -c horizontal_movement=6
}

record_config()
{
	local device=$1

	shift
	cat >"$record_conf" <<-END
		[camera]
		name = front
		device = $device
		[clip]
		pre_roll = 1s
		post_roll = 1s
		merge_gap = 1s
		preallocate = 4MiB
		[motion]
		learn = 1s
		area = 10%
		[memory]
		encoder_backlog = 10s
		[encode]
		preset = ultrafast
		[status]
		file = $recorder_status
	END
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$record_conf"
}

record_start()
{
	rm -f "$recorder_status"
	ownframe-record --spool "$spool" "$record_conf" 2>>"$record_log" &
	record=$!
}

# Its log again, whatever happens.
trap 'cat "$record_log" 2>/dev/null' EXIT

record_stop()
{
	kill -TERM "$record"
	wait "$record"
}

status()
{
	awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }' "$recorder_status" 2>/dev/null ||
		echo 0
}

# The recorder has captured so many frames; it says so once a second.
await_frames()
{
	local tries

	for tries in $(seq 120); do
		[ "$(status captured)" -lt "$1" ] || return 0
		sleep 0.5
	done
	echo "no $1 frames after $tries tries"
	return 1
}

clips()
{
	find "$spool/$1" -mindepth 1 -maxdepth 1 2>/dev/null | sort
}
