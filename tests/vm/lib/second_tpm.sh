# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Another device in the same machine: a TPM in a process, which can be stopped, killed and replaced.
#
#	. "$TREE/tests/vm/lib/second_tpm.sh"
#	second_tpm_start	its process $second_tpm, its state in /tmp/second-tpm
#	second COMMAND...	with that TPM

second_tcti=swtpm:host=127.0.0.1,port=2321

second_tpm_start()
{
	mkdir -p /tmp/second-tpm
	rm -f /tmp/second-tpm.pid
	mkfifo /tmp/second-tpm.pid
	# In a session of its own: while it is stopped, its group would be sent SIGHUP.
	setsid swtpm socket --tpm2 --tpmstate dir=/tmp/second-tpm --server type=tcp,port=2321 \
		--ctrl type=tcp,port=2322 --pid file=/tmp/second-tpm.pid \
		--flags not-need-init,startup-clear &
	second_tpm=$!
	# It writes its pid, without a newline, once it can be connected to.
	test -n "$(timeout 30 cat /tmp/second-tpm.pid)"
}

second()
{
	OWNFRAME_TCTI=$second_tcti "$@"
}
