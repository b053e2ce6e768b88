/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks the hand-over by trying everything: all orders of events with up to a few faults, and
 * random walks with many. With --mutants it checks itself: rules broken on purpose must be found.
 */
#include "policy/handover_table.h"
#include "test/sim/explore.h"
#include "test/sim/mutants.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene {
	const char *name;
	uint8_t start; /* node of the job; 0 is home */
	uint8_t until; /* 0, or: the first move, to destination, has come to this state */
	uint8_t destination;
	bool old; /* its first messages will turn up once more */
	struct budget budget;
	size_t limit; /* of states */
};

#define MANY 150000

static const struct scene scenes[] = {
	{"two moves, no faults", 1, 0, 0, false, {.moves = 2}, MANY},
	{"two moves from home, no faults", 0, 0, 0, false, {.moves = 2}, MANY},
	{"exit or kill", 1, 0, 0, false, {.moves = 1, .ends = 1}, MANY},
	{"one fault", 1, 0, 0, false, {.faults = 1, .moves = 1}, 800000},
	{"one fault, from home", 0, 0, 0, false, {.faults = 1, .moves = 1}, 800000},
	{"old messages", 1, ARBITER_COMMITTING, 2, true, {.faults = 1}, MANY},
	{"old messages, from home", 0, ARBITER_COMMITTING, 1, true, {.faults = 1}, MANY},
	{"repeated messages", 1, ARBITER_MOVING, 2, false, {.faults = 1, .noise = 1}, MANY},
	{"dumping", 1, ARBITER_MOVING, 2, false, {.faults = 2}, MANY},
	{"dumping, to home", 1, ARBITER_MOVING, 0, false, {.faults = 2}, MANY},
	{"dumped", 1, ARBITER_DUMPED, 2, false, {.faults = 2}, MANY},
	{"restored, to home", 1, ARBITER_READY, 0, false, {.faults = 2}, MANY},
	{"dumped, from home", 0, ARBITER_DUMPED, 1, false, {.faults = 2}, MANY},
	{"committed", 1, ARBITER_COMMITTING, 2, false, {.faults = 3}, MANY},
	{"committed, to home", 1, ARBITER_COMMITTING, 0, false, {.faults = 3}, MANY},
	{"committed, from home", 0, ARBITER_COMMITTING, 1, false, {.faults = 3}, MANY},
};

#define SCENES (sizeof(scenes) / sizeof(scenes[0]))

static struct sim_msg first_message(enum handover_msg msg, uint8_t flags)
{
	return (struct sim_msg){.kind = (uint8_t)msg, .move = 1, .gen = 2, .flags = flags};
}

static struct world scene_root(const struct scene *scene)
{
	struct world w;

	world_init(&w, 0, scene->start);
	if (scene->until != 0) {
		home_start(&w, scene->destination);
		while (w.arbiter.state != scene->until && act_work(&w))
			;
	}
	if (scene->old) {
		stale_add(&w, scene->destination, false, first_message(HANDOVER_MSG_PREPARE, 0));
		stale_add(&w, scene->start, false, first_message(HANDOVER_MSG_BEGIN, FLAG_SOURCE));
	}
	w.budget = scene->budget;
	return w;
}

static bool search_scenes(size_t limit)
{
	for (size_t i = 0; i < SCENES; i++) {
		struct world root = scene_root(&scenes[i]);
		struct explore found = {0};
		size_t most = limit ? limit : scenes[i].limit;

		if (!explore_all(&root, most, true, &found))
			return false;
		if (scenes[i].until != 0 && root.arbiter.state != scenes[i].until)
			sim_complain("a scene cannot be set up");
		printf("# %s: %zu states, %zu steps, %zu overflows%s\n", scenes[i].name,
		       found.states, found.steps, found.overflows,
		       found.complete ? ", complete" : "");
		fflush(stdout);
	}
	return true;
}

