/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl explain: why a job is where it is, with the numbers. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "common/cleanup.h"
#include "common/msg.h"
#include "policy/balance.h"
#include <time.h>

static const char *sentence_of(uint32_t reason)
{
	static const char *const sentences[BALANCE_REASONS] = {
		[BALANCE_NOTHING] = "There is nothing better",
		[BALANCE_LOAD] = "It costs less there",
		[BALANCE_MEMORY] = "Memory runs out here",
		[BALANCE_OWNER] = "The owner needs the node",
		[BALANCE_DRAIN] = "The node is being drained",
		[BALANCE_FILES] = "Its files are there",
		[BALANCE_HOME] = "Home is hardly loaded",
		[BALANCE_BEST] = "It costs the least there",
		[BALANCE_ONLY] = "Nothing else is allowed, can be reached or has as much room",
		[BALANCE_STAYS_LOCKED] = "It is locked",
		[BALANCE_STAYS_RESIDENCY] = "It has just come",
		[BALANCE_STAYS_COST] = "No node is cheaper by enough",
		[BALANCE_STAYS_YOUNG] = "It is too young for a move to pay",
		[BALANCE_STAYS_NOWHERE] = "No other node may take it",
		[BALANCE_STAYS_BUSY] = "Another move is under way",
		[BALANCE_STAYS_UNMOVABLE] = "It cannot move now",
		[BALANCE_STAYS_OFF] = "Balancing is off",
	};

	return reason < BALANCE_REASONS ? sentences[reason] : "For a reason that is not known here";
}

/* The daemon's own words if it has some: they also tell how it ended. free() */
static char *why(const Mosix__Decision *d)
{
	return human_safe(d->text && *d->text ? d->text : sentence_of(d->reason));
}

static bool stays(const Mosix__Decision *d)
{
	return !d->to || d->to == d->from || d->reason == BALANCE_NOTHING ||
	       d->reason >= BALANCE_STAYS_LOCKED;
}

/* ------------------------------------------------------------------ for programs */

static json_t *decision_json(const Mosix__Decision *d)
{
	json_t *o = json_object();

	json_object_set_new(o, "at", d->at ? json_integer((json_int_t)d->at) : json_null());
	json_object_set_new(o, "reason",
			    json_string(balance_reason_name((enum balance_reason)d->reason)));
	json_object_set_new(o, "stays", json_boolean(stays(d)));
	json_object_set_new(o, "from", json_integer(d->from));
	json_object_set_new(o, "to", json_integer(d->to));
	json_object_set_new(o, "cost_here", json_real(d->cost_here));
	json_object_set_new(o, "cost_there", json_real(d->cost_there));
	json_object_set_new(o, "threshold", json_real(d->threshold));
	json_object_set_new(o, "load_here", json_integer(d->load_here));
	json_object_set_new(o, "load_there", json_integer(d->load_there));
	json_object_set_new(o, "move_ms", json_integer(d->move_ms));
	json_object_set_new(o, "age_needed_ms", json_integer(d->age_needed_ms));
	json_object_set_new(o, "text", ctl_json_str(d->text));
	return o;
}

static int explain_json(const Mosix__Reply *m)
{
	json_t *o = json_object(), *reasons = json_array(), *decisions = json_array();

	for (size_t i = 0; i < m->n_reasons; i++)
		json_array_append_new(reasons, ctl_json_str(m->reasons[i]));
	for (size_t i = 0; i < m->n_decisions; i++)
		json_array_append_new(decisions, decision_json(m->decisions[i]));
	json_object_set_new(o, "movable", json_boolean(m->movable));
	json_object_set_new(o, "reasons", reasons);
	json_object_set_new(o, "decisions", decisions);
	return ctl_json_print(o);
}

/* ------------------------------------------------------------------ for people */

/* Costs are of any size: three digits that count. */
static void print_costs(const Mosix__Decision *d, const char *there)
{
	printf("  cost:  %.3g here, %.3g on %s; to move, it must be above %.3g here\n",
	       d->cost_here, d->cost_there, there, d->threshold);
	printf("  load:  %.2f here, %.2f on %s\n", d->load_here / 100.0, d->load_there / 100.0,
	       there);
}

static void print_now(const Mosix__Decision *d, const Mosix__Reply *nodes)
{
	_cleanup_free_ char *here = NULL, *there = NULL, *text = why(d);
	char buf[16];

	here = human_safe(client_node_name(nodes, d->from, buf, sizeof(buf)));
	there = human_safe(client_node_name(nodes, d->to, buf, sizeof(buf)));
	if (!here || !there || !text)
		return;
	if (stays(d))
		printf("Now it stays on %s.\n", here);
	else
		printf("Now it would move from %s to %s.\n", here, there);
	printf("  %s.\n", text);
	if (d->to && d->to != d->from)
		print_costs(d, there);
	if (d->move_ms)
		printf("  move:  takes about %s", human_usec(d->move_ms * UINT64_C(1000)).s);
	if (d->move_ms && d->age_needed_ms && d->age_needed_ms < UINT32_MAX)
		printf(", and pays after %s", human_usec(d->age_needed_ms * UINT64_C(1000)).s);
	if (d->move_ms)
		putchar('\n');
}

static void print_before(const Mosix__Decision *d, const Mosix__Reply *nodes)
{
	_cleanup_free_ char *from = NULL, *to = NULL, *text = why(d);
	time_t at = (time_t)d->at;
	char buf[16], when[32] = "-";
	struct tm tm;

	from = human_safe(client_node_name(nodes, d->from, buf, sizeof(buf)));
	to = human_safe(client_node_name(nodes, d->to, buf, sizeof(buf)));
	if (d->at && localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	if (!from || !to || !text)
		return;
	printf("  %s  %s", when, from);
	if (!stays(d))
		printf(" to %s", to);
	printf(": %s", text);
	if (d->cost_here > 0 || d->cost_there > 0)
		printf(" (cost %.3g here, %.3g there, threshold %.3g)", d->cost_here, d->cost_there,
		       d->threshold);
	putchar('\n');
}

static void explain_print(const struct ctl *ctl, const Mosix__Reply *m, const Mosix__Reply *nodes)
{
	size_t before = 0;

	printf(m->movable ? "%s can move.\n" : "%s cannot move now:\n", ctl->argv[0]);
	for (size_t i = 0; i < m->n_reasons; i++) {
		_cleanup_free_ char *text = human_safe(m->reasons[i]);

		printf("  %s\n", text ? text : "");
	}
	/* What was decided has a time, what would be now has none. */
	if (m->n_decisions && !m->decisions[0]->at)
		print_now(m->decisions[before++], nodes);
	if (before < m->n_decisions)
		printf("Before:\n");
	for (; before < m->n_decisions; before++)
		print_before(m->decisions[before], nodes);
}

int ctl_explain(struct ctl *ctl)
{
	_cleanup_(msg_freep) Mosix__Reply *reply = NULL;
	_cleanup_(msg_freep) Mosix__Reply *nodes = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	int r;

	if (ctl->argc != 1)
		return ctl_usage("explain needs one job or process number");
	r = ctl_target(ctl->argv[0], &q);
	if (r)
		return r;
	q.has_op = true;
	q.op = MOSIX__REQUEST_OP__OP_EXPLAIN;
	r = ctl_ask(ctl, &q, NULL, NULL, &reply);
	if (!r && !ctl->json && reply->n_decisions)
		r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &nodes);
	if (r)
		return r;
	if (!ctl->json)
		explain_print(ctl, reply, nodes);
	else if (explain_json(reply))
		return CTL_FAILED;
	return reply->movable ? CTL_OK : CTL_FAILED;
}
