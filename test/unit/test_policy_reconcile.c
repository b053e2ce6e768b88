/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What home makes of the copies in a GuestList.
 */
#include "policy/reconcile.h"
#include "test/unit/harness.h"

enum { NODE = 2, OTHER = 3, JOB = 5, MOVE = 17 };

/* The job's copy is (JOB, 4), made by MOVE, at NODE. */
static const struct handover_job job = {.job = JOB, .gen = 4, .node = NODE, .move = MOVE};
static const struct handover_job no_job = {.job = JOB};

static const struct {
	enum handover_copy state;
	uint32_t gen;
	uint64_t move;
	uint32_t node;
	uint64_t arbiter;
	enum reconcile_verdict verdict;
} cases[] = {
	/* what runs */
	{HANDOVER_COPY_RUNNING, 4, 0, NODE, 0, RECONCILE_KEEP},
	{HANDOVER_COPY_STARTING, 4, 0, NODE, 0, RECONCILE_KEEP},
	{HANDOVER_COPY_RUNNING, 4, 0, NODE, 18, RECONCILE_KEEP},
	{HANDOVER_COPY_RUNNING, 3, 0, NODE, 0, RECONCILE_KILL},
	{HANDOVER_COPY_RUNNING, 3, 0, OTHER, MOVE, RECONCILE_KILL},
	{HANDOVER_COPY_RUNNING, 4, 0, OTHER, 0, RECONCILE_KILL},
	{HANDOVER_COPY_RUNNING, 5, 0, NODE, 0, RECONCILE_KILL},
	/* what has ended */
	{HANDOVER_COPY_ENDED, 4, 0, NODE, 0, RECONCILE_ENDED},
	{HANDOVER_COPY_ENDED, 3, 0, NODE, 0, RECONCILE_ACK},
	{HANDOVER_COPY_ENDED, 4, 0, OTHER, 0, RECONCILE_ACK},
	/* what waits for an arbiter that there is */
	{HANDOVER_COPY_DUMPING, 4, 18, NODE, 18, RECONCILE_KEEP},
	{HANDOVER_COPY_DUMPED, 4, 18, NODE, 18, RECONCILE_KEEP},
	{HANDOVER_COPY_RESTORING, 5, 18, OTHER, 18, RECONCILE_KEEP},
	{HANDOVER_COPY_READY, 5, 18, OTHER, 18, RECONCILE_KEEP},
	{HANDOVER_COPY_DUMPED, 3, MOVE, OTHER, MOVE, RECONCILE_KEEP},
	{HANDOVER_COPY_READY, 4, MOVE, NODE, MOVE, RECONCILE_KEEP},
	/* a source in a move that is forgotten: the job's copy goes on, others die */
	{HANDOVER_COPY_DUMPED, 4, 18, NODE, 0, RECONCILE_ABORT},
	{HANDOVER_COPY_DUMPED, 4, 18, NODE, 19, RECONCILE_ABORT},
	{HANDOVER_COPY_DUMPED, 3, MOVE, OTHER, 0, RECONCILE_COMMIT},
	{HANDOVER_COPY_DUMPED, 2, 16, NODE, 0, RECONCILE_COMMIT},
	{HANDOVER_COPY_DUMPING, 4, 18, NODE, 0, RECONCILE_ABORT},
	{HANDOVER_COPY_DUMPING, 3, MOVE, OTHER, 0, RECONCILE_KILL},
	/* the same for a destination */
	{HANDOVER_COPY_READY, 4, MOVE, NODE, 0, RECONCILE_COMMIT},
	{HANDOVER_COPY_READY, 4, 16, NODE, 0, RECONCILE_ABORT},
	{HANDOVER_COPY_READY, 4, 16, OTHER, 0, RECONCILE_ABORT},
	{HANDOVER_COPY_READY, 5, 18, OTHER, 0, RECONCILE_ABORT},
	{HANDOVER_COPY_RESTORING, 5, 18, OTHER, 0, RECONCILE_ABORT},
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reconcile_guest guest = {
			.job = JOB,
			.gen = cases[i].gen,
			.move = cases[i].move,
			.state = cases[i].state,
		};
		enum reconcile_verdict v;

		v = reconcile_guest(&job, cases[i].arbiter, cases[i].node, &guest, NULL);
		if (v != cases[i].verdict)
			fail_msg("case %zu: %d, not %d", i, (int)v, (int)cases[i].verdict);
	}
}

static void test_no_job(void **state)
{
	static const enum reconcile_verdict verdicts[] = {
		[HANDOVER_COPY_STARTING] = RECONCILE_KILL,
		[HANDOVER_COPY_RUNNING] = RECONCILE_KILL,
		[HANDOVER_COPY_DUMPING] = RECONCILE_KILL,
		[HANDOVER_COPY_DUMPED] = RECONCILE_COMMIT,
		[HANDOVER_COPY_RESTORING] = RECONCILE_ABORT,
		[HANDOVER_COPY_READY] = RECONCILE_ABORT,
		[HANDOVER_COPY_ENDED] = RECONCILE_ACK,
	};

	(void)state;
	for (enum handover_copy c = HANDOVER_COPY_STARTING; c <= HANDOVER_COPY_ENDED; c++) {
		struct reconcile_guest guest = {.job = JOB, .gen = 4, .move = MOVE, .state = c};
		bool impossible = true;

		assert_int_equal(reconcile_guest(&no_job, 0, NODE, &guest, &impossible),
				 verdicts[c]);
		assert_false(impossible);
	}
}

static void test_impossible(void **state)
{
	struct reconcile_guest guest = {.job = JOB, .gen = 5, .state = HANDOVER_COPY_RUNNING};
	bool impossible = false;

	(void)state;
	reconcile_guest(&job, 0, NODE, &guest, &impossible);
	assert_true(impossible);
	guest.gen = 3;
	reconcile_guest(&job, 0, NODE, &guest, &impossible);
	assert_false(impossible);
}

static void test_missing(void **state)
{
	struct reconcile_guest guests[] = {
		{.job = JOB + 1, .gen = 4, .state = HANDOVER_COPY_RUNNING},
		{.job = JOB, .gen = 4, .move = MOVE, .state = HANDOVER_COPY_READY},
	};

	(void)state;
	assert_false(reconcile_is_missing(&job, NODE, guests, 2));
	assert_true(reconcile_is_missing(&job, NODE, guests, 1));
	assert_true(reconcile_is_missing(&job, NODE, NULL, 0));
	assert_false(reconcile_is_missing(&job, OTHER, NULL, 0));
	assert_false(reconcile_is_missing(&no_job, NODE, NULL, 0));
	guests[1].state = HANDOVER_COPY_ENDED;
	assert_false(reconcile_is_missing(&job, NODE, guests, 2));
	guests[1].state = HANDOVER_COPY_DUMPED;
	guests[1].move = MOVE + 1;
	assert_false(reconcile_is_missing(&job, NODE, guests, 2));

	/* What another try left behind, or has only begun, is not the job. */
	guests[1].state = HANDOVER_COPY_READY;
	assert_true(reconcile_is_missing(&job, NODE, guests, 2));
	guests[1].state = HANDOVER_COPY_RESTORING;
	guests[1].move = MOVE;
	assert_true(reconcile_is_missing(&job, NODE, guests, 2));
	guests[1].state = HANDOVER_COPY_RUNNING;
	guests[1].gen = 3;
	assert_true(reconcile_is_missing(&job, NODE, guests, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_no_job),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
