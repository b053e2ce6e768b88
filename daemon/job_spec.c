/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user asks of a new job: every field is checked, and none gives more than the caller has
 * itself. Who the caller is, is filled in here and never taken from the message.
 */
#include "daemon/jobs_priv.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/msg.h"
#include "daemon/balance.h"
#include "daemon/control.h"
#include "daemon/mosixd.h"
#include "job/mounts.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <termios.h>

#define NAME_LEN 63
#define IGNORED_MAX 64
#define NODE_MAX 65535

static bool is_string(const ProtobufCBinaryData *b)
{
	return !b->len || !memchr(b->data, '\0', b->len);
}

static int check_strings(const Mosix__JobSpec *s, struct err *e)
{
	if (!s->n_argv || !s->argv[0].len)
		return err_set(e, -EINVAL, "No program was given");
	for (size_t i = 0; i < s->n_argv; i++)
		if (!is_string(&s->argv[i]))
			return err_set(e, -EINVAL, "Argument %zu holds a zero byte", i);
	for (size_t i = 0; i < s->n_envp; i++)
		if (!is_string(&s->envp[i]))
			return err_set(e, -EINVAL, "The environment holds a zero byte");
	if (!s->cwd.len || s->cwd.len >= PATH_MAX || s->cwd.data[0] != '/' || !is_string(&s->cwd))
		return err_set(e, -EINVAL, "The current directory is not an absolute path");
	if (s->has_program &&
	    (!s->program.len || s->program.len >= PATH_MAX || !is_string(&s->program)))
		return err_set(e, -EINVAL, "The program is not a path");
	return 0;
}

/* It would be kept and sent along, of any size. */
static int check_known(const Mosix__JobSpec *s, struct err *e)
{
	size_t unknown = s->base.n_unknown_fields;

	for (size_t i = 0; i < s->n_rlimits; i++)
		unknown += s->rlimits[i]->base.n_unknown_fields;
	if (s->winsize)
		unknown += s->winsize->base.n_unknown_fields;
	return unknown ? err_set(e, -EINVAL,
				 "The job is described in words that this mosixd does not "
				 "know; is it older than mosix-run?")
		       : 0;
}

/* Decisions want the list of nodes sorted. */
static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int check_wishes(const Mosix__JobSpec *s, struct err *e)
{
	if (s->job_class > JOB_CLASS_MAX)
		return err_set(e, -EINVAL, "There is no class %u; classes are numbers from 0 to %u",
			       s->job_class, JOB_CLASS_MAX);
	if (s->n_allowed > JOB_NODES_MAX)
		return err_set(e, -EINVAL, "%zu nodes are named; %u are the most", s->n_allowed,
			       JOB_NODES_MAX);
	for (size_t i = 0; i < s->n_allowed; i++)
		if (s->allowed[i] < 1 || s->allowed[i] > NODE_MAX)
			return err_set(e, -EINVAL, "There is no node %u", s->allowed[i]);
	if (s->n_allowed)
		qsort(s->allowed, s->n_allowed, sizeof(*s->allowed), by_number);
	return 0;
}

static int check_numbers(const Mosix__JobSpec *s, struct err *e)
{
	if (s->umask > 0777)
		return err_set(e, -EINVAL, "The umask %o is out of range", s->umask);
	if (s->nice < -20 || s->nice > 19)
		return err_set(e, -EINVAL, "The nice value %d is out of range", s->nice);
	if (s->n_stdio != 3)
		return err_set(e, -EINVAL, "Three standard descriptors are needed, not %zu",
			       s->n_stdio);
	for (size_t i = 0; i < 3; i++)
		if ((int)s->stdio[i] < 0 || s->stdio[i] > MOSIX__STDIO_KIND__STDIO_TTY)
			return err_set(e, -EINVAL, "Descriptor %zu is of an unknown kind", i);
	if (s->has_termios && s->termios.len != sizeof(struct termios))
		return err_set(e, -EINVAL, "The terminal's settings have the wrong size");
	if (s->n_ignored_signals > IGNORED_MAX)
		return err_set(e, -EINVAL, "Too many ignored signals");
	for (size_t i = 0; i < s->n_ignored_signals; i++)
		if (s->ignored_signals[i] < 1 || s->ignored_signals[i] > 64)
			return err_set(e, -EINVAL, "Signal %u does not exist",
				       s->ignored_signals[i]);
	return 0;
}

#define LIMIT_NAME_WIDTH 26

/* The caller's own hard limits, by resource. From /proc, since prlimit() needs CAP_SYS_RESOURCE,
 * which root may lack; its lines are in the order of the resources' numbers. */
static int read_hard_limits(pid_t pid, uint64_t ret[RLIM_NLIMITS])
{
	_cleanup_free_ char *text = NULL;
	unsigned long long hard;
	char path[64], *line;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	r = file_read_at(AT_FDCWD, path, 16384, &text, NULL);
	if (r < 0)
		return r;
	line = strchr(text, '\n');
	for (size_t i = 0; i < RLIM_NLIMITS; i++) {
		if (!line || strlen(++line) < LIMIT_NAME_WIDTH)
			return -EIO;
		if (sscanf(line + LIMIT_NAME_WIDTH, "%*s %llu", &hard) == 1)
			ret[i] = hard;
		else
			ret[i] = RLIM_INFINITY;
		line = strchr(line, '\n');
	}
	return 0;
}

