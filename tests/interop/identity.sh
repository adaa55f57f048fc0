#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken in the world: a person cannot make a camera theirs by doing what the messages say; or the
# power fails while they do, and the camera is nobody's, or an identity is lost for good.
#
# The command as people use it, with a software TPM; tpm2-tools, openssl and jose are independent
# witnesses. Run by tests/native (`make check-unit T=identity`), which says what is on the PATH.
set -euo pipefail

for tool in swtpm tpm2_getcap strace jose openssl; do
	command -v "$tool" >/dev/null || { echo "no $tool here: skipped"; exit 77; }
done

cd "$OUT"
state=$(mktemp -d)
swtpm=
trap 'stop; rm -rf "$state"' EXIT
mkfifo "$state/ready"
exec {ready}<>"$state/ready"

# swtpm writes its pid file, a FIFO here, once it can be connected to; another port if it is taken.
start() {
	mkdir -p "$state/tpm"
	until
		port=${port:-$((RANDOM % 10000 * 2 + 20000))}
		setpriv --pdeathsig KILL swtpm socket --tpm2 --tpmstate "dir=$state/tpm" \
			--server "type=tcp,port=$port" --ctrl "type=tcp,port=$((port + 1))" \
			--pid "file=$state/ready" --flags not-need-init,startup-clear &
		swtpm=$!
		read -r -t 10 -N 1 -u "$ready"
	do
		stop
		port=
	done
	read -r -t 0.01 -u "$ready" || true # the rest of the pid
	export OWNFRAME_TCTI=swtpm:port=$port TPM2TOOLS_TCTI=swtpm:port=$port
}

stop() {
	[ -z "$swtpm" ] || kill -9 "$swtpm"
	[ -z "$swtpm" ] || wait "$swtpm" || true
	swtpm=
}

new_tpm() {
	stop
	rm -rf "$state/tpm" id
	start
}

# Expect exit status $1 of the rest, whose messages go to the file said.
expect() {
	local want=$1 status=0
	shift
	"$@" 2>said || status=$?
	cat said >&2
	[ "$status" = "$want" ] || { echo "exit status $status, not $want: $*"; exit 1; }
}

says() {
	grep -qF "$1" said || { echo "does not say: $1"; exit 1; }
}

device() { ownframe identity show --identity id 2>/dev/null | sed -n "s/^$1 *//p"; }

# --- the way a person goes --------------------------------------------------------------------

new_tpm
expect 2 ownframe
expect 2 ownframe nonsense
expect 2 ownframe claim accept
expect 0 ownframe --help >help
for command in identity owner claim verify open; do grep -q "^  $command " help; done
expect 10 ownframe claim request --identity id
says 'ownframe identity init'
expect 0 ownframe identity init --identity id >shown
says 'ownframe claim request'
expect 15 ownframe identity init --identity id
expect 13 ownframe claim show --identity id
says 'ownframe claim request'
expect 0 ownframe owner new --name 'Ada Lovelace' --dir ada
expect 15 ownframe owner new --name 'Ada Lovelace' --dir ada
expect 0 ownframe claim request --identity id -o request
says 'ownframe owner sign'
expect 1 ownframe owner sign request --dir ada --device somebody-else
expect 0 ownframe owner sign request --dir ada --device "$(device device)" -o half
says 'ownframe claim accept'
expect 0 ownframe claim accept half --identity id -o claim
says 'ownframe owner add'
expect 0 ownframe owner add claim --dir ada
expect 0 ownframe owner add claim --dir ada
expect 0 ownframe claim show --identity id >shown
grep -q "^epoch *$(device epoch)$" shown
expect 0 ownframe claim show --identity id --raw | cmp - claim

# --- what others make of it -------------------------------------------------------------------

[ "$(stat -c %a ada/owner.key)" = 600 ]
[ "$(stat -c %a id/owner.auth)" = 600 ]
openssl verify -CAfile ada/owner.crt -check_ss_sig ada/owner.crt >/dev/null
openssl pkey -in ada/owner.key -pubout | cmp - <(openssl x509 -in ada/owner.crt -noout -pubkey)
jose fmt -j id/identity.json -g sign -o sign.jwk
[ "$(jose jwk thp -i sign.jwk)" = "$(device device)" ]
# Both signatures of the claim, by the keys that the claim names.
jose fmt -j claim -g payload -y -o payload
for party in owner device; do
	jose fmt -j payload -g "$party" -o "$party.jwk"
