/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the copies on this node do: as their guests and the file system tell it. */
#include "daemon/sample_priv.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "common/limits.h"
#include "common/log.h"
#include "daemon/guests.h"
#include "daemon/mosixd.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NODES_MAX 8u    /* of which one copy's files are kept apart */
#define SILENT_MS 1500  /* its guest looks more rarely, since it does nothing */
#define WAKE_USEC 20000 /* of CPU time in a second: it does something again */
#define UNTOLD_MS 5000  /* for as long it counts as expected, if its guest says nothing */

struct owner {
	uint32_t node;
	uint64_t now;  /* bytes since the last tick */
	uint64_t rate; /* bytes/s, smoothed */
};

struct sample_job {
	int64_t since_ms;          /* that it is here; clock_ms() */
	int64_t told_ms, woken_ms; /* 0 = never */
	uint32_t demand_now, used_now;
	uint32_t demand, used; /* smoothed */
	uint64_t rss, growth;  /* bytes, bytes/s smoothed */
	uint64_t file_bytes;   /* as last told */
	struct net_use net;
	struct owner owners[NODES_MAX];
	int cpu; /* cpu.stat of its group; -1 = not open */
	uint64_t cpu_usec;
	int64_t cpu_ms;
};

static uint64_t smooth(uint64_t old, uint64_t sample)
{
	return (3 * old + sample) / 4;
}

static uint64_t per_second(uint64_t from, uint64_t to, int64_t ms)
{
	return to > from ? (to - from) * 1000 / (uint64_t)(ms > 0 ? ms : 1) : 0;
}

/* NULL: no memory. A copy that an earlier daemon started is as old as its record says. */
static struct sample_job *job_of(struct guest *g)
{
	int64_t old = g->inherited && g->started ? time(NULL) - (int64_t)g->started : 0;
	struct sample_job *s = g->sample;

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->cpu = -1;
	s->since_ms = clock_ms() - (old > 0 ? old * 1000 : 0);
	g->sample = s;
	return s;
}

uint64_t sample_job_net_bytes(struct guest *g)
{
	return g->sample ? g->sample->net.bytes : 0;
}

void sample_guest_gone(struct guest *g)
{
	if (!g->sample)
		return;
	fd_close(g->sample->cpu);
	free(g->sample);
	g->sample = NULL;
}

struct net_use *sample_job_net(struct guest *g)
{
	struct sample_job *s = job_of(g);

	return s ? &s->net : NULL;
}

/* ------------------------------------------------------------------ files */

/* Its own place, or that of the one that is used least. */
static struct owner *owner_of(struct sample_job *s, uint32_t node)
{
	struct owner *least = &s->owners[0];

	for (unsigned int i = 0; i < NODES_MAX; i++) {
		struct owner *o = &s->owners[i];

		if (o->node == node)
			return o;
		if (o->now + o->rate < least->now + least->rate)
			least = o;
	}
	*least = (struct owner){.node = node};
	return least;
}

static void roll_owners(struct sample_job *s)
{
	for (unsigned int i = 0; i < NODES_MAX; i++) {
		struct owner *o = &s->owners[i];

		o->rate = smooth(o->rate, o->now);
		o->now = 0;
	}
}

void sample_mfs_usage(struct mosixd *d, const Mosix__MfsUsage *m)
{
	for (size_t i = 0; i < m->n_rows; i++) {
		const Mosix__MfsUseRow *row = m->rows[i];
		struct guest *g = guests_find(d, row->job, row->gen);
		struct sample_job *s = g ? job_of(g) : NULL;
		uint64_t bytes = row->read_bytes + row->written_bytes;

		if (!s || !row->node)
			continue;
		owner_of(s, row->node)->now += bytes;
	}
}

/* On the node's own disks; elsewhere than at home a job has no files there. */
static void count_local(struct guest *g, struct sample_job *s, uint64_t file_bytes)
{
	if (file_bytes > s->file_bytes && jobid_home(g->key.job) == g->d->config.self)
		owner_of(s, g->d->config.self)->now += file_bytes - s->file_bytes;
	s->file_bytes = file_bytes;
}

/* ------------------------------------------------------------------ told by the guest */

void sample_guest_stats(struct guest *g, const Mosix__GuestStats *m)
{
	struct sample_job *s = job_of(g);
	int64_t now = clock_ms();
	bool first;

	if (!s)
		return;
	first = !s->told_ms;
	s->demand_now = m->demand;
	s->used_now = m->used;
	s->demand = first ? m->demand : load_smooth_demand(s->demand, m->demand);
	s->used = first ? m->used : load_smooth_used(s->used, m->used);
	if (!first) {
		int64_t ms = now - s->told_ms;

		s->growth = load_smooth_growth(s->growth, per_second(s->rss, m->rss, ms), ms);
	}
	count_local(g, s, m->file_bytes);
	s->rss = m->rss;
	s->told_ms = now;
	sample_net_heard(g, m);
}

/* ------------------------------------------------------------------ once a second */

static bool is_running(const struct guest *g)
{
	return g->state == MOSIX__GUEST_STATE__GUEST_RUNNING ||
	       g->state == MOSIX__GUEST_STATE__GUEST_DUMPING;
}

