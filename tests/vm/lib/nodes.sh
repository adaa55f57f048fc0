# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Load the driver and make its nodes known by name, as udev does with our rules where it runs.
#
#	. "$TREE/tests/vm/lib/nodes.sh"
#	ownframe_load front,back	modprobe, then /dev/ownframe/front/{feed,main}, ...
#	ownframe_nodes			only the names, for cameras that are there already

ownframe_nodes()
{
	local names camera node

	rm -rf /dev/ownframe
	for names in /sys/class/video4linux/*/ownframe; do
		[ -d "$names" ] || continue
		read -r camera <"$names/camera"
		read -r node <"$names/node"
		mkdir -p "/dev/ownframe/$camera"
		ln -s "../../$(basename "${names%/ownframe}")" "/dev/ownframe/$camera/$node"
	done
}

ownframe_load()
{
	modprobe ownframe cameras="$1"
	ownframe_nodes
}
