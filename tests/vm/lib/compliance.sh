# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run v4l2-compliance, with streaming, on a camera that the driver has just been loaded for.
#
#	. "$TREE/tests/vm/lib/compliance.sh"
#	v4l2_compliance()	{ chroot ...; }		another tool than the host's, if wanted
#	compliance_view 0	with a feed; no warning, and so many failures
#	compliance_feed 0	with buffers of vivid's to import
#
# What the tool says is in $OUT/main and $OUT/feed.

. "$TREE/tests/vm/lib/nodes.sh"

v4l2_compliance()
{
	v4l2-compliance "$@"
}

# NODE FRAMES FAILURES [OPTION...]
compliance()
{
	local node=/dev/ownframe/front/$1 said=$OUT/$1

	v4l2_compliance -d "$(readlink -f "$node")" -s "$2" "${@:4}" >"$said" 2>&1 || :
	tr '\t' '\n' <"$said" | grep -E '^(fail|warn):' || :
	tail -n 1 "$said" | tee -a /dev/stderr | grep -q "Failed: $3, Warnings: 0$"
}

compliance_view()
{
	local feed ready

	# Slow, for the tool to take every frame on a busy machine: it warns of gaps.
	coproc driver_feed front YUYV 160 120 5
	feed=$COPROC_PID
	read -r ready <&"${COPROC[0]}"
	test "$ready" = ready
	compliance main 8 "$1"
	kill "$feed"
	wait "$feed" || :
}

compliance_feed()
{
	local sensor

	modprobe vivid n_devs=1 node_types=0x1
	sensor=$(basename "$(dirname "$(grep -l vivid /sys/class/video4linux/*/name)")")
	compliance feed 60 "$1" --expbuf-device "/dev/$sensor"
	grep -q 'test DMABUF (select): OK' "$OUT/feed"
}
