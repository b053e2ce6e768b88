/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the balancer remembers: debits, refusals, the move that is under way, what moves take.
 */
#include "policy/balance_impl.h"
#include <math.h>

/* A new entry, or the one that was made first. */
static struct debit *new_debit(struct balance *b)
{
	struct debit *first = &b->debits[0];

	if (b->debit_count < DEBITS_MAX)
		return &b->debits[b->debit_count++];
	for (size_t i = 1; i < DEBITS_MAX; i++)
		if (b->debits[i].made_ms < first->made_ms)
			first = &b->debits[i];
	return first;
}

const struct debit *state_debit(struct balance *b, int64_t now_ms, const struct job_facts *j,
				uint32_t node, uint32_t arrives_ms)
{
	struct debit *d = new_debit(b);

	*d = (struct debit){
		.job = j->job,
		.node = node,
		.tasks = j->demand,
		.memory = job_needs(j),
		.made_ms = now_ms,
		.settled_ms = now_ms + arrives_ms,
	};
	return d;
}

static void drop_debit(struct balance *b, size_t i)
{
	b->debits[i] = b->debits[--b->debit_count];
}

static struct debit *find_debit(struct balance *b, uint64_t job, uint32_t node)
{
	if (!job)
		return NULL;
	for (size_t i = 0; i < b->debit_count; i++)
		if (b->debits[i].job == job && b->debits[i].node == node)
			return &b->debits[i];
	return NULL;
}

void state_arrived(struct balance *b, uint64_t job, uint32_t self)
{
	struct debit *d = b->debit_count ? find_debit(b, job, self) : NULL;

	if (d)
		drop_debit(b, (size_t)(d - b->debits));
}

void state_expire(struct balance *b, int64_t now_ms)
{
	for (size_t i = b->debit_count; i-- > 0;)
		if (now_ms > b->debits[i].settled_ms + DEBIT_MS)
			drop_debit(b, i);
	for (size_t i = b->heard_count; i-- > 0;)
		if (now_ms > b->heard[i].at_ms + DEBIT_MS)
			b->heard[i] = b->heard[--b->heard_count];
	for (size_t i = b->refusal_count; i-- > 0;)
		if (now_ms > b->refusals[i].until_ms + REFUSED_MAX_MS)
			b->refusals[i] = b->refusals[--b->refusal_count];
}

void state_debits_of(struct balance *b, int64_t now_ms, const struct node_facts *n, double *coming,
		     double *there, double *memory)
{
	int64_t said_ms = now_ms - n->age_ms;

	*coming = *there = *memory = 0;
	for (size_t i = 0; i < b->debit_count; i++) {
		const struct debit *d = &b->debits[i];

		if (d->node != n->node)
			continue;
		if (said_ms > d->settled_ms + SAMPLE_MS) {
			*there += d->job ? d->tasks : 0;
			continue;
		}
		*coming += d->tasks;
		*memory += d->memory;
	}
}

void state_left(const struct balance *b, int64_t now_ms, double *tasks, double *memory)
{
	*tasks = *memory = 0;
	for (size_t i = 0; i < LEFT_MAX; i++) {
		if (b->left[i].until_ms < now_ms)
			continue;
		*tasks += b->left[i].tasks;
		*memory += b->left[i].memory;
	}
}

void balance_heard(struct balance *b, int64_t now_ms, const struct node_facts *n)
{
	struct heard *h = &b->heard[0];

	for (size_t i = 0; i < b->heard_count; i++) {
		if (b->heard[i].facts.node == n->node) {
			b->heard[i] = (struct heard){*n, now_ms - n->age_ms};
			return;
		}
		if (b->heard[i].at_ms < h->at_ms)
			h = &b->heard[i];
	}
	if (b->heard_count < HEARD_MAX)
		h = &b->heard[b->heard_count++];
	*h = (struct heard){*n, now_ms - n->age_ms};
}

const struct node_facts *state_newest(struct balance *b, int64_t now_ms, const struct node_facts *n)
{
	for (size_t i = 0; i < b->heard_count; i++) {
		struct heard *h = &b->heard[i];

		if (h->facts.node != n->node)
			continue;
		if (now_ms - n->age_ms >= h->at_ms) {
			*h = b->heard[--b->heard_count];
			break;
		}
		h->facts.age_ms = (uint32_t)(now_ms - h->at_ms);
		return &h->facts;
	}
	return n;
}

