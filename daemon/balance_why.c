/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For people: why a copy that must leave does not. */
#include "daemon/balance_priv.h"

#include "common/jobid.h"
#include "daemon/gossip_io.h"
#include "daemon/guests.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* So many nodes are named. */
#define NAMED_MAX 6u

static const char *const whys[] = {
	[BALANCE_WHY_NOT] = "can take it",
	[BALANCE_WHY_DRAINED] = "drained",
	[BALANCE_WHY_BLOCKED] = "blocked: takes no guests",
	[BALANCE_WHY_FULL] = "full: has as many guests as it takes",
	[BALANCE_WHY_OWNER] = "needed by its own users",
	[BALANCE_WHY_CLASS] = "takes no guests of its class",
	[BALANCE_WHY_NO_MOVES] = "cannot take part in moves",
	[BALANCE_WHY_ALLOWED] = "not among its nodes (mosix-run --on)",
	[BALANCE_WHY_MEMORY] = "has too little memory for it",
	[BALANCE_WHY_REFUSED] = "has refused it a moment ago",
	[BALANCE_WHY_CPU] = "its CPU lacks what the job may use",
};

struct sentence {
	char *text;
	size_t len;
	unsigned int named, more;
};

static void add(struct sentence *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct sentence *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->len, ERR_MAX - s->len, fmt, ap);
	va_end(ap);
	s->len = n < 0 || s->len + (size_t)n >= ERR_MAX ? ERR_MAX - 1 : s->len + (size_t)n;
}

static void add_node(struct sentence *s, struct node *n, const char *why)
{
	if (s->named == NAMED_MAX) {
		s->more++;
		return;
	}
	add(s, "%s%s (%s)", s->named ? ", " : ": ", node_title(n->d, n->number), why);
	s->named++;
}

static const struct node_facts *facts_of(const struct balance_view *v, uint32_t node)
{
	for (size_t i = 0; i < v->node_count; i++)
		if (v->nodes[i].node == node)
			return &v->nodes[i];
	return NULL;
}

/* Why not there; NULL = it may go there. */
static const char *why_not(struct mosixd *d, const struct balance_view *v,
			   const struct job_facts *j, const struct node *n)
{
	const struct node_facts *f = facts_of(v, n->number);
	enum balance_why why;

	if (!f)
		return node_up(n) ? "has said nothing of itself yet" : "cannot be reached";
	why = balance_why_stays(d->balancer->core, v, j, f);
	return why == BALANCE_WHY_NOT ? NULL : whys[why];
}

/* False: some node takes it. */
static bool is_nowhere(struct guest *g, char text[ERR_MAX])
{
	struct sentence s = {.text = text};
	struct mosixd *d = g->d;
	struct job_facts facts;
	struct balance_view v;

	if (balance_view(d, &v) < 0)
		return false;
	balance_job_facts(g, &facts);
	add(&s, "no other node can take it");
	for (struct node *n = nodes_first(d); n; n = n->hh.next) {
		const char *why;

		if (n->self || !node_is_listed(n) || gossip_io_state(n, NULL) == GOSSIP_LEFT)
			continue;
		why = why_not(d, &v, &facts, n);
		if (!why)
			return false;
		add_node(&s, n, why);
	}
	if (s.more)
		add(&s, " and %u more", s.more);
	return true;
}

bool balance_waits(struct guest *g, char why[ERR_MAX])
{
	const struct balancer *b = g->d->balancer;
	uint32_t home = jobid_home(g->key.job);

	if (g->state != MOSIX__GUEST_STATE__GUEST_RUNNING || g->move ||
	    (b->asked.job == g->key.job && b->asked.gen == g->key.gen))
		return false;
	if (!node_up(nodes_find(g->d, home))) {
		snprintf(why, ERR_MAX, "its home, %s, cannot be reached", node_title(g->d, home));
		return true;
	}
	if (g->stuck.until_usec > clock_usec()) {
		snprintf(why, ERR_MAX, "it could not move, which is tried again: %s", g->stuck.why);
		return true;
	}
	return is_nowhere(g, why);
}
