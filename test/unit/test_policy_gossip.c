/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gossip and membership on a simulated network: loss, partitions, churn, ages, bytes. */
#include "test/unit/gossip_world.h"
#include "test/unit/harness.h"
#include <math.h>

static struct world *cluster(uint32_t count, uint64_t seed)
{
	struct world *w = world_new(count, seed, NULL);

	world_start_all(w);
	world_run(w, 20000);
	return w;
}

/* ------------------------------------------------------------------ ages */

/* Amar, Barak, Drezner, Okun: average age in steps for N nodes and window W. */
static double formula_age(double n, double w)
{
	double t = ((n - 1) / n) * log(w * (n - 1) / (n - w));
	double e = exp(n * t / (n - 1)), x = n * e / (n - 1 + e);
	double a = t - ((n - 1) / x) * (log(n - 1 + e) - log(n));

	return 1 / (1 - pow(1 - 1 / (n - 1), x)) + a;
}

static void check_age(uint32_t count, uint32_t window)
{
	struct gossip_config c;
	struct world *w;
	double sum = 0, expected = formula_age(count, window);

	gossip_config_init(&c, 0, 0);
	c.window = window;
	w = world_new(count, 7, &c);
	world_start_all(w);
	world_run(w, 60000);
	for (int i = 0; i < 20; i++) {
		world_run(w, 2300);
		sum += world_age(w) / 20;
	}
	print_message("# N=%u W=%u: average age %.2f steps, formula %.2f\n", count, window, sum,
		      expected);
	assert_true(fabs(sum / expected - 1) < 0.15);
	world_free(w);
}

static void test_ages(void **state)
{
	(void)state;
	check_age(64, 32);
	check_age(256, 32);
	check_age(256, GOSSIP_WINDOW);
}

/* ------------------------------------------------------------------ failures */

static void test_killed(void **state)
{
	static const uint32_t counts[] = {2, 3, 8, 16};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (uint64_t seed = 1; seed <= 10; seed++) {
			struct world *w = cluster(counts[i], seed);

			world_kill(w, 2);
			assert_in_range(world_settle(w, 30000), 2000, 10000);
			assert_int_equal(w->false_deaths, 0);
			world_free(w);
		}
	}
}

static void test_partition(void **state)
{
	int64_t apart, healed;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = cluster(16, seed);

		for (uint32_t i = 1; i <= 8; i++)
			w->nodes[i].part = 1;
		apart = world_settle(w, 30000);
		assert_in_range(apart, 1000, 10000);
		world_run(w, 60000 - apart);
		assert_true(world_right(w));
		for (uint32_t i = 1; i <= 8; i++)
			w->nodes[i].part = 0;
		healed = world_settle(w, 30000);
		assert_in_range(healed, 1, 10000);
		world_run(w, 30000);
		assert_true(world_right(w));
		assert_int_equal(w->false_deaths, 0);
		world_free(w);
	}
}

/* One that is cut off knows it as soon as the others do. */
static void test_cut_off(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct world *w = cluster(seed % 2 ? 4 : 16, seed);

		w->nodes[1].part = 1;
		assert_in_range(world_settle(w, 30000), 1000, 10000);
		w->nodes[1].part = 0;
		assert_in_range(world_settle(w, 30000), 1, 10000);
		w->died = 0;
		/* For a moment: nobody dies. */
		w->nodes[1].part = 1;
		world_run(w, 3500);
		w->nodes[1].part = 0;
		assert_in_range(world_settle(w, 30000), 0, 5000);
		world_run(w, 10000);
		assert_int_equal(w->died, 0);
		world_free(w);
	}
}

