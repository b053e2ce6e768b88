/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user may ask of a job, what a job may rely on of a processor, and who a process is.
 */
#include "test/unit/harness.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/control.h"
#include "daemon/decision.h"
#include "daemon/jobs_priv.h"
#include "daemon/mosixd.h"
#include "daemon/node_info.h"
#include "daemon/process.h"

static struct mosixd d = {.config.self = 3};
static gid_t groups[] = {20, 30};
static struct client client = {
	.d = &d,
	.uid = 1000,
	.gid = 100,
	.groups = groups,
	.group_count = 2,
};

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)strdup(text)};
}

/* As one that was unpacked: all of it is msg_free()'s. */
static Mosix__JobSpec *good_spec(void)
{
	Mosix__JobSpec *s = malloc(sizeof(*s));

	mosix__job_spec__init(s);
	s->argv = calloc(2, sizeof(*s->argv));
	s->n_argv = 2;
	s->argv[0] = bytes("/usr/bin/prog");
	s->argv[1] = bytes("arg");
	s->envp = calloc(1, sizeof(*s->envp));
	s->n_envp = 1;
	s->envp[0] = bytes("A=b");
	s->has_cwd = true;
	s->cwd = bytes("/home/user");
	s->stdio = calloc(3, sizeof(*s->stdio));
	s->n_stdio = 3;
	s->has_umask = true;
	s->umask = 022;
	return s;
}

static int check(Mosix__JobSpec *s)
{
	struct err e;

	client.pid = getpid();
	return job_spec_check(&client, s, &e);
}

static void test_good(void **state)
{
	Mosix__JobSpec *s = good_spec();

	(void)state;
	assert_int_equal(check(s), 0);
	assert_int_equal(s->uid, 1000);
	assert_int_equal(s->gid, 100);
	assert_int_equal(s->n_groups, 2);
	assert_int_equal(s->groups[1], 30);
	assert_int_equal(s->home, 3);
	assert_string_equal(s->name, "prog");
	assert_non_null(s->hostname);
	msg_free(s);
}

static void test_not_the_callers_word(void **state)
{
	Mosix__JobSpec *s = good_spec();

	(void)state;
	s->has_uid = s->has_gid = s->has_home = s->has_job = true;
	s->uid = s->gid = 0;
	s->home = 1;
	s->job = 99;
	s->groups = calloc(1, sizeof(*s->groups));
	s->n_groups = 1;
	s->hostname = strdup("other");
	s->home_mounts = calloc(1, sizeof(*s->home_mounts));
	s->n_home_mounts = 1;
	s->home_mounts[0] = bytes("/proc");
	assert_int_equal(check(s), 0);
	assert_int_equal(s->uid, 1000);
	assert_int_equal(s->gid, 100);
	assert_int_equal(s->home, 3);
	assert_int_equal(s->job, 0);
	assert_int_equal(s->n_groups, 2);
	assert_string_not_equal(s->hostname, "other");
	for (size_t i = 0; i < s->n_home_mounts; i++)
		assert_int_not_equal(memcmp(s->home_mounts[i].data, "/proc", 5), 0);
	msg_free(s);
}

static void add_limit(Mosix__JobSpec *s, uint32_t resource, uint64_t soft, uint64_t hard)
{
	Mosix__Rlimit *l = malloc(sizeof(*l));

	mosix__rlimit__init(l);
	l->has_resource = l->has_soft = l->has_hard = true;
	l->resource = resource;
	l->soft = soft;
	l->hard = hard;
	s->rlimits = reallocarray(s->rlimits, s->n_rlimits + 1, sizeof(*s->rlimits));
	s->rlimits[s->n_rlimits++] = l;
}

static void add_unknown(ProtobufCMessage *m)
{
	m->unknown_fields = calloc(1, sizeof(*m->unknown_fields));
	m->n_unknown_fields = 1;
	m->unknown_fields[0].tag = 1000;
}

#define REFUSED(change)                              \
	do {                                         \
		Mosix__JobSpec *s = good_spec();     \
                                                     \
		change;                              \
		assert_int_equal(check(s), -EINVAL); \
		msg_free(s);                         \
	} while (0)

static void test_refused(void **state)
{
	(void)state;
	REFUSED(s->argv[1].data[1] = 0);
	REFUSED(s->envp[0].data[0] = 0);
	REFUSED(s->argv[0].len = 0);
	REFUSED(s->cwd.data[0] = 'x');
	REFUSED(s->cwd.data[3] = 0);
	REFUSED(s->cwd.len = 0);
	REFUSED(s->umask = 01000);
	REFUSED(s->nice = 20);
	REFUSED(s->nice = -21);
	REFUSED(s->n_stdio = 2);
	REFUSED(s->stdio[2] = 3);
	REFUSED(s->stdio[2] = -1);
	REFUSED((s->has_termios = true, s->termios = bytes("short")));
	REFUSED((s->ignored_signals = calloc(1, 4), s->n_ignored_signals = 1));
	REFUSED((s->allowed = calloc(1, 4), s->n_allowed = 1));
	REFUSED((s->allowed = calloc(JOB_NODES_MAX + 1, 4), s->n_allowed = JOB_NODES_MAX + 1));
	REFUSED(add_unknown(&s->base));
	REFUSED((add_limit(s, RLIMIT_CORE, 1, 1), add_unknown(&s->rlimits[0]->base)));
}

