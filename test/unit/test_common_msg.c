/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packing, unpacking within a budget, messages on channels.
 */
#include "test/unit/harness.h"

#include <malloc.h>
#include <sys/resource.h>

#include "common/cleanup.h"
#include "common/msg.h"
#include "proto/mosix.pb-c.h"

static void test_round_trip(void **state)
{
	Mosix__Ping m = MOSIX__PING__INIT, *back;
	Mosix__Load load = MOSIX__LOAD__INIT;
	_cleanup_free_ uint8_t *buf = NULL;
	size_t len;

	(void)state;
	m.load = &load;
	load.has_memory_free = load.has_guests = 1;
	load.memory_free = UINT64_MAX;
	load.guests = 7;
	assert_int_equal(msg_pack(&m.base, &buf, &len), 0);
	back = msg_unpack(&mosix__ping__descriptor, buf, len);
	assert_non_null(back);
	assert_true(back->load->memory_free == UINT64_MAX);
	assert_int_equal(back->load->guests, 7);
	msg_free(back);
	/* Every shorter one is refused or means something smaller, but none does harm. */
	for (size_t i = 0; i < len; i++)
		msg_free(msg_unpack(&mosix__ping__descriptor, buf, i));
	back = msg_unpack(&mosix__ping__descriptor, NULL, 0);
	assert_non_null(back);
	assert_null(back->load);
	msg_freep(&back);
	msg_free(NULL);
}

static void test_unknown_fields(void **state)
{
	/* Field 1000, varint 5; field 1, varint 9. */
	static const uint8_t body[] = {0xc0, 0x3e, 5, 0x08, 9};
	Mosix__Hello *m = msg_unpack(&mosix__hello__descriptor, body, sizeof(body));

	(void)state;
	assert_non_null(m);
	assert_int_equal(m->version_min, 9);
	msg_free(m);
}

static void test_bad_bodies(void **state)
{
	static const struct {
		size_t len;
		uint8_t bytes[12];
	} bad[] = {
		{1, {0x08}},                               /* no value */
		{2, {0x0a, 5}},                            /* string beyond the end */
		{6, {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}}, /* a string of 4 GiB */
		{2, {0x12, 0x7f}},                         /* message beyond the end */
		{1, {0xff}},
		{2, {0x0b, 0x0b}}, /* groups */
		{11, {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(msg_unpack(&mosix__ping__descriptor, bad[i].bytes, bad[i].len));
	assert_null(msg_unpack(&mosix__ping__descriptor, "", (size_t)CHAN_FRAME_MAX + 1));
}

/* A body of two-byte fields, each of which wants a whole NodeRow: 4 MiB would take 400 MiB. */
static void test_budget(void **state)
{
	size_t len = CHAN_FRAME_MAX;
	uint8_t *body = malloc(len);
	struct mallinfo2 before = mallinfo2();
	void *m;

	(void)state;
	for (size_t i = 0; i < len; i += 2) {
		body[i] = 5 << 3 | 2;
		body[i + 1] = 0;
	}
	m = msg_unpack(&mosix__reply__descriptor, body, len);
	assert_null(m);
	assert_true(mallinfo2().uordblks <= before.uordblks + (1 << 20));
	free(body);
}

/* What real commands look like fits: very many short arguments. */
static void test_budget_is_enough(void **state)
{
	Mosix__JobStart m = MOSIX__JOB_START__INIT, *back;
	Mosix__JobSpec spec = MOSIX__JOB_SPEC__INIT;
	_cleanup_free_ ProtobufCBinaryData *argv = calloc(400000, sizeof(*argv));
	_cleanup_free_ uint8_t *buf = NULL;
	static char text[] = "123456";
	size_t len;

	(void)state;
	for (size_t i = 0; i < 400000; i++)
		argv[i] = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = 1 + i % 6};
	m.spec = &spec;
	spec.argv = argv;
	for (size_t n = 1; n <= 400000; n = n * 3 + 1) {
		spec.n_argv = n;
		assert_int_equal(msg_pack(&m.base, &buf, &len), 0);
		back = msg_unpack(&mosix__job_start__descriptor, buf, len);
		assert_non_null(back);
		assert_int_equal(back->spec->n_argv, n);
		assert_int_equal(back->spec->argv[n - 1].len, 1 + (n - 1) % 6);
		msg_free(back);
		free(steal_ptr(buf));
	}
}

static void test_table_of_jobs_fits(void **state)
{
	Mosix__Reply m = MOSIX__REPLY__INIT, *back;
	Mosix__JobRow row = MOSIX__JOB_ROW__INIT;
	Mosix__JobRow *rows[2000];
	_cleanup_free_ uint8_t *buf = NULL;
	static char state_text[] = "running", command[] = "./a";
	size_t len;

	(void)state;
	row.has_job = 1;
	row.job = 1;
	row.state = state_text;
	row.command = command;
	for (size_t i = 0; i < 2000; i++)
		rows[i] = &row;
	m.jobs = rows;
	m.n_jobs = 2000;
	assert_int_equal(msg_pack(&m.base, &buf, &len), 0);
	back = msg_unpack(&mosix__reply__descriptor, buf, len);
	assert_non_null(back);
	assert_string_equal(back->jobs[1999]->command, "./a");
	msg_free(back);
}

static void test_send(void **state)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;
	_cleanup_(chan_freep) struct chan *a = NULL, *b = NULL;
	_cleanup_(msg_freep) Mosix__GuestRef *back = NULL;
	struct stream *s = NULL;
	struct chan_frame f;
	int fds[2];

	(void)state;
	test_socketpair(fds);
	assert_int_equal(stream_new_plain(&s, fds[0]), 0);
	assert_int_equal(chan_new(&a, s, 100, 1000), 0);
	assert_int_equal(stream_new_plain(&s, fds[1]), 0);
	assert_int_equal(chan_new(&b, s, 100, 1000), 0);
	m.has_job = 1;
	m.job = 5;
	assert_int_equal(msg_send(a, 21, &m.base, STDERR_FILENO), 0);
	assert_int_equal(chan_flush(a, 1000), 0);
	assert_int_equal(chan_recv(b, &f, 1000), 1);
	assert_int_equal(f.type, 21);
	assert_true(f.has_fd);
	back = msg_unpack(&mosix__guest_ref__descriptor, f.body, f.len);
	assert_non_null(back);
	assert_int_equal(back->job, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_unknown_fields),
		cmocka_unit_test(test_bad_bodies),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_is_enough),
		cmocka_unit_test(test_table_of_jobs_fits),
		cmocka_unit_test(test_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
