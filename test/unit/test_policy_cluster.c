/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Eight nodes that decide for themselves, out of what each knows of the others: seconds late, and
 * of samples that err.
 */
#include "test/unit/policy_world.h"

enum { NODES = 8, JOBS = 64, MOVE_MS = 300, TURN_MS = 100 };

struct running {
	struct job_facts facts;
	uint32_t node;      /* index */
	int64_t arrives_ms; /* 0: it does not move */
	uint32_t to;
};

struct cluster {
	struct balance *balance[NODES];
	struct node_facts node[NODES]; /* as exported at the last sample */
	struct load_views views[NODES];
	struct node_facts known[NODES][NODES];
	int64_t said_ms[NODES][NODES];
	struct running jobs[JOBS];
	size_t job_count;
	struct random random;
	double noise;
	int64_t now_ms;
	unsigned int moves;
};

static void cluster_init(struct cluster *c, uint32_t cpus)
{
	*c = (struct cluster){.now_ms = 100000};
	random_seed(&c->random, 5);
	for (uint32_t i = 0; i < NODES; i++) {
		struct balance_config conf;

		balance_config_init(&conf, i + 1);
		c->balance[i] = balance_new(&conf, i, NULL);
		assert_non_null(c->balance[i]);
		c->node[i] = world_node(i + 1);
		c->node[i].cpus = cpus;
		for (uint32_t k = 0; k < NODES; k++) {
			c->known[k][i] = c->node[i];
			c->said_ms[k][i] = c->now_ms;
		}
	}
}

static void cluster_done(struct cluster *c)
{
	for (uint32_t i = 0; i < NODES; i++)
		balance_free(c->balance[i]);
}

static void add_job(struct cluster *c, uint64_t number, uint32_t home, uint32_t node)
{
	struct running *r = &c->jobs[c->job_count++];

	*r = (struct running){.facts = world_job(number), .node = node};
	r->facts.home = home + 1;
	r->facts.age_ms = r->facts.here_ms = 0;
}

static unsigned int count_at(const struct cluster *c, uint32_t node)
{
	unsigned int n = 0;

	for (size_t i = 0; i < c->job_count; i++)
		n += c->jobs[i].node == node && !c->jobs[i].arrives_ms;
	return n;
}

/* Twice a second each node tells another what it knows. */
static void gossip(struct cluster *c, uint32_t i)
{
	uint32_t to = random_below(&c->random, NODES);

	for (uint32_t k = 0; k < NODES; k++) {
		if (c->said_ms[i][k] <= c->said_ms[to][k])
			continue;
		c->said_ms[to][k] = c->said_ms[i][k];
		c->known[to][k] = c->known[i][k];
	}
}

/* What node @i knows; valid until the next call. */
static const struct balance_view *view_of(struct cluster *c, uint32_t i)
{
	static struct node_facts self, nodes[NODES];
	static struct job_facts jobs[JOBS];
	static struct balance_view v;

	self = c->node[i];
	self.runnable = c->views[i].leaving;
	self.jobs = (uint16_t)count_at(c, i);
	v = (struct balance_view){
		.now_ms = c->now_ms,
		.self = &self,
		.nodes = nodes,
		.cluster = NODES,
		.jobs = jobs,
	};
	for (uint32_t k = 0; k < NODES; k++) {
		if (k == i)
			continue;
		nodes[v.node_count] = c->known[i][k];
		nodes[v.node_count++].age_ms = (uint32_t)(c->now_ms - c->said_ms[i][k]);
	}
	for (size_t k = 0; k < c->job_count; k++) {
		if (c->jobs[k].node != i)
			continue;
		jobs[v.job_count] = c->jobs[k].facts;
		jobs[v.job_count++].flags = c->jobs[k].arrives_ms ? JOB_MOVING : 0;
	}
	return &v;
}

static void sample(struct cluster *c, uint32_t i)
{
	double wrong = 1 + c->noise * (2 * random_unit(&c->random) - 1);

	load_sample(&c->views[i], (uint32_t)(1000 * count_at(c, i) * wrong));
	c->node[i].runnable = balance_exported(c->balance[i], view_of(c, i), 0);
	c->node[i].jobs = (uint16_t)count_at(c, i);
	c->known[i][i] = c->node[i];
	c->said_ms[i][i] = c->now_ms;
}

static void decide(struct cluster *c, uint32_t i)
{
	struct balance_decision d;
	struct running *r = c->jobs;
	uint32_t to;

	if (!balance_decide(c->balance[i], view_of(c, i), &d))
		return;
	while (r->facts.job != d.job)
		r++;
	to = d.to - 1;
	if (!balance_accept(c->balance[to], view_of(c, to), &r->facts, d.load_there)) {
		balance_refused(c->balance[i], c->now_ms, d.job, d.to);
		return;
	}
	r->arrives_ms = c->now_ms + MOVE_MS;
	r->to = to;
	c->moves++;
}

