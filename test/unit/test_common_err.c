/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sentences for users, job numbers, the preamble.
 */
#include "test/unit/harness.h"

#include "common/err.h"
#include "common/jobid.h"
#include "common/preamble.h"

static void test_sentence(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, -EINVAL, "bad %s", "thing"), -EINVAL);
	assert_string_equal(e.text, "bad thing");
	assert_int_equal(err_sys(&e, -ENOENT, "open %s", "x"), -ENOENT);
	assert_string_equal(e.text, "open x: No such file or directory");
	assert_int_equal(err_wrap(&e, -EIO, "start of %d", 7), -EIO);
	assert_string_equal(e.text, "start of 7: open x: No such file or directory");
	assert_int_equal(err_set(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(err_wrap(NULL, -EINVAL, "x"), -EINVAL);
}

static void test_sentence_is_cut(void **state)
{
	char big[2 * ERR_MAX];
	struct err e;

	(void)state;
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_set(&e, -EINVAL, "%s", big);
	assert_int_equal(strlen(e.text), ERR_MAX - 1);
	err_sys(&e, -EINVAL, "%s", big);
	err_wrap(&e, -EINVAL, "%s", big);
	err_wrap(&e, -EINVAL, "y");
	assert_int_equal(strlen(e.text), ERR_MAX - 1);
	assert_memory_equal(e.text, "y: xxx", 6);
}

static void test_jobid(void **state)
{
	uint64_t job = 7;

	(void)state;
	assert_int_equal(jobid_parse("1.1", &job), 0);
	assert_int_equal(job, jobid_make(1, 1));
	assert_int_equal(jobid_parse("4294967295.4294967295", &job), 0);
	assert_int_equal(job, UINT64_MAX);
	assert_string_equal(jobid_str(job).s, "4294967295.4294967295");
	assert_int_equal(jobid_home(job), UINT32_MAX);
	assert_int_equal(jobid_seq(jobid_make(3, 9)), 9);
}

static void test_jobid_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1.",
		".1",
		"0.1",
		"1.0",
		"01.1",
		"1.01",
		"1.1 ",
		" 1.1",
		"1.1.1",
		"+1.1",
		"-1.1",
		"4294967296.1",
		"1.4294967296",
		"99999999999999999999999.1",
		"a.b",
		"1,1",
	};
	uint64_t job = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(jobid_parse(bad[i], &job), -EINVAL);
	assert_int_equal(job, 7);
}

static void test_preamble(void **state)
{
	struct preamble p = {.kind = PREAMBLE_BULK, .token = {1, 2, 3}}, q;
	uint8_t buf[PREAMBLE_SIZE];

	(void)state;
	preamble_pack(&p, buf);
	assert_int_equal(preamble_unpack(buf, &q), 0);
	assert_int_equal(q.kind, PREAMBLE_BULK);
	assert_memory_equal(q.token, p.token, PREAMBLE_TOKEN);
	/* Every byte in front of the token counts. */
	for (size_t i = 0; i < PREAMBLE_SIZE - PREAMBLE_TOKEN; i++) {
		buf[i] ^= 0x80;
		assert_int_equal(preamble_unpack(buf, &q), -EPROTO);
		buf[i] ^= 0x80;
	}
	p.kind = PREAMBLE_PEER;
	preamble_pack(&p, buf);
	assert_int_equal(preamble_unpack(buf, &q), -EPROTO);
	memset(p.token, 0, sizeof(p.token));
	preamble_pack(&p, buf);
	assert_int_equal(preamble_unpack(buf, &q), 0);
	assert_int_equal(q.kind, PREAMBLE_PEER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentence), cmocka_unit_test(test_sentence_is_cut),
		cmocka_unit_test(test_jobid),    cmocka_unit_test(test_jobid_bad),
		cmocka_unit_test(test_preamble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
