/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The survey of nodes that a decision is made on, and the choice among them.
 */
#include "policy/balance_impl.h"
#include "policy/load.h"
#include <math.h>
#include <stdlib.h>

/* Places among the targets that are kept for nodes that a single job has to do with. */
#define TARGETS_FOR_JOB 16

uint32_t node_reserve(const struct balance *b, const struct node_facts *n)
{
	uint32_t reserve = b->config.memory_reserve;

	if (!reserve) {
		reserve = n->mem_total / 20;
		if (reserve < 64)
			reserve = 64;
	}
	return reserve < n->mem_total / 4 ? reserve : n->mem_total / 4;
}

/* For one task that has the node for itself; what is measured differs by as much between equals. */
bool node_is_faster(const struct node_facts *a, const struct node_facts *b)
{
	return a->speed * fmin(a->cpus, 1000) > 1.1 * b->speed * fmin(b->cpus, 1000);
}

static void target_init(struct balance *b, struct target *t, const struct node_facts *n,
			double tasks, double memory)
{
	t->facts = n;
	t->priced = false;
	cost_node_init(&t->cost, n, tasks);
	t->cost.used = fmin(fmax(t->cost.used + memory, 0), t->cost.usable);
	t->room = n->mem_total ? n->mem_free - memory - node_reserve(b, n) : (double)INFINITY;
	/* With one task more: nothing that is compared takes much longer. */
	cost_scale_know(&b->survey->scale, cost_time(&t->cost, 1));
}

static void add_target(struct balance *b, const struct node_facts *n)
{
	struct survey *s = b->survey;
	double coming = 0, there = 0, memory = 0;

	if (b->heard_count)
		n = state_newest(b, s->view->now_ms, n);
	if ((n->flags & NODE_DRAINING) || n->node == s->view->self->node)
		return;
	if (b->debit_count)
		state_debits_of(b, s->view->now_ms, n, &coming, &there, &memory);
	target_init(b, &s->nodes[s->count++], n, fmax(n->runnable, there) + coming, memory);
}

/* 1/1000 tasks of the jobs that are here, the one that is leaving left out. Those that have only
 * just come show in no sample yet. */
static double tasks_of_jobs(const struct balance *b, const struct balance_view *v)
{
	double tasks = 0;

	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];

		if (j->job != b->pending.job)
			tasks += j->here_ms < SAMPLE_MS ? fmax(j->demand, 1000) : j->demand;
	}
	return tasks;
}

/* 1/1000 tasks and MiB that were promised to come here and have not; who has come is forgotten. */
static void coming_here(struct balance *b, const struct balance_view *v, double *ret_tasks,
			double *ret_memory)
{
	struct node_facts now = *v->self;
	double there;

	now.age_ms = 0;
	for (size_t i = 0; i < v->job_count && b->debit_count; i++)
		state_arrived(b, v->jobs[i].job, v->self->node);
	state_debits_of(b, v->now_ms, &now, ret_tasks, &there, ret_memory);
}

void survey_sampled(struct balance *b, const struct balance_view *v)
{
	double coming, left, memory, others;

	/* The numbers are those of before the move, the list of jobs is that of after it. */
	if (b->moved) {
		b->moved = false;
		return;
	}
	coming_here(b, v, &coming, &memory);
	state_left(b, v->now_ms, &left, &memory);
	others = fmax(0, v->self->runnable - tasks_of_jobs(b, v) - coming - left);
	b->others[1] = b->others_ms ? b->others[0] : others;
	b->others[0] = others;
	b->others_ms = v->now_ms;
}

static bool others_known(const struct balance *b, const struct balance_view *v)
{
	return b->others_ms && v->now_ms - b->others_ms <= 10 * SAMPLE_MS;
}

/* Samples are up to a second old and smoothed, but who has come and gone since is known. */
static double tasks_now(const struct balance *b, const struct balance_view *v)
{
	double jobs = tasks_of_jobs(b, v);

	if (!v->job_count && v->self->jobs + v->self->guests)
		return v->self->runnable; /* nobody said which */
	return others_known(b, v) ? jobs + b->others[0] : fmax(jobs, v->self->runnable);
}

/* What is no job must be seen twice, lest a job leaves for the sake of one that has just ended. */
static double tasks_leaving(const struct balance *b, const struct balance_view *v)
{
	double jobs = tasks_of_jobs(b, v);

	return others_known(b, v) ? jobs + fmin(b->others[0], b->others[1])
				  : fmax(jobs, v->self->runnable);
}

/* MiB that jobs which are here were said to need and have not taken yet. */
static double memory_promised(const struct balance *b, const struct balance_view *v)
{
	double promised = 0;

	for (size_t i = 0; i < v->job_count; i++) {
		const struct job_facts *j = &v->jobs[i];

		if (job_promised(j) && j->job != b->pending.job)
			promised += j->mem_hint - j->memory;
	}
	return promised;
}

