/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Once a second: what this node has and does. */
#include "daemon/sample.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/cgroup.h"
#include "common/log.h"
#include "daemon/beat.h"
#include "daemon/controls.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include "daemon/sample_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* No divisor of the second, nor of the kernel's ticks, so that it does not always meet the same. */
#define QUICK_SECONDS 0.107
#define SHORTEST_NS 500000000

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The same number, the same features; never 0, which is "not known". */
static uint32_t cpu_class(const Mosix__NodeInfo *info)
{
	XXH32_hash_t h = XXH32(&info->xfeatures, sizeof(info->xfeatures), 0);

	for (size_t i = 0; i < info->n_cpu_flags; i++)
		h = XXH32(info->cpu_flags[i], strlen(info->cpu_flags[i]) + 1, h);
	return h ? h : 1;
}

static bool is_of_job(void *arg, pid_t pid)
{
	const struct mosixd *d = arg;
	char name[CGROUP_PATH_MAX];
	size_t len = strlen(d->cgroup_name);

	return cgroup_name_of(pid, name, sizeof(name)) == 0 &&
	       strncmp(name, d->cgroup_name, len) == 0 &&
	       strncmp(name + len, "/jobs/", strlen("/jobs/")) == 0;
}

static void take(struct sample *s, const struct sample_reading *r)
{
	s->more = r->more;
	s->facts.cpus = r->cpus;
	s->facts.mem_total = r->mem_total;
	s->facts.mem_free = r->mem_free;
}

static void feel_memory(struct mosixd *d)
{
	struct sample *s = d->sample;
	bool was = s->flags & NODE_MEMORY_LOW;

	s->stalled = load_smooth_used(s->stalled, s->more.pressure.memory);
	sample_set_flags(d, NODE_MEMORY_LOW,
			 load_memory_low(was, &s->facts, s->stalled) ? NODE_MEMORY_LOW : 0);
	if (was != ((s->flags & NODE_MEMORY_LOW) != 0))
		log_info("Memory is %s: %u of %u MiB are free, %u/1000 of the time something waits "
			 "for memory",
			 was ? "no longer short" : "short", s->facts.mem_free, s->facts.mem_total,
			 s->stalled);
}

static void log_node(struct sample *s)
{
	const struct sample_pressure *p = &s->more.pressure;

	log_debug("Node: cpus %u busy %u runnable %u leaving %u exporting %u memory %u free %u "
		  "pressure %u %u %u",
		  s->facts.cpus, s->more.busy, s->more.runnable, s->views.leaving,
		  s->views.exporting, s->facts.mem_total, s->facts.mem_free, p->cpu, p->memory,
		  p->io);
}

static void on_beat(struct ev_loop *loop, struct ev_periodic *w, int revents)
{
	struct mosixd *d = w->data;
	struct sample *s = d->sample;
	struct sample_of_jobs jobs;
	struct sample_reading r;
	int64_t now = now_ns();

	(void)loop;
	(void)revents;
	/* Just started, or the clock was set: so short a time says little. */
	if (now - s->looked_ns < SHORTEST_NS)
		return;
	s->looked_ns = now;
	sample_jobs_tick(d, &jobs);
	sample_node_look(&s->node, now, &jobs, &r);
	take(s, &r);
	feel_memory(d);
	load_sample(&s->views, r.more.runnable);
	controls_publish(d);
	if (log_level >= LOG_DEBUG) {
		log_node(s);
		sample_jobs_log(d);
	}
}

static void on_quick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct mosixd *d = w->data;

	(void)loop;
	(void)revents;
	sample_node_quick(&d->sample->node);
}

static int open_node(struct mosixd *d)
{
	struct sample *s = d->sample;
	const struct sample_node_config c = {
		.root = "",
		.whole = sample_node_is_whole(),
		.cpus = sample_node_affinity(),
		.jobs = s->jobs,
		.of_job = is_of_job,
		.arg = d,
	};
	const struct sample_of_jobs none = {0};
	struct sample_reading r;
	int ret;

	snprintf(s->jobs, sizeof(s->jobs), "%s/jobs", d->cgroup);
	ret = sample_node_open(&s->node, &c);
	if (ret < 0)
		return ret;
	/* Sizes are known at once, what is per time after a second. */
	s->looked_ns = now_ns();
	sample_node_look(&s->node, s->looked_ns, &none, &r);
	take(s, &r);
	return 0;
}

int sample_new(struct mosixd *d, struct err *e)
{
	struct sample *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_sys(e, -ENOMEM, "Cannot sample this node");
	d->sample = s;
	ev_init(&s->beat, on_beat);
	ev_init(&s->quick, on_quick);
	sample_speed_init(d);
	s->facts.node = d->config.self;
	s->facts.classes = UINT8_MAX;
	s->facts.cpu_class = cpu_class(d->info);
	r = open_node(d);
	if (r < 0)
		return err_sys(e, r, "Cannot find out what this node may use (/proc)");
	beat_start(d->loop, &s->beat, on_beat, d);
	/* An idle node should sleep. */
	if (!sample_node_wants_quick(&s->node))
		return 0;
	ev_timer_set(&s->quick, QUICK_SECONDS, QUICK_SECONDS);
	s->quick.data = d;
	ev_timer_start(d->loop, &s->quick);
	return 0;
}

void sample_free(struct mosixd *d)
{
	struct sample *s = d->sample;

	if (!s)
		return;
	ev_periodic_stop(d->loop, &s->beat);
	ev_timer_stop(d->loop, &s->quick);
	sample_speed_free(d);
	sample_node_close(&s->node);
	sample_net_free(d);
	free(s);
	d->sample = NULL;
}

/* ------------------------------------------------------------------ what is known */

void sample_memory_now(struct mosixd *d)
{
	struct sample *s = d->sample;
	struct sample_reading r = {.mem_total = s->facts.mem_total, .mem_free = s->facts.mem_free};

	sample_node_memory(&s->node, &r);
	s->facts.mem_total = r.mem_total;
	s->facts.mem_free = r.mem_free;
}

const struct node_facts *sample_facts(struct mosixd *d)
{
	struct sample *s = d->sample;
	unsigned int guests = guests_count_foreign(d), jobs = jobs_count(d);

	s->facts.flags = s->flags | (d->info->criu_problem ? NODE_NO_MOVES : 0);
	s->facts.speed = sample_speed(d);
	s->facts.runnable = s->views.leaving;
	s->facts.guests = (uint16_t)(guests < UINT16_MAX ? guests : UINT16_MAX);
	s->facts.jobs = (uint16_t)(jobs < UINT16_MAX ? jobs : UINT16_MAX);
	return &s->facts;
}

const struct sample_more *sample_more(const struct mosixd *d)
{
	return &d->sample->more;
}

void sample_set_flags(struct mosixd *d, uint32_t mask, uint32_t flags)
{
	d->sample->flags = (d->sample->flags & ~mask) | (flags & mask);
}

void sample_set_classes(struct mosixd *d, uint8_t classes)
{
	d->sample->facts.classes = classes;
}
