# shellcheck shell=bash
# programs.sh - real programs at work in this directory; the output is the same wherever it is
set -o pipefail
tar -C /usr/include -cf - linux | tar xf -
find linux -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
du -sb linux | cut -f1
grep -rl EXPORT linux | sort | sha256sum
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf all.tar linux
sha256sum <all.tar
gzip -k all.tar && gunzip -c all.tar.gz | cmp - all.tar
for i in 1 2 3 4; do
	printf '#include <stdio.h>\nint f%d(void) { return printf("%d\\n"); }\n' "$i" "$i" >"f$i.c"
done
printf 'int f1(void);int f2(void);int f3(void);int f4(void);int main(void){f1();f2();f3();f4();return 0;}\n' >main.c
printf 'prog: main.o f1.o f2.o f3.o f4.o\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -O2 -g -c $<\n' >Makefile
make -s -j2 && ./prog
make -s && touch f1.c && make -sn | grep -c gcc
ar rc lib.a f1.o f2.o && ar t lib.a
sqlite3 test.db 'PRAGMA journal_mode=WAL; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);'
for i in $(seq 20); do
	echo "INSERT INTO t(b) VALUES('row $i');"
done | sqlite3 test.db
sqlite3 test.db 'PRAGMA integrity_check; SELECT count(*), sum(a) FROM t;'
sqlite3 test.db 'PRAGMA journal_mode=DELETE; BEGIN; UPDATE t SET b = b || a; COMMIT; SELECT b FROM t WHERE a = 20;'
# As version control does it: write aside, rename into place, link, remove.
mkdir -p objects refs
for i in $(seq 50); do
	h=$(echo "$i" | sha256sum | cut -c1-40)
	mkdir -p "objects/${h:0:2}"
	echo "object $i" >"objects/tmp.$$"
	chmod 444 "objects/tmp.$$"
	ln "objects/tmp.$$" "objects/${h:0:2}/${h:2}" && rm -f "objects/tmp.$$"
	echo "$h" >refs/head.lock && mv refs/head.lock refs/head
done
find objects -type f -print0 | sort -z | xargs -0 cat | sha256sum
cp -a linux copy && diff -r linux copy && rm -rf copy
python3 -c '
import shelve, tempfile, os
with shelve.open("shelf") as s:
    for i in range(100):
        s[str(i)] = i * i
with shelve.open("shelf") as s:
    print(sum(s.values()))
with tempfile.NamedTemporaryFile(dir=".") as f:
    f.write(b"x" * 100000)
    f.flush()
    print(os.stat(f.name).st_size)
'
sort -S 1M -T . -R all.tar >/dev/null
rm -rf linux objects && ls
