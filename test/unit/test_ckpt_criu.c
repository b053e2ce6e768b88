/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * criu from the outside: its version, its errors as sentences, the service.
 */
#include "test/unit/harness.h"

#include "ckpt/criu_log.h"
#include "ckpt/criu_rpc.h"
#include "ckpt/criu_usable.h"

static void test_usable(void **state)
{
	struct err e = {""};

	(void)state;
	assert_int_equal(criu_usable("6.18.44-fc-v595", 40201, &e), 0);
	assert_int_equal(criu_usable("6.12.0", 40101, &e), 0);
	assert_int_equal(criu_usable("7.0.1", 40200, &e), 0);
	assert_string_equal(e.text, "");
	assert_int_equal(criu_usable("6.16.0", 40101, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "criu 4.1.1 does not work with Linux 6.16.0"));
	assert_non_null(strstr(e.text, "4.2"));
	assert_int_equal(criu_usable("6.6.1", 40201, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "6.7"));
	assert_int_equal(criu_usable("6.12.1", 0, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "install criu 4.0"));
	assert_int_equal(criu_usable("what", 40201, &e), -ENOTSUP);
	assert_int_equal(criu_usable("6.12.1", 0, NULL), -ENOTSUP);
}

static void test_sentence(void **state)
{
	struct err e;

	(void)state;
	criu_log_sentence("(00.004) Warn  (criu/x.c:1): Error in nothing\n"
			  "(00.005) Error (criu/util.c:15): rlimit: Can't setup RLIMIT_NOFILE\n"
			  "(00.009)  12: Error (criu/files-reg.c:1790): Can't lookup mount=7 for "
			  "fd=3 path=/srv/x.\n"
			  "(00.010) Error (criu/cr-dump.c:2): Dumping FAILED.\n",
			  "other", "criu could not save the job", &e);
	assert_string_equal(e.text,
			    "criu could not save the job: a file is open on a mount that is not "
			    "the job's: close it (criu: Can't lookup mount=7 for fd=3 "
			    "path=/srv/x).");
}

static void test_sentence_without_log(void **state)
{
	struct err e;

	(void)state;
	criu_log_sentence(NULL, "some\nreason", "It failed", &e);
	assert_string_equal(e.text, "It failed (criu: somereason).");
	criu_log_sentence("", "rlimit: Can't setup RLIMIT_NOFILE", "It failed", &e);
	assert_string_equal(e.text, "It failed and gave no reason.");
	criu_log_sentence("no error here", NULL, "It failed", &e);
	assert_string_equal(e.text, "It failed and gave no reason.");
}

static void test_sentence_hostile(void **state)
{
	char log[5000];
	struct err e;

	(void)state;
	memset(log, 'x', sizeof(log) - 1);
	log[sizeof(log) - 1] = '\0';
	memcpy(log, "Error (a): \x1b[31m", 16);
	criu_log_sentence(log, NULL, "It failed", &e);
	assert_null(strchr(e.text, '\x1b'));
	assert_true(strlen(e.text) < ERR_MAX);
}

static void test_version(void **state)
{
	uint32_t version = 0;
	int r = criu_version(&version);

	(void)state;
	if (r == -ENOENT)
		skip();
	assert_int_equal(r, 0);
	assert_true(version >= 40000 && version < 1000000);
}

static void test_service_is_reaped(void **state)
{
	static const struct criu_spawn plain = {.die_with_parent = true};
	int fds = test_count_fds();
	struct criu_event ev;
	struct criu *c;
	uint32_t version;

	(void)state;
	assert_int_equal(criu_spawn(&c, &plain, NULL), 0);
	if (criu_ask_version(c, &version, 10000) == -ECONNRESET) {
		criu_free(c, 0);
		skip();
	}
	/* It answers more than once, is silent when not asked, and goes when the socket closes. */
	assert_int_equal(criu_ask_version(c, &version, 10000), 0);
	assert_int_equal(criu_next(c, &ev), 0);
	assert_int_equal(criu_wait(c, &ev, 10), -ETIMEDOUT);
	assert_int_equal(criu_reap(c, 10), -ETIMEDOUT);
	assert_null(criu_free(c, 10000));
	assert_int_equal(test_count_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usable),
		cmocka_unit_test(test_sentence),
		cmocka_unit_test(test_sentence_without_log),
		cmocka_unit_test(test_sentence_hostile),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_service_is_reaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
