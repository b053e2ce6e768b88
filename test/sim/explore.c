/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breadth-first search through everything that can happen in the checker's cluster, and random
 * walks for what lies beyond.
 */
#include "test/sim/explore.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALK_STEPS 400

/* How a state was reached, by its number in the order of discovery. */
struct origin {
	uint32_t parent;
	struct act act;
};

struct search {
	struct world root;
	uint64_t *seen; /* hashes, 0 = free; a power of two of them */
	size_t seen_size;
	struct origin *origins;
	struct world *queue; /* a ring: numbers head .. count - 1 */
	size_t queue_size;
	size_t count, head, limit;
};

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return p;
}

/* An assertion of the machines is a finding like any other. */
static sigjmp_buf on_abort;

static void catch_abort(int sig)
{
	(void)sig;
	siglongjmp(on_abort, 1);
}

static void guard_begin(void)
{
	struct sigaction sa = {.sa_handler = catch_abort, .sa_flags = SA_NODEFER};

	sigaction(SIGABRT, &sa, NULL);
}

static bool guarded_do(struct world *w, struct act act)
{
	if (sigsetjmp(on_abort, 0)) {
		sim_complain("an assertion failed");
		return true;
	}
	return act_do(w, act);
}

static void guarded_rest(const struct world *w, bool verbose)
{
	if (sigsetjmp(on_abort, 0)) {
		sim_complain("an assertion failed");
		return;
	}
	judge_rest(*w, verbose);
}

static void judge(const struct world *w, bool rest)
{
	if (!sim_violation)
		judge_state(w);
	if (!sim_violation && rest)
		guarded_rest(w, false);
}

static void print_trace(const struct world *root, const struct act *acts, size_t count)
{
	struct world w = *root;
	const char *what = sim_violation;

	for (size_t i = 0; i < count; i++) {
		printf("%3zu. ", i + 1);
		act_print(acts[i]);
		guarded_do(&w, acts[i]);
		world_print(&w);
	}
	if (what && !strncmp(what, "at rest", 7)) {
		printf("and at rest:\n");
		guarded_rest(&w, true);
	}
	printf("VIOLATION: %s\n", what ? what : "none");
}

static void print_path(const struct search *s, size_t number)
{
	struct act acts[256];
	size_t count = 0;

	for (size_t n = number; n != 0 && count < 256; n = s->origins[n].parent)
		count++;
	for (size_t n = number, i = count; i > 0; n = s->origins[n].parent)
		acts[--i] = s->origins[n].act;
	print_trace(&s->root, acts, count);
}

/* True if @w was not there before. */
static bool remember(struct search *s, const struct world *w)
{
	uint64_t h = world_hash(w);
	size_t i = h & (s->seen_size - 1);

	for (; s->seen[i] != 0; i = (i + 1) & (s->seen_size - 1))
		if (s->seen[i] == h)
			return false;
	s->seen[i] = h;
	return true;
}

static void grow_queue(struct search *s)
{
	size_t size = s->queue_size * 2;
	struct world *queue = must(malloc(size * sizeof(*queue)));

	for (size_t n = s->head; n < s->count; n++)
		queue[n & (size - 1)] = s->queue[n & (s->queue_size - 1)];
	free(s->queue);
	s->queue = queue;
	s->queue_size = size;
}

static void add(struct search *s, const struct world *w, size_t parent, struct act act)
{
	if (s->count - s->head == s->queue_size)
		grow_queue(s);
	s->queue[s->count & (s->queue_size - 1)] = *w;
	s->origins[s->count] = (struct origin){(uint32_t)parent, act};
	s->count++;
}

static void expand(struct search *s, size_t number, struct explore *ret)
{
	const struct world from = s->queue[number & (s->queue_size - 1)];
	struct act acts[ACTS_MAX];
	size_t count = act_list(acts);
	bool changed = true;
	struct world w;

	for (size_t i = 0; i < count && s->count < s->limit; i++) {
		if (changed)
			w = from;
		sim_overflow = false;
		changed = guarded_do(&w, acts[i]);
		if (!changed)
			continue;
		if (sim_overflow) {
			ret->overflows++;
			continue;
		}
		ret->steps++;
		if (!sim_violation && !remember(s, &w))
			continue;
		add(s, &w, number, acts[i]);
		judge(&w, true);
		if (sim_violation)
			return;
	}
}

bool explore_all(const struct world *root, size_t limit, bool verbose, struct explore *ret)
{
	struct search s = {.root = *root, .limit = limit, .seen_size = 1024, .queue_size = 1024};

	while (s.seen_size < limit * 2)
		s.seen_size *= 2;
	s.seen = must(calloc(s.seen_size, sizeof(*s.seen)));
	s.origins = must(calloc(limit + 1, sizeof(*s.origins)));
	s.queue = must(calloc(s.queue_size, sizeof(*s.queue)));
	guard_begin();

	remember(&s, root);
	add(&s, root, 0, (struct act){0});
	for (; s.head < s.count && !sim_violation && s.count < s.limit; s.head++)
		expand(&s, s.head, ret);
	ret->states += s.count;
	ret->complete = s.head == s.count;
	if (sim_violation && verbose)
		print_path(&s, s.count - 1);
	free(s.seen);
	free(s.origins);
	free(s.queue);
	return !sim_violation;
}

static uint64_t next_random(uint64_t *r)
{
	*r ^= *r << 13;
	*r ^= *r >> 7;
	*r ^= *r << 17;
	return *r >> 11;
}

/* What a walk is like. */
struct mood {
	bool gentle;       /* nothing of the job dies, so it must be there at the end */
	unsigned int rare; /* one in so many faults that are thought of comes to be */
};

static bool is_chosen(struct act act, const struct mood *mood, uint64_t *r)
{
	if (mood->gentle && (act.kind == ACT_DIE || act.kind == ACT_POWER || act.kind == ACT_DEAD))
		return false;
	if (act.kind == ACT_STALE)
		return next_random(r) % 20 == 0;
	return act.kind <= ACT_START || next_random(r) % mood->rare == 0;
}

static size_t walk(struct world *w, const struct mood *mood, uint64_t *r, struct act *path,
		   struct explore *ret)
{
	struct world last;
	struct act acts[ACTS_MAX];
	size_t count = act_list(acts);
	size_t done = 0;

	for (unsigned int tries = 0; done < WALK_STEPS && tries < WALK_STEPS * 64; tries++) {
		struct act act = acts[next_random(r) % count];

		if (!is_chosen(act, mood, r))
			continue;
		last = *w;
		sim_overflow = false;
		if (!guarded_do(w, act))
			continue;
		if (sim_overflow) {
			ret->overflows++;
			*w = last;
			continue;
		}
		path[done++] = act;
		ret->steps++;
		judge(w, done % 16 == 0 || done == WALK_STEPS);
		if (sim_violation)
			break;
	}
	return done;
}

bool explore_walk(const struct world *root, uint64_t seed, bool verbose, struct explore *ret)
{
	struct act path[WALK_STEPS];
	struct world w = *root;
	static const unsigned int rare[] = {10, 30, 100};
	struct mood mood = {.gentle = seed % 2 == 0, .rare = rare[seed / 2 % 3]};
	uint64_t r = seed * 0x9e3779b97f4a7c15 + 1;
	size_t done;

	guard_begin();
	for (int i = 0; i < 4; i++)
		next_random(&r);
	done = walk(&w, &mood, &r, path, ret);
	if (sim_violation && verbose)
		print_trace(root, path, done);
	return !sim_violation;
}
