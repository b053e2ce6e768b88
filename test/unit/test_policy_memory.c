/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory ushering. Nodes of 4096 MiB keep 5 %, 204 MiB.
 */
#include "test/unit/policy_world.h"

enum { RESERVE = 204 };

static void test_enough(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 1);
	w.view.off = true;
	w.self.mem_free = RESERVE;
	assert_false(world_decide(&w));
	w.jobs[0].growth = 10;
	w.self.mem_free = 1000;
	assert_false(world_decide(&w)); /* there are 80 s */
	world_done(&w);
}

static void test_low(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 3);
	w.self.mem_free = 100;
	w.jobs[0].memory = 50;   /* too little */
	w.jobs[1].memory = 2000; /* enough, but it takes longer than */
	w.jobs[2].memory = 300;
	w.jobs[2].age_ms = w.jobs[2].here_ms = 1; /* residency does not count */
	w.view.off = true;
	assert_true(world_decide(&w));
	assert_reason(&w, BALANCE_MEMORY);
	assert_int_equal(w.decision.job, 3);
	world_done(&w);
}

static void test_low_all(void **state)
{
	struct world w;

	(void)state;
	/* None is enough alone: the one that helps most for what it takes. */
	world_init(&w, 4, 3);
	w.view.off = true;
	w.self.mem_free = 4;
	w.jobs[0].memory = 10;
	w.jobs[1].memory = 150;
	w.jobs[2].memory = 60;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.job, 2);
	world_done(&w);
	/* None may. */
	world_init(&w, 4, 3);
	w.view.off = true;
	w.self.mem_free = 4;
	w.jobs[0].flags = JOB_LOCKED;
	w.jobs[1].flags = JOB_UNMOVABLE;
	w.jobs[2].flags = JOB_STAYS;
	assert_false(world_decide(&w));
	world_done(&w);
}

/* A job that grows leaves while there is the time to move it. */
static void test_growth(void **state)
{
	double left;
	struct world w;

	(void)state;
	world_init(&w, 4, 1);
	w.view.off = true;
	w.jobs[0].growth = 50;
	w.jobs[0].memory = 1000;
	w.self.mem_free = 1800;
	for (;;) {
		bool goes = world_decide(&w);

		left = (w.self.mem_free - RESERVE) / 50.0; /* s */
		if (goes)
			break;
		assert_true(left > 0.15 + 0.002 * w.jobs[0].memory);
		w.self.mem_free -= 50;
		w.jobs[0].memory += 50;
		w.view.now_ms += 1000;
	}
	assert_reason(&w, BALANCE_MEMORY);
	/* In time, with a decision to spare, but not for nothing. */
	assert_true(left > 1 + w.decision.move_ms / 1000.0);
	assert_true(left < 10);
	world_done(&w);
}

/* Memory that jobs were only said to need: those leave for it in time, if there is a node for that;
 * no other does. */
static void test_promise(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 3);
	w.view.off = true;
	w.jobs[0].growth = 1;
	w.jobs[1].mem_hint = 10000000;
	assert_false(world_decide(&w));
	w.jobs[1].mem_hint = 1500;
	w.jobs[2].mem_hint = 2500;
	w.jobs[1].growth = w.jobs[2].growth = 100; /* to that, not further */
	assert_true(world_decide(&w));
	assert_reason(&w, BALANCE_MEMORY);
	assert_in_range(w.decision.job, 2, 3);
	assert_int_equal(w.decision.memory, w.jobs[w.decision.job - 1].mem_hint);
	world_done(&w);
}

/* Not where it would be the next to run out. */
static void test_target(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 1);
	w.view.off = true;
	w.self.mem_free = 100;
	w.jobs[0].memory = 600;
	w.nodes[0].mem_free = 600 + RESERVE - 10; /* does not fit */
	w.nodes[1].mem_free = 2000;
	w.nodes[1].flags = NODE_MEMORY_LOW;
	w.nodes[2].mem_free = 900;
	w.nodes[2].runnable = 5000;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.to, 4);
	world_done(&w);
	/* What it grows to counts: rather the loaded one with room for that. */
	world_init(&w, 3, 1);
	w.view.off = true;
	w.self.mem_free = 100;
	w.jobs[0].memory = 600;
	w.jobs[0].growth = 20;
	w.nodes[0].mem_free = 600 + RESERVE + 300;
	w.nodes[1].mem_free = 600 + RESERVE + 1000;
	w.nodes[1].runnable = 5000;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.to, 3);
	w.nodes[1].mem_free = 600;
	balance_moved(w.balance, w.view.now_ms, 1, 3, false, 1, 1);
	balance_forget(w.balance, 1);
	assert_true(world_decide(&w)); /* no other: so there, for now */
	assert_int_equal(w.decision.to, 2);
	world_done(&w);
}

/* The big one fits nowhere: a smaller one makes room for it. */
static void test_makes_room(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3, 2);
	w.view.off = true;
	w.self.mem_free = 250;
	w.jobs[0].memory = 3000;
	w.jobs[0].growth = 20;
	w.jobs[1].memory = 700;
	w.nodes[0].mem_free = w.nodes[1].mem_free = 1500;
	assert_true(world_decide(&w));
	assert_reason(&w, BALANCE_MEMORY);
	assert_int_equal(w.decision.job, 2);
	world_done(&w);
}

/* The node feels it before the numbers do. */
static void test_flag(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3, 1);
	w.view.off = true;
	w.jobs[0].memory = 500;
	w.self.flags = NODE_MEMORY_LOW;
	assert_true(world_decide(&w));
	assert_reason(&w, BALANCE_MEMORY);
	world_done(&w);
	/* Nothing is known of memory. */
	world_init(&w, 3, 1);
	w.self.mem_total = w.self.mem_free = 0;
	assert_false(world_decide(&w));
	world_done(&w);
}

/* What was promised to a node is not there any more. */
static void test_debit(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 2, 2);
	w.view.off = true;
	w.self.mem_free = 0;
	w.jobs[0].memory = w.jobs[1].memory = 150;
	w.nodes[0].mem_free = RESERVE + 200;
	assert_true(world_decide(&w));
	balance_moved(w.balance, w.view.now_ms, w.decision.job, 2, true, 400, 150);
	w.jobs[0] = w.jobs[2 - w.decision.job];
	w.view.job_count = 1;
	w.nodes[0].age_ms += 2000;
	w.view.now_ms += 2000;
	assert_false(world_decide(&w));
	w.nodes[0].age_ms = 0; /* it has told how much that was */
	assert_true(world_decide(&w));
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enough),     cmocka_unit_test(test_low),
		cmocka_unit_test(test_low_all),    cmocka_unit_test(test_promise),
		cmocka_unit_test(test_growth),     cmocka_unit_test(test_target),
		cmocka_unit_test(test_makes_room), cmocka_unit_test(test_flag),
		cmocka_unit_test(test_debit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
