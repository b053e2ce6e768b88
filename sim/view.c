/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node sees of itself, of its jobs and of the others. */
#include "sim/run.h"
#include <math.h>
#include <stdlib.h>

bool sim_reachable(const struct sim *s, uint32_t a, uint32_t b)
{
	const struct sim_conf *c = s->conf;
	double seconds = (double)s->now_us / 1e6;
	uint32_t cut = (uint32_t)(c->partition_share * s->c.count);

	if (!s->c.nodes[a].alive || !s->c.nodes[b].alive)
		return false;
	if (seconds < c->partition_start || seconds >= c->partition_start + c->partition_length)
		return true;
	return (a < cut) == (b < cut);
}

void sim_self_facts(const struct sim *s, uint32_t node, struct node_facts *ret)
{
	const struct sim_node *n = &s->c.nodes[node];
	double free = fmax(n->memory - n->used - n->held, 0);

	*ret = (struct node_facts){
		.node = node_number(node),
		.cpus = (uint32_t)(n->cpus * 1000),
		.speed = (uint32_t)(n->speed * SPEED_STANDARD),
		.runnable = n->views.leaving,
		.mem_total = (uint32_t)n->memory,
		.mem_free = (uint32_t)free,
		.jobs = (uint16_t)(n->count > UINT16_MAX ? UINT16_MAX : n->count),
		.classes = 0xff,
	};
}

void sim_job_facts(struct sim *s, uint32_t job, struct job_facts *ret)
{
	const struct sim_job *j = &s->c.jobs[job];
	const struct trace_job *t = &s->trace->jobs[job];
	bool runs = j->state == JOB_RUNS;

	*ret = (struct job_facts){
		.job = (uint64_t)job + 1,
		.home = node_number(t->home),
		.flags = runs ? 0 : JOB_MOVING,
		.demand = j->demand,
		.used = j->used,
		.mem_hint = t->hint ? (uint32_t)ceil((double)t->memory) : 0,
		.age_ms = (uint32_t)((s->now_us - j->released_us) / 1000),
		.here_ms = (uint32_t)((s->now_us - j->came_us) / 1000),
	};
	/* Before a job runs nobody sees its memory. */
	if (runs || j->state == JOB_MOVES)
		ret->memory = (uint32_t)ceil(job_memory(&s->c, job));
	if (runs)
		ret->growth = (uint32_t)ceil(job_growth(&s->c, job));
}

static bool job_room(struct sim *s, uint32_t count)
{
	uint32_t more = 2 * count + 16;
	struct job_facts *p;

	if (count <= s->job_room)
		return true;
	p = reallocarray(s->job_facts, more, sizeof(*p));
	if (!p)
		return false;
	s->job_facts = p;
	s->job_room = more;
	return true;
}

const struct sim_view *sim_view(struct sim *s, uint32_t node, enum sim_view_of of,
				struct sim_view *ret)
{
	struct sim_node *n = &s->c.nodes[node];
	uint32_t max = s->conf->candidates ? s->conf->candidates : s->c.count;

	s->know_ops->until(s->know, s->now_us);
	node_advance(n, s->now_us);
	*ret = (struct sim_view){.nodes = s->facts, .cluster = s->know_ops->alive(s->know, node)};
	sim_self_facts(s, node, &ret->self);
	if (of & VIEW_NODES)
		ret->node_count = s->know_ops->view(s->know, node, s->facts, max);
	if (!(of & VIEW_JOBS))
		return ret;
	if (!job_room(s, n->count))
		return NULL;
	for (uint32_t i = 0; i < n->count; i++)
		sim_job_facts(s, n->jobs[i], &s->job_facts[i]);
	ret->jobs = s->job_facts;
	ret->job_count = n->count;
	return ret;
}