static void add_self(struct balance *b, const struct balance_view *v, enum survey_as as)
{
	double tasks, coming, memory, left, left_memory;

	coming_here(b, v, &coming, &memory);
	state_left(b, v->now_ms, &left, &left_memory);
	tasks = as == SURVEY_LEAVING ? tasks_leaving(b, v) : tasks_now(b, v);
	b->survey->promised = memory_promised(b, v);
	memory += b->survey->promised - left_memory;
	target_init(b, &b->survey->here, v->self, tasks + coming, memory);
	b->survey->tasks = b->survey->here.cost.tasks;
}

void survey_make(struct balance *b, const struct balance_view *v, enum survey_as as)
{
	struct survey *s = b->survey;
	size_t most = TARGETS_MAX - TARGETS_FOR_JOB, first = 0, step = 1;

	s->view = v;
	s->count = 0;
	s->some = v->node_count > most;
	cost_scale_init(&s->scale, v->cluster,
			as == SURVEY_LEAVING ? COST_HARM_OLD : COST_HARM_NEW);
	add_self(b, v, as);
	if (s->some) {
		first = random_below(&b->random, (uint32_t)v->node_count);
		step = v->node_count / most;
	} else {
		most = v->node_count;
	}
	for (size_t i = 0; i < most; i++)
		add_target(b, &v->nodes[(first + i * step) % v->node_count]);
	s->base = s->count;
}

static void add_once(struct balance *b, const struct node_facts *n)
{
	const struct survey *s = b->survey;

	for (size_t i = 0; i < s->count; i++)
		if (s->nodes[i].facts->node == n->node)
			return;
	if (s->count < TARGETS_MAX)
		add_target(b, n);
}

static void add_by_number(struct balance *b, uint32_t node)
{
	const struct balance_view *v = b->survey->view;

	for (size_t i = 0; i < v->node_count; i++) {
		if (v->nodes[i].node != node)
			continue;
		add_once(b, &v->nodes[i]);
		return;
	}
}

static int compare_nodes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool job_allowed(const struct job_facts *j, uint32_t node)
{
	return !j->allowed ||
	       bsearch(&node, j->allowed, j->allowed_count, sizeof(node), compare_nodes) != NULL;
}

/* Of many nodes only some are looked at: those that a job has to do with must be among them. */
static void add_for_job(struct balance *b, const struct job_facts *j)
{
	const struct balance_view *v = b->survey->view;
	double longest = b->survey->scale.longest;

	b->survey->count = b->survey->base;
	if (!b->survey->some)
		return;
	if (j->home)
		add_by_number(b, j->home);
	for (unsigned int i = 0; i < JOB_FILE_NODES && j->files[i].rate; i++)
		add_by_number(b, j->files[i].node);
	for (size_t i = 0; j->allowed && i < v->node_count; i++)
		if (job_allowed(j, v->nodes[i].node))
			add_once(b, &v->nodes[i]);
	b->survey->scale.longest = longest; /* there are prices already */
}

static enum balance_why takes_guest(const struct node_facts *n, const struct job_facts *j)
{
	if (n->flags & NODE_OWNER_BUSY)
		return BALANCE_WHY_OWNER;
	if (n->flags & NODE_NO_GUESTS)
		return n->flags & NODE_FULL ? BALANCE_WHY_FULL : BALANCE_WHY_BLOCKED;
	return j->job_class < 8 && (n->classes >> j->job_class & 1) ? BALANCE_WHY_NOT
								    : BALANCE_WHY_CLASS;
}

static enum balance_why flags_allow(const struct node_facts *n, const struct job_facts *j,
				    enum pick_for what)
{
	enum balance_why why = BALANCE_WHY_NOT;

	if (n->flags & NODE_DRAINING)
		return BALANCE_WHY_DRAINED;
	if (n->node != j->home)
		why = takes_guest(n, j);
	if (why)
		return why;
	if ((n->flags & NODE_NO_MOVES) && what != PICK_PLACE)
		return BALANCE_WHY_NO_MOVES;
	if ((n->flags & NODE_MEMORY_LOW) && what != PICK_LEAVE)
		return BALANCE_WHY_MEMORY;
	return (n->flags & NODE_NO_BALANCE) && what == PICK_LOAD ? BALANCE_WHY_REFUSED
								 : BALANCE_WHY_NOT;
}

/* MiB that the job will need there, by what for it is asked. */
static double room_needed(const struct balance *b, const struct target *t,
			  const struct job_facts *j, enum pick_for what)
{
	double now = j->memory + j->growth * (state_move_ms(b, j) / 1000.0);
	double hinted = fmax(now, j->mem_hint);
	/* Until it has what its user said, it grows to that. */
	double grows = job_promised(j) ? 0 : j->growth * 30.0;

	switch (what) {
	case PICK_PLACE:
		return hinted;
	case PICK_LOAD:
		return hinted + grows + node_reserve(b, t->facts) / 4.0;
	case PICK_GROW:
		return hinted + grows;
	case PICK_MEMORY:
	case PICK_LEAVE:
		break;
	}
	return now + j->growth * 2.0;
}

