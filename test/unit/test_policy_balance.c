/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving for the sake of load and files.
 */
#include "test/unit/policy_world.h"
#include <math.h>

static void test_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 8, 0);
	assert_false(world_decide(&w));
	assert_reason(&w, BALANCE_NOTHING);
	world_done(&w);
	/* One job on each of equal nodes, and no others at all. */
	world_init(&w, 8, 1);
	for (size_t i = 0; i < 7; i++)
		w.nodes[i].runnable = 1000;
	assert_false(world_decide(&w));
	w.view.node_count = 0;
	w.view.cluster = 1;
	assert_false(world_decide(&w));
	world_done(&w);
}

static void test_spreads(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 8, 2);
	assert_true(world_decide(&w));
	assert_reason(&w, BALANCE_LOAD);
	assert_in_range(w.decision.to, 2, 8);
	assert_int_equal(w.decision.load_here, 200);
	assert_int_equal(w.decision.load_there, 0);
	assert_true(w.decision.cost_here > w.decision.threshold);
	assert_true(w.decision.threshold > w.decision.cost_there);
	assert_int_equal(w.decision.move_ms, 150 + 2 * 20);
	assert_true(w.decision.age_needed_ms < 60000);
	/* Not two at a time. */
	w.view.now_ms += 100;
	assert_false(world_decide(&w));
	assert_reason(&w, BALANCE_STAYS_BUSY);
	world_done(&w);
}

/* 16 jobs started on one of eight quarter-CPU nodes: all moves at once, on what gossip said first.
 */
static void test_sixteen(void **state)
{
	unsigned int count[9] = {0};
	struct world w;

	(void)state;
	world_init(&w, 8, 16);
	w.self.cpus = 250;
	for (size_t i = 0; i < 7; i++)
		w.nodes[i].cpus = 250;
	count[1] = 16;
	while (world_decide(&w)) {
		count[1]--;
		count[w.decision.to]++;
		for (size_t i = 0; i < w.view.job_count; i++) {
			if (w.jobs[i].job != w.decision.job)
				continue;
			w.jobs[i] = w.jobs[--w.view.job_count];
			break;
		}
		balance_moved(w.balance, w.view.now_ms, w.decision.job, w.decision.to, true, 190,
			      20);
		w.view.now_ms += 200;
		for (size_t i = 0; i < 7; i++)
			w.nodes[i].age_ms += 200;
		/* The sample is taken once a second. */
		if (w.view.now_ms % 1000 < 200)
			w.self.runnable = (uint32_t)w.view.job_count * 1000;
	}
	for (size_t i = 1; i <= 8; i++)
		assert_int_equal(count[i], 2);
	world_done(&w);
}

/* Two jobs here, nothing elsewhere, and something that keeps them. */
static void test_held(void **state)
{
	static const struct {
		uint32_t job_flags, self_flags, here_ms;
		bool off;
		enum balance_reason reason;
	} cases[] = {
		{JOB_LOCKED, 0, 60000, false, BALANCE_STAYS_LOCKED},
		{JOB_STAYS, 0, 60000, false, BALANCE_STAYS_LOCKED},
		{JOB_FROZEN, 0, 60000, false, BALANCE_STAYS_LOCKED},
		{JOB_UNMOVABLE, 0, 60000, false, BALANCE_STAYS_UNMOVABLE},
		{JOB_MOVING, 0, 60000, false, BALANCE_STAYS_BUSY},
		{0, NODE_NO_MOVES, 60000, false, BALANCE_STAYS_UNMOVABLE},
		{0, NODE_NO_BALANCE, 60000, false, BALANCE_STAYS_OFF},
		{0, 0, 60000, true, BALANCE_STAYS_OFF},
		{0, 0, 500, false, BALANCE_STAYS_RESIDENCY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		world_init(&w, 4, 2);
		w.jobs[0].flags = w.jobs[1].flags = cases[i].job_flags;
		w.jobs[0].here_ms = w.jobs[1].here_ms = cases[i].here_ms;
		w.self.flags = cases[i].self_flags;
		w.view.off = cases[i].off;
		balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
		assert_reason(&w, cases[i].reason);
		assert_int_equal(w.decision.to, 1);
		assert_false(world_decide(&w));
		world_done(&w);
	}
}

static void test_age(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 2);
	/* The other will stay: its own time is halved: 25 · 190 ms / 0.5^2 */
	w.jobs[1].age_ms = 3600000;
	w.jobs[1].flags = JOB_LOCKED;
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_in_range(w.decision.age_needed_ms, 18900, 19100);
	w.jobs[0].age_ms = w.decision.age_needed_ms;
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_reason(&w, BALANCE_STAYS_YOUNG);
	assert_false(world_decide(&w));
	w.jobs[0].age_ms++;
	w.jobs[1].age_ms++;
	w.jobs[1].flags = JOB_LOCKED;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.job, 1);
	world_done(&w);
	/* It need not get away from what is gone soon. */
	world_init(&w, 4, 2);
	w.jobs[1].age_ms = 1500;
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_reason(&w, BALANCE_STAYS_YOUNG);
	assert_true(w.decision.age_needed_ms > 118000); /* 3040 · 60/1.5 and more */
	assert_false(world_decide(&w));
	w.self.runnable = 8000; /* unless that is no job, and is seen twice */
	assert_false(world_decide(&w));
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.job, 1);
	world_done(&w);
	/* Of other work nobody knows how old it is: as of one that has nothing to do with it. Of
	 * its own batch it knows that it lasts: 4 · 190 ms / 0.5^2. */
	world_init(&w, 4, 1);
	w.self.runnable = 2000;
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_in_range(w.decision.age_needed_ms, 18900, 19100);
	world_done(&w);
	world_init(&w, 4, 2);
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_in_range(w.decision.age_needed_ms, 3000, 3100);
	world_done(&w);
	/* And unless the other node is faster anyway. */
	world_init(&w, 4, 2);
	w.jobs[1].age_ms = 1500;
	w.nodes[2].speed = 2 * SPEED_STANDARD;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.job, 1);
	assert_int_equal(w.decision.to, 4);
	assert_in_range(w.decision.age_needed_ms, 18900, 19100);
	world_done(&w);
	/* A big one needs more. */
	world_init(&w, 4, 2);
	w.jobs[0].memory = 1000;
	w.jobs[0].age_ms = w.jobs[1].age_ms = 10000;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.job, 2);
	world_done(&w);
}

