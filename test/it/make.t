#!/bin/bash
# mosix-make does what make does, but elsewhere
# time limit: 400 s
. "${0%/*}/lib.sh"
. "${0%/*}/jobs.sh"
lab_need 4

on_n1() { lab sh -u alice n1 "$@"; }

# Two copies of the same: plain make works in one, mosix-make in the other.
install() {
	on_n1 rm -rf plain mosix
	lab push n1 "$test_dir/make" /home/alice/plain
	lab sh n1 chown -R alice: /home/alice/plain
	on_n1 sh -c 'cd plain && seq 5 >list && printf "sort list\n" >script && chmod +x script &&
		printf "all: ; @sort list; echo inner\n" >inner.mk && cp -a . ../mosix'
}
try_or_end "the test's makefiles are there" install

# same ARGUMENT...: output, exit status and files are those of make
same() {
	local status=0 want=0
	on_n1 sh -c 'cd plain && exec make "$@" </dev/null' - "$@" >"$test_tmp/want" 2>"$test_tmp/want.err" || want=$?
	on_n1 sh -c 'cd mosix && exec mosix-make "$@" </dev/null' - "$@" >"$test_tmp/got" 2>"$test_tmp/got.err" || status=$?
	assert_eq "$status" "$want" "exit status of mosix-make $*"
	diff <(sed s,/plain,/mosix,g "$test_tmp/want") "$test_tmp/got"
	diff <(sed s,/plain,/mosix,g "$test_tmp/want.err") "$test_tmp/got.err"
	on_n1 diff -r plain mosix
}

options() {
	local o
	for o in "" -s -n -t -q -k -i -B -r -w --trace -Otarget "-j1 -Oline" --no-print-directory; do
		# shellcheck disable=SC2086
		same $o all || {
			echo "with option '$o'"
			return 1
		}
	done
}
try "output, status and files with all kinds of options" options

failures() {
	local t
	for t in missing missing-in-path not-executable killed status partial from-script; do
		same $t
		same -k $t made
		same -i $t
		on_n1 sh -c 'rm -f plain/made mosix/made'
	done
	same nonexistent-target
	same -f nonexistent-file
}
try "lines that fail, and programs that are not there" failures

parallel() {
	local t
	same -j4 plus
	for t in target line recurse; do
		on_n1 sh -c 'cd mosix && mosix-make -j4 -O'$t' all </dev/null' >"$test_tmp/got"
		on_n1 sh -c 'cd plain && make -j4 -O'$t' all </dev/null' | sed s,/plain,/mosix, >"$test_tmp/want"
		diff <(sort "$test_tmp/want") <(sort "$test_tmp/got")
	done
	same -j4 hidden
	same --jobserver-style=fifo -j2 hidden
}
try "-j, with the lines of each target together" parallel

# A recursive project, one part of which cannot be made: with -j8 as with make, but for the order.
project() {
	local make args
	on_n1 rm -rf tree
	lab push n1 - /home/alice/tree.mk <<-'MK'
		SHELL = /bin/sh
		all: a b c
		a b c: ; @$(MAKE) -C tree/$@ -f ../../part.mk
		.PHONY: all a b c
	MK
	# .PHONY, lest make look for a way to link an "all" from all.o: what ld says then is in any order
	lab push n1 - /home/alice/part.mk <<-'MK'
		.PHONY: all
		all: 1.o 2.o 3.o 4.o
		%.o: ; @echo "$(flavour) $(CURDIR) $@ $(filter k%,$(MAKEFLAGS))" >$@.new && sh -c 'test ! -e $*.bad || exit 3' && mv $@.new $@
	MK
	for args in "-j8 -k" "-j8" "-j8 -k -Otarget" "-n" "-j8 -k --no-print-directory"; do
		for make in make mosix-make; do
			on_n1 sh -c 'rm -rf tree tree.'$make' && mkdir -p tree/a tree/b tree/c && touch tree/b/2.bad'
			on_n1 sh -c "$make $args -f tree.mk flavour=sweet all </dev/null" >"$test_tmp/$make.out" 2>"$test_tmp/$make.err" &&
				echo 0 >"$test_tmp/$make.status" || echo $? >"$test_tmp/$make.status"
			on_n1 mv tree tree.$make
		done
		assert_eq "$(cat "$test_tmp/mosix-make.status")" "$(cat "$test_tmp/make.status")" "exit status with $args"
		case $args in
		*-k* | -n)
			on_n1 diff -r tree.make tree.mosix-make
			diff <(sort "$test_tmp/make.out") <(sort "$test_tmp/mosix-make.out")
			diff <(sort "$test_tmp/make.err") <(sort "$test_tmp/mosix-make.err")
			;;
		*) assert_match "$(cat "$test_tmp/mosix-make.err")" 'part.mk:3: 2.o\] Error 3' ;;
		esac
	done
	wait_for 5 eval '[ -z "$(lab sh n1 mosixctl ps --all | tail -n +2)" ]'
}
try "a recursive project of which a part fails" project

