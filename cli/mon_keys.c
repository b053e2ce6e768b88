/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keys do. */
#include "cli/human.h"
#include "cli/mon.h"
#include "cli/node_text.h"
#include "cli/screen.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "policy/facts.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

void mon_action_text(const struct mon_action *a, char *buf, size_t size)
{
	struct jobid_text job = jobid_str(a->job);

	switch ((int)a->op) {
	case MOSIX__REQUEST_OP__OP_MIGRATE:
		snprintf(buf, size, "Moving %s to %s", job.s, a->node);
		break;
	case MOSIX__REQUEST_OP__OP_LOCK:
		snprintf(buf, size, "Locking %s", job.s);
		break;
	case MOSIX__REQUEST_OP__OP_UNLOCK:
		snprintf(buf, size, "Unlocking %s", job.s);
		break;
	case MOSIX__REQUEST_OP__OP_FREEZE:
		snprintf(buf, size, "Freezing %s", job.s);
		break;
	case MOSIX__REQUEST_OP__OP_CONTINUE:
		snprintf(buf, size, "Continuing %s", job.s);
		break;
	case MOSIX__REQUEST_OP__OP_KILL:
		snprintf(buf, size, "Killing %s", job.s);
		break;
	case MOSIX__REQUEST_OP__OP_DRAIN:
		snprintf(buf, size, "Draining node %s", a->node);
		break;
	case MOSIX__REQUEST_OP__OP_UNDRAIN:
		snprintf(buf, size, "Using node %s again", a->node);
		break;
	default:
		snprintf(buf, size, "%s", "");
	}
}

/* ------------------------------------------------------------------ prompts */

static bool finish_prompt(struct mon *m, struct mon_action *ret)
{
	m->prompt = MON_NO_PROMPT;
	*ret = m->pending;
	return true;
}

static bool key_node(struct mon *m, int key, struct mon_action *ret)
{
	size_t len = strlen(m->input);

	if (key == SCREEN_ESCAPE || (key == SCREEN_ENTER && !len)) {
		m->prompt = MON_NO_PROMPT;
	} else if (key == SCREEN_ENTER) {
		memcpy(m->pending.node, m->input, sizeof(m->pending.node));
		return finish_prompt(m, ret);
	} else if (key == SCREEN_RUBOUT && len) {
		m->input[len - 1] = '\0';
	} else if (key > ' ' && key < 127 && len + 1 < sizeof(m->input)) {
		m->input[len] = (char)key;
		m->input[len + 1] = '\0';
	}
	return false;
}

static bool key_confirm(struct mon *m, int key, struct mon_action *ret)
{
	if (key == 'y' || key == 'Y')
		return finish_prompt(m, ret);
	m->prompt = MON_NO_PROMPT;
	return false;
}

/* ------------------------------------------------------------------ moving around */

/* Where a key leads from place @at of @count; @page places are one page. */
static size_t move_to(int key, size_t at, size_t count, size_t page)
{
	switch (key) {
	case SCREEN_LEFT:
	case SCREEN_UP:
		return at ? at - 1 : 0;
	case SCREEN_RIGHT:
	case SCREEN_DOWN:
		return at + 1 < count ? at + 1 : at;
	case SCREEN_PAGE_UP:
		return at > page ? at - page : 0;
	case SCREEN_PAGE_DOWN:
	case ' ':
		return at + page < count ? at + page : count - 1;
	case SCREEN_HOME:
		return 0;
	case SCREEN_END:
		return count - 1;
	default:
		return at;
	}
}

static void select_node(struct mon *m, int key)
{
	_cleanup_free_ const Mosix__NodeRow **rows = NULL;
	size_t count;

	rows = mon_shown(m, &count);
	if (rows && count)
		m->node = rows[move_to(key, mon_selected(m, rows, count), count, m->page)]->node;
}

static void select_job(struct mon *m, int key)
{
	size_t count = m->jobs ? m->jobs->n_jobs : 0, at = count;

	for (size_t i = 0; i < count; i++)
		if (m->jobs->jobs[i]->job == m->job)
			at = i;
	/* One that has ended is replaced when it is drawn, so that a key never meets another job
	 * than the one that was seen. */
	if (at < count)
		m->job = m->jobs->jobs[move_to(key, at, count, m->page)]->job;
}

