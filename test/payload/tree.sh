#!/bin/bash
# A shell script with children, pipes, a here-document, traps, background jobs and command
# substitution; prints the same lines however often it is moved.
# usage: tree.sh ROUNDS
set -u
export LC_ALL=C
rounds=${1:-40}
trap 'echo "got USR1"' USR1

worker() { # reads numbers, answers squares
	while read -r n; do
		echo $((n * n))
		sleep 0.01
	done
}

coproc W { worker; }
worker_pid=$W_PID # bash forgets it when the worker ends
pid=$$
for ((i = 1; i <= rounds; i++)); do
	echo "$i" >&"${W[1]}"
	read -r sq <&"${W[0]}"
	sum=$(seq 1 "$i" | awk '{ s += $1 } END { print s }' | cat)
	words=$(tr ' ' '\n' <<<"the quick brown fox $i" | sort -r | head -n 2 | paste -sd,)
	(exit $((i % 7)))
	rc=$?
	sleep 0.05 &
	wait $!
	[ $$ = "$pid" ] || echo "my process number changed"
	[ $((i % 10)) = 0 ] && kill -USR1 $$
	echo "$i $sq $sum $words $rc"
done
# shellcheck disable=SC1083,SC2093  # closes the descriptor whose number is in W[1]
exec {W[1]}>&-
wait "$worker_pid"
echo "end $?"
