/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which job reads and writes how much of whose files.
 */
#include "mfsfuse/cli_usage.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cgroup.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/msg.h"
#include "mfsfuse/cli.h"
#include "proto/mosix.pb-c.h"

#define ROWS_MAX 1024u   /* what one message holds; more is not counted */
#define CALLERS_MAX 4096 /* then all are asked for anew */
#define KNOWN_MS 2000    /* so long a process number is believed to mean the same */
#define OWN_GROUP "/guests"
#define JOBS "/jobs/"

/* A process, and the copy of a job that it is of; job 0 = none. */
struct caller {
	pid_t pid;
	uint32_t gen;
	uint64_t job, until_ms;
	UT_hash_handle hh;
};

struct row_key {
	uint64_t job;
	uint32_t gen, node;
};

struct row {
	struct row_key key;
	uint64_t in, out;
	UT_hash_handle hh;
};

static struct {
	pthread_mutex_t lock;
	char jobs[512]; /* what the names of jobs' groups begin with; "" = do not count */
	struct caller *callers;
	struct row *rows;
} usage = {.lock = PTHREAD_MUTEX_INITIALIZER};

void usage_init(void)
{
	size_t room = sizeof(usage.jobs) - sizeof(JOBS), len, own = strlen(OWN_GROUP);

	if (cgroup_name_of(getpid(), usage.jobs, room) < 0) {
		usage.jobs[0] = '\0';
		return;
	}
	len = strlen(usage.jobs);
	if (len >= own && strcmp(usage.jobs + len - own, OWN_GROUP) == 0)
		len -= own;
	strcpy(usage.jobs + len, JOBS);
}

static void find_job(struct caller *c)
{
	size_t len = strlen(usage.jobs);
	uint32_t home, seq, gen;
	char name[512];

	c->job = 0;
	if (cgroup_name_of(c->pid, name, sizeof(name)) < 0 || strncmp(name, usage.jobs, len) != 0 ||
	    sscanf(name + len, "%" SCNu32 ".%" SCNu32 ".%" SCNu32, &home, &seq, &gen) != 3)
		return;
	c->job = jobid_make(home, seq);
	c->gen = gen;
}

static void forget_callers(uint64_t now, bool all)
{
	struct caller *c, *next;

	HASH_ITER (hh, usage.callers, c, next) {
		if (!all && c->until_ms > now)
			continue;
		HASH_DEL(usage.callers, c);
		free(c);
	}
}

static struct caller *caller_of(pid_t pid)
{
	uint64_t now = cli_now_ms();
	struct caller *c;

	HASH_FIND(hh, usage.callers, &pid, sizeof(pid), c);
	if (c && c->until_ms > now)
		return c;
	if (!c) {
		if (HASH_COUNT(usage.callers) >= CALLERS_MAX)
			forget_callers(now, true);
		c = calloc(1, sizeof(*c));
		if (!c)
			return NULL;
		c->pid = pid;
		HASH_ADD(hh, usage.callers, pid, sizeof(pid), c);
		if (!c->hh.tbl) {
			free(c);
			return NULL;
		}
	}
	c->until_ms = now + KNOWN_MS;
	find_job(c);
	return c;
}

static struct row *row_of(const struct caller *c, uint32_t node)
{
	const struct row_key key = {.job = c->job, .gen = c->gen, .node = node};
	struct row *r;

	HASH_FIND(hh, usage.rows, &key, sizeof(key), r);
	if (r || HASH_COUNT(usage.rows) >= ROWS_MAX)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->key = key;
	HASH_ADD(hh, usage.rows, key, sizeof(r->key), r);
	if (!r->hh.tbl) {
		free(r);
		return NULL;
	}
	return r;
}

void usage_count(pid_t pid, uint32_t node, uint64_t bytes_read, uint64_t bytes_written)
{
	struct caller *c;
	struct row *r;

	if (!usage.jobs[0] || pid <= 0 || !node)
		return;
	pthread_mutex_lock(&usage.lock);
	c = caller_of(pid);
	r = c && c->job ? row_of(c, node) : NULL;
	if (r) {
		r->in += bytes_read;
		r->out += bytes_written;
	}
	pthread_mutex_unlock(&usage.lock);
}

/* Takes the rows out. */
static struct row *take_rows(void)
{
	struct row *rows;

	pthread_mutex_lock(&usage.lock);
	rows = usage.rows;
	usage.rows = NULL;
	forget_callers(cli_now_ms(), false);
	pthread_mutex_unlock(&usage.lock);
	return rows;
}

static void fill(Mosix__MfsUseRow *m, const struct row *r)
{
	mosix__mfs_use_row__init(m);
	m->has_job = m->has_gen = m->has_node = m->has_read_bytes = m->has_written_bytes = true;
	m->job = r->key.job;
	m->gen = r->key.gen;
	m->node = r->key.node;
	m->read_bytes = r->in;
	m->written_bytes = r->out;
}

int usage_tell(struct chan *c)
{
	struct row *rows = take_rows(), *r, *next;
	unsigned int n = HASH_COUNT(rows), i = 0;
	_cleanup_free_ Mosix__MfsUseRow *all = calloc(n ? n : 1, sizeof(*all));
	_cleanup_free_ Mosix__MfsUseRow **list = calloc(n ? n : 1, sizeof(*list));
	Mosix__MfsUsage m = MOSIX__MFS_USAGE__INIT;

	HASH_ITER (hh, rows, r, next) {
		if (all && list) {
			fill(&all[i], r);
			list[i] = &all[i];
			i++;
		}
		HASH_DEL(rows, r);
		free(r);
	}
	if (!i)
		return 0;
	m.n_rows = i;
	m.rows = list;
	return msg_send(c, MOSIX__MSG_TYPE__MSG_MFS_USAGE, &m.base, -1);
}
