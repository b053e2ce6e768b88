/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gossip for large clusters: the rules of policy/gossip.h for all nodes at once. What a node knows
 * of another is the moment at which that one said so; what it said then is kept once for all, so
 * that an entry is four bytes. Messages arrive at once, and who is dead is known after a fixed
 * time: for the membership protocol itself take the real one.
 */
#include "policy/gossip_wire.h"
#include "sim/run.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1023u    /* nodes that a decision can look at */
#define LIST_LARGE 48u    /* the same in clusters of more nodes than that */
#define DETECT_US 5000000 /* from a crash until nobody counts the node any more */
#define SCAN 400u         /* entries among which the oldest is looked for */
#define SCAN_LARGE 64u    /* the same in clusters of more nodes than SCAN_NODES */
#define SCAN_NODES 4000u
#define STREAM_GOSSIP 301u

struct said {
	uint32_t runnable, mem_free, guests;
};

struct know {
	struct sim *s;
	struct know_stats stats;
	struct random random;
	uint32_t count, list_max, window, ring;
	uint32_t *stamps; /* count × count: slot + 1 at which the other said it; 0: never heard */
	uint64_t *lists;  /* count × list_max: stamp << 32 | node, freshest first */
	uint32_t *list_count;
	uint32_t *hands;          /* where the search for the oldest entry goes on */
	uint8_t *pulls;           /* the next step is a pull */
	struct said *said;        /* count × ring: per second */
	struct node_facts *fixed; /* what never changes of each node */
	int64_t *down_us;         /* SIM_NEVER: up */
	uint32_t *marks;          /* scratch: entries that came just now */
	uint32_t mark;
	uint64_t *merged;
};

static void model_free(struct know *k)
{
	free(k->stamps);
	free(k->lists);
	free(k->list_count);
	free(k->hands);
	free(k->pulls);
	free(k->said);
	free(k->fixed);
	free(k->down_us);
	free(k->marks);
	free(k->merged);
	free(k);
}

static bool make_room(struct know *k)
{
	size_t n = k->count;

	k->stamps = calloc(n * n, sizeof(*k->stamps));
	k->lists = calloc(n * k->list_max, sizeof(*k->lists));
	k->list_count = calloc(n, sizeof(*k->list_count));
	k->hands = calloc(n, sizeof(*k->hands));
	k->pulls = calloc(n, sizeof(*k->pulls));
	k->said = calloc(n * k->ring, sizeof(*k->said));
	k->fixed = calloc(n, sizeof(*k->fixed));
	k->down_us = calloc(n, sizeof(*k->down_us));
	k->marks = calloc(n, sizeof(*k->marks));
	k->merged = calloc((size_t)k->list_max + 1, sizeof(*k->merged));
	return k->stamps && k->lists && k->list_count && k->hands && k->pulls && k->said &&
	       k->fixed && k->down_us && k->marks && k->merged;
}

static struct know *model_new(struct sim *s)
{
	struct know *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->s = s;
	k->count = s->c.count;
	k->list_max = k->count <= LIST_MAX ? k->count : LIST_LARGE;
	k->ring = k->count <= LIST_MAX ? 1024 : 128;
	k->window = s->conf->window ? s->conf->window : GOSSIP_WINDOW;
	k->stats.window = k->window;
	random_seed(&k->random, s->conf->seed * 1000 + STREAM_GOSSIP);
	if (!make_room(k)) {
		model_free(k);
		return NULL;
	}
	for (uint32_t i = 0; i < k->count; i++) {
		k->down_us[i] = SIM_NEVER;
		sim_self_facts(s, i, &k->fixed[i]);
	}
	return k;
}

/* ------------------------------------------------------------------ entries */

static uint32_t now_stamp(const struct know *k)
{
	return (uint32_t)(k->s->now_us / SLOT_US) + 1;
}

static uint32_t *row(struct know *k, uint32_t node)
{
	return &k->stamps[(size_t)node * k->count];
}

static uint64_t *list(struct know *k, uint32_t node)
{
	return &k->lists[(size_t)node * k->list_max];
}

