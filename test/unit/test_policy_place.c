/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where new jobs start.
 */
#include "test/unit/policy_world.h"

static struct place_request request(uint64_t job)
{
	struct place_request rq = {.any_home = true};

	rq.job = world_job(job);
	rq.job.age_ms = rq.job.here_ms = 0;
	rq.job.memory = 0;
	return rq;
}

static uint32_t place(struct world *w, const struct place_request *rq)
{
	balance_place(w->balance, &w->view, rq, &w->decision);
	return w->decision.to;
}

static void test_home(void **state)
{
	struct place_request rq = request(1);
	struct world w;

	(void)state;
	/* All the same: home, where its files and its user are. */
	world_init(&w, 8, 0);
	assert_int_equal(place(&w, &rq), 1);
	assert_reason(&w, BALANCE_BEST);
	world_done(&w);
	/* Home has something to do. */
	world_init(&w, 8, 1);
	assert_in_range(place(&w, &rq), 2, 8);
	assert_reason(&w, BALANCE_BEST);
	assert_true(w.decision.cost_here > w.decision.threshold);
	world_done(&w);
}

static void test_threshold(void **state)
{
	struct place_request rq = request(10);
	struct world w;

	(void)state;
	world_init(&w, 8, 1);
	w.config.home_threshold = 150;
	balance_configure(w.balance, &w.config);
	w.nodes[2].speed = 4 * SPEED_STANDARD;
	assert_int_equal(place(&w, &rq), 1);
	assert_reason(&w, BALANCE_HOME);
	/* What was just placed at home counts. */
	rq.job.job++;
	assert_int_equal(place(&w, &rq), 4);
	assert_reason(&w, BALANCE_BEST);
	world_done(&w);
	/* -b */
	world_init(&w, 8, 1);
	w.config.home_threshold = 150;
	balance_configure(w.balance, &w.config);
	w.nodes[2].speed = 4 * SPEED_STANDARD;
	rq.best = true;
	assert_int_equal(place(&w, &rq), 4);
	world_done(&w);
}

/* Each of what is equally good is chosen, and what was chosen is debited. */
static void test_spreads(void **state)
{
	unsigned int count[9] = {0};
	struct world w;

	(void)state;
	world_init(&w, 8, 0);
	for (uint64_t job = 1; job <= 16; job++) {
		struct place_request rq = request(job);

		count[place(&w, &rq)]++;
		w.view.now_ms += 10;
		for (size_t i = 0; i < 7; i++)
			w.nodes[i].age_ms += 10;
	}
	for (size_t i = 1; i <= 8; i++)
		assert_int_equal(count[i], 2);
	world_done(&w);
}

static void test_by_chance(void **state)
{
	unsigned int count[9] = {0};
	struct world w;

	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		struct place_request rq = request(1);

		world_init(&w, 8, 2);
		balance_free(w.balance);
		w.balance = balance_new(&w.config, seed, NULL);
		w.nodes[4].runnable = 2000;
		w.nodes[5].runnable = 20; /* as good as nothing */
		count[place(&w, &rq)]++;
		world_done(&w);
	}
	assert_int_equal(count[1] + count[6], 0);
	for (size_t i = 2; i <= 8; i++)
		if (i != 6)
			assert_in_range(count[i], 40, 95);
}

static void test_allowed(void **state)
{
	static const uint32_t nodes[] = {3, 5};
	struct place_request rq = request(1);
	struct world w;

	(void)state;
	world_init(&w, 8, 0);
	rq.job.allowed = nodes;
	rq.job.allowed_count = 2;
	rq.any_home = false;
	assert_true(place(&w, &rq) == 3 || w.decision.to == 5);
	w.nodes[1].flags = NODE_DRAINING;
	w.nodes[3].flags = NODE_NO_GUESTS;
	assert_int_equal(place(&w, &rq), 0);
	assert_reason(&w, BALANCE_STAYS_NOWHERE);
	/* Without room rather than not at all. */
	w.nodes[3].flags = 0;
	w.nodes[3].mem_free = 10;
	assert_int_equal(place(&w, &rq), 5);
	assert_reason(&w, BALANCE_ONLY);
	world_done(&w);
}

