#!/bin/bash
# sqlite3 writing a database in write-ahead-log mode, several transactions from one process.
# usage: database.sh ROUNDS FILE
set -eu
rounds=${1:-200}
db=${2:-test.db}
rm -f "$db" "$db-wal" "$db-shm"
{
	echo 'PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT, v BLOB);'
	echo 'CREATE INDEX k ON t(k);'
	for ((i = 1; i <= rounds; i++)); do
		echo "BEGIN; WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT 200)
		INSERT INTO t(k,v) SELECT printf('%d-%d', $i, (x*7919)%1000), printf('%0200d', x*$i) FROM c; COMMIT;"
		[ $((i % 20)) = 0 ] && echo "SELECT $i, count(*), sum(length(v)) FROM t; DELETE FROM t WHERE id % 13 = $i % 13;"
		sleep 0.02
	done
	echo 'PRAGMA integrity_check; SELECT count(*), sum(id), max(k) FROM t;'
} | sqlite3 "$db"
sqlite3 "$db" .dump | sha256sum
