/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node's own decisions: once a second, and at once when a move has ended. */
#include "daemon/balance_priv.h"

#include "common/jobid.h"
#include "common/log.h"
#include "daemon/controls.h"
#include "daemon/decision.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/metrics.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TICK_SECONDS 1.0
/* For a home that does not answer although its link is up. */
#define ASK_USEC (180 * 1000000LL)
/* A copy that did not move is left alone for so long, twice as long each time. */
#define STUCK_USEC (5 * 1000000LL)
#define STUCK_DOUBLINGS 7u

/* ------------------------------------------------------------------ what did not move */

static void mark_stuck(struct guest *g, const char *why)
{
	struct guest_stuck *s = &g->stuck;
	uint32_t n = s->tries < STUCK_DOUBLINGS ? s->tries : STUCK_DOUBLINGS;

	s->tries++;
	s->until_usec = clock_usec() + (STUCK_USEC << n);
	snprintf(s->why, sizeof(s->why), "%s", why && why[0] ? why : "its last move failed");
}

/* Its user lets it run nowhere else. */
static bool is_bound(const struct guest *g)
{
	const struct guest_word *w = &g->word;

	for (uint32_t i = 0; i < w->allowed_count; i++)
		if (w->allowed[i] != g->d->config.self && nodes_find(g->d, w->allowed[i]))
			return false;
	return w->allowed_count != 0;
}

bool balance_is_stuck(const struct guest *g, uint32_t tries, char why[ERR_MAX])
{
	if (g->word.lock) {
		snprintf(why, ERR_MAX, "it is locked to where it is (see mosixctl unlock)");
		return true;
	}
	if (is_bound(g)) {
		snprintf(why, ERR_MAX, "its user lets it run there alone");
		return true;
	}
	snprintf(why, ERR_MAX, "%s", g->stuck.why);
	return g->stuck.tries >= tries;
}

void balance_try_again(struct mosixd *d)
{
	for (struct guest *g = guests_first(d); g; g = g->hh.next)
		g->stuck = (struct guest_stuck){0};
}

/* ------------------------------------------------------------------ asking */

static struct guest *asked_guest(struct mosixd *d)
{
	const struct balancer *b = d->balancer;

	return b->asked.job ? guests_find(d, b->asked.job, b->asked.gen) : NULL;
}

static void forget_asked(struct mosixd *d)
{
	d->balancer->asked.job = 0;
}

static void ask(struct mosixd *d, struct guest *g, const struct balance_decision *dec)
{
	Mosix__MoveAsk m = MOSIX__MOVE_ASK__INIT;
	Mosix__Decision numbers;
	struct job_facts facts;
	struct balancer *b = d->balancer;

	balance_job_facts(g, &facts);
	decision_pack(&numbers, dec, d->config.self);
	m.has_job = m.has_gen = m.has_demand = m.has_memory = true;
	m.job = g->key.job;
	m.gen = (uint32_t)g->key.gen;
	m.decision = &numbers;
	m.demand = facts.demand;
	m.memory = (uint64_t)dec->memory << 20;
	decision_log(d, g->key.job, &numbers, "is to move");
	metrics_decision(d, (enum balance_reason)numbers.reason);
	if (node_send(d, jobid_home(g->key.job), MOSIX__MSG_TYPE__MSG_MOVE_ASK, &m.base) < 0) {
		mark_stuck(g, "its home cannot be reached");
		return;
	}
	b->asked.job = g->key.job;
	b->asked.gen = m.gen;
	b->asked.to = dec->to;
	b->asked.memory = facts.memory;
	b->asked.since_usec = clock_usec();
}

static struct guest *find_decided(struct mosixd *d, uint64_t job)
{
	for (struct guest *g = guests_first(d); g; g = g->hh.next)
		if (g->key.job == job && g->state == MOSIX__GUEST_STATE__GUEST_RUNNING)
			return g;
	return NULL;
}

static bool is_free(struct mosixd *d)
{
	struct balancer *b = d->balancer;

	if (!b->asked.job)
		return true;
	if (asked_guest(d) && clock_usec() - b->asked.since_usec < ASK_USEC)
		return false;
	forget_asked(d);
	return true;
}

static void decide(struct mosixd *d)
{
	struct balance_decision dec;
	struct balance_view v;
	struct guest *g;

	if (d->stopping || !guests_count(d) || !is_free(d) || balance_view(d, &v) < 0 ||
	    !v.job_count || !v.node_count)
		return;
	if (!balance_decide(d->balancer->core, &v, &dec))
		return;
	g = find_decided(d, dec.job);
	if (g && dec.to != d->config.self)
		ask(d, g, &dec);
}