/* No limit above the caller's own hard one, unless root asks. */
static int check_limits(const struct client *c, Mosix__JobSpec *s, struct err *e)
{
	uint64_t own[RLIM_NLIMITS];
	int r;

	if (s->n_rlimits > RLIM_NLIMITS)
		return err_set(e, -EINVAL, "Too many resource limits");
	r = read_hard_limits(c->pid, own);
	if (r < 0)
		return err_sys(e, r, "Cannot read the caller's resource limits");
	for (size_t i = 0; i < s->n_rlimits; i++) {
		Mosix__Rlimit *l = s->rlimits[i];

		if (l->resource >= RLIM_NLIMITS || l->soft > l->hard)
			return err_set(e, -EINVAL, "Resource limit %u is out of range",
				       l->resource);
		if (c->uid == 0)
			continue;
		if (l->hard > own[l->resource])
			l->hard = own[l->resource];
		if (l->soft > l->hard)
			l->soft = l->hard;
	}
	return 0;
}

static int check_nice(const struct client *c, Mosix__JobSpec *s, struct err *e)
{
	int own;

	if (c->uid == 0)
		return 0;
	errno = 0;
	own = getpriority(PRIO_PROCESS, (id_t)c->pid);
	if (own == -1 && errno)
		return err_sys(e, -errno, "Cannot read the caller's nice value");
	if (s->nice < own)
		s->nice = own;
	return 0;
}

/* Owned by the message from then on, as if it had been unpacked. */
static int set_string(char **field, const char *text, size_t max)
{
	char *copy = strndup(text, max);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int set_caller(const struct client *c, Mosix__JobSpec *s)
{
	uint32_t *groups = NULL;

	if (c->group_count) {
		groups = calloc(c->group_count, sizeof(*groups));
		if (!groups)
			return -ENOMEM;
		for (uint32_t i = 0; i < c->group_count; i++)
			groups[i] = c->groups[i];
	}
	free(s->groups);
	s->groups = groups;
	s->n_groups = c->group_count;
	s->has_uid = s->has_gid = s->has_home = s->has_job = true;
	s->uid = c->uid;
	s->gid = c->gid;
	s->home = c->d->config.self;
	s->job = 0;
	return 0;
}

static int set_name(Mosix__JobSpec *s)
{
	const ProtobufCBinaryData *arg = &s->argv[0];
	const uint8_t *slash = memrchr(arg->data, '/', arg->len);
	size_t skip = slash ? (size_t)(slash - arg->data) + 1 : 0;
	char name[NAME_LEN + 1];
	size_t len;

	if (s->name && s->name[0])
		return set_string(&s->name, s->name, NAME_LEN);
	len = arg->len - skip < NAME_LEN ? arg->len - skip : NAME_LEN;
	memcpy(name, arg->data + skip, len);
	return set_string(&s->name, name, len);
}

/* Takes the strings out of @m. */
static int set_points(ProtobufCBinaryData **ret, size_t *ret_count, struct mounts *m)
{
	ProtobufCBinaryData *list = calloc(m->count ? m->count : 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < m->count; i++) {
		list[i].len = strlen(m->points[i]);
		list[i].data = (uint8_t *)steal_ptr(m->points[i]);
	}
	for (size_t i = 0; i < *ret_count; i++)
		free((*ret)[i].data);
	free(*ret);
	*ret = list;
	*ret_count = m->count;
	return 0;
}

static int set_mounts(Mosix__JobSpec *s)
{
	_cleanup_(mounts_done) struct mounts home = {0}, mfs = {0};
	int r;

	r = mounts_home(&home, &mfs);
	if (r >= 0)
		r = set_points(&s->home_mounts, &s->n_home_mounts, &home);
	return r < 0 ? r : set_points(&s->mfs_mounts, &s->n_mfs_mounts, &mfs);
}

static int fill(const struct client *c, Mosix__JobSpec *s)
{
	struct utsname u;
	int r;

	if (uname(&u) < 0)
		return -errno;
	r = set_caller(c, s);
	if (r == 0)
		r = set_name(s);
	if (r == 0)
		r = set_string(&s->hostname, u.nodename, sizeof(u.nodename));
	if (r == 0)
		r = set_mounts(s);
	return r;
}

int job_spec_check(const struct client *c, Mosix__JobSpec *s, struct err *e)
{
	int r;

	r = check_known(s, e);
	if (r == 0)
		r = check_strings(s, e);
	if (r == 0)
		r = check_numbers(s, e);
	if (r == 0)
		r = check_wishes(s, e);
	if (r == 0)
		r = check_limits(c, s, e);
	if (r == 0)
		r = check_nice(c, s, e);
	if (r < 0)
		return r;
	r = fill(c, s);
	return r < 0 ? err_sys(e, r, "Cannot describe the job") : 0;
}

bool job_spec_allows(const Mosix__JobSpec *s, uint32_t node)
{
	for (size_t i = 0; i < s->n_allowed; i++)
		if (s->allowed[i] == node)
			return true;
	return s->n_allowed == 0;
}