done
jose jws ver -i claim -k owner.jwk -k device.jwk -a -O /dev/null
# What is in the TPM.
for handle in 0x81006f00 0x81006f01 0x81006f02 0x81006f03; do
	tpm2_readpublic -c "$handle" >public
	grep -q 'fixedtpm|fixedparent' public
	grep -q noda public
done
tpm2_nvreadpublic >public
grep -q 'authwrite|nt=0x1|policyread|no_da|written$' public
tpm2_getcap properties-variable >properties
for set in ownerAuthSet lockoutAuthSet disableClear; do grep -q "$set: *1" properties; done
grep -q 'phEnable: *0' properties

# --- change of owner, and back --------------------------------------------------------------------

expect 0 ownframe owner new --name Bob --dir bob
expect 12 ownframe claim --owner bob --identity id
says 'ownframe claim request --reset'
expect 0 ownframe claim --owner bob --reset --identity id
[ "$(device owner)" = "$(jose jwk thp -i <(jose fmt -j bob/claims.json -g owner -o-))" ]
cp claim id/claim.json
expect 14 ownframe claim show --identity id
says 'an old claim was put back'
[ "$(device owner)" = - ]
expect 0 ownframe claim --owner bob --reset --recipient ada/owner.crt --identity id
[ "$(ownframe claim show --identity id | grep -c ^recipient)" = 2 ]

# --- a passphrase -----------------------------------------------------------------------------

printf 'a passphrase\na passphrase\n' | expect 0 setsid ownframe owner new --name Eve --dir eve \
	--passphrase
grep -q 'BEGIN ENCRYPTED PRIVATE KEY' eve/owner.key
openssl pkey -in eve/owner.key -passin pass:'a passphrase' -noout
expect 0 ownframe claim request --reset --identity id -o request
echo 'a passphrase' | expect 0 setsid ownframe owner sign request --dir eve -o half
echo 'another' | expect 1 setsid ownframe owner sign request --dir eve -o half

# --- no TPM -----------------------------------------------------------------------------------

stop
expect 11 ownframe identity show --identity id
says 'no TPM'
expect 11 ownframe identity show --identity id --tcti device:/nonexistent
says '/nonexistent'

# --- killed anywhere --------------------------------------------------------------------------

# Leaks cannot be looked for under ptrace.
export ASAN_OPTIONS=detect_leaks=0

# Run the rest, killed at the $2th call of $1. False once it was not.
killed_at() {
	local status=0
	strace -f -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" "${@:3}" || status=$?
	[ "$status" = 137 ] || [ "$status" = 0 ] || { echo "exit status $status"; exit 1; }
	[ "$status" = 137 ]
}

kill_init() {
	local n=0
	while new_tpm && n=$((n + 1)) && killed_at renameat $n ownframe identity init --identity id; do
		stop
		start
		ownframe identity init --identity id >/dev/null || [ -e id/identity.json ]
		[ "$(device owner)" = - ]
	done 2>>killed
	echo "identity init was killed at $((n - 1)) renames, and each time finished later"
	[ "$n" -gt 7 ] # six values and identity.json
}
kill_init

# After each kill exactly one claim is in force, and the owner can have it.
kill_accept() {
	local n=0 call=$1 epoch
	while n=$((n + 1))
		ownframe claim request --identity id -o request && ownframe owner sign request --dir ada -o half
		epoch=$(device epoch)
		killed_at "$call" $n ownframe claim accept half --identity id -o claim; do
		stop
		start
		if [ "$(device epoch)" = "$epoch" ] && [ "$epoch" = "$first" ]; then
			[ "$(device owner)" = - ]
		else
			ownframe claim show --identity id --raw -o claim
			ownframe owner add claim --dir ada
			[ "$(ownframe claim show --identity id | sed -n 's/^epoch *//p')" = "$(device epoch)" ]
		fi
		[ ! -e id/claim.next ]
	done 2>>killed
	echo "claim accept was killed at $((n - 1)) calls of $call"
	[ "$n" -gt 2 ]
}
first=$(device epoch)
kill_accept renameat
kill_accept fsync