/* What moves really take is learned. */
static void test_learns(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 2);
	for (unsigned int i = 0; i < 100; i++) {
		balance_moved(w.balance, w.view.now_ms, 100 + i, 2, true, 400 + 10 * 20, 20);
		balance_learn(w.balance, 400 + 10 * 300, 300);
	}
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_in_range(w.decision.move_ms, 550, 650); /* 400 + 10 · 20 */
	/* One that hung does not spoil that. */
	balance_moved(w.balance, w.view.now_ms, 99, 2, true, 600000, 20);
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_in_range(w.decision.move_ms, 550, 1500);
	world_done(&w);
}

/* The job whose move gains most for what it takes. */
static void test_cheap_first(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 4);
	w.jobs[0].memory = 1500;
	w.jobs[2].memory = 5;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.job, 3);
	world_done(&w);
	world_init(&w, 4, 4);
	w.jobs[1].age_ms = 600000;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.job, 2);
	world_done(&w);
}

static void test_refused(void **state)
{
	int64_t gap = 0, last;
	struct world w;
	uint64_t job;

	(void)state;
	world_init(&w, 2, 2);
	assert_true(world_decide(&w));
	last = w.view.now_ms;
	/* Refused again and again: not at once, and each time later. Its facts are always new. */
	for (unsigned int i = 0; i < 5; i++) {
		w.jobs[w.decision.job % 2].flags = JOB_LOCKED; /* only the one */
		balance_refused(w.balance, w.view.now_ms, w.decision.job, 2);
		w.nodes[0].age_ms = 0;
		do
			w.view.now_ms += 100;
		while (!world_decide(&w));
		assert_true(w.view.now_ms - last >= 2000);
		assert_true(w.view.now_ms - last > gap);
		gap = w.view.now_ms - last;
		last = w.view.now_ms;
	}
	assert_true(gap >= 30000);
	/* Nothing is remembered of a job that has ended. */
	job = w.decision.job;
	balance_refused(w.balance, w.view.now_ms, job, 2);
	assert_false(world_decide(&w));
	balance_forget(w.balance, job);
	assert_true(world_decide(&w));
	world_done(&w);
}

static void test_failed(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 8, 2);
	assert_true(world_decide(&w));
	w.jobs[w.decision.job % 2].flags = JOB_LOCKED;
	balance_moved(w.balance, w.view.now_ms, w.decision.job, w.decision.to, false, 100, 20);
	/* Nowhere for a moment, then anywhere else. */
	assert_false(world_decide(&w));
	for (uint32_t to = w.decision.to; w.view.now_ms < 1003000;) {
		w.view.now_ms += 1000;
		if (world_decide(&w))
			assert_int_not_equal(w.decision.to, to);
	}
	world_done(&w);
}