# where OPTION... TARGET: prints "home" or "job", as one of its lines sees it (a job's /run is empty)
where() {
	on_n1 mosix-make -f where.mk "$@" 2>&1 </dev/null
}
places() {
	cat >"$test_tmp/where.mk" <<-'MK'
		place = ls /run/mosix/control.sock >/dev/null 2>&1 && echo home || echo job
		F := $(shell $(place))
		line: ; @$(place)
		function: ; @printf '%s\n' $(F) && :
		plus: ; +@$(place)
		sub: ; @$(MAKE) -s -f where.mk line
		cheap: ; @test -e /run/mosix/control.sock && echo home || echo job
		shell: SHELL = /bin/bash
		shell: ; @$(place)
	MK
	lab push n1 "$test_tmp/where.mk" /home/alice/where.mk
	assert_eq "$(where line)" job
	assert_eq "$(where shell)" job
	assert_eq "$(where function)" home
	assert_eq "$(where cheap)" home
	assert_eq "$(where -j2 plus)" home
	assert_eq "$(where sub)" job
	assert_eq "$(where -j2 sub)" job
	assert_eq "$(on_n1 mosix-make --local 'mosix/c*sock' -s -f where.mk line)" home
	assert_eq "$(on_n1 mosix-make --local 'something else' -s -f where.mk line)" job
	on_n1 env MOSIX_CONTROL=/run/nothing mosix-make -f where.mk line >"$test_tmp/out" 2>"$test_tmp/err"
	assert_eq "$(cat "$test_tmp/out")" home
	assert_match "$(cat "$test_tmp/err")" 'systemctl start mosixd.*everything runs here'
}
try "what is a job, and what stays at home" places

nodes() {
	on_n1 mosix-make --nodes n3 -v -f where.mk line >"$test_tmp/out" 2>"$test_tmp/err"
	assert_eq "$(cat "$test_tmp/out")" job
	assert_match "$(cat "$test_tmp/err")" '^mosix-make: job 1\.[0-9]+ runs on n3$'
	assert_status 125 on_n1 mosix-make --nodes frob
	assert_status 125 on_n1 env MOSIX_CONTROL=/run/nothing mosix-make --nodes n3
	assert_status 125 on_n1 mosix-make --local
}
try "--nodes" nodes

# No more lines at a time than -j says, over two levels of make; and as many.
slots() {
	cat >"$test_tmp/slots.mk" <<-'MK'
		N = 1 2 3 4 5 6
		all: sub1 sub2
		sub1 sub2: ; @$(MAKE) -s -f slots.mk $(N:%=$@.%)
		sub1.%: ; @perl -e '$$| = 1; print "+\n"; select undef, undef, undef, 0.4; print "-\n"'
		sub2.%: ; @perl -e '$$| = 1; print "+\n"; select undef, undef, undef, 0.4; print "-\n"'
	MK
	lab push n1 "$test_tmp/slots.mk" /home/alice/slots.mk
	on_n1 mosix-make -s -j3 -f slots.mk >"$test_tmp/out"
	assert_eq "$(awk '/\+/ { n++ } /-/ { n-- } n > m { m = n } END { print NR, m }' "$test_tmp/out")" "24 3" \
		"lines of output, most at a time"
}
try "the jobserver counts jobs" slots