bool state_refused(const struct balance *b, int64_t now_ms, uint64_t job, uint32_t node)
{
	for (size_t i = 0; i < b->refusal_count; i++) {
		const struct refusal *r = &b->refusals[i];

		if (r->job == job && (r->node == node || r->node == 0) && now_ms < r->until_ms)
			return true;
	}
	return false;
}

/* The entry for (job, node): the old one, a new one, or instead of what ends first. */
static struct refusal *refusal_get(struct balance *b, uint64_t job, uint32_t node)
{
	struct refusal *first = &b->refusals[0];

	for (size_t i = 0; i < b->refusal_count; i++) {
		struct refusal *r = &b->refusals[i];

		if (r->job == job && r->node == node)
			return r;
		if (r->until_ms < first->until_ms)
			first = r;
	}
	if (b->refusal_count < REFUSALS_MAX)
		first = &b->refusals[b->refusal_count++];
	*first = (struct refusal){.job = job, .node = node};
	return first;
}

static void back_off(struct balance *b, int64_t now_ms, uint64_t job, uint32_t node, int64_t ms)
{
	struct refusal *r;

	if (!job)
		return; /* it has no number yet */
	r = refusal_get(b, job, node);
	ms <<= r->times < 16 ? r->times : 16;
	r->until_ms = now_ms + (ms < REFUSED_MAX_MS ? ms : REFUSED_MAX_MS);
	r->times++;
}

static void end_pending(struct balance *b, uint64_t job)
{
	if (b->pending.job == job)
		b->pending = (struct debit){0};
}

void balance_refused(struct balance *b, int64_t now_ms, uint64_t job, uint32_t node)
{
	struct debit *d = find_debit(b, job, node);

	/* It has more to do than was thought: the debit stays until it says so itself. */
	if (d)
		*d = (struct debit){0, node, d->tasks, d->memory, now_ms, now_ms - SAMPLE_MS - 1};
	back_off(b, now_ms, job, node, REFUSED_MS);
	end_pending(b, job);
}

/* Normalised least mean squares: both numbers learn from each move, more from what counts more. */
void balance_learn(struct balance *b, uint32_t took_ms, uint32_t memory_mib)
{
	struct move_cost *m = &b->move_cost;
	double mib = memory_mib, scaled = mib / 100;
	double expected = m->fixed_ms + m->per_mib_ms * mib;
	double error = fmin(took_ms - expected, 4 * expected);
	double step = 0.25 * error / (1 + scaled * scaled);

	m->fixed_ms = fmin(fmax(m->fixed_ms + step, 5), 20000);
	m->per_mib_ms = fmin(fmax(m->per_mib_ms + step * scaled / 100, 0.05), 200);
}

void balance_moved(struct balance *b, int64_t now_ms, uint64_t job, uint32_t node, bool ok,
		   uint32_t took_ms, uint32_t memory_mib)
{
	struct debit *d = find_debit(b, job, node);

	end_pending(b, job);
	b->moved = true;
	if (!ok) {
		if (d)
			drop_debit(b, (size_t)(d - b->debits));
		back_off(b, now_ms, job, node, FAILED_MS);
		back_off(b, now_ms, job, 0, REFUSED_MS);
		return;
	}
	if (took_ms)
		balance_learn(b, took_ms, memory_mib);
	if (!d)
		return;
	d->settled_ms = now_ms;
	b->left[b->left_next] = (struct left){now_ms + SAMPLE_MS, d->tasks, d->memory};
	b->left_next = (b->left_next + 1) % LEFT_MAX;
}

void balance_forget(struct balance *b, uint64_t job)
{
	end_pending(b, job);
	for (size_t i = b->debit_count; i-- > 0;)
		if (b->debits[i].job == job)
			drop_debit(b, i);
	for (size_t i = b->refusal_count; i-- > 0;)
		if (b->refusals[i].job == job)
			b->refusals[i] = b->refusals[--b->refusal_count];
}

bool state_pending(const struct balance *b, const struct balance_view *v)
{
	if (!b->pending.job)
		return false;
	for (size_t i = 0; i < v->job_count; i++)
		if (v->jobs[i].job == b->pending.job)
			return (v->jobs[i].flags & JOB_MOVING) ||
			       v->now_ms - b->pending.made_ms < PENDING_MS;
	return false; /* gone */
}

uint32_t state_move_ms(const struct balance *b, const struct job_facts *j)
{
	return (uint32_t)(b->move_cost.fixed_ms +
			  b->move_cost.per_mib_ms * fmin(j->memory, 1 << 24));
}
