# shellcheck shell=bash
# common.sh - what the benchmarks share. They print figures and judge nothing: noise decides too much
# on a shared machine; ratios within one run are what to look at.
set -euo pipefail
bench_dir=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
lab_command=$(realpath "$bench_dir/../lab/lab")
export LAB_NAME=${LAB_NAME:-bench}
lab() { "$lab_command" "$@"; }
say() { echo "$*" >&2; }

# bench_lab N: a lab of its own, ended at the end unless it was up before or KEEP is set
bench_lab() {
	lab ls >/dev/null 2>&1 || [ -n "${KEEP:-}" ] || trap 'lab down >/dev/null' EXIT
	lab up "$1" --reuse >&2
}

# bench_tool NAME: a C program of this folder, built on n1 (and every node, /usr is shared by none)
bench_tool() {
	local n=$1 tool=$2
	lab push "$n" "$bench_dir/$tool.c" "/root/$tool.c"
	lab sh "$n" gcc -O2 -D_GNU_SOURCE -pthread -o "/root/$tool" "/root/$tool.c"
}

# bench_ssh FROM TO: root on FROM may ssh to TO without a question
bench_ssh() {
	lab sh "$2" sh -c 'mkdir -p /run/sshd && rm -f /run/nologin && ssh-keygen -A >/dev/null && (pgrep -x sshd >/dev/null || /usr/sbin/sshd)'
	lab sh "$1" sh -c '[ -e /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519'
	lab sh "$1" cat /root/.ssh/id_ed25519.pub |
		lab sh "$2" sh -c 'mkdir -p -m 700 /root/.ssh && cat >/root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys'
	lab sh "$1" ssh -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR "$2" true
}
