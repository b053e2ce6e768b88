/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs: by chance, as a parallel make, or from a file. */
#include "common/cleanup.h"
#include "sim/trace.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_JOBS 103u
#define TRACE_LINE_MAX (1 << 20)
#define WARM_UP \
	10.0 /* seconds until nodes have heard of each other, before all jobs come at once */

/* ------------------------------------------------------------------ by chance */

struct maker {
	const struct sim_conf *c;
	struct trace *t;
	struct random random;
	double *homes; /* distribution function over home nodes */
	uint32_t home_count, room;
};

static int homes_init(struct maker *m)
{
	double sum = 0;

	m->home_count = m->c->homes ? m->c->homes : m->c->nodes;
	m->homes = calloc(m->home_count, sizeof(*m->homes));
	if (!m->homes)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->home_count; i++)
		m->homes[i] = sum += pow(i + 1, -m->c->skew);
	return 0;
}

static uint32_t draw_home(struct maker *m)
{
	double x = random_unit(&m->random) * m->homes[m->home_count - 1];
	uint32_t low = 0, high = m->home_count - 1;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (m->homes[mid] > x)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static struct trace_job *add_job(struct trace *t, uint32_t *room)
{
	if (t->job_count == *room) {
		uint32_t more = *room ? 2 * *room : 1024;
		struct trace_job *p = reallocarray(t->jobs, more, sizeof(*p));

		if (!p || more > 2 * SIM_JOBS_MAX)
			return NULL;
		t->jobs = p;
		*room = more;
	}
	t->jobs[t->job_count] = (struct trace_job){0};
	return &t->jobs[t->job_count++];
}

/* A size that fits on every node: what must overload its home says nothing of a policy. */
static float draw_memory(struct maker *m)
{
	double size = dist_draw(&m->c->job_memory, &m->random);

	return (float)fmin(size, 0.75 * m->c->memory.low);
}

static int make_job(struct maker *m, double at, const struct dist *length, uint32_t home)
{
	struct trace_job *j = add_job(m->t, &m->room);

	if (!j)
		return -ENOMEM;
	j->at_us = (int64_t)(at * 1e6);
	j->length = (float)dist_draw(length, &m->random);
	j->memory = draw_memory(m);
	j->grow = (float)m->c->grow;
	j->home = home;
	j->hint = random_unit(&m->random) < m->c->hints;
	return 0;
}

static double arrival_rate(const struct maker *m)
{
	double capacity = 0;

	if (m->c->arrivals == ARRIVALS_RATE)
		return m->c->arrivals_a;
	for (uint32_t i = 0; i < m->t->node_count; i++)
		capacity += m->t->nodes[i].cpus * m->t->nodes[i].speed;
	return m->c->arrivals_a * capacity / dist_mean(&m->c->length);
}

static int make_stream(struct maker *m)
{
	const struct dist gap = {DIST_EXP, {1 / arrival_rate(m)}};
	double end = m->c->hours * 3600;

	for (double at = dist_draw(&gap, &m->random); at < end; at += dist_draw(&gap, &m->random))
		if (make_job(m, at, &m->c->length, draw_home(m)) < 0)
			return -ENOMEM;
	return 0;
}

static int make_bursts(struct maker *m)
{
	bool once = m->c->arrivals == ARRIVALS_ONCE;
	double end = m->c->hours * 3600, step = once ? end : m->c->arrivals_b;

	/* Within a burst they come from the homes in turn; once: the first job on the first. */
	for (double at = WARM_UP; at < end + WARM_UP; at += step)
		for (uint32_t i = 0; i < m->c->arrivals_a; i++)
			if (make_job(m, at, &m->c->length, i % m->home_count) < 0)
				return -ENOMEM;
	return 0;
}

/* ------------------------------------------------------------------ make */

static int make_make(struct maker *m)
{
	uint32_t units = m->c->make_units, links = m->c->make_links, count = 0;
	_cleanup_free_ uint32_t(*pairs)[2] = calloc((size_t)units + links + 1, sizeof(*pairs));

	if (!pairs)
		return -ENOMEM;
	for (uint32_t i = 0; i < units; i++)
		if (make_job(m, WARM_UP, &m->c->length, 0) < 0)
			return -ENOMEM;
	for (uint32_t i = 0; i <= links; i++)
		if (make_job(m, WARM_UP, &m->c->link_length, 0) < 0)
			return -ENOMEM;
	for (uint32_t i = 0; i < units && links; i++, count++) {
		pairs[count][0] = i;
		pairs[count][1] = units + (uint32_t)((uint64_t)i * links / units);
	}
	for (uint32_t i = 0; i < links; i++, count++) {
		pairs[count][0] = units + i;
		pairs[count][1] = units + links;
	}
	m->t->parallel = m->c->make_jobs;
	return trace_link(m->t, (const uint32_t(*)[2])pairs, count);
}

static int too_many(const struct sim_conf *c, const struct trace *t)
{
	double n = c->hours * 3600;

	if (c->make_units)
		return 0;
	if (c->arrivals == ARRIVALS_BURST)
		n *= c->arrivals_a / c->arrivals_b;
	else if (c->arrivals == ARRIVALS_ONCE)
		n = c->arrivals_a;
	else
		n *= arrival_rate(&(struct maker){.c = c, .t = (struct trace *)t});
	return n > SIM_JOBS_MAX;
}

int trace_make_jobs(struct trace *t, const struct sim_conf *c, struct err *e)
{
	struct maker m = {.c = c, .t = t};
	int r;

	if (too_many(c, t))
		return err_set(e, -EINVAL, "these arrivals make more than %u jobs", SIM_JOBS_MAX);
	random_seed(&m.random, c->seed * 1000 + STREAM_JOBS);
	r = homes_init(&m);
	if (!r && c->make_units)
		r = make_make(&m);
	else if (!r)
		r = c->arrivals == ARRIVALS_BURST || c->arrivals == ARRIVALS_ONCE ? make_bursts(&m)
										  : make_stream(&m);
	if (!r && !t->next_first)
		r = trace_link(t, NULL, 0);
	free(m.homes);
	return r < 0 ? err_set(e, r, "no memory for the jobs") : 0;
}

/* ------------------------------------------------------------------ files */

int trace_write(const struct trace *t, const char *path, struct err *e)
{
	_cleanup_file_ FILE *f = fopen(path, "we");

	if (!f)
		return err_sys(e, -errno, "%s cannot be written", path);
	fprintf(f, "# mosix-sim trace: JOB SECONDS HOME LENGTH MIB GROW HINT [before JOB...]\n");
	if (t->parallel)
		fprintf(f, "parallel %u\n", t->parallel);
	for (uint32_t i = 0; i < t->job_count; i++) {
		const struct trace_job *j = &t->jobs[i];

		fprintf(f, "%u %" PRId64 ".%06" PRId64 " %u %.9g %.9g %.9g %d", i + 1,
			j->at_us / 1000000, j->at_us % 1000000, j->home + 1, (double)j->length,
			(double)j->memory, (double)j->grow, j->hint);
		for (uint32_t k = t->next_first[i]; k < t->next_first[i + 1]; k++)
			fprintf(f, "%s %u", k == t->next_first[i] ? " before" : "", t->next[k] + 1);
		fprintf(f, "\n");
	}
	if (fflush(f) || ferror(f))
		return err_sys(e, -EIO, "%s cannot be written", path);
	return 0;
}

struct file_reader {
	const struct sim_conf *c;
	struct trace *t;
	uint32_t room, pair_count, pair_room;
	uint32_t (*pairs)[2];
};

static int add_pair(struct file_reader *r, uint32_t job, unsigned long next)
{
	if (next <= job + 1 || next > SIM_JOBS_MAX)
		return -EINVAL;
	if (r->pair_count == r->pair_room) {
		uint32_t more = r->pair_room ? 2 * r->pair_room : 1024;
		uint32_t(*p)[2] = reallocarray(r->pairs, more, sizeof(*p));

		if (!p)
			return -ENOMEM;
		r->pairs = p;
		r->pair_room = more;
	}
	r->pairs[r->pair_count][0] = job;
	r->pairs[r->pair_count++][1] = (uint32_t)next - 1;
	return 0;
}

static int read_followers(struct file_reader *r, uint32_t job, const char *p)
{
	p += strspn(p, " \t");
	if (!*p)
		return 0;
	if (strncmp(p, "before", 6) != 0)
		return -EINVAL;
	for (p += 6; *p;) {
		char *end;
		unsigned long next = strtoul(p, &end, 10);
		int e = end == p ? -EINVAL : add_pair(r, job, next);

		if (e < 0)
			return e;
		p = end + strspn(end, " \t");
	}
	return 0;
}

static int read_job(struct file_reader *r, const char *line)
{
	double at, length, memory, grow;
	unsigned int number, home;
	struct trace_job *j;
	int hint, end = 0;

	if (sscanf(line, "%u %lf %u %lf %lf %lf %d%n", &number, &at, &home, &length, &memory, &grow,
		   &hint, &end) != 7)
		return -EINVAL;
	if (number != r->t->job_count + 1 || number > SIM_JOBS_MAX || home < 1 ||
	    home > r->c->nodes || !(at >= 0 && at < 1e9) || !(length > 0 && length < 1e9) ||
	    !(memory >= 0 && memory < 1e9) || !(grow >= 0 && grow <= 1) || hint < 0 || hint > 1)
		return -EINVAL;
	j = add_job(r->t, &r->room);
	if (!j)
		return -ENOMEM;
	*j = (struct trace_job){.at_us = llround(at * 1e6),
				.length = (float)length,
				.memory = (float)memory,
				.grow = (float)grow,
				.home = home - 1,
				.hint = hint};
	if (number > 1 && j->at_us < j[-1].at_us)
		return -EINVAL;
	return read_followers(r, number - 1, line + end);
}

static int read_line(struct file_reader *r, char *line)
{
	unsigned int parallel;
	int end = 0;

	line[strcspn(line, "#\n")] = 0;
	line += strspn(line, " \t\r");
	if (!*line)
		return 0;
	if (sscanf(line, "parallel %u%n", &parallel, &end) == 1 && !line[end]) {
		r->t->parallel = parallel;
		return 0;
	}
	return read_job(r, line);
}

static int link_read(struct file_reader *r)
{
	for (uint32_t i = 0; i < r->pair_count; i++)
		if (r->pairs[i][1] >= r->t->job_count)
			return -EINVAL;
	return trace_link(r->t, (const uint32_t(*)[2])r->pairs, r->pair_count);
}

int trace_read(struct trace *t, const struct sim_conf *c, const char *path, struct err *e)
{
	struct file_reader reader = {.c = c, .t = t};
	_cleanup_file_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	unsigned int number = 0;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	if (!f)
		return err_sys(e, -errno, "the trace %s cannot be read", path);
	while (!r && (n = getline(&line, &size, f)) >= 0) {
		number++;
		r = n > TRACE_LINE_MAX || strlen(line) != (size_t)n ? -EINVAL
								    : read_line(&reader, line);
	}
	if (r == -EINVAL)
		err_set(e, r,
			"%s:%u: not JOB SECONDS HOME LENGTH MIB GROW HINT [before JOB...], "
			"numbered from 1, sorted by time, homes 1 to %u",
			path, number, c->nodes);
	else if (!r && (r = link_read(&reader)) < 0)
		err_set(e, r, "%s: a job waits for one that is not there", path);
	else if (r < 0)
		err_set(e, r, "%s: no memory", path);
	free(reader.pairs);
	return r;
}
