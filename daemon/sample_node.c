/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what this node has and does. */
#include "daemon/sample_node.h"

#include "common/demand.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Inode number of the first pid namespace's file, a constant of the kernel's. */
#define FIRST_PID_NS 0xEFFFFFFCu
#define CPU_SETS 8192
/* Larger than that, /proc/schedstat costs more than it is worth. */
#define SCHEDSTAT_MAX (64u << 10)
#define BUSY_JOBS 50 /* 1/1000 CPU */
#define IDLE 10      /* 1/1000 CPU: nobody need be looked for */
#define RARELY 8     /* samples between looks at what hardly ever changes */

static const char *const pressure_names[PRESSURES] = {"cpu", "memory", "io"};

/* ------------------------------------------------------------------ open */

bool sample_node_is_whole(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == FIRST_PID_NS;
}

uint32_t sample_node_affinity(void)
{
	cpu_set_t *set = CPU_ALLOC(CPU_SETS);
	size_t size = CPU_ALLOC_SIZE(CPU_SETS);
	int n = 0;

	if (set && sched_getaffinity(0, size, set) == 0)
		n = CPU_COUNT_S(size, set);
	CPU_FREE(set);
	return 1000 * (uint32_t)(n > 0 ? n : 1);
}

int sample_node_open(struct sample_node *n, const struct sample_node_config *c)
{
	char path[LIMITS_PATH_MAX];
	int r;

	*n = (struct sample_node){.c = *c, .loadavg = -1, .source.fd = -1};
	r = limits_find(&n->limits, c->root);
	if (r < 0)
		return r;
	if (c->whole) {
		snprintf(path, sizeof(path), "%s/proc/loadavg", c->root);
		n->loadavg = open(path, O_RDONLY | O_CLOEXEC);
		return n->loadavg < 0 ? -errno : 0;
	}
	times_open(&n->source, c->root);
	n->demand = demand_new(&n->source, c->of_job, c->arg);
	snprintf(path, sizeof(path), "%s/proc", c->root);
	n->proc = opendir(path);
	r = !n->proc ? -errno : !n->demand ? -ENOMEM : 0;
	if (r < 0)
		sample_node_close(n);
	return r;
}

void sample_node_close(struct sample_node *n)
{
	n->demand = demand_free(n->demand);
	times_close(&n->source);
	if (n->proc)
		closedir(n->proc);
	n->proc = NULL;
	n->loadavg = fd_close(n->loadavg);
}

/* ------------------------------------------------------------------ small readers */

