# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A camera that shows its frame numbers (bin/numbered_feed.c), recorded, and the numbers read again.
#
#	. "$TREE/tests/vm/lib/numbered.sh"
#	numbered_config		$record_conf for it at 10 frames a second: 1 s pre-roll, 2 s post-roll,
#				1 s merge gap, motion from the first moving frame
#	film FOURCC WORD N...	feed and record; back when all is sealed and the recorder has ended. What
#				the feed said is in $film_log. The device is that of $film_identity
#	opened CLIP FILE	what its owner sees of it
#	refused COMMAND...	it fails
#
# On the host, where decoding is fast:
#
#	numbers FILE		of an opened clip's pictures, as "first..last", or all if one is missing

# shellcheck source=tests/vm/lib/record.sh
. "$TREE/tests/vm/lib/record.sh"
film_log=/tmp/film.log
film_identity=/var/lib/ownframe/identity
view=/dev/ownframe/front/main

numbered_config()
{
	cat >"$record_conf" <<-END
		[camera]
		name = front
		device = $view
		fps = 10
		[clip]
		pre_roll = 1s
		post_roll = 2s
		merge_gap = 1s
		preallocate = 4MiB
		[motion]
		learn = 1s
		area = 1%
		min_duration = 0s
		zones = !top:0,0,100,10;!bottom:0,90,100,10
		[memory]
		encoder_backlog = 10s
		[encode]
		preset = ultrafast
		[status]
		file = $recorder_status
	END
}

# It must fail: "!" would not end a test.
refused()
{
	! "$@"
}

film_start()
{
	: >"$film_log" # of the film before, which was "ready" too
	numbered_feed front "$1" 320 240 10 "${@:2}" >"$film_log" &
	film=$!
	await ready "$film_log"
	rm -f "$recorder_status"
	ownframe-record --identity "$film_identity" --spool "$spool" "$record_conf" 2>>"$record_log" &
	record=$!
}

film_end()
{
	timeout 120 grep -qm 1 '^end' < <(tail -n +1 -F "$film_log" 2>/dev/null)
	await_frames "$(sed -n 's/^end //p' "$film_log")"
	record_stop
	kill "$film"
	wait "$film" || true
	cat "$film_log"
}

film()
{
	film_start "$@"
	film_end
}

opened()
{
	ownframe open "$1" --claims "$owner/claims.json" --key "$owner/owner.key" -o "$2"
}

numbers()
{
	ffmpeg -v error -xerror -i "$1" -vsync passthrough -f rawvideo -pix_fmt yuv420p - </dev/null |
		read_numbers 320 240 |
		awk 'NR == 1 { first = $1 }
			{ all = all " " $1; if ($1 != first + NR - 1) gap = 1 }
			END { print gap || !NR ? "not in a row:" all : first ".." first + NR - 1 }'
}