/* A node that hangs for three seconds is suspected, says that it lives, and buries nobody. */
static void test_frozen(void **state)
{
	unsigned int suspicions = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = cluster(seed % 2 ? 4 : 16, seed);
		uint32_t incarnation, was;
		bool suspected;

		gossip_state(w->nodes[1].g, 2, &was);
		w->nodes[2].frozen = true;
		world_run(w, 3000);
		suspected = w->suspected > 0;
		suspicions += suspected;
		w->nodes[2].frozen = false;
		assert_in_range(world_settle(w, 30000), 0, 5000);
		world_run(w, 10000);
		assert_true(world_right(w));
		assert_int_equal(w->died, 0);
		gossip_state(w->nodes[1].g, 2, &incarnation);
		assert_true(incarnation > was || !suspected);
		world_free(w);
	}
	assert_true(suspicions > 10);
}

/* Who is suspected says that it lives, and takes itself to be slow for a while. */
static void test_doubted(void **state)
{
	struct world *w = cluster(4, 7);
	struct gossip *g = w->nodes[1].g;
	struct gossip_update doubt = {1, gossip_incarnation(g), 2, GOSSIP_SUSPECT};
	struct gossip_datagram dg = {
		.kind = GOSSIP_PUSH,
		.from = 2,
		.incarnation = gossip_incarnation(w->nodes[2].g),
		.update_count = 1,
		.updates = &doubt,
	};

	(void)state;
	assert_int_equal(gossip_health(g), 0);
	gossip_receive(g, w->now, &dg);
	assert_int_equal(gossip_incarnation(g), doubt.incarnation + 1);
	assert_int_equal(gossip_health(g), 1);
	gossip_receive(g, w->now, &dg); /* the same doubt once more */
	assert_int_equal(gossip_health(g), 1);
	world_run(w, 10000);
	assert_int_equal(gossip_health(g), 0);
	assert_int_equal(w->died, 0);
	world_free(w);
}

/* Hung for a minute, it is dead to the others, and nobody is to it. */
static void test_hung(void **state)
{
	struct world *w = cluster(8, 5);

	(void)state;
	w->nodes[2].frozen = true;
	world_run(w, 60000);
	assert_int_equal(world_see(w, 0, 2, GOSSIP_DEAD), 7);
	assert_int_equal(w->died, 7);
	w->nodes[2].frozen = false;
	assert_in_range(world_settle(w, 30000), 1, 10000);
	assert_int_equal(w->died, 7);
	world_free(w);
}

static void test_loss(void **state)
{
	struct world *w = world_new(200, 3, NULL);

	(void)state;
	w->loss_percent = 5;
	world_start_all(w);
	world_run(w, 3600 * 1000);
	print_message("# an hour of 200 nodes, 5 %% lost: %llu suspicions, %llu deaths\n",
		      (unsigned long long)w->suspected, (unsigned long long)w->died);
	assert_true(w->suspected > 0);
	assert_int_equal(w->died, 0);
	world_free(w);
}

/* ------------------------------------------------------------------ coming and going */

static void test_join(void **state)
{
	struct world *w = world_new(40, 1, NULL);

	(void)state;
	for (uint32_t i = 1; i <= 40; i++) {
		world_start(w, i, i > 1 ? i / 2 : 0);
		world_run(w, 300);
	}
	assert_in_range(world_settle(w, 60000), 0, 10000);
	assert_int_equal(gossip_members(w->nodes[40].g), 40);
	assert_int_equal(w->died, 0);
	world_free(w);
}

static void test_leave(void **state)
{
	struct world *w = cluster(16, 1);

	(void)state;
	gossip_leave(w->nodes[2].g, w->now);
	world_run(w, 1500);
	assert_int_equal(world_see(w, 0, 2, GOSSIP_LEFT), 15);
	world_kill(w, 2);
	world_run(w, 10000);
	assert_int_equal(world_see(w, 0, 2, GOSSIP_LEFT), 15);
	assert_int_equal(w->suspected, 0);
	world_start(w, 2, 7);
	assert_in_range(world_settle(w, 30000), 0, 5000);
	world_free(w);
}

static void test_rejoin(void **state)
{
	struct world *w = cluster(8, 9);
	uint32_t was, is;

	(void)state;
	gossip_state(w->nodes[1].g, 2, &was);
	world_kill(w, 2);
	assert_in_range(world_settle(w, 30000), 0, 10000);
	world_start(w, 2, 5);
	assert_in_range(world_settle(w, 30000), 0, 5000);
	gossip_state(w->nodes[1].g, 2, &is);
	assert_true(is > was);
	world_free(w);
}