static void arrive(struct cluster *c, struct running *r)
{
	uint32_t from = r->node;

	r->node = r->to;
	r->arrives_ms = 0;
	r->facts.here_ms = 0;
	balance_moved(c->balance[from], c->now_ms, r->facts.job, r->to + 1, true, MOVE_MS, 20);
	decide(c, from);
}

static void run(struct cluster *c, int64_t seconds)
{
	for (int64_t end = c->now_ms + 1000 * seconds; c->now_ms < end; c->now_ms += TURN_MS) {
		for (size_t k = 0; k < c->job_count; k++) {
			c->jobs[k].facts.age_ms += TURN_MS;
			c->jobs[k].facts.here_ms += TURN_MS;
			if (c->jobs[k].arrives_ms && c->jobs[k].arrives_ms <= c->now_ms)
				arrive(c, &c->jobs[k]);
		}
		for (uint32_t i = 0; i < NODES; i++) {
			uint32_t turn = (uint32_t)(c->now_ms / TURN_MS) + i;

			if (turn % 10 == 0) {
				sample(c, i);
				decide(c, i);
			}
			if (turn % 5 == 0)
				gossip(c, i);
		}
	}
}

/* 16 jobs on one of eight quarter-CPU nodes: two on each within ten seconds, and then rest. */
static void test_sixteen(void **state)
{
	struct cluster c;
	unsigned int moves;

	(void)state;
	cluster_init(&c, 250);
	for (uint64_t job = 1; job <= 16; job++)
		add_job(&c, job, 0, 0);
	run(&c, 10);
	for (uint32_t i = 0; i < NODES; i++)
		assert_in_range(count_at(&c, i), 1, 3);
	run(&c, 20);
	for (uint32_t i = 0; i < NODES; i++)
		assert_int_equal(count_at(&c, i), 2);
	assert_in_range(c.moves, 14, 18);
	moves = c.moves;
	run(&c, 120);
	assert_int_equal(c.moves, moves);
	cluster_done(&c);
}

static void test_no_ping_pong(void **state)
{
	struct cluster c;

	(void)state;
	cluster_init(&c, 1000);
	for (uint32_t i = 0; i < NODES; i++)
		add_job(&c, i + 1, i, i);
	run(&c, 300);
	assert_int_equal(c.moves, 0);
	cluster_done(&c);
}

static void test_noise(void **state)
{
	(void)state;
	/* One for each, two for each; one idle node, one node with more, half of them with more. */
	static const uint32_t jobs[] = {8, 16, 24, 7, 9, 12, 4};

	for (size_t k = 0; k < sizeof(jobs) / sizeof(jobs[0]); k++) {
		struct cluster c;

		cluster_init(&c, 1000);
		c.noise = 0.2;
		for (uint32_t i = 0; i < jobs[k]; i++)
			add_job(&c, i + 1, i % NODES, i % NODES);
		run(&c, 300);
		printf("# %u jobs: %u moves\n", jobs[k], c.moves);
		assert_true(c.moves <= 5);
		cluster_done(&c);
	}
}

/* A job is placed as the daemon does it; returns where. */
static uint32_t place(struct cluster *c, uint32_t home, uint64_t job)
{
	struct place_request rq = {.job = world_job(job), .any_home = true};

	rq.job.home = home + 1;
	rq.job.age_ms = rq.job.here_ms = 0;
	for (unsigned int i = 0; i < PLACE_TRIES; i++) {
		struct balance_decision d;

		balance_place(c->balance[home], view_of(c, home), &rq, &d);
		if (d.to == home + 1 || balance_accept(c->balance[d.to - 1], view_of(c, d.to - 1),
						       &rq.job, balance_claim(&d, i)))
			return d.to - 1;
		balance_refused(c->balance[home], c->now_ms, job, d.to);
	}
	return home;
}

/* 50 jobs at once from four nodes that know nothing of each other's: none gets more than twice its
 * share. (Without what targets say to it, too.) */
static void test_herd(void **state)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct cluster c;

		cluster_init(&c, 1000);
		for (uint32_t i = 0; i < NODES; i++) {
			struct balance_config conf;

			balance_free(c.balance[i]);
			balance_config_init(&conf, i + 1);
			c.balance[i] = balance_new(&conf, 100 * seed + i, NULL);
		}
		for (uint32_t i = 0; i < 50; i++)
			add_job(&c, i + 1, i % 4, place(&c, i % 4, i + 1));
		for (uint32_t i = 0; i < NODES; i++)
			assert_true(count_at(&c, i) <= 12);
		run(&c, 20);
		for (uint32_t i = 0; i < NODES; i++)
			assert_in_range(count_at(&c, i), 5, 8);
		cluster_done(&c);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sixteen),
		cmocka_unit_test(test_no_ping_pong),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_herd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
