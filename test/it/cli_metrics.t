#!/bin/bash
# mosixctl metrics and the HTTP listener: the text is OpenMetrics, it counts what happens, and the
# example files speak of what there is.
# shellcheck source=test/it/lib.sh
. "${0%/*}/lib.sh"
# shellcheck source=test/it/jobs.sh
. "${0%/*}/jobs.sh"
lab_need 2

families="mosix_node mosix_uptime_seconds mosix_load mosix_cpus mosix_cpu_speed_ratio mosix_memory_size_bytes
	mosix_memory_free_bytes mosix_node_flag mosix_jobs mosix_guests mosix_job_starts mosix_moves
	mosix_gossip_health mosix_pressure_ratio mosix_swap_size_bytes mosix_swap_free_bytes
	mosix_move_duration_seconds mosix_move_downtime_seconds mosix_move_bytes mosix_decisions
	mosix_members mosix_news_age_mean_seconds mosix_news_age_max_seconds mosix_gossip_bytes
	mosix_gossip_refused_datagrams mosix_job_network_bytes
	process_cpu_seconds process_resident_memory_bytes"

metrics() { lab sh n1 mosixctl metrics; }

# value SAMPLE: of a line like NAME{labels}, which is whole
value() { metrics | awk -v name="$1" '$1 == name { print $2; found = 1 } END { exit !found }'; }

valid() {
	metrics >"$test_tmp/text"
	# shellcheck disable=SC2086
	"$test_dir/openmetrics.py" $families <"$test_tmp/text"
	assert_eq "$(value 'mosix_members{state="alive"}')" "$(lab sh n1 mosixctl nodes --json | grep -c '"up": true')"
	[ "$(value process_resident_memory_bytes)" -gt 1000000 ]
}
try "the text is OpenMetrics" valid

counts() {
	local starts moves
	starts=$(value 'mosix_job_starts_total{where="here"}')
	moves=$(value 'mosix_moves_total{by="user",result="done"}')
	lab sh -u alice n1 mkdir -p work
	job_dir metrics
	job_dir moves
	job_start metrics -h -- 'sleep 60'
	assert_eq "$(value 'mosix_job_starts_total{where="here"}')" $((starts + 1))
	assert_eq "$(value 'mosix_jobs{where="here"}')" "$(jobs_json | grep -c '"node": 1,')"
	lab sh n1 mosixctl kill -KILL "$(job_id metrics)"
	job_start moves -n n1 -- 'sleep 60'
	job_move moves n2
	assert_eq "$(value 'mosix_moves_total{by="user",result="done"}')" $((moves + 1))
	assert_eq "$(value 'mosix_move_duration_seconds_count')" "$(value 'mosix_move_downtime_seconds_count')"
	[ "$(value mosix_move_bytes_total)" -gt 10000 ]
	lab sh n1 mosixctl kill -KILL "$(job_id moves)"
}
try "it counts starts and moves" counts

fetch() { lab sh n1 python3 -c '
import urllib.request, sys
r = urllib.request.urlopen("http://127.0.0.1:9251/metrics", timeout=10)
sys.exit("type: " + r.headers["Content-Type"]) if "openmetrics-text" not in r.headers["Content-Type"] else None
sys.stdout.write(r.read().decode())'; }

by_http() {
	on_exit "lab sh n1 sh -c 'cp /root/conf.before /etc/mosix/mosixd.conf; systemctl reload mosixd' >/dev/null 2>&1"
	fails fetch >/dev/null 2>&1
	lab sh n1 sh -c 'touch /etc/mosix/mosixd.conf; cp /etc/mosix/mosixd.conf /root/conf.before
		printf "[metrics]\nlisten = 127.0.0.1:9251\n" >>/etc/mosix/mosixd.conf; systemctl reload mosixd'
	wait_for 10 fetch
	# shellcheck disable=SC2086
	fetch | "$test_dir/openmetrics.py" $families
	lab sh n1 sh -c 'cp /root/conf.before /etc/mosix/mosixd.conf; systemctl reload mosixd'
	wait_for 10 fails fetch
}
try "Prometheus can fetch it, when the configuration says so" by_http

examples() {
	python3 - "$test_dir/../../doc/metrics" "$test_tmp/text" <<-'PY'
		import json, re, sys
		folder, text = sys.argv[1:]
		names = {re.split(r"[{ ]", line)[0] for line in open(text) if not line.startswith("#")}
		board = json.load(open(folder + "/grafana-dashboard.json"))
		used = {n for p in board["panels"] for t in p["targets"] for n in re.findall(r"\b(?:mosix|process)_[a-z_]+", t["expr"])}
		used |= set(re.findall(r"\bmosix_[a-z_]+", open(folder + "/prometheus.yml").read()))
		assert len(used) > 10 and used <= names, used - names
	PY
}
try "the examples speak of what there is" examples
