# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run v4l2-compliance, with streaming, on a camera that others use meanwhile.
#
#	. "$TREE/tests/vm/lib/compliance.sh"
#	v4l2_compliance()	{ chroot ...; }		another tool than the host's, if wanted
#	compliance_begin		loads the driver
#	compliance_view YUYV 8 0	a view, fed with YUYV, 8 frames a stream; no failure, no warning
#	compliance_feed YUYV 60 0	the feed, set to YUYV, also with buffers of vivid's to import
#	compliance_formats 0		view and feed in one format of each layout
#	compliance_others		all others had frames
#
# What the tool says of a node is in $OUT/NODE-FORMAT. The others: two processes on the same camera,
# and one on a second camera with a feed of its own.

. "$TREE/tests/vm/lib/nodes.sh"

v4l2_compliance()
{
	v4l2-compliance "$@"
}

# NODE FORMAT FRAMES FAILURES [OPTION...]
compliance()
{
	local node=/dev/ownframe/front/$1 said=$OUT/$1-$2

	v4l2_compliance -d "$(readlink -f "$node")" -s "$3" "${@:5}" >"$said" 2>&1 || :
	tr '\t' '\n' <"$said" | grep -E '^(fail|warn):' || :
	echo "$1 $2: $(tail -n 1 "$said")"
	tail -n 1 "$said" | grep -q "Failed: $4, Warnings: 0$"
}

# Run a program that says when it is ready; sets feed.
feed_begin()
{
	local ready

	exec {ready_fd}< <(exec driver_feed "$@")
	feed=$!
	read -r ready <&"$ready_fd"
	exec {ready_fd}<&-
	test "$ready" = ready
}

compliance_begin()
{
	modprobe vivid n_devs=1 node_types=0x1
	sensor=$(basename "$(dirname "$(grep -l vivid /sys/class/video4linux/*/name)")")
	ownframe_load front,back
	feed_begin back
	driver_watch front main main >"$OUT/watched-front" &
	watch_front=$!
	driver_watch back main >"$OUT/watched-back" &
	watch_back=$!
}

compliance_view()
{
	local fps=15

	# The tool warns of gaps. As many frames as it has buffers cannot have one; for more, the
	# feed is slow enough for a busy machine.
	[ "$2" -le 2 ] || fps=2
	feed_begin front "$1" 160 120 "$fps"
	compliance main "$1" "$2" "$3"
	kill "$feed"
	wait "$feed" 2>/dev/null || :
}

compliance_feed()
{
	v4l2-ctl -d /dev/ownframe/front/feed \
		--set-fmt-video-out "width=160,height=120,pixelformat=$1"
	compliance feed "$1" "$2" "$3" --expbuf-device "/dev/$sensor"
	grep -q 'test DMABUF (select): OK' "$OUT/feed-$1"
}

compliance_formats()
{
	local format

	for format in UYVY NV12 NV21 YU12 GREY RGB3; do
		compliance_view "$format" 2 "$1"
		compliance_feed "$format" 8 "$1"
	done
}

compliance_others()
{
	kill "$watch_front" "$watch_back"
	wait "$watch_front" "$watch_back"
	cat "$OUT"/watched-*
	[ "$(cat "$OUT"/watched-* | wc -l)" = 3 ]
	! grep -q ' 0$' "$OUT"/watched-*
}
