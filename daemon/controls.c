/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The controls of this node: what is in force, what is kept of it, and who may change it. */
#include "daemon/controls_priv.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/balance.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include "policy/facts.h"
#include "policy/load.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTROLS_FILE CONF_STATE "/controls"
#define FILE_MAX 4096

/* One word per line of the file. */
static const struct word {
	const char *name;
	size_t offset;
} words[] = {
	{"drain", offsetof(struct controls_kept, drain)},
	{"block", offsetof(struct controls_kept, block)},
	{"stay", offsetof(struct controls_kept, stay)},
	{"balance-off", offsetof(struct controls_kept, off)},
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static bool *word_of(struct controls_kept *k, const struct word *w)
{
	return (bool *)((char *)k + w->offset);
}

/* ------------------------------------------------------------------ the file */

static void take_line(struct controls_kept *k, const char *line, size_t len)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (strlen(words[i].name) == len && !memcmp(words[i].name, line, len)) {
			*word_of(k, &words[i]) = true;
			return;
		}
	}
	if (len && line[0] != '#')
		log_warn("%s has a line that is not understood; it does not count", CONTROLS_FILE);
}

/* What cannot be read does not keep the node from working: nothing is in force then. */
static void load(struct controls_kept *k)
{
	_cleanup_free_ char *text = NULL;
	const char *p;
	size_t len, n;
	int r;

	r = file_read_at(AT_FDCWD, CONTROLS_FILE, FILE_MAX, &text, &len);
	if (r < 0) {
		if (r != -ENOENT)
			log_err("Cannot read %s: %s", CONTROLS_FILE, strerror(-r));
		return;
	}
	for (p = text; p < text + len; p += n + 1) {
		n = strcspn(p, "\n");
		take_line(k, p, n);
	}
}

