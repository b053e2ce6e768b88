#!/bin/bash
# A real project of some hundred files, made on eight small nodes: the objects are those of a local make,
# and all nodes took part
# time limit: 900 s
. "${0%/*}/lib.sh"
. "${0%/*}/project.sh"

fetched() { "${lab_command%/lab}/mksource" busybox; }
requires "the source of the project can be fetched" fetched
try_or_end "a local make" project_source "$test_tmp"

lab_need 8 --cpu 25
on_n1() { lab sh -u alice n1 "$@"; }

unpacked() {
	lab push n1 "$test_tmp/project.tar" /home/alice/project.tar
	project_install n1 project
}
try_or_end "the project is on n1" unpacked

made() {
	on_n1 sh -c 'cd project && exec mosix-make -v -j16 "$@"' - "${project_targets[@]}" >"$test_tmp/log" 2>&1 || {
		tail -n 20 "$test_tmp/log"
		return 1
	}
}
try_or_end "mosix-make -j16" made

same_objects() { diff "$test_tmp/objects" <(project_objects n1 project); }
try "the same objects" same_objects

# Half of an equal share, at least; home is busy with serving the others' files, and may have less.
spread() {
	local n jobs total
	total=$(grep -c 'mosix-make: job .* runs on' "$test_tmp/log")
	for n in 1 2 3 4 5 6 7 8; do
		jobs=$(grep -c "mosix-make: job .* runs on n$n\$" "$test_tmp/log") || true
		echo "n$n: $jobs of $total"
		[ $n = 1 ] || [ "$jobs" -ge $((total / 16)) ] || return 1
		[ "$jobs" -le $((total / 4)) ] || return 1
	done
}
try "all nodes had their share" spread

up_to_date() {
	on_n1 sh -c 'cd project && exec mosix-make -j16 "$@"' - "${project_targets[@]}" >"$test_tmp/log" 2>&1
	fails grep -E '^ *(CC|AR) ' "$test_tmp/log"
}
try "nothing is made twice" up_to_date
