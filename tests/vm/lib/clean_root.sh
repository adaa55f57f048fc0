# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A copy of a clean root, in a mount namespace of its own: call this in `unshare -m`.
#
#	clean_root_mount CLEAN	sets root; it lies on a tmpfs over $OUT, gone with the namespace
#	clean_root_headers KERNEL	a kernel's headers, as their packages would have put them

clean_root_mount()
{
	mount -t tmpfs rw "$OUT"
	mkdir "$OUT/upper" "$OUT/work" "$OUT/root"
	mount -t overlay -o "lowerdir=$1,upperdir=$OUT/upper,workdir=$OUT/work" root "$OUT/root"
	root=$OUT/root
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
}

clean_root_headers()
{
	local release

	release=$(cat "$1/release")
	cp -a "$1/usr/src/." "$root/usr/src/"
	cp -a "$1"/usr/lib/linux-kbuild-* "$root/usr/lib/"
	mkdir -p "$root/lib/modules/$release"
	ln -s "/usr/src/linux-headers-$release" "$root/lib/modules/$release/build"
}
