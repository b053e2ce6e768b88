# shellcheck shell=bash
# lib.sh - what every test file in test/it uses. A test file looks like this:
#
#	#!/bin/bash
#	. "${0%/*}/lib.sh"
#	lab_need 2
#
#	writes_the_file() {
#		lab sh n1 touch /srv/file
#		wait_for 5 lab sh n2 test -e /mfs/n1/srv/file
#	}
#	try "a file of n1 appears on n2" writes_the_file
#
# A step passes if no command in it fails (it runs under set -e, in a subshell: what it assigns is
# lost). The output of a failed step is shown, of others lines that begin with "# ". Exit status of a
# file: 0 all passed, 1 some failed, 77 skipped as a whole. Clean up with on_exit; nothing needs to be called at the end.
set -uo pipefail

test_dir=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
lab_command=$(realpath "$test_dir/../lab/lab")
test_tmp=$(mktemp -d "${TMPDIR:-/tmp}/mosix-it.XXXXXX")
export LAB_NAME=${LAB_NAME:-lab}

steps=0
steps_failed=0
step_name= # of the one that runs
step_start=
exit_commands=("rm -rf '$test_tmp'")
sanitizers= # "yes" once there is a lab whose programs were built with sanitizers

lab() { "$lab_command" "$@"; }

# on_exit COMMAND: a shell command to run when the test file ends, however it ends; last in, first out
on_exit() { exit_commands+=("$1"); }

finish() {
	local status=$? i
	trap - EXIT
	trap '' INT TERM
	[ "$status" != 143 ] || step_unfinished
	[ -z "$sanitizers" ] || [ "$status" -gt 1 ] || try "the sanitizers found nothing" no_reports
	for ((i = ${#exit_commands[@]} - 1; i >= 0; i--)); do
		eval "${exit_commands[i]}"
	done
	[ "$status" != 0 ] || echo "1..$steps"
	[ "$steps_failed" = 0 ] || exit 1
	exit "$status"
}

# step_unfinished: which step was running when the time was over, and what it had said by then
step_unfinished() {
	[ -z "$step_name" ] || echo "# not finished after $(($(now_ms) - step_start)) ms: $step_name"
	! [ -s "$test_tmp/step" ] || tail -n 20 "$test_tmp/step" | sed 's/^/#   /'
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# skip REASON: this file (or, inside a step, this step) cannot run here
skip() {
	echo "# SKIP $*"
	exit 77
}

# requires REASON COMMAND...: skip unless COMMAND succeeds
requires() {
	local reason=$1
	shift
	"$@" >/dev/null 2>&1 || skip "$reason"
}

# lab_need N [OPTION...]: a lab with at least N nodes (and those options of lab up), all of them up and
# healthy; one that is up already is used if it will do. Four nodes are made where fewer are needed, so
# that all test files can share it.
lab_need() {
	local count=$1
	shift
	[ "$count" -ge 4 ] || [ $# -gt 0 ] || count=4
	lab up "$count" --reuse "$@" >"$test_tmp/up" 2>&1 || {
		cat "$test_tmp/up"
		echo "not ok 1 - the lab comes up"
		steps_failed=1
		exit 1
	}
	! lab sh n1 test -d /var/log/sanitizers || {
		sanitizers=yes
		each_node_up sh -c 'rm -f /var/log/sanitizers/*; journalctl -q --rotate --vacuum-time=1s'
	} >/dev/null 2>&1
}

# unbalanced: jobs stay where the test puts them, until it ends
unbalanced() {
	each_node_up mosixctl balance off >/dev/null
	on_exit "each_node_up mosixctl balance on >/dev/null 2>&1"
}

# each_node_up COMMAND...: on every node that runs
each_node_up() {
	local node
	for node in $(lab ls | awk '$3 == "up" { print $1 }'); do
		lab sh "$node" "$@" </dev/null
	done
}

# no_reports: fails when a sanitizer complained of any process on any node, and shows what it said
no_reports() {
	local found
	# shellcheck disable=SC2016
	found=$(each_node_up bash -c '
		cd /var/log/sanitizers && for f in report.*; do
			[ ! -s "$f" ] || { echo "--- $HOSTNAME: $f" && head -n 60 "$f"; }
		done
		journalctl -q -b -o cat | grep -E -A 20 "Sanitizer|runtime error:"; true')
	[ -z "$found" ] || {
		echo "$found"
		return 1
	}
}

# try NAME FUNCTION [ARG...]: one step, one line of the report
try() {
	local name=$1 status
	shift
	steps=$((steps + 1))
	step_name=$name
	step_start=$(now_ms)
	(
		trap - EXIT
		set -e
		"$@"
	) >"$test_tmp/step" 2>&1 </dev/null
	status=$?
	step_name=
	case $status in
	0)
		echo "ok $steps - $name ($(awk "BEGIN { printf \"%.1f\", ($(now_ms) - $step_start) / 1000 }") s)"
		grep '^# ' "$test_tmp/step"
		return 0
		;;
	77) echo "ok $steps - $name $(grep -m 1 '^# SKIP' "$test_tmp/step" || echo '# SKIP')" ;;
	*)
		echo "not ok $steps - $name"
		sed 's/^/#   /' "$test_tmp/step"
		echo "#   (exit status $status)"
		steps_failed=$((steps_failed + 1))
		return 1
		;;
	esac
}

# try_or_end: as try, where nothing after it makes sense if it fails
try_or_end() { try "$@" || exit 1; }

# wait_for SECONDS COMMAND...: until COMMAND succeeds; its last output is shown if it never does
wait_for() {
	local seconds=$1 end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
	shift
	until "$@" >"$test_tmp/wait.$BASHPID" 2>&1; do
		if [ "${EPOCHREALTIME/[.,]/}" -ge "$end" ]; then
			echo "after $seconds s still not: $*"
			tail -n 20 "$test_tmp/wait.$BASHPID"
			return 1
		fi
		sleep 0.05
	done
}

# fails COMMAND...: succeeds if COMMAND fails; ! would hide a failure from set -e
fails() {
	if "$@"; then
		echo "should have failed: $*"
		return 1
	fi
}

# assert_status STATUS COMMAND...: COMMAND exits with STATUS
assert_status() {
	local want=$1 status=0
	shift
	"$@" || status=$?
	[ "$status" = "$want" ] || {
		echo "exit status $status instead of $want: $*"
		return 1
	}
}

assert_eq() { # GOT WANT [WHAT]
	[ "$1" = "$2" ] || {
		printf '%s: got\n%s\ninstead of\n%s\n' "${3:-wrong value}" "$1" "$2"
		return 1
	}
}

assert_match() { # GOT EXTENDED-REGEX [WHAT]
	[[ $1 =~ $2 ]] || {
		printf '%s: got\n%s\nwhich does not match %s\n' "${3:-wrong value}" "$1" "$2"
		return 1
	}
}

# assert_between GOT LOW HIGH [WHAT]: whole numbers
assert_between() {
	if [ "$1" -lt "$2" ] || [ "$1" -gt "$3" ]; then
		echo "${4:-wrong value}: $1 is not within $2..$3"
		return 1
	fi
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
