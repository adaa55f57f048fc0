#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# If this fails, a board that is switched off while it sends leaves half a clip that readers take
# for a whole one, or loses a clip, or never gets on.
#
# Kills ownframe-upload in the middle of an object, then by SIGKILL at random moments until
# everything is sent, and looks at the store after each kill.

set -euo pipefail

cd "$OUT"
spool_maker . 60 120
cp -r spool/ready original
mkdir store
printf '[upload]\nstore = dir:%s\nspool = %s\n' "$OUT/store" "$OUT/spool" >upload.conf
(cd original && sha256sum -- */manifest.jws) >manifests
seed=${SEED:-$RANDOM}
echo "SEED=$seed"
RANDOM=$seed

# Every manifest in the store is one of ours, whole, and the parts that it stands for are there.
check_store()
{
	local sum jws id

	find store -name '*.jws' ! -name '.*' -exec sha256sum {} + >stored
	while read -r sum jws; do
		id=$(sed -n "s|^$sum  \(.*\)/manifest.jws\$|\1|p" manifests)
		[ -n "$id" ] || { echo "$jws is none of ours"; return 1; }
		[ ! -e "original/$id/clip.mp4" ] || cmp "original/$id/clip.mp4" "${jws%.jws}.mp4"
		[ ! -e "original/$id/thumb" ] || cmp "original/$id/thumb" "${jws%.jws}.thumb"
	done <stored
	# Sent only what the store has.
	for id in spool/sent/*; do
		[ -e "$id" ] || continue
		sum=$(sed -n "s|  ${id##*/}/manifest.jws\$||p" manifests)
		grep -q "^$sum " stored || { echo "$id is not in the store"; return 1; }
	done
}

# It watches ready/ as the last thing before it sends.
begun()
{
	until readlink "/proc/$1"/fd/* | grep -q inotify; do
		kill -0 "$1"
		sleep 0.005
	done
}

# Files may not grow beyond 10000 bytes: SIGXFSZ comes when that much of a clip is written.
status=0
prlimit --fsize=10000 ownframe-upload upload.conf 2>>upload.log || status=$?
[ "$status" = $((128 + $(kill -l XFSZ))) ]
[ "$(find store -type f -size +0 -name '.*.part' | wc -l)" = 1 ]
[ -z "$(find store -type f ! -name '.*.part')" ]

kills=0
while [ -n "$(ls spool/ready)" ]; do
	ownframe-upload upload.conf 2>>upload.log &
	begun $!
	# The kill is to come at a random moment: soon at first, so that a fast machine has not sent
	# everything by then, and later and later, so that a slow one gets on.
	sleep "0.$(printf %03d $((RANDOM % (4 + kills))))"
	kill -KILL $!
	wait $! 2>/dev/null || true
	kills=$((kills + 1))
	[ "$kills" -lt 1000 ] || { echo "it gets nowhere"; exit 1; }
	check_store
done
echo "$kills kills"
[ "$kills" -ge 5 ]

[ -z "$(find store -name '.*.part')" ]
diff -r original spool/sent
ownframe verify store --claims owner/claims.json | tail -n 5
