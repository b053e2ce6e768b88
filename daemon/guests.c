/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of copies on this node, and how one is started. */
#include "daemon/guests.h"

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/log.h"
#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/cgroups.h"
#include "daemon/conn.h"
#include "daemon/guests_priv.h"
#include "daemon/journal.h"
#include "daemon/journal.pb-c.h"
#include "daemon/local_socket.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include "daemon/spare.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct guest *guests_find(struct mosixd *d, uint64_t job, uint32_t gen)
{
	struct guest_key key = {.job = job, .gen = gen};
	struct guest *g;

	HASH_FIND(hh, d->guests->table, &key, sizeof(key), g);
	return g;
}

struct guest *guests_first(struct mosixd *d)
{
	return d->guests->table;
}

unsigned int guests_count(struct mosixd *d)
{
	return HASH_COUNT(d->guests->table);
}

unsigned int guests_count_foreign(struct mosixd *d)
{
	struct guest *g, *tmp;
	unsigned int n = 0;

	HASH_ITER (hh, d->guests->table, g, tmp)
		n += jobid_home(g->key.job) != d->config.self &&
		     g->state != MOSIX__GUEST_STATE__GUEST_ENDED;
	return n;
}

const char *guest_title(const struct guest *g)
{
	static char text[JOBID_TEXT_MAX + 16];

	snprintf(text, sizeof(text), "%s.%u", jobid_str(g->key.job).s, (uint32_t)g->key.gen);
	return text;
}

void guest_cgroup(const struct guest *g, char *ret, size_t size)
{
	snprintf(ret, size, "%s/jobs/%s", g->d->cgroup, guest_title(g));
}

static void guest_on_died(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct guest *g = w->data;

	(void)revents;
	ev_io_stop(loop, w);
	process_reap(&g->process);
	process_close(&g->process);
	g->ended = true;
	/* What it said last may still wait in the connection; the end of that comes by itself. */
	if (!g->conn)
		guest_gone(g);
}

void guest_watch(struct guest *g)
{
	if (g->process.pidfd < 0)
		return;
	ev_io_stop(g->d->loop, &g->died);
	ev_io_set(&g->died, g->process.pidfd, EV_READ);
	ev_io_start(g->d->loop, &g->died);
}

struct guest *guest_add(struct mosixd *d, uint64_t job, uint32_t gen)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->d = d;
	g->key.job = job;
	g->key.gen = gen;
	g->process.pidfd = -1;
	ev_io_init(&g->died, guest_on_died, -1, EV_READ);
	g->died.data = g;
	ev_timer_init(&g->timer, guest_on_timer, 0.0, 0.0);
	g->timer.data = g;
	HASH_ADD(hh, d->guests->table, key, sizeof(g->key), g);
	balance_watch(d);
	return g;
}

struct guest *guest_free(struct guest *g)
{
	struct mosixd *d = g->d;

	if (journal_remove(JOURNAL_GUESTS, guest_title(g)) < 0)
		log_warn("Cannot remove the record of copy %s", guest_title(g));
	guest_drop(g);
	guests_check_settled(d);
	return NULL;
}

/* Takes it out of the table, leaving record, group and process alone. */
void guest_drop(struct guest *g)
{
	HASH_DEL(g->d->guests->table, g);
	balance_guest_gone(g);
	ev_io_stop(g->d->loop, &g->died);
	ev_timer_stop(g->d->loop, &g->timer);
	process_close(&g->process);
	conn_free(g->conn);
	msg_free(g->exited);
	sample_guest_gone(g);
	guest_word_done(&g->word);
	free(g);
}

void guest_save(const struct guest *g)
{
	Mosix__GuestRecord m = MOSIX__GUEST_RECORD__INIT;
	int r;

	m.has_job = m.has_gen = m.has_pid = m.has_pid_start = m.has_uid = m.has_started = true;
	m.job = g->key.job;
	m.gen = (uint32_t)g->key.gen;
	m.pid = g->process.pid;
	m.pid_start = g->process.start;
	m.uid = g->uid;
	m.started = g->started;
	m.name = (char *)g->name;
	m.command = (char *)g->command;
	r = journal_write(JOURNAL_GUESTS, guest_title(g), &m.base);
	/* The copy also tells of itself when it dials back; only its title would be lost. */
	if (r < 0)
		log_warn("Cannot write the record of copy %s: %s", guest_title(g), strerror(-r));
}

