/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest tells mosix-init, as bytes; damaged bytes are refused.
 */
#include "test/unit/harness.h"

#include "job/guest_spec.h"
#include "job/init.h"

static const uint32_t groups[] = {4, 27, 100};
static const char *const argv[] = {"prog", "", "two words", NULL};
static const char *const envp[] = {"A=1", "PATH=/bin", NULL};

static void fill(struct init_spec *s)
{
	*s = (struct init_spec){
		.uid = 1000,
		.gid = 100,
		.groups = groups,
		.group_count = 3,
		.umask = 022,
		.limits = {{7, 1024, 1u << 20}, {3, UINT64_MAX, UINT64_MAX}},
		.limit_count = 2,
		.ignored = 1,
		.cwd = "/home/user",
		.program = "/usr/bin/prog",
		.argv = argv,
		.envp = envp,
	};
}

static void done(struct init_spec *s)
{
	free((void *)s->groups);
	free((void *)s->argv);
	free((void *)s->envp);
}

static void test_round_trip(void **state)
{
	struct packer p = {0};
	struct init_spec a, b;

	(void)state;
	fill(&a);
	init_spec_pack(&p, &a);
	assert_false(p.failed);
	assert_int_equal(init_spec_unpack(&b, p.data, p.len), 0);
	assert_int_equal(b.uid, 1000);
	assert_int_equal(b.gid, 100);
	assert_int_equal(b.group_count, 3);
	assert_memory_equal(b.groups, groups, sizeof(groups));
	assert_int_equal(b.umask, 022);
	assert_int_equal(b.limit_count, 2);
	assert_memory_equal(b.limits, a.limits, 2 * sizeof(*a.limits));
	assert_int_equal(b.ignored, 1);
	assert_string_equal(b.cwd, "/home/user");
	assert_string_equal(b.program, "/usr/bin/prog");
	for (int i = 0; i < 3; i++)
		assert_string_equal(b.argv[i], argv[i]);
	assert_null(b.argv[3]);
	assert_string_equal(b.envp[1], envp[1]);
	assert_null(b.envp[2]);
	done(&b);
	free(p.data);
}

static void test_damaged(void **state)
{
	struct packer p = {0};
	struct init_spec s;

	(void)state;
	fill(&s);
	init_spec_pack(&p, &s);
	for (size_t cut = 0; cut < p.len; cut++) {
		int r = init_spec_unpack(&s, p.data, cut);

		assert_int_equal(r, -EPROTO);
	}
	/* A length that is longer than all there is. */
	memset(p.data + 12, 0xff, 4);
	assert_int_equal(init_spec_unpack(&s, p.data, p.len), -EPROTO);
	free(p.data);
}

static void test_spec_strings(void **state)
{
	ProtobufCBinaryData b[] = {{3, (uint8_t *)"abc"}, {0, NULL}, {4, (uint8_t *)"a\0bc"}};
	char **v = NULL;

	(void)state;
	assert_int_equal(strings_from(b, 2, &v), 0);
	assert_string_equal(v[0], "abc");
	assert_string_equal(v[1], "");
	assert_null(v[2]);
	strings_freep(&v);
	assert_int_equal(strings_from(b, 3, &v), -EINVAL);
	assert_null(v);
}

static void test_spec_mounts(void **state)
{
	ProtobufCBinaryData good[] = {{5, (uint8_t *)"/home"}};
	ProtobufCBinaryData bad[] = {{9, (uint8_t *)"/a/../etc"}};
	char **v = NULL;
	struct err e;

	(void)state;
	assert_int_equal(guest_spec_mounts(good, 1, &v, &e), 0);
	assert_string_equal(v[0], "/home");
	strings_freep(&v);
	assert_int_equal(guest_spec_mounts(bad, 1, &v, &e), -EINVAL);
	assert_int_equal(guest_spec_mounts(good, 10000, &v, &e), -EINVAL);
}

static void test_spec_init(void **state)
{
	ProtobufCBinaryData args[] = {{4, (uint8_t *)"true"}};
	uint32_t ignored[] = {1, 2, 0, 99};
	Mosix__JobSpec spec = MOSIX__JOB_SPEC__INIT;
	struct init_spec s;
	struct err e;

	(void)state;
	assert_int_equal(guest_spec_init(&spec, &s, &e), -EINVAL);
	spec.has_uid = spec.has_gid = spec.has_cwd = 1;
	spec.cwd = (ProtobufCBinaryData){1, (uint8_t *)"/"};
	assert_int_equal(guest_spec_init(&spec, &s, &e), -EINVAL);
	spec.n_argv = 1;
	spec.argv = args;
	spec.n_ignored_signals = 4;
	spec.ignored_signals = ignored;
	assert_int_equal(guest_spec_init(&spec, &s, &e), 0);
	assert_int_equal(s.ignored, 3);
	assert_string_equal(s.argv[0], "true");
	assert_null(s.envp[0]);
	guest_spec_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_spec_strings), cmocka_unit_test(test_spec_mounts),
		cmocka_unit_test(test_spec_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