/* Its clock was set back: it comes with an incarnation that the others know to be dead. */
static void test_rejoin_low(void **state)
{
	struct world *w = cluster(4, 2);

	(void)state;
	world_kill(w, 2);
	assert_in_range(world_settle(w, 30000), 0, 10000);
	w->clock_set_back = true;
	world_start(w, 2, 3);
	assert_in_range(world_settle(w, 30000), 0, 5000);
	world_free(w);
}

static void test_churn(void **state)
{
	struct world *w = cluster(50, 11);

	(void)state;
	for (int i = 0; i < 300; i++) {
		uint32_t n = 2 + random_below(&w->random, 49);

		if (w->nodes[n].g)
			world_kill(w, n);
		else
			world_start(w, n, 1);
		world_run(w, 2000);
	}
	assert_in_range(world_settle(w, 60000), 0, 30000);
	assert_int_equal(w->false_deaths, 0);
	world_free(w);
}

/* Members of old are forgotten, but for those of the map. */
static void test_tombstones(void **state)
{
	struct world *w = cluster(20, 4);

	(void)state;
	gossip_add(w->nodes[1].g, 20, false, true);
	for (uint32_t i = 11; i <= 20; i++)
		world_kill(w, i);
	world_run(w, 60000);
	assert_int_equal(gossip_members(w->nodes[1].g), 20);
	world_run(w, 700 * 1000);
	assert_int_equal(gossip_members(w->nodes[1].g), 11);
	assert_int_equal(gossip_state(w->nodes[1].g, 20, NULL), GOSSIP_DEAD);
	assert_int_equal(gossip_members(w->nodes[2].g), 10);
	world_free(w);
}

/* ------------------------------------------------------------------ cost */

static double bytes_per_second(uint32_t count)
{
	struct world *w = world_new(count, 3, NULL);
	uint64_t bytes = 0, most = 0;

	world_start_all(w);
	world_run(w, 60000);
	for (uint32_t i = 1; i <= count; i++)
		w->nodes[i].bytes = 0;
	world_run(w, 120000);
	for (uint32_t i = 1; i <= count; i++) {
		bytes += w->nodes[i].bytes;
		most = w->nodes[i].bytes > most ? w->nodes[i].bytes : most;
	}
	print_message("# N=%u: %.0f bytes/s per node, at most %.0f\n", count,
		      (double)bytes / count / 120, (double)most / 120);
	assert_true(most / 120 <= 3000);
	world_free(w);
	return (double)bytes / count / 120;
}

static void test_bytes(void **state)
{
	double at_50, at_400;

	(void)state;
	bytes_per_second(2);
	at_50 = bytes_per_second(50);
	at_400 = bytes_per_second(400);
	assert_true(fabs(at_400 / at_50 - 1) < 0.05);
}

static void test_memory(void **state)
{
	struct gossip_config c;
	struct gossip *g;
	const struct gossip_ops ops = {0};

	(void)state;
	gossip_config_init(&c, 1, 1);
	c.board = 256;
	g = gossip_new(&c, 1, 0, &ops, NULL);
	for (uint32_t i = 2; i <= 10000; i++)
		assert_int_equal(gossip_add(g, i, true, false), 0);
	assert_in_range(gossip_memory(g), 10000 * 14, 10000 * 20);
	gossip_free(g);
}

/* ------------------------------------------------------------------ what comes in */

static void ignore_send(void *arg, uint32_t to, const struct gossip_datagram *dg)
{
	(void)to;
	++*(uint32_t *)arg;
	assert_true(gossip_size(dg) <= GOSSIP_WIRE_MAX);
}

