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
spool_maker . 20 120
cp -r spool/ready original
mkdir store
printf '[upload]\nstore = dir:%s\nspool = %s\n' "$OUT/store" "$OUT/spool" >upload.conf
seed=${SEED:-$RANDOM}
echo "SEED=$seed"
RANDOM=$seed

# Each file that is to be sent, by its hash, and its hash: <clip id>/<name>.
declare -A file_of sum_of
while read -r sum file; do
	file_of[$sum]=$file
	sum_of[$file]=$sum
done < <(cd original && sha256sum -- */*)

# $1, in the store, is whole, if the clip has such a file.
has()
{
	local sum=${sum_of[$2]:-}

	[ "${stored[$1]:-}" = "$sum" ] || { echo "$1 is not $2"; return 1; }
}

# Every object in the store is a whole one of ours, the parts that a manifest stands for are there,
# and what was sent is.
check_store()
{
	local -A stored=() arrived=()
	local sum object id

	while read -r sum object; do
		[ -n "${file_of[$sum]:-}" ] || { echo "$object is none of ours"; return 1; }
		stored[$object]=$sum
	done < <(find store -type f ! -name '.*' -exec sha256sum {} +)
	for object in "${!stored[@]}"; do
		[ "${object##*.}" = jws ] || continue
		id=${file_of[${stored[$object]}]%/manifest.jws}
		has "${object%.jws}.mp4" "$id/clip.mp4"
		has "${object%.jws}.thumb" "$id/thumb"
		arrived[$id]=1
	done
	for id in spool/sent/*; do
		[ -e "$id" ] || continue
		[ -n "${arrived[${id##*/}]:-}" ] || { echo "$id is not in the store"; return 1; }
	done
}

# It watches ready/ as the last thing before it sends. Read without a process: this is asked often.
watches()
{
	local info word _

	for info in /proc/"$1"/fdinfo/*; do
		while read -r word _; do
			[ "$word" != inotify ] || return 0
		done 2>/dev/null <"$info"
	done
	return 1
}

begun()
{
	until watches "$1"; do
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

kills=0 halves=0
while [ -n "$(ls spool/ready)" ]; do
	ownframe-upload upload.conf 2>>upload.log &
	begun $!
	# The kill is to come at a random moment: soon at first, so that a fast machine has not sent
	# everything by then, and later and later, so that a slow one gets on.
	sleep "0.$(printf %03d $((RANDOM % (4 + kills * kills / 8))))"
	kill -KILL $!
	wait $! 2>/dev/null || true
	kills=$((kills + 1))
	[ "$kills" -lt 1000 ] || { echo "it gets nowhere"; exit 1; }
	[ -z "$(find store -name '.*.part')" ] || halves=$((halves + 1))
	check_store
done
echo "$kills kills, $halves in the middle of an object"
[ "$kills" -ge 5 ]

[ -z "$(find store -name '.*.part')" ]
diff -r original spool/sent
ownframe verify store --claims owner/claims.json | tail -n 5
