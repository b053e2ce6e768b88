#!/bin/bash
# deputy_fake.sh FAKE_MOSIXD MOSIX_RUN [MODE...] - what users expect of mosix-run, with a daemon that
# is none (fake_mosixd.c): no root, no containers. The modes are that program's.
set -u
fake=$(realpath "$1")
dir=$(mktemp -d)
mkdir "$dir/bin"
ln -s "$(realpath "$2")" "$dir/bin/mosix-run"
shift 2
export PATH="$dir/bin:$PATH" MOSIX_CONTROL="$dir/control.sock"
checks=$(realpath "${0%/*}/../it/deputy_checks.py")
cd "$dir" || exit 1
"$fake" "$MOSIX_CONTROL" "$@" &
trap 'kill $!; rm -rf "$dir"' EXIT
for _ in {1..500}; do
	[ ! -S "$MOSIX_CONTROL" ] || break
	sleep 0.02
done
python3 "$checks"
