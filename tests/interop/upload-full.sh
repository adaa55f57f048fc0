#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# If this fails, a full or missing store costs clips, half clips, a log full of the same line, or a
# board that must be restarted by hand; or clips fill the system's disk because the store's is not
# mounted.

set -euo pipefail

if [ -z "${INSIDE:-}" ]; then
	# Mounts of its own, which end with it.
	unshare -m true 2>/dev/null || { echo "may not mount: skipped"; exit 77; }
	INSIDE=1 exec unshare -m "$0"
fi

cd "$OUT"
spool_maker . 12 120
cp -r spool/ready original
mkdir store
cat >upload.conf <<-END
	[upload]
	store = dir:$OUT/store
	mountpoint = yes
	spool = $OUT/spool
	retry_first = 100ms
	retry_cap = 1s
END

await()
{
	local wanted=${2:-1}

	[ "$(timeout 60 grep -m "$wanted" -c -e "$1" < <(tail -n +1 -F upload.log 2>/dev/null))" = \
		"$wanted" ] || { echo "no $wanted x \"$1\":"; cat upload.log; return 1; }
}

# When a folder of the store was last written to.
written()
{
	find store -type d -printf '%T@\n' | sort -n | tail -n 1
}

attempted()
{
	local before

	before=$(written)
	until [ "$(written)" != "$before" ]; do
		sleep 0.05
	done
}

# Stop it while it waits for the next attempt.
rest()
{
	local before state _

	while kill -CONT $upload; do
		before=$(written)
		read -r _ _ state _ </proc/$upload/stat
		[ "$state" = S ] || continue
		kill -STOP $upload
		[ "$(written)" != "$before" ] || return 0
	done
	return 1
}

: >upload.log
ownframe-upload upload.conf 2>upload.log &
upload=$!
trap 'kill -KILL $upload 2>/dev/null || true' EXIT

# Nothing is mounted: nothing may land in the folder below.
await 'nothing is mounted'
[ -z "$(ls -A store)" ]

# A store comes that is too small.
mount -t tmpfs -o size=600k,mode=755 store store
await 'No space left on device; [0-9]* clips wait'
await ': sent$' # what fits is sent
# Several attempts, of which each makes a file and removes it: they leave nothing and say nothing.
for _ in 1 2 3 4; do
	attempted
done
rest
[ "$(grep -c 'No space left' upload.log)" -le 3 ]
[ -z "$(find store -name '.*.part')" ]
kill -CONT $upload
left=$(find spool/ready -mindepth 1 -maxdepth 1 | wc -l)
echo "$left of 12 clips do not fit"
[ "$left" -ge 2 ]

# Room is made: all of them go, without being asked.
mount -o remount,size=64m store
await ': sent$' 12
diff -r original spool/sent
ownframe verify store --claims owner/claims.json | tail -n 3

# And what comes now is noticed at once.
mkdir again
mv spool/sent/* again/
rm -rf store/*
mv again/* spool/ready/
await ': sent$' 24
ownframe verify store --claims owner/claims.json | tail -n 1