/* A decision that nobody carries out does not block for ever. */
static void test_pending(void **state)
{
	struct world w;
	uint64_t job;

	(void)state;
	world_init(&w, 8, 3);
	assert_true(world_decide(&w));
	job = w.decision.job;
	w.jobs[job - 1].flags = JOB_MOVING;
	w.view.now_ms += 20000;
	assert_false(world_decide(&w));
	assert_reason(&w, BALANCE_STAYS_BUSY);
	w.jobs[job - 1].flags = 0;
	assert_true(world_decide(&w));
	world_done(&w);
}

static void test_files(void **state)
{
	struct world w;

	(void)state;
	/* All nodes are idle but for the job itself; its files are at node 3. */
	world_init(&w, 4, 1);
	w.jobs[0].files[0] = (struct job_files){3, 8 * 1024};
	w.jobs[0].age_ms = 120000;
	assert_true(world_decide(&w));
	assert_reason(&w, BALANCE_FILES);
	assert_int_equal(w.decision.to, 3);
	world_done(&w);
	/* Its user says that this does not count. */
	world_init(&w, 4, 1);
	w.jobs[0].files[0] = (struct job_files){3, 8 * 1024};
	w.jobs[0].flags = JOB_CPU_BOUND;
	assert_false(world_decide(&w));
	world_done(&w);
	/* With its files a job stays although there is a faster node. */
	for (uint32_t io = 0; io < 2; io++) {
		world_init(&w, 4, 1);
		w.nodes[0].speed = 2 * SPEED_STANDARD;
		w.jobs[0].flags = io ? JOB_IO_BOUND : 0;
		w.jobs[0].files[0] = (struct job_files){1, 4 * 1024};
		assert_int_equal(world_decide(&w), !io);
		world_done(&w);
	}
}

static void test_not_there(void **state)
{
	static const uint32_t flags[] = {NODE_NO_GUESTS,  NODE_DRAINING,   NODE_NO_MOVES,
					 NODE_OWNER_BUSY, NODE_MEMORY_LOW, NODE_NO_BALANCE};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		world_init(&w, 3, 4);
		w.nodes[1].flags = flags[i];
		assert_true(world_decide(&w));
		assert_int_equal(w.decision.to, 2);
		balance_moved(w.balance, w.view.now_ms, w.decision.job, 2, true, 100, 1);
		w.nodes[0].flags = flags[i];
		assert_false(world_decide(&w));
		balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
		assert_reason(&w, BALANCE_STAYS_NOWHERE);
		world_done(&w);
	}
}

static void test_explain(void **state)
{
	struct balance_decision d;
	struct world w;

	(void)state;
	world_init(&w, 8, 3);
	w.nodes[3].speed = 3 * SPEED_STANDARD;
	for (uint64_t i = 0; i < 3; i++)
		balance_explain(w.balance, &w.view, &w.jobs[i], &d); /* no consequences */
	for (uint64_t i = 0; i < 3; i++) {
		balance_explain(w.balance, &w.view, &w.jobs[i], &d);
		if (d.reason == BALANCE_LOAD)
			break;
		assert_string_equal(balance_reason_name(d.reason), "busy"); /* another goes */
	}
	assert_true(world_decide(&w));
	assert_int_equal(d.job, w.decision.job);
	assert_int_equal(d.to, w.decision.to);
	assert_int_equal(d.to, 5);
	assert_true(d.cost_here == w.decision.cost_here && d.cost_there == w.decision.cost_there);
	assert_true(d.threshold == w.decision.threshold);
	assert_true(fabs(d.threshold - 1.3 * d.cost_there) < 1e-9);
	world_done(&w);
	/* Nothing better: the numbers say so. */
	world_init(&w, 8, 1);
	balance_explain(w.balance, &w.view, &w.jobs[0], &d);
	assert_string_equal(balance_reason_name(d.reason), "cost");
	assert_true(d.cost_here <= d.threshold && d.cost_here > 0);
	assert_int_equal(d.to, 1);
	world_done(&w);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < BALANCE_REASONS; i++) {
		assert_non_null(balance_reason_name((enum balance_reason)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(balance_reason_name((enum balance_reason)i),
						balance_reason_name((enum balance_reason)k));
	}
	assert_string_equal(balance_reason_name((enum balance_reason) - 1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),     cmocka_unit_test(test_spreads),
		cmocka_unit_test(test_sixteen),     cmocka_unit_test(test_held),
		cmocka_unit_test(test_age),         cmocka_unit_test(test_learns),
		cmocka_unit_test(test_cheap_first), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_failed),      cmocka_unit_test(test_pending),
		cmocka_unit_test(test_files),       cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_explain),     cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
