#!/bin/bash
# What the commands say when something is wrong, their exit statuses, and JSON that is JSON whatever
# a job is called.
. "${0%/*}/lib.sh"
lab_need 2
unbalanced

on_n1() { lab sh -u alice n1 "$@"; }

# says STATUS PATTERN COMMAND...: exits like that, and says so in one line on standard error alone
says() {
	local want=$1 pattern=$2 status=0
	shift 2
	on_n1 "$@" >"$test_tmp/out" 2>"$test_tmp/err" || status=$?
	assert_eq "$status" "$want" "exit status of $*"
	assert_match "$(cat "$test_tmp/err")" "$pattern" "what $* says"
	assert_eq "$(wc -l <"$test_tmp/err") $(wc -c <"$test_tmp/out")" "1 0" "lines of errors, bytes of output of $*"
}

no_help() {
	local c
	for c in status nodes ps migrate kill explain keygen config help; do
		assert_match "$(on_n1 mosixctl $c --help 2>&1)" '^Usage: mosixctl'
	done
	assert_match "$(on_n1 mosixctl --help)" '^Usage: mosixctl'
	assert_match "$(on_n1 mosix-run --help)" '^Usage: mosix-run'
	assert_match "$(on_n1 mosixctl --version) $(on_n1 mosix-run --version)" '^mosixctl [0-9.]+ mosix-run [0-9.]+$'
}
try "every command has help" no_help

wrong_lines() {
	says 2 "no command 'frob'.*mosixctl help" mosixctl frob
	says 2 "does not know the option '--frob'" mosixctl ps --frob
	says 2 "takes no argument" mosixctl nodes x
	says 2 "needs a job .*and a node" mosixctl migrate 1.1
	says 2 "is no job; write HOME.NUMBER" mosixctl explain 1.x
	says 2 "neither a process number nor a job" mosixctl kill x
	says 2 "no signal 'FROB'" mosixctl kill -FROB 1.1
	says 2 "no signal '0'" mosixctl kill -0 1.1
	says 2 "no signal '99'" mosixctl kill -99 1.1
	says 2 "needs a file name" mosixctl keygen -f
	says 2 "check" mosixctl config frob
	assert_status 125 on_n1 mosix-run --frob true
	assert_status 125 on_n1 mosix-run
	assert_status 125 on_n1 mosix-run -h -n n2 true
	assert_status 2 on_n1 mosixctl
}
try "wrong command lines: status 2, of mosix-run 125" wrong_lines

refused() {
	says 1 "no job 1.99999" mosixctl migrate 1.99999 n2
	says 1 "no job 1.99999" mosixctl kill 1.99999
	says 1 "no job 1.99999" mosixctl explain 1.99999
	says 1 "belongs to no job" mosixctl explain 1
	says 125 "no node frob" mosix-run -n frob true
	says 127 "nonexistent" mosix-run /nonexistent
	says 126 "Permission denied|permission" mosix-run /etc/passwd
}
try "what is refused: status 1, and why" refused

no_daemon() {
	says 3 "systemctl start mosixd" env MOSIX_CONTROL=/run/nothing mosixctl ps
	says 126 "systemctl start mosixd" env MOSIX_CONTROL=/run/nothing mosix-run true
}
try "without a daemon: status 3, of mosix-run 126, and what to do" no_daemon

full_output() {
	local c status
	for c in status nodes ps "ps --json" help; do
		status=0
		on_n1 sh -c "mosixctl $c >/dev/full" 2>"$test_tmp/err" || status=$?
		assert_eq "$status" 1 "status of mosixctl $c on a full disk"
		assert_match "$(cat "$test_tmp/err")" 'No space left'
	done
}
try "an output that cannot be written is an error" full_output

# Names with what a terminal, a table or JSON might take for more than text.
hostile() {
	cat >"$test_tmp/hostile.py" <<-'PY'
		import json, subprocess, time
		names = [b'a"b\\c', b"new\nline\ttab", b"\x1b[31mred\x1b]0;title\x07", b"\xff\xfe\x80", b"\xc3",
		         "ü\u202e\u0085".encode(), b"</script>{}[]", b"%s%n%d", b"", b"x" * 300, b"\x01\x7f"]
		jobs = [subprocess.Popen(["mosix-run", "-J", name, "sh", "-c", "sleep 100; :", name], stderr=subprocess.PIPE)
		        for name in names]
		ctl = lambda *args: subprocess.run(["mosixctl", *args], capture_output=True, timeout=10)
		end = time.monotonic() + 10
		while True:
		    text = ctl("ps", "--json").stdout
		    rows = json.loads(text)["jobs"]
		    alive = [p for p in jobs if p.poll() is None]
		    if len(rows) == len(alive) and all(r["state"] == "running" for r in rows):
		        break
		    assert time.monotonic() < end, (len(rows), len(alive))
		    time.sleep(0.05)
		assert len(alive) == len(names), [p.stderr.read() for p in jobs if p.poll() is not None]
		assert 'a"b\\c' in [r["name"] for r in rows], rows
		for args in ("status",), ("nodes",), ("ps",):
		    out = ctl(*args, "--json").stdout
		    json.loads(out.decode())
		    assert not set(out) & (set(range(32)) - {10}), out
		out = ctl("ps").stdout.decode()
		assert len(out.splitlines()) == len(rows) + 1, out
		assert not set(out.encode()) & (set(range(32)) - {10} | {127}) and "\u0085" not in out, out
		for r in rows:
		    json.loads(ctl("explain", "--json", r["job"]).stdout)
		    json.loads(ctl("migrate", "--json", r["job"], "n2").stdout)
		    assert ctl("kill", "-KILL", r["job"]).returncode == 0
		for p in jobs:
		    p.wait()
	PY
	lab push n1 "$test_tmp/hostile.py" /home/alice/hostile.py
	on_n1 python3 hostile.py
}
try "JSON and tables with hostile names of jobs" hostile

completion() {
	on_n1 bash -c '. /usr/share/bash-completion/completions/mosixctl &&
		COMP_WORDS=(mosixctl migrate 1.1 "") COMP_CWORD=3 && _mosixctl && printf "%s\n" "${COMPREPLY[@]}"' >"$test_tmp/words"
	assert_match "$(tr '\n' ' ' <"$test_tmp/words")" '^(n1 )?.*n2 .*home $'
	on_n1 sh -c 'for c in status nodes ps; do mosixctl $c --json | python3 -m json.tool >/dev/null || exit; done'
}
try "bash completes the names of nodes" completion