static void test_limits(void **state)
{
	struct rlimit own;
	Mosix__JobSpec *s = good_spec();

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_CORE, &own), 0);
	own.rlim_cur = 1000;
	own.rlim_max = 2000;
	assert_int_equal(setrlimit(RLIMIT_CORE, &own), 0);
	add_limit(s, RLIMIT_CORE, 5000, RLIM_INFINITY);
	add_limit(s, RLIMIT_CORE, 10, 20);
	assert_int_equal(check(s), 0);
	assert_int_equal(s->rlimits[0]->soft, 2000);
	assert_int_equal(s->rlimits[0]->hard, 2000);
	assert_int_equal(s->rlimits[1]->soft, 10);
	assert_int_equal(s->rlimits[1]->hard, 20);
	msg_free(s);
	REFUSED(add_limit(s, RLIM_NLIMITS, 1, 1));
	REFUSED(add_limit(s, RLIMIT_CORE, 2, 1));
}

static void test_nice(void **state)
{
	Mosix__JobSpec *s = good_spec();

	(void)state;
	s->nice = -20;
	assert_int_equal(check(s), 0);
	assert_int_equal(s->nice, getpriority(PRIO_PROCESS, 0));
	msg_free(s);
}

static void test_cpu(void **state)
{
	const char *a[] = {"aes", "avx", "sse2"}, *b[] = {"avx", "avx2"};
	Mosix__NodeInfo info = MOSIX__NODE_INFO__INIT;
	struct job j = {0};

	(void)state;
	info.xfeatures = 3;
	info.n_cpu_flags = 3;
	info.cpu_flags = (char **)a;
	assert_int_equal(job_note_cpu(&j, &info), 0);
	info.xfeatures = 4;
	info.n_cpu_flags = 2;
	info.cpu_flags = (char **)b;
	assert_int_equal(job_note_cpu(&j, &info), 0);
	assert_int_equal(job_note_cpu(&j, &info), 0);
	assert_int_equal(j.cpu.xfeatures, 7);
	assert_int_equal(j.cpu.flag_count, 4);
	assert_string_equal(j.cpu.flags[0], "aes");
	assert_string_equal(j.cpu.flags[1], "avx");
	assert_string_equal(j.cpu.flags[2], "avx2");
	assert_string_equal(j.cpu.flags[3], "sse2");
	assert_int_equal(job_note_cpu(&j, NULL), 0);
	cpu_done(&j.cpu);
}

static void test_kernel(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(node_info_check_kernel("6.7.0-1-amd64", &e), 0);
	assert_int_equal(node_info_check_kernel("6.18", &e), 0);
	assert_int_equal(node_info_check_kernel("10.0.0", &e), 0);
	assert_int_equal(node_info_check_kernel("6.6.99", &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "6.6.99"));
	assert_int_equal(node_info_check_kernel("5.19", &e), -ENOTSUP);
	assert_int_equal(node_info_check_kernel("x", &e), -ENOTSUP);
}

static void test_process(void **state)
{
	struct process p = {.pidfd = -1}, q = {.pidfd = -1};
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(process_open(&p, pid, 0), 0);
	assert_int_equal(process_open(&q, pid, p.start), 0);
	process_close(&q);
	/* The same number, but another process. */
	assert_int_equal(process_open(&q, pid, p.start + 1), -ESRCH);
	assert_int_equal(q.pidfd, -1);
	assert_int_equal(process_open(&q, 0, 0), -ESRCH);
	process_kill(&p);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_open(&q, pid, p.start), -ESRCH);
	process_close(&p);
}

static void test_peer(void **state)
{
	struct process p = {.pidfd = -1};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(process_open_peer(&p, pair[0]), 0);
	assert_int_equal(p.pid, getpid());
	process_close(&p);
	close(pair[0]);
	close(pair[1]);
}

/* By the clock that nobody sets, where the record has it. */
static void test_born(void **state)
{
	Mosix__JobRecord m = MOSIX__JOB_RECORD__INIT;
	int64_t now = clock_usec();

	(void)state;
	m.has_started = true;
	m.started = (uint64_t)time(NULL) - 100;
	assert_in_range(now - job_born(&m), 98000000, 102000000);
	m.has_born_usec = true;
	m.born_usec = (uint64_t)now - 1234;
	assert_int_equal(job_born(&m), now - 1234);
	m.born_usec = (uint64_t)now + 3600000000;
	assert_in_range(now - job_born(&m), 98000000, 102000000);
	m.started += 3600;
	assert_in_range(job_born(&m), now, now + 2000000);
}

/* What is kept of a message outlives it, whatever a newer version has put into that. */
static void test_decision(void **state)
{
	/* Field 3 is 2; field 99 is unknown. */
	static const uint8_t body[] = {0x18, 2, 0x9a, 0x06, 3, 'n', 'e', 'w'};
	Mosix__Decision *m = msg_unpack(&mosix__decision__descriptor, body, sizeof(body));
	struct job j = {0};
	size_t len;
	uint8_t *p;

	(void)state;
	assert_non_null(m);
	assert_int_equal(m->base.n_unknown_fields, 1);
	decision_keep(&j, m, "text");
	msg_free(m);
	assert_int_equal(msg_pack(&j.decisions->d.base, &p, &len), 0);
	assert_int_equal(len, 2 + 2 + strlen("text"));
	free(p);
	decisions_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),     cmocka_unit_test(test_not_the_callers_word),
		cmocka_unit_test(test_refused),  cmocka_unit_test(test_limits),
		cmocka_unit_test(test_nice),     cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_kernel),   cmocka_unit_test(test_process),
		cmocka_unit_test(test_peer),     cmocka_unit_test(test_born),
		cmocka_unit_test(test_decision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
