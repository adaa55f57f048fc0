# SPDX-License-Identifier: GPL-2.0-or-later
#
# "case KIND SIZE CONSUMERS count FRAMES USER KERNEL COPYING COPIED" to the lines of ../run, for one
# frame: name, ours, peer, aim. What is beside v4l2loopback is beside as many of its readers; copied
# bytes are beside a plain copy for each consumer, of the part of the picture and of the frames that it gets.

function figure(name, ours, peer, aim)
{
	printf "%s\t%.0f\t%s\t%s\n", name, ours, peer == "" ? "" : sprintf("%.0f", peer), aim
}

{
	key = $2 " " $3 " " $4
	order[++cases] = key
	plain[key] = ($8 - $9) / $6
	whole[key] = $8 / $6
	copied[key] = $10 / $6
}

END {
	split("3900 13500 21500 - 37500", most)
	part["crop"] = 4
	part["rate"] = 6
	for (i = 1; i <= cases; i++) {
		split(order[i], of)
		kind = of[1]; size = of[2]; n = of[3]
		if (kind == "memcpy" || kind == "v4l2loopback")
			continue
		name = size " " kind " consumers=" n
		peer = kind in part ? "" : "v4l2loopback " size " " n
		bytes = copied["memcpy " size " 1"] * n / (kind in part ? part[kind] : 1)
		figure(name " instructions", plain[order[i]], plain[peer], kind == "mmap" ? "=" most[n + 1] : "")
		if (n)
			figure(name " bytes", copied[order[i]], bytes, "=" sprintf("%.0f", bytes + 64 * n))
		figure(name " whole", whole[order[i]], whole[peer],
			kind == "mmap" && size == "640x480" && n == 1 ? 1.04 : "")
	}
}