/* Anything at all, as long as it can be unpacked: no crash, and no datagram without end. */
static void test_hostile(void **state)
{
	const struct gossip_ops ops = {.send = ignore_send};
	static struct gossip_unpacked u;
	struct gossip_config c;
	struct random r;
	uint32_t sent = 0;
	struct gossip *g;

	(void)state;
	random_seed(&r, 1);
	gossip_config_init(&c, 1, 1);
	c.board = 64;
	g = gossip_new(&c, 1, 0, &ops, &sent);
	for (int64_t now = 0; now < 200000; now += 20) {
		uint8_t buf[GOSSIP_WIRE_MAX];
		size_t entries = random_below(&r, 20), updates = random_below(&r, 20), len;

		len = GOSSIP_WIRE_HEAD + entries * GOSSIP_WIRE_ENTRY + updates * GOSSIP_WIRE_UPDATE;
		for (size_t i = 0; i < len; i++)
			buf[i] = (uint8_t)(random_below(&r, 3) ? random_below(&r, 6)
							       : random_next(&r));
		buf[0] %= GOSSIP_KINDS;
		buf[11] = (uint8_t)entries;
		buf[12] = (uint8_t)updates;
		sent = 0;
		if (gossip_unpack(buf, len, &u) == 0) {
			u.dg.from = random_below(&r, 300);
			gossip_receive(g, now, &u.dg);
		}
		gossip_tick(g, now);
		assert_in_range(sent, 0, 100);
	}
	gossip_free(g);
}

static void test_wire(void **state)
{
	const struct gossip_entry e = {
		.facts = {.node = 65535,
			  .flags = NODE_DRAINING,
			  .cpus = 64000,
			  .speed = 23456,
			  .runnable = UINT32_MAX,
			  .mem_total = 1u << 30,
			  .mem_free = 77,
			  .guests = 3,
			  .jobs = 4,
			  .classes = 5,
			  .cpu_class = 0xdeadbeef,
			  .age_ms = 1234},
		.incarnation = 17,
		.seq = 18,
	};
	const struct gossip_update up = {2, 3, 4, GOSSIP_SUSPECT};
	const struct gossip_datagram dg = {
		GOSSIP_PUSH, 0, 5, 6, 7, 1, 1, &e, &up,
	};
	static struct gossip_unpacked u;
	uint8_t buf[GOSSIP_WIRE_MAX];
	size_t len = gossip_pack(&dg, buf, sizeof(buf));

	(void)state;
	assert_int_equal(len, GOSSIP_WIRE_HEAD + GOSSIP_WIRE_ENTRY + GOSSIP_WIRE_UPDATE);
	assert_int_equal(gossip_pack(&dg, buf, len - 1), 0);
	assert_int_equal(gossip_unpack(buf, len, &u), 0);
	assert_int_equal(u.dg.kind, GOSSIP_PUSH);
	assert_int_equal(u.dg.incarnation, 5);
	assert_int_equal(u.dg.probe, 6);
	assert_int_equal(u.dg.target, 7);
	assert_int_equal(u.entries[0].facts.runnable, (1 << 24) - 1);
	assert_int_equal(u.entries[0].facts.age_ms, 1220);
	assert_int_equal(u.entries[0].facts.cpu_class, 0xdeadbeef);
	assert_int_equal(u.entries[0].facts.mem_total, 1u << 30);
	assert_int_equal(u.entries[0].seq, 18);
	assert_memory_equal(&u.updates[0], &up, sizeof(up));
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(gossip_unpack(buf, cut, &u), -EPROTO);
	assert_int_equal(gossip_unpack(buf, len + 1, &u), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire),    cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_memory),  cmocka_unit_test(test_ages),
		cmocka_unit_test(test_killed),  cmocka_unit_test(test_partition),
		cmocka_unit_test(test_doubted), cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_hung),    cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_join),    cmocka_unit_test(test_leave),
		cmocka_unit_test(test_rejoin),  cmocka_unit_test(test_rejoin_low),
		cmocka_unit_test(test_churn),   cmocka_unit_test(test_tombstones),
		cmocka_unit_test(test_bytes),   cmocka_unit_test(test_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