static void test_limits(void **state)
{
	struct place_request rq = request(1);
	struct world w;

	(void)state;
	/* Classes of guests. */
	world_init(&w, 4, 3);
	rq.job.job_class = 2;
	w.nodes[0].classes = 1 << 1;
	w.nodes[1].classes = 1 << 2;
	w.nodes[2].classes = 1 << 3;
	assert_int_equal(place(&w, &rq), 3);
	rq.job.job_class = 0;
	w.nodes[2].classes = 1 << 3 | 1;
	assert_int_equal(place(&w, &rq), 4); /* no class is one, too */
	rq.job.job_class = 5;
	assert_int_equal(place(&w, &rq), 1); /* home takes its own */
	world_done(&w);
	/* Memory that it will need. */
	world_init(&w, 4, 0);
	rq = request(1);
	rq.job.mem_hint = 3400;
	w.nodes[2].mem_free = 4000;
	assert_int_equal(place(&w, &rq), 4);
	rq.job.mem_hint = 5000;
	rq.job.job++;
	assert_int_equal(place(&w, &rq), 1);
	assert_reason(&w, BALANCE_ONLY);
	world_done(&w);
	/* Memory that one who is here was said to need, and has not taken yet. */
	for (uint32_t said = 0; said <= 2000; said += 2000) {
		world_init(&w, 4, 1);
		w.self.runnable = w.jobs[0].demand = 0;
		w.self.mem_free = 3000;
		for (int i = 0; i < 3; i++)
			w.nodes[i].mem_free = 3000;
		w.jobs[0].mem_hint = said;
		rq = request(10);
		rq.job.mem_hint = 2000;
		if (said)
			assert_in_range(place(&w, &rq), 2, 4);
		else
			assert_int_equal(place(&w, &rq), 1);
		world_done(&w);
	}
	/* A home that is being emptied, and nodes that take nothing. */
	world_init(&w, 3, 0);
	rq = request(1);
	w.self.flags = NODE_DRAINING;
	assert_in_range(place(&w, &rq), 2, 3);
	w.nodes[0].flags = NODE_OWNER_BUSY;
	w.nodes[1].flags = NODE_DRAINING;
	assert_int_equal(place(&w, &rq), 1);
	assert_reason(&w, BALANCE_ONLY);
	world_done(&w);
}

static bool not_two(void *arg, const struct job_facts *j, const struct node_facts *n)
{
	(void)arg, (void)j;
	return n->node != 2;
}

static void test_fits(void **state)
{
	struct place_request rq = request(1);
	struct world w;

	(void)state;
	world_init(&w, 3, 1);
	w.view.fits = not_two;
	w.nodes[0].speed = 4 * SPEED_STANDARD;
	assert_int_equal(place(&w, &rq), 3);
	world_done(&w);
}

/* Faster is better than more, for one task. */
static void test_fast(void **state)
{
	struct place_request rq = request(1);
	struct world w;

	(void)state;
	world_init(&w, 3, 0);
	w.nodes[0].cpus = 64000;
	w.nodes[0].speed = SPEED_STANDARD / 2;
	w.nodes[1].speed = 2 * SPEED_STANDARD;
	assert_int_equal(place(&w, &rq), 3);
	/* Four tasks at once. */
	rq = request(2);
	rq.job.demand = 4000;
	w.self.cpus = 100;
	assert_int_equal(place(&w, &rq), 2);
	world_done(&w);
}

/* What an answer of a node said counts until something newer is known of it. */
static void test_heard(void **state)
{
	struct place_request rq = request(1);
	struct node_facts heard;
	struct world w;

	(void)state;
	world_init(&w, 2, 2);
	heard = w.nodes[0];
	heard.runnable = 8000;
	heard.age_ms = 0;
	balance_heard(w.balance, w.view.now_ms, &heard);
	assert_int_equal(place(&w, &rq), 1);
	w.nodes[0].age_ms = 0; /* newer than that */
	w.view.now_ms += 100;
	rq.job.job = 2;
	assert_int_equal(place(&w, &rq), 2);
	world_done(&w);
}

static void test_refused(void **state)
{
	struct place_request rq = request(7);
	bool tried[9] = {false};
	struct world w;

	(void)state;
	world_init(&w, 8, 9);
	for (unsigned int i = 0; i < 7; i++) {
		uint32_t to = place(&w, &rq);

		assert_in_range(to, 2, 8);
		assert_false(tried[to]);
		tried[to] = true;
		balance_refused(w.balance, w.view.now_ms, 7, to);
	}
	assert_int_equal(place(&w, &rq), 1);
	world_done(&w);
}

/* What is claimed of who is asked next; home has room, or has not. */
static void test_claim(void **state)
{
	struct place_request rq = request(1);
	struct world w;

	(void)state;
	world_init(&w, 4, 2);
	place(&w, &rq);
	for (uint32_t i = 0; i + 1 < PLACE_TRIES; i++)
		assert_int_equal(balance_claim(&w.decision, i), w.decision.load_there);
	assert_int_equal(balance_claim(&w.decision, PLACE_TRIES - 1), w.decision.load_there + 50);
	w.self.mem_free = 1000;
	rq.job.mem_hint = 1500;
	assert_in_range(place(&w, &rq), 2, 4);
	assert_int_equal(balance_claim(&w.decision, 0), w.decision.load_there);
	for (uint32_t i = 3; i < PLACE_TRIES; i++)
		assert_true(balance_claim(&w.decision, i) == UINT32_MAX);
	world_done(&w);
}

