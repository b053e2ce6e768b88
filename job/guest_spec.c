/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job's specification, checked and turned into what container, stdio and init take.
 */
#include "job/guest_spec.h"

#include "job/mounts.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *string_from(const ProtobufCBinaryData *b)
{
	/* Inside of a string there can be no NUL: what follows it would be lost in silence. */
	if (b->len && memchr(b->data, '\0', b->len))
		return NULL;
	return strndup(b->len ? (const char *)b->data : "", b->len);
}

void strings_freep(char ***v)
{
	for (char **s = *v; s && *s; s++)
		free(*s);
	free(*v);
	*v = NULL;
}

int strings_from(const ProtobufCBinaryData *b, size_t n, char ***ret)
{
	char **v = calloc(n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		v[i] = string_from(&b[i]);
		if (!v[i]) {
			strings_freep(&v);
			return -EINVAL;
		}
	}
	*ret = v;
	return 0;
}

int guest_spec_mounts(const ProtobufCBinaryData *list, size_t count, char ***ret, struct err *e)
{
	char **v;
	int r;

	if (count > MOUNTS_MAX)
		return err_set(e, -EINVAL, "the home node has more than %u file systems",
			       MOUNTS_MAX);
	r = strings_from(list, count, &v);
	if (r < 0)
		return err_sys(e, r, "bad list of the home node's mounts");
	for (size_t i = 0; v[i]; i++)
		if (!mounts_valid(v[i])) {
			r = err_set(e, -EINVAL, "%s cannot be a mount point of a job", v[i]);
			strings_freep(&v);
			return r;
		}
	*ret = v;
	return 0;
}

static int fill_init(const Mosix__JobSpec *spec, struct init_spec *s)
{
	if (!spec->has_uid || !spec->has_gid || !spec->has_cwd || !spec->n_argv ||
	    spec->n_groups > INIT_GROUPS_MAX || spec->n_rlimits > INIT_LIMITS_MAX)
		return -EINVAL;
	s->uid = spec->uid;
	s->gid = spec->gid;
	s->groups = spec->groups;
	s->group_count = spec->n_groups;
	s->umask = spec->has_umask ? spec->umask & 0777 : 022;
	for (size_t i = 0; i < spec->n_rlimits; i++) {
		const Mosix__Rlimit *l = spec->rlimits[i];

		s->limits[s->limit_count++] = (struct init_limit){l->resource, l->soft, l->hard};
	}
	for (size_t i = 0; i < spec->n_ignored_signals; i++)
		if (spec->ignored_signals[i] >= 1 && spec->ignored_signals[i] <= 64)
			s->ignored |= 1ull << (spec->ignored_signals[i] - 1);
	s->background = spec->background;
	return 0;
}

int guest_spec_init(const Mosix__JobSpec *spec, struct init_spec *ret, struct err *e)
{
	struct init_spec s = {0};
	char **argv = NULL, **envp = NULL;
	int r;

	r = fill_init(spec, &s);
	if (r >= 0)
		r = strings_from(spec->argv, spec->n_argv, &argv);
	if (r >= 0)
		r = strings_from(spec->envp, spec->n_envp, &envp);
	if (r >= 0)
		s.cwd = string_from(&spec->cwd);
	if (spec->has_program)
		s.program = string_from(&spec->program);
	else if (r >= 0)
		s.program = strdup(argv[0]);
	if (r < 0 || !s.cwd || !s.program) {
		free((char *)s.cwd);
		free((char *)s.program);
		strings_freep(&argv);
		strings_freep(&envp);
		return err_sys(e, r < 0 ? r : -EINVAL, "bad specification of the job");
	}
	s.argv = (const char *const *)argv;
	s.envp = (const char *const *)envp;
	*ret = s;
	return 0;
}

void guest_spec_done(struct init_spec *s)
{
	strings_freep((char ***)&s->argv);
	strings_freep((char ***)&s->envp);
	free((char *)s->cwd);
	free((char *)s->program);
	*s = (struct init_spec){0};
}

void guest_spec_stdio(const Mosix__JobSpec *spec, struct guest_stdio_spec *ret)
{
	*ret = (struct guest_stdio_spec){0};
	ret->spec.owner = spec->uid;
	/* Nobody is there to read what a detached job writes. */
	for (size_t i = 0; i < 3 && i < spec->n_stdio && !spec->detach; i++)
		if ((int)spec->stdio[i] > 0 && (int)spec->stdio[i] < _STDIO_KIND_MAX)
			ret->spec.kinds[i] = (enum stdio_kind)spec->stdio[i];
	ret->spec.err_to_out = spec->err_to_out;
	if (spec->winsize) {
		ret->winsize.ws_row = (unsigned short)spec->winsize->rows;
		ret->winsize.ws_col = (unsigned short)spec->winsize->cols;
		ret->winsize.ws_xpixel = (unsigned short)spec->winsize->xpixel;
		ret->winsize.ws_ypixel = (unsigned short)spec->winsize->ypixel;
		ret->spec.winsize = &ret->winsize;
	}
	if (spec->has_termios && spec->termios.len == sizeof(ret->termios)) {
		memcpy(&ret->termios, spec->termios.data, sizeof(ret->termios));
		ret->spec.termios = &ret->termios;
	}
}
