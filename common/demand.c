/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runnable tasks of a set of processes.
 */
#include "common/demand.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define BUSY 20          /* 1/1000: a process that is not idle */
#define UNEXPLAINED 50   /* 1/1000 CPU that nobody seen has used: look at all */
#define INTERVAL_MAX 16u /* samples between looks at an idle process */
#define NOISE 12u        /* part of what was used that is not to be taken for anything */
#define RECHECK 16u      /* samples after which not_ours is asked again */
#define RETRY 4u         /* samples until all are looked at once more if that was in vain */

struct entry {
	pid_t pid;
	bool skip;
	uint32_t seen;     /* sample */
	uint32_t due;      /* sample */
	uint32_t interval; /* samples */
	int64_t at;        /* of the last look */
	struct times last;
	uint64_t run, wait; /* since the look before, per time, in 1/1000 */
	UT_hash_handle hh;
};

struct sum {
	uint64_t run, wait;
};

struct demand {
	const struct times_source *source;
	bool (*not_ours)(void *arg, pid_t pid);
	void *arg;
	struct entry *table;
	uint32_t sample;
	int64_t now, before;
	uint32_t retry; /* sample from which looking at all is worth a try again */
	/* Over the last samples, of all that were seen, and of those of them that were new. */
	struct sum all, fresh;
	struct sum born; /* in this sample */
	unsigned int looked;
};

struct demand *demand_new(const struct times_source *source, bool (*not_ours)(void *arg, pid_t pid),
			  void *arg)
{
	struct demand *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->source = source;
	d->not_ours = not_ours;
	d->arg = arg;
	return d;
}

static void drop(struct demand *d, struct entry *e)
{
	HASH_DEL(d->table, e);
	free(e);
}

struct demand *demand_free(struct demand *d)
{
	struct entry *e, *next;

	if (!d)
		return NULL;
	HASH_ITER (hh, d->table, e, next)
		drop(d, e);
	free(d);
	return NULL;
}

void demand_begin(struct demand *d, int64_t now_ns)
{
	d->before = d->now;
	d->now = now_ns;
	d->sample++;
	d->looked = 0;
	d->born = (struct sum){0};
}

static uint64_t rate(uint64_t from, uint64_t to, int64_t ns)
{
	return to > from && ns > 0 ? (to - from) * 1000 / (uint64_t)ns : 0;
}

/* It is looked at again in the next sample if it is busy, else later and later. The number spreads
 * those that became idle at once. */
static void schedule(struct demand *d, struct entry *e)
{
	if (e->run + e->wait >= BUSY)
		e->interval = 1;
	else if (e->interval < INTERVAL_MAX)
		e->interval *= 2;
	e->due = d->sample + e->interval;
	if (e->interval == INTERVAL_MAX)
		e->due -= (uint32_t)e->pid % (INTERVAL_MAX / 2);
}

static void look(struct demand *d, struct entry *e)
{
	struct times t;

	d->looked++;
	e->run = e->wait = 0;
	if (times_of(d->source, e->pid, &t) < 0)
		t = e->last;
	/* A number that was given to another process. */
	if (t.run < e->last.run)
		e->last = (struct times){0};
	e->run = rate(e->last.run, t.run, d->now - e->at);
	e->wait = rate(e->last.wait, t.wait, d->now - e->at);
	e->last = t;
	e->at = d->now;
	schedule(d, e);
}

static bool asked(struct demand *d, const struct entry *e)
{
	return d->not_ours && d->not_ours(d->arg, e->pid);
}

static void add(struct demand *d, pid_t pid)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return;
	e->pid = pid;
	e->interval = 1;
	e->seen = d->sample;
	HASH_ADD(hh, d->table, pid, sizeof(pid), e);
	if (!e->hh.tbl) {
		free(e);
		return;
	}
	e->skip = asked(d, e);
	if (e->skip)
		return;
	/* All that it did was since the last sample, but for the first one. */
	e->at = d->before;
	look(d, e);
	if (d->sample == 1) {
		e->run = e->wait = 0;
		e->interval = 1;
		e->due = d->sample + 1;
	}
	d->born.run += e->run;
	d->born.wait += e->wait;
}

void demand_see(struct demand *d, pid_t pid)
{
	struct entry *e;

	HASH_FIND(hh, d->table, &pid, sizeof(pid), e);
	if (!e) {
		add(d, pid);
		return;
	}
	e->seen = d->sample;
	/* Processes are moved between groups; those that count are the busy ones. */
	if (e->skip ? (d->sample + (uint32_t)pid) % RECHECK == 0 : e->run + e->wait >= BUSY)
		e->skip = asked(d, e);
	if (e->skip)
		e->run = e->wait = 0;
	else if ((int32_t)(d->sample - e->due) >= 0)
		look(d, e);
}

static struct sum add_up(struct demand *d)
{
	struct entry *e, *next;
	struct sum s = {0};

	HASH_ITER (hh, d->table, e, next) {
		if (e->seen != d->sample) {
			drop(d, e);
			continue;
		}
		s.run += e->run;
		s.wait += e->wait;
	}
	return s;
}

static struct sum look_at_all(struct demand *d)
{
	struct entry *e, *next;

	HASH_ITER (hh, d->table, e, next)
		if (!e->skip && e->at != d->now)
			look(d, e);
	return add_up(d);
}

static void remember(struct sum *old, const struct sum *now)
{
	old->run = old->run * 3 / 4 + now->run;
	old->wait = old->wait * 3 / 4 + now->wait;
}

/* Those that were not seen any more waited like others in their group lately: best like those
 * which are as young, for those that start them hardly run at all. */
static uint64_t waited(const struct demand *d, uint64_t run)
{
	const struct sum *s = d->fresh.run >= UNEXPLAINED ? &d->fresh : &d->all;

	return s->run >= UNEXPLAINED ? run * s->wait / s->run : 0;
}

uint32_t demand_end(struct demand *d, uint32_t used, uint32_t pressure)
{
	struct sum s = add_up(d);
	uint64_t lost, sum;

	if (d->sample == 1)
		return 0;
	if (s.run + UNEXPLAINED < used && d->sample >= d->retry) {
		s = look_at_all(d);
		if (s.run + UNEXPLAINED < used)
			d->retry = d->sample + RETRY;
	}
	remember(&d->all, &s);
	remember(&d->fresh, &d->born);
	lost = used > s.run ? used - s.run : 0;
	sum = s.run + s.wait + lost;
	/* The two are not measured at quite the same time, and what one runs, many may wait. */
	if (lost > used / NOISE)
		sum += waited(d, lost);
	if (sum < used + pressure)
		sum = used + pressure;
	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

unsigned int demand_looked(const struct demand *d)
{
	return d->looked;
}