int balance_on_asked(struct mosixd *d, uint32_t from, Mosix__MoveAsked *m)
{
	struct balancer *b = d->balancer;
	int64_t now = clock_usec() / 1000;
	struct guest *g;

	if (jobid_home(m->job) != from)
		return -EPROTO;
	if (b->asked.job != m->job || b->asked.gen != m->gen)
		return 0;
	g = asked_guest(d);
	if (!m->moved && m->refused)
		balance_refused(b->core, now, m->job, b->asked.to);
	else
		balance_moved(b->core, now, m->job, b->asked.to, m->moved,
			      (uint32_t)(m->total_usec / 1000), b->asked.memory);
	if (!m->moved && !m->refused && g)
		mark_stuck(g, m->text);
	if (!m->moved)
		log_info("Job %s did not move to %s: %s", jobid_str(m->job).s,
			 node_title(d, b->asked.to), m->text ? m->text : "?");
	forget_asked(d);
	if (m->moved)
		balance_soon(d);
	controls_soon(d);
	return 0;
}

void balance_learn_move(struct mosixd *d, uint64_t total_usec, uint64_t bytes)
{
	balance_learn(d->balancer->core, (uint32_t)(total_usec / 1000), mib(bytes));
}

void balance_guest_gone(struct guest *g)
{
	struct balancer *b = g->d->balancer;

	if (!b || g->d->stopping)
		return;
	/* What has left is remembered until its new node shows it. */
	if (g->exited)
		balance_forget(b->core, g->key.job);
	controls_publish(g->d);
}

void balance_node_down(struct node *n)
{
	if (jobid_home(n->d->balancer->asked.job) == n->number)
		forget_asked(n->d);
}

/* ------------------------------------------------------------------ explaining */

void balance_explain_guest(struct guest *g, Mosix__Decision *ret, char text[ERR_MAX])
{
	struct mosixd *d = g->d;
	struct balance_decision dec = {.job = g->key.job, .to = d->config.self};
	struct job_facts facts;
	struct balance_view v;

	if (balance_view(d, &v) == 0) {
		balance_job_facts(g, &facts);
		balance_explain(d->balancer->core, &v, &facts, &dec);
	}
	decision_pack(ret, &dec, d->config.self);
	/* Not made, and so not at any time. */
	ret->has_at = false;
	ret->at = 0;
	decision_text(d, ret, text);
	if (dec.reason == BALANCE_STAYS_UNMOVABLE && g->stuck.why[0]) {
		size_t len = strlen(text);

		snprintf(text + len, ERR_MAX - len, ": %s", g->stuck.why);
	}
	ret->text = text;
}

/* ------------------------------------------------------------------ life */

static void on_timer(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	struct mosixd *d = t->data;

	(void)revents;
	/* An idle node should sleep; who comes starts it again. */
	if (!guests_count(d))
		ev_timer_stop(loop, t);
	else
		decide(d);
}

void balance_watch(struct mosixd *d)
{
	if (d->balancer && !ev_is_active(&d->balancer->timer))
		ev_timer_again(d->loop, &d->balancer->timer);
}

void balance_soon(struct mosixd *d)
{
	struct ev_timer *t = &d->balancer->timer;

	ev_timer_stop(d->loop, t);
	ev_timer_set(t, 0.0, TICK_SECONDS);
	ev_timer_start(d->loop, t);
}

static void configure(const struct mosixd *d, struct balance_config *c)
{
	const struct conf *conf = &d->config.conf;

	balance_config_init(c, d->config.self);
	c->home_threshold = conf->home_threshold;
	if (conf->residency != CONF_DEFAULT)
		c->residency_ms = conf->residency * 1000;
	if (conf->hysteresis != CONF_DEFAULT)
		c->hysteresis = conf->hysteresis / 100.0;
	if (conf->memory_reserve != CONF_DEFAULT)
		c->memory_reserve = conf->memory_reserve;
}

void balance_reload(struct mosixd *d)
{
	struct balance_config c;

	configure(d, &c);
	balance_configure(d->balancer->core, &c);
	controls_publish(d);
	balance_soon(d);
}

int balance_daemon_new(struct mosixd *d, struct err *e)
{
	struct balancer *b = calloc(1, sizeof(*b));
	struct balance_config c;
	uint64_t seed;

	d->balancer = b;
	if (!b || getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return err_sys(e, -ENOMEM, "Cannot balance");
	configure(d, &c);
	b->core = balance_new(&c, seed, NULL);
	if (!b->core)
		return err_sys(e, -ENOMEM, "Cannot balance");
	ev_timer_init(&b->timer, on_timer, TICK_SECONDS, TICK_SECONDS);
	b->timer.data = d;
	ev_timer_start(d->loop, &b->timer);
	controls_publish(d);
	return 0;
}

void balance_daemon_free(struct mosixd *d)
{
	struct balancer *b = d->balancer;

	if (!b)
		return;
	ev_timer_stop(d->loop, &b->timer);
	balance_free(b->core);
	free(b->nodes);
	free(b->jobs);
	free(b);
	d->balancer = NULL;
}
