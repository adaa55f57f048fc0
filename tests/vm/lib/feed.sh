# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A sensor (vivid, 320x180 NV12) and its feed, for tests.
#
#	. "$TREE/tests/vm/lib/feed.sh"
#	vivid_load		/dev/videoN of the sensor is $sensor
#	feed_start SELECTOR	its log is $feed_log, its process $feed
#	await PATTERN FILE [N]	until the file has N (1) lines with the pattern; fails after
#				$patience (30) seconds
#	lines PATTERN FILE	how many there are now
#	pictures_learn, pictures_check FILE N	are the frames those of the sensor?

# shellcheck source=tests/vm/lib/nodes.sh
. "$TREE/tests/vm/lib/nodes.sh"
feed_log=/tmp/feed.log
sensor=''
vivid=bus:platform:vivid-000

vivid_find()
{
	local name

	for name in /sys/class/video4linux/video*/name; do
		if grep -q '^vivid-000-vid-cap' "$name"; then
			sensor=/dev/$(basename "${name%/name}")
		fi
	done
	test -c "$sensor"
}

vivid_load()
{
	modprobe vivid node_types=0x1
	vivid_find
}

# The driver leaves the device, as when its plug is pulled, and comes back.
vivid_unplug()
{
	echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
}

vivid_plug()
{
	echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
	vivid_find
}

feed_start()
{
	printf '[feed]\ncamera = front\nsensor = %s\nwidth = 320\nheight = 180\nfps = 15\n' \
		"$1" >/tmp/front.feed.conf
	: >"$feed_log"
	ownframe-feed /tmp/front.feed.conf 2>>"$feed_log" &
	feed=$!
}

await()
{
	local wanted=${3:-1} got

	got=$(timeout "${patience:-30}" grep -m "$wanted" -c -e "$1" \
		< <(tail -n +1 -F "$2" 2>/dev/null)) || true
	[ "$got" = "$wanted" ] ||
		{ echo "no ${wanted} x \"$1\" in $2:"; cat "$2"; return 1; }
}

lines()
{
	grep -c -e "$1" "$2" || true
}

# Moving left fast, vivid has 80 different pictures: their hashes, from the sensor itself.
pictures_learn()
{
	v4l2-ctl -d "$sensor" --set-fmt-video=width=320,height=180,pixelformat=NV12 --set-parm=15 \
		--set-ctrl=osd_text_mode=2,horizontal_movement=0
	: >/tmp/pictures
	# On a busy host frames are lost; they come again.
	for _ in 1 2 3 4 5 6; do
		v4l2-ctl -d "$sensor" --stream-mmap --stream-count=90 --stream-to=/tmp/direct \
			>/dev/null 2>&1
		hashes /tmp/direct | sort -u - /tmp/pictures -o /tmp/pictures
		[ "$(wc -l </tmp/pictures)" -lt 80 ] || break
	done
	test "$(wc -l </tmp/pictures)" = 80
}

# Every frame of the file is one of them, and the file has at least so many different ones.
pictures_check()
{
	hashes "$1" | sort -u >/tmp/fed.pictures
	echo "$(wc -l </tmp/fed.pictures) of them fed"
	test "$(wc -l </tmp/fed.pictures)" -ge "$2"
	test -z "$(comm -13 /tmp/pictures /tmp/fed.pictures)"
}

# A line for each frame of the file: its hash.
hashes()
{
	rm -rf /tmp/frames
	mkdir /tmp/frames
	split -b $((320 * 180 * 3 / 2)) -a 4 "$1" /tmp/frames/
	cat /tmp/frames/* | cmp - "$1"
	find /tmp/frames -type f -exec sha256sum {} + | cut -c 1-64
}

# Stream from the view "main" for so many frames; "cap dqbuf" lines go to the log.
consume()
{
	local count=$1 log=$2

	shift 2
	timeout 60 v4l2-ctl -d /dev/ownframe/front/main --stream-mmap --stream-count="$count" \
		--verbose "$@" >"$log" 2>&1
}

# The same in the background, until it is killed: its process is $consumer.
consumer_start()
{
	v4l2-ctl -d /dev/ownframe/front/main --stream-mmap --verbose >"$1" 2>&1 &
	consumer=$!
}

# The sensor's own opinion: vivid has a thread for as long as it streams.
sensor_streams()
{
	pgrep '^vivid-000-vid-c' >/dev/null
}

sensor_rests()
{
	! sensor_streams
}
