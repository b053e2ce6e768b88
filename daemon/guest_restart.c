/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the copies again after the daemon was restarted: by their records, by the control
 * groups that are there, and by the guests that dial back. Homes hear of this node's copies only
 * when all of them are accounted for, because a copy that is missing counts as lost.
 */
#include "daemon/guests_priv.h"

#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/log.h"
#include "daemon/conn.h"
#include "daemon/journal.h"
#include "daemon/journal.pb-c.h"
#include "daemon/local_socket.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_record(void *arg, void *message)
{
	const Mosix__GuestRecord *m = message;
	struct mosixd *d = arg;
	struct guest *g;

	if (!m->job || !m->gen || guests_find(d, m->job, m->gen))
		return;
	g = guest_add(d, m->job, m->gen);
	if (!g)
		return;
	g->inherited = true;
	g->process.pid = m->pid;
	g->uid = m->uid;
	g->started = m->started;
	snprintf(g->name, sizeof(g->name), "%s", m->name ? m->name : "");
	snprintf(g->command, sizeof(g->command), "%s", m->command ? m->command : "");
	if (process_open(&g->process, m->pid, m->pid_start) == 0)
		guest_watch(g);
	else
		log_warn("Copy %s: its guest process %d is gone", guest_title(g), m->pid);
	guest_expect_back(g);
}

static void take_group(struct mosixd *d, const char *name)
{
	uint32_t home, seq, gen;
	struct guest *g;
	char end;

	if (sscanf(name, "%" SCNu32 ".%" SCNu32 ".%" SCNu32 "%c", &home, &seq, &gen, &end) != 3 ||
	    !home || !seq || !gen || guests_find(d, jobid_make(home, seq), gen))
		return;
	g = guest_add(d, jobid_make(home, seq), gen);
	if (!g)
		return;
	g->inherited = true;
	log_warn("Copy %s has a control group but no record", guest_title(g));
	guest_expect_back(g);
}

static int take_groups(struct mosixd *d)
{
	_cleanup_dir_ DIR *dir = NULL;
	char path[CGROUP_PATH_MAX + 16];
	struct dirent *e;

	snprintf(path, sizeof(path), "%s/jobs", d->cgroup);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		if (e->d_type == DT_DIR)
			take_group(d, e->d_name);
	return 0;
}

int guests_recover(struct mosixd *d)
{
	int r;

	r = journal_read(JOURNAL_GUESTS, &mosix__guest_record__descriptor, take_record, d);
	return r < 0 ? r : take_groups(d);
}

void guests_check_settled(struct mosixd *d)
{
	struct guest *g, *tmp;
	struct node *n;

	if (d->guests->settled)
		return;
	HASH_ITER (hh, d->guests->table, g, tmp)
		if (!g->known)
			return;
	d->guests->settled = true;
	for (n = nodes_first(d); n; n = n->hh.next)
		if (node_is_linked(n))
			guests_send_list(d, n->number);
}

void guests_recovered(struct mosixd *d)
{
	guests_check_settled(d);
}

int guests_new(struct mosixd *d, struct err *e)
{
	int r;

	d->guests = calloc(1, sizeof(*d->guests));
	if (!d->guests)
		return err_sys(e, -ENOMEM, "Cannot keep guests");
	r = guests_recover(d);
	if (r < 0)
		return err_sys(e, r, "Cannot find the copies of jobs that are here");
	return guest_socket_new(d, e);
}

void guests_free(struct mosixd *d)
{
	struct guest *g, *tmp;

	if (!d->guests)
		return;
	local_socket_free(d->guests->socket);
	HASH_ITER (hh, d->guests->table, g, tmp)
		guest_drop(g);
	free(d->guests);
	d->guests = NULL;
}