/* On the disk when this returns 0: it must hold after a power cut. */
static int store(struct controls_kept *k)
{
	_cleanup_fd_ int fd = -1;
	char text[256] = "";
	int r;

	for (size_t i = 0; i < WORDS; i++) {
		if (!*word_of(k, &words[i]))
			continue;
		strcat(text, words[i].name);
		strcat(text, "\n");
	}
	r = file_replace_at(AT_FDCWD, CONTROLS_FILE, text, strlen(text), 0644);
	if (r < 0)
		return r;
	fd = open(CONTROLS_FILE, O_RDONLY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int controls_new(struct mosixd *d, struct err *e)
{
	d->controls = calloc(1, sizeof(*d->controls));
	if (!d->controls)
		return err_sys(e, -ENOMEM, "Cannot keep the node's controls");
	load(&d->controls->kept);
	return 0;
}

void controls_free(struct mosixd *d)
{
	if (!d->controls)
		return;
	controls_wait_free(d);
	free(d->controls);
	d->controls = NULL;
}

/* ------------------------------------------------------------------ what is in force */

bool controls_drain(const struct mosixd *d)
{
	return d->controls->kept.drain;
}

bool controls_block(const struct mosixd *d)
{
	return d->controls->kept.block;
}

bool controls_stay(const struct mosixd *d)
{
	return d->controls->kept.stay;
}

bool controls_off(const struct mosixd *d)
{
	return d->controls->kept.off || !d->config.conf.balance;
}

/* Those of other nodes that are not on their way out. */
static unsigned int count_staying(struct mosixd *d)
{
	unsigned int n = 0;

	for (struct guest *g = guests_first(d); g; g = g->hh.next)
		n += jobid_home(g->key.job) != d->config.self && !g->leaving &&
		     g->state != MOSIX__GUEST_STATE__GUEST_DUMPING &&
		     g->state != MOSIX__GUEST_STATE__GUEST_DUMPED &&
		     g->state != MOSIX__GUEST_STATE__GUEST_ENDED;
	return n;
}

bool controls_expel(struct mosixd *d)
{
	return controls_expelling(d) || count_staying(d) > d->config.conf.guests_max;
}

static bool is_owner_busy(struct mosixd *d)
{
	const struct node_facts *self = sample_facts(d);
	uint64_t guests = 0;

	if (!d->config.conf.owner_first)
		return false;
	for (struct guest *g = guests_first(d); g; g = g->hh.next) {
		struct job_facts j;

		if (jobid_home(g->key.job) == d->config.self)
			continue;
		sample_job(g, &j);
		guests += j.demand;
	}
	return load_owner_busy(self->flags & NODE_OWNER_BUSY, self, guests);
}

void controls_publish(struct mosixd *d)
{
	const struct controls_kept *k = &d->controls->kept;
	bool full = guests_count_foreign(d) >= d->config.conf.guests_max;
	uint32_t flags = 0;

	if (k->block || k->drain || full || controls_expelling(d))
		flags |= NODE_NO_GUESTS;
	if (full && !k->block && d->config.conf.guests_max)
		flags |= NODE_FULL;
	if (k->drain)
		flags |= NODE_DRAINING;
	if (controls_off(d))
		flags |= NODE_NO_BALANCE;
	if (is_owner_busy(d))
		flags |= NODE_OWNER_BUSY;
	sample_set_flags(
		d, NODE_NO_GUESTS | NODE_FULL | NODE_DRAINING | NODE_NO_BALANCE | NODE_OWNER_BUSY,
		flags);
	sample_set_classes(d, d->config.conf.guest_classes);
}

/* ------------------------------------------------------------------ requests */

static void answer(struct mosixd *d, const struct requester *who, const char *text)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	m.text = (char *)text;
	request_answer(d, who, &m);
}

/* 0 or negative: then nothing has changed and the asker knows. */
static int change(struct mosixd *d, const struct requester *who, bool *field, bool on)
{
	bool before = *field;
	int r;

	*field = on;
	r = before == on ? 0 : store(&d->controls->kept);
	if (r < 0) {
		*field = before;
		request_fail(d, who, -r, "Cannot write %s: %s", CONTROLS_FILE, strerror(-r));
		return r;
	}
	controls_publish(d);
	balance_soon(d);
	return 0;
}

static void set(struct mosixd *d, const struct requester *who, bool *field, bool on,
		const char *what)
{
	char text[192];

	if (change(d, who, field, on) < 0)
		return;
	snprintf(text, sizeof(text), "%s %s", node_title(d, d->config.self), what);
	log_info("%s", text);
	answer(d, who, text);
}

static void set_drain(struct mosixd *d, const struct requester *who, const Mosix__Request *m)
{
	if (change(d, who, &d->controls->kept.drain, true) < 0)
		return;
	log_info("This node is drained");
	controls_wait(d, who, m);
}

static void set_stay(struct mosixd *d, const struct requester *who, bool on)
{
	set(d, who, &d->controls->kept.stay, on,
	    on ? "keeps its jobs from leaving by themselves" : "lets its jobs leave");
	jobs_send_controls(d);
}

static void set_balance(struct mosixd *d, const struct requester *who, bool on)
{
	if (on && !d->config.conf.balance)
		request_fail(d, who, EPERM,
			     "%s has [balance] enabled = no in " CONF_FILE
			     ": change that and reload mosixd",
			     node_title(d, d->config.self));
	else
		set(d, who, &d->controls->kept.off, !on,
		    on ? "balances its load" : "moves no jobs for the sake of load");
}

static void set_speed(struct mosixd *d, const struct requester *who, uint32_t speed)
{
	struct err e = {0};
	int r = sample_set_speed(d, speed, &e);

	if (r < 0)
		request_fail(d, who, -r, "%s", e.text);
	else
		answer(d, who, NULL);
}

bool controls_handles(Mosix__RequestOp op)
{
	return (int)op >= MOSIX__REQUEST_OP__OP_DRAIN && (int)op <= MOSIX__REQUEST_OP__OP_BALANCE;
}

static void node_request(struct mosixd *d, const struct requester *who, const Mosix__Request *m)
{
	struct controls_kept *k = &d->controls->kept;

	switch ((int)m->op) {
	case MOSIX__REQUEST_OP__OP_DRAIN:
		set_drain(d, who, m);
		break;
	case MOSIX__REQUEST_OP__OP_UNDRAIN:
		controls_wait_end(d, MOSIX__REQUEST_OP__OP_DRAIN, "The drain was taken back");
		set(d, who, &k->drain, false, "is no longer drained");
		break;
	case MOSIX__REQUEST_OP__OP_BLOCK:
		set(d, who, &k->block, true, "takes no jobs of other nodes");
		break;
	case MOSIX__REQUEST_OP__OP_UNBLOCK:
		controls_wait_end(d, MOSIX__REQUEST_OP__OP_EXPEL,
				  "The node takes jobs of other nodes again");
		set(d, who, &k->block, false, "takes jobs of other nodes");
		break;
	case MOSIX__REQUEST_OP__OP_EXPEL:
		controls_wait(d, who, m);
		break;
	case MOSIX__REQUEST_OP__OP_STAY:
	case MOSIX__REQUEST_OP__OP_UNSTAY:
		set_stay(d, who, m->op == MOSIX__REQUEST_OP__OP_STAY);
		break;
	case MOSIX__REQUEST_OP__OP_SPEED:
		set_speed(d, who, m->value);
		break;
	case MOSIX__REQUEST_OP__OP_BALANCE:
		set_balance(d, who, m->on);
		break;
	default:
		request_fail(d, who, ENOTSUP, "This mosixd does not know the request");
	}
}

void controls_request(struct mosixd *d, const struct requester *who, const Mosix__Request *m)
{
	if (m->op == MOSIX__REQUEST_OP__OP_BRING)
		controls_wait(d, who, m);
	else if (who->uid != 0)
		request_fail(d, who, EPERM, "Only root may do that");
	else
		node_request(d, who, m);
}