int guest_send(struct guest *g, uint16_t type, const ProtobufCMessage *m)
{
	return conn_send(g->conn, type, m, -1);
}

void spec_command(const Mosix__JobSpec *spec, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < spec->n_argv && used + 1 < size; i++) {
		int n = snprintf(ret + used, size - used, "%s%.*s", i ? " " : "",
				 (int)(spec->argv[i].len < size ? spec->argv[i].len : size),
				 (const char *)spec->argv[i].data);

		if (n < 0)
			break;
		used += (size_t)n;
	}
}

static void describe(struct guest *g, const Mosix__JobSpec *spec)
{
	g->uid = spec->uid;
	g->started = (uint64_t)time(NULL);
	snprintf(g->name, sizeof(g->name), "%s", spec->name ? spec->name : "");
	spec_command(spec, g->command, sizeof(g->command));
}

static int guest_assign(struct guest *g)
{
	uint32_t home = jobid_home(g->key.job);
	char group[CGROUP_PATH_MAX + 64], tree[64] = "/";
	Mosix__GuestAssign m = MOSIX__GUEST_ASSIGN__INIT;

	guest_cgroup(g, group, sizeof(group));
	if (home != g->d->config.self)
		snprintf(tree, sizeof(tree), CONF_MFS_MOUNT "/%u", home);
	m.has_job = m.has_gen = true;
	m.job = g->key.job;
	m.gen = (uint32_t)g->key.gen;
	m.cgroup = group;
	m.tree = tree;
	return guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_ASSIGN, &m.base);
}

static int guest_spawn(struct guest *g, struct err *e)
{
	int fd, r;

	r = spare_take(g->d, &g->process, &fd);
	if (r < 0)
		return err_sys(e, r, "Cannot start a process for the guest");
	r = guest_connect(g, fd);
	if (r == 0)
		r = guest_assign(g);
	return r < 0 ? err_sys(e, r, "Cannot talk to the guest process") : 0;
}

int guest_start(struct mosixd *d, const Mosix__JobSpec *spec, uint64_t job, uint32_t gen,
		Mosix__GuestState state, struct guest **ret, struct err *e)
{
	struct guest *g = guest_add(d, job, gen);
	int r;

	if (!g)
		return err_sys(e, -ENOMEM, "Cannot start a guest");
	g->state = state;
	g->known = true;
	describe(g, spec);
	r = guest_spawn(g, e);
	if (r < 0) {
		process_kill(&g->process);
		process_reap(&g->process);
		guest_drop(g);
		return r;
	}
	guest_save(g);
	guest_watch(g);
	*ret = g;
	return 0;
}

void guests_take_bulk(struct mosixd *d, const uint8_t token[PREAMBLE_TOKEN], int fd)
{
	_cleanup_fd_ int owned = fd;
	struct guest *g, *tmp;
	Mosix__MoveRef m = MOSIX__MOVE_REF__INIT;

	HASH_ITER (hh, d->guests->table, g, tmp) {
		if (!g->has_token || memcmp(g->token, token, PREAMBLE_TOKEN) != 0)
			continue;
		/* Good for one connection. */
		g->has_token = false;
		m.has_move = m.has_job = m.has_gen = true;
		m.move = g->move;
		m.job = g->key.job;
		m.gen = (uint32_t)g->key.gen;
		conn_send(g->conn, MOSIX__MSG_TYPE__MSG_MOVE_BULK, &m.base, owned);
		return;
	}
	log_debug("An image connection with an unknown token was closed");
}

struct guest *guests_find_pid(struct mosixd *d, pid_t pid)
{
	char path[CGROUP_PATH_MAX];
	struct guest *g, *tmp;
	uint32_t home, seq, gen;
	size_t len = strlen(d->cgroup_name);

	HASH_ITER (hh, d->guests->table, g, tmp)
		if (g->process.pid == pid && !g->ended)
			return g;
	if (cgroup_name_of(pid, path, sizeof(path)) < 0 ||
	    strncmp(path, d->cgroup_name, len) != 0 ||
	    sscanf(path + len, "/jobs/%" SCNu32 ".%" SCNu32 ".%" SCNu32, &home, &seq, &gen) != 3)
		return NULL;
	return guests_find(d, jobid_make(home, seq), gen);
}