static bool walks(uint64_t seed, unsigned int count, bool verbose)
{
	struct explore found = {0};

	for (unsigned int i = 0; i < count; i++) {
		struct world w;

		world_init(&w, 0, i % 3 == 0 ? 0 : 1);
		w.budget = (struct budget){
			.faults = (uint8_t)(1 + i % 10),
			.moves = (uint8_t)(1 + i % 6),
			.ends = i % 4 == 0,
			.noise = (uint8_t)(i % 5),
		};
		if (!explore_walk(&w, seed + i, verbose, &found)) {
			if (verbose)
				printf("# seed %llu\n", (unsigned long long)(seed + i));
			return false;
		}
	}
	if (verbose)
		printf("# %u walks, %zu steps, %zu overflows\n", count, found.steps,
		       found.overflows);
	return true;
}

/* A row that nothing ever took is either not needed, or the cluster lacks something. */
static bool all_rows_taken(void)
{
	bool all = true;

	for (unsigned int role = 0; role < 3; role++) {
		const struct handover_table *t = handover_table(role);

		for (size_t i = 0; i < t->row_count; i++) {
			if (sim_rows[role][i])
				continue;
			printf("# never taken: %s row %zu\n", t->name, i);
			all = false;
		}
	}
	return all;
}

static int check(size_t limit, uint64_t seed, unsigned int walk_count)
{
	bool ok = search_scenes(limit) && walks(seed, walk_count, true);
	/* A short search does not get everywhere. */
	bool all = all_rows_taken() || limit != 0;

	printf("%s 1 - the hand-over keeps its promises\n", ok ? "ok" : "not ok");
	printf("%s 2 - every row of the tables was taken\n", all ? "ok" : "not ok");
	printf("1..2\n");
	return ok && all ? 0 : 1;
}

/* Is the broken rule noticed? */
static bool is_caught(size_t mutant, size_t limit, bool verbose)
{
	bool caught = false;

	mutant_choose(mutant);
	judge_forget();
	for (size_t i = 2; i < SCENES && !caught; i++) {
		struct world root = scene_root(&scenes[i]);
		struct explore found = {0};

		caught = !explore_all(&root, limit, verbose, &found);
	}
	if (!caught)
		caught = !walks(1, 30000, verbose);
	mutant_choose(MUTANT_NONE);
	return caught;
}

static int check_mutants(size_t only, size_t limit)
{
	int r = 0;

	for (size_t i = 0; i < mutant_count; i++) {
		if (only != MUTANT_NONE && only != i)
			continue;
		sim_violation = NULL;
		if (!is_caught(i, limit, only == i))
			r = 1;
		printf("%s %zu - %s%s%s\n", sim_violation ? "ok" : "not ok", i + 1, mutant_name(i),
		       sim_violation ? ": " : "", sim_violation ? sim_violation : "");
		fflush(stdout);
	}
	printf("1..%zu\n", mutant_count);
	return r;
}

int main(int argc, char **argv)
{
	size_t limit = 0, only = MUTANT_NONE;
	unsigned int walk_count = 4000;
	uint64_t seed = 1;
	bool mutants = false;

	for (int i = 1; i < argc; i++) {
		const char *value = strchr(argv[i], '=');
		unsigned long long number = value ? strtoull(value + 1, NULL, 10) : 0;

		if (!strncmp(argv[i], "--states=", 9))
			limit = number;
		else if (!strncmp(argv[i], "--walks=", 8))
			walk_count = (unsigned int)number;
		else if (!strncmp(argv[i], "--seed=", 7))
			seed = number;
		else if (!strncmp(argv[i], "--mutant=", 9))
			mutants = true, only = number - 1;
		else if (!strcmp(argv[i], "--mutants"))
			mutants = true;
		else
			return fprintf(stderr,
				       "usage: %s [--states=N] [--walks=N] [--seed=N] "
				       "[--mutants | --mutant=N]\n",
				       argv[0]),
			       2;
	}
	return mutants ? check_mutants(only, limit ? limit : 60000)
		       : check(limit, seed, walk_count);
}
