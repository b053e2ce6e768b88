# shellcheck shell=bash
# metadata.sh - makes a tree of all kinds of files here; twice the same commands, twice the same tree
echo text >file
: >empty
mkdir -p a/b/c a/d
ln file hard && ln -s file symbolic && ln -s /nowhere/at/all dangling
mkfifo pipe
mknod device c 1 3
cp file a/copy && chmod 600 a/copy && chown 1001:2001 a/copy
chmod 2755 a/b && touch a/b/inherits && mkdir a/b/too
chmod 4711 hard
touch -d '2001-02-03 04:05:06.123456789' a/copy
touch -h -d '1999-01-01' symbolic
truncate -s 12345 empty
truncate -s 3 file
head -c 300000 /dev/zero | tr '\0' y >big
mv a/d a/e
mkdir gone && rmdir gone
: >gone && rm gone
chown -h 1001 dangling
setfattr -n user.colour -v blue big
# Times of the rest differ from run to run.
find . ! -path ./a/copy -exec touch -h -d '2020-01-01' {} +