/* CPU time that it got since the last call, microseconds per second. */
static uint64_t cpu_used(struct guest *g, struct sample_job *s, int64_t now)
{
	char path[CGROUP_PATH_MAX + 64], text[512];
	uint64_t usec, before = s->cpu_usec;
	ssize_t n;

	if (s->cpu < 0) {
		guest_cgroup(g, path, sizeof(path) - sizeof("/cpu.stat"));
		strcat(path, "/cpu.stat");
		s->cpu = open(path, O_RDONLY | O_CLOEXEC);
	}
	n = s->cpu < 0 ? -1 : pread(s->cpu, text, sizeof(text) - 1, 0);
	if (n < 0)
		return 0;
	text[n] = '\0';
	if (!limits_key(text, "usage_usec", &usec))
		return 0;
	s->cpu_usec = usec;
	before = per_second(before, usec, now - s->cpu_ms);
	s->cpu_ms = now;
	return before;
}

/* A guest whose job did nothing for a while looks at it ever more rarely. */
static void wake(struct guest *g, struct sample_job *s, int64_t now)
{
	Mosix__GuestRef m = MOSIX__GUEST_REF__INIT;

	if (!s->told_ms || now - s->told_ms < SILENT_MS || now - s->woken_ms < SILENT_MS)
		return;
	s->woken_ms = now;
	m.has_job = m.has_gen = true;
	m.job = g->key.job;
	m.gen = (uint32_t)g->key.gen;
	(void)guest_send(g, MOSIX__MSG_TYPE__MSG_GUEST_LOOK, &m.base);
}

/* Have all jobs together used as much as would be worth a look at one of them? */
static bool any_busy(struct sample *s)
{
	char text[512];
	uint64_t usec = 0, before = s->jobs_usec;

	if (limits_read(s->jobs, "cpu.stat", text, sizeof(text)))
		(void)limits_key(text, "usage_usec", &usec);
	s->jobs_usec = usec;
	return usec >= before + WAKE_USEC;
}

void sample_jobs_tick(struct mosixd *d, struct sample_of_jobs *ret)
{
	bool any = any_busy(d->sample);
	int64_t now = clock_ms();

	*ret = (struct sample_of_jobs){0};
	sample_net_tick(d, now);
	for (struct guest *g = guests_first(d); g; g = g->hh.next) {
		struct sample_job *s = job_of(g);

		if (!s)
			continue;
		roll_owners(s);
		if (!is_running(g))
			continue;
		if (any && cpu_used(g, s, now) >= WAKE_USEC)
			wake(g, s, now);
		ret->demand += s->demand_now;
		ret->used += s->used_now;
		ret->silent += s->told_ms == 0;
	}
}

/* ------------------------------------------------------------------ what is known */

static uint32_t clamp32(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The largest first. */
static void fill_files(const struct sample_job *s, struct job_files *ret)
{
	bool used[NODES_MAX] = {false};

	for (unsigned int n = 0; n < JOB_FILE_NODES; n++) {
		unsigned int best = NODES_MAX;

		for (unsigned int i = 0; i < NODES_MAX; i++)
			if (!used[i] && s->owners[i].rate >> 10 &&
			    (best == NODES_MAX || s->owners[i].rate > s->owners[best].rate))
				best = i;
		if (best == NODES_MAX)
			return;
		used[best] = true;
		ret[n].node = s->owners[best].node;
		ret[n].rate = clamp32(s->owners[best].rate >> 10);
	}
}

void sample_job(struct guest *g, struct job_facts *ret)
{
	const struct sample_job *s = job_of(g);

	*ret = (struct job_facts){.job = g->key.job, .home = jobid_home(g->key.job)};
	if (!s)
		return;
	ret->here_ms = ret->age_ms = clamp32((uint64_t)(clock_ms() - s->since_ms));
	ret->demand = s->demand;
	/* On a node with much to do it may take a while until its guest gets to it. */
	if (!s->told_ms && ret->here_ms < UNTOLD_MS)
		ret->demand = DEMAND_EXPECTED;
	ret->used = s->used;
	ret->memory = clamp32((s->rss + (1u << 20) - 1) >> 20);
	ret->growth = clamp32(s->growth >> 20);
	ret->net_rate = clamp32(s->net.rate >> 10);
	fill_files(s, ret->files);
}

static void log_job(struct guest *g)
{
	char files[JOB_FILE_NODES * 24 + 1] = "";
	struct job_facts f;
	size_t used = 0;

	sample_job(g, &f);
	for (unsigned int i = 0; i < JOB_FILE_NODES && f.files[i].rate; i++)
		used += (size_t)snprintf(files + used, sizeof(files) - used, " %u:%u",
					 f.files[i].node, f.files[i].rate);
	log_debug("Copy %s: demand %u used %u memory %u growth %u net %u files%s", guest_title(g),
		  f.demand, f.used, f.memory, f.growth, f.net_rate, files);
}

void sample_jobs_log(struct mosixd *d)
{
	for (struct guest *g = guests_first(d); g; g = g->hh.next)
		log_job(g);
}