/* The target knows better. */
static void test_accept(void **state)
{
	struct job_facts j = world_job(50);
	struct world w;

	(void)state;
	world_init(&w, 4, 1);
	j.home = 2;
	assert_true(balance_accept(w.balance, &w.view, &j, 100));  /* as the sender thought */
	assert_false(balance_accept(w.balance, &w.view, &j, 100)); /* the first is on its way */
	assert_false(balance_accept(w.balance, &w.view, &j, 0));
	j.job++;
	assert_true(balance_accept(w.balance, &w.view, &j, 200));
	j.home = 1; /* its own: no other rule */
	j.job++;
	assert_false(balance_accept(w.balance, &w.view, &j, 200));
	assert_true(balance_accept(w.balance, &w.view, &j, UINT32_MAX));
	world_done(&w);
	/* It comes and goes; what was sampled before does not count. */
	world_init(&w, 4, 0);
	w.self.runnable = 0;
	w.view.now_ms += 5000;
	j = world_job(51);
	j.home = 2;
	assert_true(balance_accept(w.balance, &w.view, &j, 0));
	w.jobs[0] = j;
	w.jobs[0].here_ms = 50;
	w.view.job_count = 1;
	j.job++;
	assert_false(balance_accept(w.balance, &w.view, &j, 0));
	w.view.job_count = 0;
	assert_true(balance_accept(w.balance, &w.view, &j, 0));
	world_done(&w);
}

static void test_accept_limits(void **state)
{
	static const uint32_t flags[] = {NODE_NO_GUESTS, NODE_DRAINING, NODE_NO_MOVES,
					 NODE_OWNER_BUSY};
	struct job_facts j = world_job(50);
	struct world w;

	(void)state;
	j.home = 2;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		world_init(&w, 4, 0);
		assert_true(balance_accept(w.balance, &w.view, &j, 0));
		w.self.flags = flags[i];
		assert_false(balance_accept(w.balance, &w.view, &j, 1000));
		world_done(&w);
	}
	/* Room, and that of what has not come yet. */
	world_init(&w, 4, 0);
	j.memory = 2000;
	assert_true(balance_accept(w.balance, &w.view, &j, 1000));
	j.job++;
	assert_false(balance_accept(w.balance, &w.view, &j, 1000));
	world_done(&w);
}

/* What a node says of itself has in it who is about to come and who came after the last sample, and
 * not who has ended since. */
static void test_exported(void **state)
{
	struct job_facts j = world_job(7);
	struct world w;

	(void)state;
	world_init(&w, 4, 0);
	assert_int_equal(balance_exported(w.balance, &w.view, 3), 0);
	w.self.runnable = 600;
	assert_int_equal(balance_exported(w.balance, &w.view, 3), 600);
	w.self.runnable = 0;
	j.home = 2;
	j.age_ms = 0;
	assert_true(balance_accept(w.balance, &w.view, &j, 0));
	assert_int_equal(balance_exported(w.balance, &w.view, 3), 1000);
	/* It has come, and counts once. */
	w.jobs[0] = j;
	w.jobs[0].demand = 0;
	w.jobs[0].here_ms = 100;
	w.view.job_count = w.self.guests = 1;
	assert_int_equal(balance_exported(w.balance, &w.view, 3), 1000);
	/* Its home has debited it. */
	assert_int_equal(balance_exported(w.balance, &w.view, 2), 0);
	/* There is other work, and the job ends. */
	w.self.runnable = 1600;
	w.jobs[0].demand = 1000;
	w.jobs[0].here_ms = 60000;
	w.view.now_ms += 60000;
	assert_false(world_decide(&w));
	assert_int_equal(balance_exported(w.balance, &w.view, 2), 1600);
	w.view.job_count = w.self.guests = 0;
	assert_int_equal(balance_exported(w.balance, &w.view, 2), 600);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_home),          cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_spreads),       cmocka_unit_test(test_by_chance),
		cmocka_unit_test(test_allowed),       cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fits),          cmocka_unit_test(test_fast),
		cmocka_unit_test(test_heard),         cmocka_unit_test(test_refused),
		cmocka_unit_test(test_claim),         cmocka_unit_test(test_accept),
		cmocka_unit_test(test_accept_limits), cmocka_unit_test(test_exported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