/* @part of @ns, in 1/1000; @part in microseconds. */
static uint32_t share(uint64_t from, uint64_t to, int64_t ns)
{
	uint64_t n = to > from && ns > 0 ? (to - from) * 1000000 / (uint64_t)ns : 0;

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static uint64_t cpu_usec(const char *dir)
{
	char text[1024];
	uint64_t n;

	return dir && limits_read(dir, "cpu.stat", text, sizeof(text)) &&
			       limits_key(text, "usage_usec", &n)
		       ? n
		       : 0;
}

/* Microseconds in which something waited. */
static bool stalled(const char *dir, const char *name, uint64_t *ret)
{
	char text[256];
	const char *p;

	if (!limits_read(dir, name, text, sizeof(text)) || strncmp(text, "some ", 5) != 0)
		return false;
	p = strstr(text, "total=");
	return p && sscanf(p, "total=%" SCNu64, ret) == 1;
}

static uint64_t stalled_node(const struct sample_node *n, unsigned int which)
{
	const char *top = limits_top(&n->limits);
	char name[32], dir[LIMITS_PATH_MAX];
	uint64_t usec = 0;

	snprintf(name, sizeof(name), "%s.pressure", pressure_names[which]);
	if (!n->c.whole && top && stalled(top, name, &usec))
		return usec;
	snprintf(dir, sizeof(dir), "%s/proc/pressure", n->c.root);
	return stalled(dir, pressure_names[which], &usec) ? usec : 0;
}

/* ------------------------------------------------------------------ memory */

static uint64_t meminfo(const char *text, const char *key)
{
	const char *p = strstr(text, key);
	uint64_t kib;

	return p && sscanf(p + strlen(key), ": %" SCNu64 " kB", &kib) == 1 ? kib << 10 : 0;
}

static void look_at_memory(struct sample_node *n, struct sample_reading *ret)
{
	uint64_t total, free;
	char text[4096], dir[LIMITS_PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/proc", n->c.root);
	if (!limits_read(dir, "meminfo", text, sizeof(text)))
		return;
	total = meminfo(text, "MemTotal");
	free = meminfo(text, "MemAvailable");
	ret->more.limited |= limits_memory(&n->limits, &total, &free);
	if (n->count % RARELY == 0) {
		n->swap_total = meminfo(text, "SwapTotal");
		n->swap_free = meminfo(text, "SwapFree");
		limits_swap(&n->limits, &n->swap_total, &n->swap_free);
	}
	ret->mem_total = mib(total);
	ret->mem_free = mib(free);
	ret->more.swap_total = mib(n->swap_total);
	ret->more.swap_free = mib(n->swap_free);
}

/* ------------------------------------------------------------------ runnable: whole machine */

bool sample_node_wants_quick(const struct sample_node *n)
{
	return n->c.whole && !n->wait_ns;
}

/* Of the looking thread there is always one. */
void sample_node_quick(struct sample_node *n)
{
	unsigned int running;
	char text[128];
	ssize_t len = n->loadavg < 0 ? -1 : pread(n->loadavg, text, sizeof(text) - 1, 0);

	if (len < 0)
		return;
	text[len] = '\0';
	if (sscanf(text, "%*s %*s %*s %u/", &running) != 1)
		return;
	n->quick_sum += running > 0 ? running - 1 : 0;
	n->quick_n++;
}

/* Sum over the CPUs of the time for which tasks waited in their queues; kernels with
 * CONFIG_SCHEDSTATS tell it. */
static uint64_t waited_ns(const struct sample_node *n)
{
	static char text[SCHEDSTAT_MAX];
	char dir[LIMITS_PATH_MAX];
	uint64_t sum = 0, ns;

	snprintf(dir, sizeof(dir), "%s/proc", n->c.root);
	if (!limits_read(dir, "schedstat", text, sizeof(text)) || strlen(text) == sizeof(text) - 1)
		return 0;
	for (const char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, "cpu", 3) == 0 &&
		    sscanf(p, "%*s %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &ns) == 1)
			sum += ns;
	return sum;
}

static uint32_t runnable_whole(struct sample_node *n, uint32_t busy, int64_t ns)
{
	uint64_t waited = waited_ns(n), before = n->wait_ns;
	uint32_t quick;

	sample_node_quick(n);
	quick = n->quick_n ? 1000 * n->quick_sum / n->quick_n : 0;
	n->quick_sum = n->quick_n = 0;
	n->wait_ns = waited;
	/* An average beats looks at the moment. */
	return waited && before && ns > 0 ? busy + share(before / 1000, waited / 1000, ns) : quick;
}

/* ------------------------------------------------------------------ runnable: container */

/* Those of short life, whose guests have told nothing, are seen by what they use. */
static uint32_t demand_of_jobs(const struct sample_of_jobs *jobs, uint32_t used, uint32_t pressure)
{
	uint32_t sum = jobs->demand, lost = used > jobs->used ? used - jobs->used : 0;

	if (lost >= BUSY_JOBS)
		sum += lost > 1000 * jobs->silent ? lost : 1000 * jobs->silent;
	return sum < used + pressure && lost >= BUSY_JOBS ? used + pressure : sum;
}

static uint32_t demand_of_others(struct sample_node *n, int64_t now_ns, uint32_t used)
{
	struct dirent *e;

	/* The first look is what all others are compared with. */
	if (n->at && used < IDLE)
		return used;
	demand_begin(n->demand, now_ns);
	rewinddir(n->proc);
	while ((e = readdir(n->proc)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			demand_see(n->demand, (pid_t)strtol(e->d_name, NULL, 10));
	return demand_end(n->demand, used, 0);
}

/* ------------------------------------------------------------------ all */

static uint32_t look_at_pressure(struct sample_node *n, unsigned int which, int64_t ns)
{
	uint64_t usec = stalled_node(n, which), before = n->stalled_usec[which];

	n->stalled_usec[which] = usec;
	return n->at ? share(before, usec, ns) : 0;
}

static void look_at_tasks(struct sample_node *n, int64_t now_ns, const struct sample_of_jobs *jobs,
			  struct sample_reading *ret)
{
	uint64_t used = cpu_usec(limits_top(&n->limits)), by_jobs = cpu_usec(n->c.jobs), wait = 0;
	uint32_t of_jobs = 0, waiting = 0;
	int64_t ns = now_ns - n->at;

	(void)(n->c.jobs && stalled(n->c.jobs, "cpu.pressure", &wait));
	if (n->at) {
		ret->more.busy = share(n->used_usec, used, ns);
		of_jobs = share(n->jobs_usec, by_jobs, ns);
		waiting = share(n->jobs_stalled_usec, wait, ns);
	}
	n->used_usec = used;
	n->jobs_usec = by_jobs;
	n->jobs_stalled_usec = wait;
	of_jobs = of_jobs < ret->more.busy ? of_jobs : ret->more.busy;
	if (n->c.whole) {
		uint32_t all = runnable_whole(n, ret->more.busy, n->at ? ns : 0);

		/* What a quota holds back is in no queue, but a job knows of it. */
		ret->more.runnable = all > jobs->demand ? all : jobs->demand;
	} else {
		ret->more.runnable = demand_of_jobs(jobs, of_jobs, waiting) +
				     demand_of_others(n, now_ns, ret->more.busy - of_jobs);
	}
}

void sample_node_memory(struct sample_node *n, struct sample_reading *ret)
{
	look_at_memory(n, ret);
}

void sample_node_look(struct sample_node *n, int64_t now_ns, const struct sample_of_jobs *jobs,
		      struct sample_reading *ret)
{
	struct sample_pressure *p = &ret->more.pressure;
	int64_t ns = now_ns - n->at;

	*ret = (struct sample_reading){.cpus = n->c.cpus, .more.limited = !n->c.whole};
	if (n->count % RARELY == 0)
		n->quota = limits_cpu(&n->limits);
	if (n->quota) {
		ret->more.limited = true;
		ret->cpus = n->quota < ret->cpus ? n->quota : ret->cpus;
	}
	look_at_memory(n, ret);
	p->cpu = look_at_pressure(n, PRESSURE_CPU, ns);
	p->memory = look_at_pressure(n, PRESSURE_MEMORY, ns);
	p->io = look_at_pressure(n, PRESSURE_IO, ns);
	look_at_tasks(n, now_ns, jobs, ret);
	n->at = now_ns;
	n->count++;
}