# A chain of quick lines, each made from the one before: nothing is ever older than its source.
times() {
	cat >"$test_tmp/times.mk" <<-'MK'
		f.40: f.0
		f.0: ; @touch $@
		$(foreach i,$(shell seq 1 40),$(eval f.$(i): f.$(shell expr $(i) - 1) ; @sort $$< >$$@))
	MK
	lab push n1 "$test_tmp/times.mk" /home/alice/times.mk
	on_n1 sh -c 'rm -f f.*; mosix-make -f times.mk f.40'
	on_n1 make -q -f times.mk f.40
	on_n1 mosix-make -q -f times.mk f.40
	on_n1 touch f.20
	on_n1 sh -c 'mosix-make -n -f times.mk f.40 | wc -l' >"$test_tmp/out"
	assert_eq "$(cat "$test_tmp/out")" 20 "what is to be made anew"
	assert_status 1 on_n1 mosix-make -q -f times.mk f.40
}
try "times of files are those that make expects" times

# ^C on make's terminal, or a signal to make alone: all jobs end, and what they made is deleted.
interrupted() {
	cat >"$test_tmp/interrupt.py" <<-'PY'
		import os, pty, signal, sys, time
		how = sys.argv[1]
		open("int.mk", "w").write("all: w1 w2 w3\nw%:\n\t@perl -e 'open(F, \">$@\"); sleep 100'\n")
		def run(make):
		    for i in "123":
		        if os.path.exists("w" + i):
		            os.unlink("w" + i)
		    pid, fd = pty.fork()
		    if pid == 0:
		        os.execvp(make, [make, "-j3", "-f", "int.mk"])
		    end = time.monotonic() + 20
		    while not all(os.path.exists("w" + i) for i in "123"):
		        assert time.monotonic() < end
		        time.sleep(0.02)
		    if how == "key":
		        os.write(fd, b"\x03")
		    else:
		        os.kill(pid, signal.SIGTERM)
		    text = b""
		    while True:
		        try:
		            data = os.read(fd, 1000)
		        except OSError:
		            break
		        if not data:
		            break
		        text += data
		    status = os.waitpid(pid, 0)[1]
		    # Whether make hears first of the signal or of its children's end makes a difference.
		    assert status in (signal.SIGINT, signal.SIGTERM, 2 << 8), status
		    assert b"Deleting file 'w1'" in text, text
		    assert not [i for i in "123" if os.path.exists("w" + i)], text
		run("make")
		run("mosix-make")
	PY
	lab push n1 "$test_tmp/interrupt.py" /home/alice/interrupt.py
	on_n1 timeout 60 python3 interrupt.py "$1"
	wait_for 5 eval '[ -z "$(lab sh n1 mosixctl ps --all | tail -n +2)" ]'
}
try "^C ends make and all of its jobs" interrupted key
try "so does SIGTERM to make" interrupted signal

user_preload() {
	[ -z "$sanitizers" ] || skip "sanitizers want to be loaded first"
	on_n1 sh -c 'printf "all: ; @sh -c %s\n" "'"'env | grep ^LD_PRELOAD'"'" >pre.mk'
	assert_eq "$(on_n1 env LD_PRELOAD=libm.so.6 mosix-make -f pre.mk)" LD_PRELOAD=libm.so.6
	assert_eq "$(on_n1 env LD_PRELOAD=libm.so.6 mosix-make --local env -f pre.mk)" LD_PRELOAD=libm.so.6
}
try "what the user loads is left alone" user_preload
try "nothing is left" wait_for 10 no_leftovers