/* What is news to @to goes into its row; *ret_news gets it. */
static uint32_t take_news(struct know *k, uint32_t to, const uint64_t *entries, uint32_t count,
			  uint64_t *ret_news)
{
	uint32_t *stamps = row(k, to), news = 0;

	/* Rows do not fit in any cache: all misses at once instead of one after the other. */
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(&stamps[(uint32_t)entries[i]], 1);
	for (uint32_t i = 0; i < k->list_count[to]; i += 8)
		__builtin_prefetch(list(k, to) + i, 1);
	k->mark++;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t node = (uint32_t)entries[i], stamp = (uint32_t)(entries[i] >> 32);

		if (node == to || stamps[node] >= stamp)
			continue;
		stamps[node] = stamp;
		k->marks[node] = k->mark;
		ret_news[news++] = entries[i];
	}
	return news;
}

/* Both sorted; what @news has replaces what the list had of the same node. */
static void merge(struct know *k, uint32_t to, const uint64_t *news, uint32_t count)
{
	uint64_t *old = list(k, to), *out = k->merged;
	uint32_t olds = k->list_count[to], i = 0, o = 0, n = 0;

	while (n < k->list_max && (i < count || o < olds)) {
		if (o < olds && k->marks[(uint32_t)old[o]] == k->mark)
			o++;
		else if (o == olds || (i < count && news[i] > old[o]))
			out[n++] = news[i++];
		else
			out[n++] = old[o++];
	}
	memcpy(old, out, n * sizeof(*old));
	k->list_count[to] = n;
}

static void count_message(struct know *k, uint32_t entries)
{
	k->stats.messages++;
	k->stats.bytes += GOSSIP_WIRE_AROUND + GOSSIP_WIRE_HEAD + entries * GOSSIP_WIRE_ENTRY;
}

static bool lost(struct know *k, uint32_t from, uint32_t to)
{
	return !sim_reachable(k->s, from, to) ||
	       (k->s->conf->loss > 0 && random_unit(&k->random) < k->s->conf->loss);
}

/* The freshest entries of @from, its own first. */
static void give(struct know *k, uint32_t from, uint32_t to)
{
	uint64_t entries[GOSSIP_WINDOW_MAX], news[GOSSIP_WINDOW_MAX];
	uint32_t count = k->list_count[from] < k->window - 1 ? k->list_count[from] : k->window - 1;

	count_message(k, count + 1);
	if (lost(k, from, to))
		return;
	entries[0] = (uint64_t)now_stamp(k) << 32 | from;
	memcpy(entries + 1, list(k, from), count * sizeof(*entries));
	count = take_news(k, to, entries, count + 1, news);
	merge(k, to, news, count);
}

/* ------------------------------------------------------------------ steps */

static bool believed_up(const struct know *k, uint32_t node)
{
	return k->down_us[node] == SIM_NEVER || k->s->now_us - k->down_us[node] < DETECT_US;
}

static uint32_t random_peer(struct know *k, uint32_t node)
{
	uint32_t to = node;

	for (int tries = 0; tries < 8; tries++) {
		to = random_below(&k->random, k->count - 1);
		to += to >= node;
		if (believed_up(k, to))
			break;
	}
	return to;
}

/* The one of whom it has heard least, among some. */
static uint32_t oldest_peer(struct know *k, uint32_t node)
{
	uint32_t most = k->count <= SCAN_NODES ? SCAN : SCAN_LARGE, at = k->hands[node];
	uint32_t scan = k->count < most ? k->count : most, best = node, oldest = UINT32_MAX;
	const uint32_t *stamps = row(k, node);

	for (uint32_t i = 0; i < scan; i++, at = at + 1 < k->count ? at + 1 : 0) {
		if (stamps[at] < oldest && at != node && believed_up(k, at)) {
			best = at;
			oldest = stamps[at];
		}
	}
	k->hands[node] = at;
	return best != node ? best : random_peer(k, node);
}

