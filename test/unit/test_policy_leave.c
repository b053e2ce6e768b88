/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drain, expel, and the owner before guests.
 */
#include "test/unit/policy_world.h"

/* The decided job has left. */
static void gone(struct world *w)
{
	size_t i = 0;

	while (w->jobs[i].job != w->decision.job)
		i++;
	w->jobs[i] = w->jobs[--w->view.job_count];
	balance_moved(w->balance, w->view.now_ms, w->decision.job, w->decision.to, true, 200, 20);
	w->view.now_ms += 200;
	for (size_t k = 0; k < w->view.node_count; k++)
		w->nodes[k].age_ms += 200;
	w->self.runnable = (uint32_t)w->view.job_count * 1000;
}

/* Everything goes that is not locked, whatever else would keep it, to nodes that take it, evenly;
 * and each says so when asked for. */
static void test_drain(void **state)
{
	unsigned int count[6] = {0};
	struct world w;

	(void)state;
	world_init(&w, 5, 12);
	w.nodes[3].flags = NODE_DRAINING; /* node 5 */
	w.jobs[1].flags = JOB_LOCKED;
	w.jobs[2].flags = JOB_STAYS;
	w.jobs[3].flags = JOB_FROZEN;
	w.jobs[4].here_ms = w.jobs[4].age_ms = 1;
	w.view.drain = w.view.off = true;
	for (unsigned int i = 0; i < 11; i++) {
		balance_explain(w.balance, &w.view, &w.jobs[2], &w.decision);
		assert_true(w.decision.reason == BALANCE_DRAIN ||
			    w.decision.reason == BALANCE_STAYS_BUSY);
		assert_true(world_decide(&w));
		assert_reason(&w, BALANCE_DRAIN);
		count[w.decision.to]++;
		gone(&w);
	}
	for (size_t i = 2; i <= 4; i++)
		assert_in_range(count[i], 3, 4);
	assert_false(world_decide(&w));
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_reason(&w, BALANCE_STAYS_LOCKED);
	world_done(&w);
}

static void test_drain_order(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3, 4);
	w.self.flags = NODE_DRAINING; /* the same */
	for (size_t i = 0; i < 4; i++)
		w.jobs[i].memory = 400 - 100 * (uint32_t)i;
	for (uint64_t job = 4; job >= 1; job--) {
		assert_true(world_decide(&w));
		assert_int_equal(w.decision.job, job); /* the quickest first */
		gone(&w);
	}
	world_done(&w);
}

static void test_nowhere(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3, 1);
	w.view.drain = true;
	w.nodes[0].mem_free = 210;
	w.nodes[1].flags = NODE_NO_GUESTS;
	w.jobs[0].memory = 100;
	assert_false(world_decide(&w));
	assert_reason(&w, BALANCE_STAYS_NOWHERE);
	balance_explain(w.balance, &w.view, &w.jobs[0], &w.decision);
	assert_reason(&w, BALANCE_STAYS_NOWHERE);
	/* Home takes its own even so. */
	w.jobs[0].home = 2;
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.to, 2);
	world_done(&w);
}

static void test_expel(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 4);
	w.jobs[1].home = 3;
	w.jobs[3].home = 4;
	w.jobs[3].flags = JOB_STAYS | JOB_FROZEN;
	w.view.expel = true;
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(world_decide(&w));
		assert_reason(&w, BALANCE_OWNER);
		assert_int_equal(w.decision.job % 2, 0);
		gone(&w);
	}
	w.view.off = true;
	assert_false(world_decide(&w)); /* its own stay */
	world_done(&w);
}

static void test_expel_home(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 3, 1);
	w.jobs[0].home = 3;
	w.view.expel = true;
	w.nodes[0].flags = NODE_NO_GUESTS;
	w.nodes[1].flags = NODE_NO_GUESTS; /* but this one's own job is no guest there */
	assert_true(world_decide(&w));
	assert_int_equal(w.decision.to, 3);
	world_done(&w);
}

/* Guests go when the owner's own work waits for them, and no more of them than that. */
static void test_owner(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 4);
	w.self.cpus = 4000;
	w.view.off = true;
	w.jobs[0].home = w.jobs[1].home = 3;
	w.self.runnable = 4000;
	w.self.flags = NODE_OWNER_BUSY;
	assert_false(world_decide(&w)); /* there is a CPU for each */
	w.self.cpus = 3000;
	assert_true(world_decide(&w));
	assert_reason(&w, BALANCE_OWNER);
	assert_in_range(w.decision.job, 1, 2);
	gone(&w);
	assert_false(world_decide(&w)); /* three are left for three */
	w.self.cpus = 2000;
	w.jobs[0].flags = w.jobs[1].flags = w.jobs[2].flags = JOB_LOCKED;
	assert_false(world_decide(&w)); /* it is not told to */
	w.jobs[0].flags = w.jobs[1].flags = w.jobs[2].flags = 0;
	assert_true(world_decide(&w));
	gone(&w);
	w.self.cpus = 1000;
	assert_false(world_decide(&w)); /* no guests any more */
	world_done(&w);
	/* Guests alone do not drive each other out. */
	world_init(&w, 4, 2);
	w.view.off = true;
	w.self.flags = NODE_OWNER_BUSY;
	w.jobs[0].home = w.jobs[1].home = 3;
	assert_false(world_decide(&w));
	w.self.runnable = 3500; /* and what is no job, if it is seen twice */
	assert_false(world_decide(&w));
	assert_true(world_decide(&w));
	world_done(&w);
}

/* Drain is before memory, memory before the owner, that before load. */
static void test_order(void **state)
{
	static const enum balance_reason order[] = {BALANCE_DRAIN, BALANCE_MEMORY, BALANCE_OWNER,
						    BALANCE_LOAD};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct world w;

		world_init(&w, 4, 4);
		w.jobs[0].home = 3;
		w.view.drain = i < 1;
		if (i < 2)
			w.self.mem_free = 100;
		w.view.expel = i < 3;
		assert_true(world_decide(&w));
		assert_reason(&w, order[i]);
		world_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drain),      cmocka_unit_test(test_drain_order),
		cmocka_unit_test(test_nowhere),    cmocka_unit_test(test_expel),
		cmocka_unit_test(test_expel_home), cmocka_unit_test(test_owner),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