/* ------------------------------------------------------------------ actions */

static bool key_job(struct mon *m, int key, struct mon_action *ret)
{
	const Mosix__JobRow *row = mon_selected_job(m);
	struct mon_action a = {0};

	if (!row)
		return false;
	a.job = row->job;
	switch (key) {
	case SCREEN_ENTER:
		a.op = MOSIX__REQUEST_OP__OP_MIGRATE;
		m->input[0] = '\0';
		m->prompt = MON_ASK_NODE;
		break;
	case 'b':
		a.op = MOSIX__REQUEST_OP__OP_MIGRATE;
		strcpy(a.node, "home");
		break;
	case 'L':
		a.op = row->lock ? MOSIX__REQUEST_OP__OP_UNLOCK : MOSIX__REQUEST_OP__OP_LOCK;
		break;
	case 'f':
		a.op = row->frozen ? MOSIX__REQUEST_OP__OP_CONTINUE : MOSIX__REQUEST_OP__OP_FREEZE;
		break;
	case 'K':
		a.op = MOSIX__REQUEST_OP__OP_KILL;
		a.signal = SIGKILL;
		m->prompt = MON_CONFIRM;
		break;
	default:
		return false;
	}
	m->pending = a;
	*ret = a;
	return m->prompt == MON_NO_PROMPT;
}

static void key_drain(struct mon *m)
{
	struct mon_action a = {.op = MOSIX__REQUEST_OP__OP_DRAIN};

	for (size_t i = 0; m->nodes && i < m->nodes->n_nodes; i++) {
		const Mosix__NodeRow *row = m->nodes->nodes[i];

		if (row->node == m->node && node_load_of(row)->flags & NODE_DRAINING)
			a.op = MOSIX__REQUEST_OP__OP_UNDRAIN;
	}
	if (!m->node)
		return;
	snprintf(a.node, sizeof(a.node), "%u", m->node);
	m->pending = a;
	m->prompt = MON_CONFIRM;
}

/* ------------------------------------------------------------------ views */

static bool key_view(struct mon *m, int key)
{
	static const struct {
		int key;
		enum mon_view view;
	} views[] = {{'l', MON_LOAD},   {'m', MON_MEMORY}, {'s', MON_SPEED},
		     {'g', MON_GUESTS}, {'u', MON_USED},   {'t', MON_STATUS}};

	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++) {
		if (views[i].key != key)
			continue;
		m->view = m->bars = views[i].view;
		m->table = (struct grid_scroll){.selected = -1};
		return true;
	}
	return false;
}

static void toggle_jobs(struct mon *m)
{
	m->view = m->view == MON_JOBS ? m->bars : MON_JOBS;
	m->table = (struct grid_scroll){.selected = -1};
}

static bool key_common(struct mon *m, int key)
{
	switch (key) {
	case 'q':
	case SCREEN_GONE:
		m->quit = true;
		return true;
	case 'h':
	case '?':
		m->before_help = m->view;
		m->view = MON_HELP;
		return true;
	case 'j':
	case SCREEN_TAB:
		toggle_jobs(m);
		return true;
	case 'd':
		m->hide_dead = !m->hide_dead;
		return true;
	case 'w':
		m->width = (m->width + 1) % MON_WIDTHS;
		return true;
	default:
		return key_view(m, key);
	}
}

bool mon_key(struct mon *m, int key, struct mon_action *ret)
{
	if (key == SCREEN_GONE)
		m->quit = true;
	if (key == SCREEN_RESIZED || m->quit)
		return false;
	if (m->prompt == MON_ASK_NODE)
		return key_node(m, key, ret);
	if (m->prompt == MON_CONFIRM)
		return key_confirm(m, key, ret);
	m->message[0] = '\0';
	if (m->view == MON_HELP && key != 'q') {
		m->view = m->before_help;
		return false;
	}
	if (key_common(m, key))
		return false;
	if (m->view == MON_JOBS && key == 'o') {
		m->sort++;
		return false;
	}
	if (m->view == MON_JOBS) {
		select_job(m, key);
		return key_job(m, key, ret);
	}
	select_node(m, key);
	if (key == 'D')
		key_drain(m);
	return false;
}