static void model_step(struct know *k, uint32_t node)
{
	uint32_t peer;

	if (k->count < 2)
		return;
	k->stats.node_seconds += (double)GOSSIP_STEP_MS / 1000;
	k->pulls[node] = !k->pulls[node];
	peer = k->pulls[node] ? random_peer(k, node) : oldest_peer(k, node);
	count_message(k, 0); /* the question of a pull, or what acknowledges a push */
	if (k->pulls[node])
		give(k, node, peer);
	else if (!lost(k, node, peer))
		give(k, peer, node);
}

static void model_facts(struct know *k, uint32_t node, const struct node_facts *f)
{
	uint64_t second = (uint64_t)k->s->now_us / 1000000;

	k->said[(size_t)node * k->ring + second % k->ring] =
		(struct said){f->runnable, f->mem_free, f->jobs};
}

static void model_down(struct know *k, uint32_t node)
{
	k->down_us[node] = k->s->now_us;
	k->list_count[node] = 0;
	memset(row(k, node), 0, k->count * sizeof(*k->stamps));
}

static void model_up(struct know *k, uint32_t node)
{
	k->down_us[node] = SIM_NEVER;
}

/* ------------------------------------------------------------------ what is known */

/* When it said so, it had its sample of at most a second before. */
static const struct said *said_at(const struct know *k, uint32_t node, uint32_t stamp)
{
	uint64_t slot = stamp - 1, now = (uint64_t)k->s->now_us / 1000000, second;

	second = slot < k->s->phase[node] ? 0 : (slot - k->s->phase[node]) / SLOTS;
	if (second + k->ring <= now)
		second = now + 1 - k->ring;
	return &k->said[(size_t)node * k->ring + second % k->ring];
}

static size_t model_view(struct know *k, uint32_t node, struct node_facts *ret, size_t max)
{
	const uint64_t *entries = list(k, node);
	uint32_t now = now_stamp(k);
	size_t count = 0;

	for (uint32_t i = 0; i < k->list_count[node]; i++) {
		uint32_t other = (uint32_t)entries[i];

		__builtin_prefetch(said_at(k, other, (uint32_t)(entries[i] >> 32)));
		__builtin_prefetch(&k->fixed[other]);
	}
	for (uint32_t i = 0; i < k->list_count[node] && count < max; i++) {
		uint32_t other = (uint32_t)entries[i], stamp = (uint32_t)(entries[i] >> 32);
		const struct said *said = said_at(k, other, stamp);
		struct node_facts *f = &ret[count];

		if (!believed_up(k, other))
			continue;
		*f = k->fixed[other];
		f->runnable = said->runnable;
		f->mem_free = said->mem_free;
		f->jobs = (uint16_t)said->guests;
		f->age_ms = (now - stamp) * (SLOT_US / 1000);
		count++;
	}
	return count;
}

static uint32_t model_alive(struct know *k, uint32_t node)
{
	uint32_t down = 0;

	(void)node;
	if (!k->s->trace->fault_count)
		return k->count;
	for (uint32_t i = 0; i < k->count; i++)
		down += !believed_up(k, i);
	return k->count - down;
}

static void model_ages(struct know *k, uint32_t node)
{
	const uint32_t *stamps = row(k, node);
	uint32_t now = now_stamp(k), oldest = 0;

	for (uint32_t i = 0; i < k->count; i++) {
		if (i == node || !stamps[i] || !believed_up(k, i))
			continue;
		know_count_age(&k->stats, (double)(now - stamps[i]) / STEP_SLOTS);
		oldest = now - stamps[i] > oldest ? now - stamps[i] : oldest;
	}
	know_count_max(&k->stats, (double)oldest / STEP_SLOTS);
}

static void model_until(struct know *k, int64_t us)
{
	(void)k, (void)us;
}

static struct know_stats *model_stats(struct know *k)
{
	return &k->stats;
}

const struct know_ops know_model = {
	.name = "model",
	.new = model_new,
	.free = model_free,
	.until = model_until,
	.step = model_step,
	.facts = model_facts,
	.down = model_down,
	.up = model_up,
	.view = model_view,
	.alive = model_alive,
	.ages = model_ages,
	.stats = model_stats,
};