enum balance_why pick_why(struct balance *b, const struct target *t, const struct job_facts *j,
			  enum pick_for what)
{
	const struct balance_view *v = b->survey->view;
	enum balance_why why = flags_allow(t->facts, j, what);

	if (why)
		return why;
	if (!job_allowed(j, t->facts->node))
		return BALANCE_WHY_ALLOWED;
	if (t->room < room_needed(b, t, j, what))
		return BALANCE_WHY_MEMORY;
	if (b->refusal_count && state_refused(b, v->now_ms, j->job, t->facts->node))
		return BALANCE_WHY_REFUSED;
	return v->fits && !v->fits(v->arg, j, t->facts) ? BALANCE_WHY_CPU : BALANCE_WHY_NOT;
}

bool pick_allows(struct balance *b, const struct target *t, const struct job_facts *j,
		 enum pick_for what)
{
	return pick_why(b, t, j, what) == BALANCE_WHY_NOT;
}

static void price(struct survey *s, struct target *t)
{
	if (t->priced)
		return;
	cost_node_price(&s->scale, &t->cost);
	t->priced = true;
}

double target_cost(struct survey *s, struct target *t, const struct job_facts *j)
{
	struct cost_job c;

	price(s, t);
	cost_job_init(&c, j);
	return cost_marginal(&s->scale, &t->cost, &c, cost_files(&c, j, t->facts->node));
}

double target_time(struct survey *s, const struct target *t, const struct job_facts *j)
{
	struct cost_job c;

	cost_job_init(&c, j);
	return cost_own_time(&s->scale, &t->cost, &c, cost_files(&c, j, t->facts->node));
}

struct target here_without(struct survey *s, const struct job_facts *j)
{
	struct target without = s->here;

	without.priced = false;
	without.cost.tasks = fmax(0, without.cost.tasks - j->demand / 1000.0);
	without.cost.used = fmax(0, without.cost.used - j->memory);
	return without;
}

double here_cost(struct survey *s, const struct job_facts *j)
{
	struct target without = here_without(s, j);

	return target_cost(s, &without, j);
}

/* How much dearer than the best a target may be and still be as good. */
static double nearness(const struct balance *b, const struct cost_job *c, const struct target *t)
{
	const struct cost_scale *s = &b->survey->scale;
	double time = b->config.near_load / (double)LOAD_STANDARD;

	return fmax(1, c->tasks) * cost_slope(s, t->cost.price) * time / s->longest;
}

/* The time at which the job's own price alone is @cost. */
static double price_time(const struct survey *s, const struct cost_job *c, double cost)
{
	return cost_unprice(&s->scale, cost / fmax(1, c->tasks)) * s->scale.longest;
}

struct near {
	struct target *target[TARGETS_MAX];
	double cost[TARGETS_MAX];
	size_t count;
};

static struct pick choose_near(const struct near *near, struct random *r, double most)
{
	struct pick p = {0};
	uint32_t as_good = 0;

	for (size_t i = 0; i < near->count; i++) {
		if (near->cost[i] > most)
			continue;
		as_good++;
		if (as_good == 1 || random_below(r, as_good) == 0)
			p = (struct pick){near->target[i], near->cost[i]};
	}
	return p;
}

struct pick pick_target(struct balance *b, struct random *r, const struct job_facts *j,
			enum pick_for what, double limit)
{
	struct survey *s = b->survey;
	struct near near = {.count = 0};
	struct cost_job c;
	double most = limit; /* that a target may cost and still be chosen */
	double longest;      /* the same of the job's own price alone, as time: cheap to compare */

	add_for_job(b, j);
	cost_job_init(&c, j);
	longest = price_time(s, &c, most);
	for (size_t i = 0; i < s->count; i++) {
		struct target *t = &s->nodes[i];
		double files = c.files > 0 ? cost_files(&c, j, t->facts->node) : 0;
		double after = cost_time(&t->cost, c.tasks), cost;

		if (c.cpu * after + files > longest)
			continue;
		price(s, t);
		if (cost_at_least(&s->scale, &t->cost, &c, after) > most)
			continue;
		cost = cost_marginal(&s->scale, &t->cost, &c, files);
		if (!(cost <= most) || !pick_allows(b, t, j, what))
			continue;
		near.target[near.count] = t;
		near.cost[near.count++] = cost;
		if (cost + nearness(b, &c, t) >= most)
			continue;
		most = cost + nearness(b, &c, t);
		longest = price_time(s, &c, most);
	}
	return choose_near(&near, r, most);
}
