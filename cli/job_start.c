/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collects JobStart. The message is built on the stack, from what is there anyway. */
#include "cli/job_start.h"
#include "cli/client.h"
#include "cli/find_program.h"
#include "common/cleanup.h"
#include "common/msg.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct parts {
	Mosix__JobStart start;
	Mosix__JobSpec spec;
	Mosix__WinSize winsize;
	Mosix__Rlimit limits[RLIM_NLIMITS];
	Mosix__Rlimit *limit_list[RLIM_NLIMITS];
	uint32_t ignored[3];
	struct termios termios;
	char cwd[PATH_MAX];
	char program[PATH_MAX];
};

size_t job_start_ignored(uint32_t ret[3])
{
	static const int asked[] = {SIGHUP, SIGINT, SIGQUIT};
	struct sigaction sa;
	size_t n = 0;

	for (size_t i = 0; i < 3; i++)
		if (sigaction(asked[i], NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			ret[n++] = (uint32_t)asked[i];
	return n;
}

/* A list of strings as protobuf has it; *ret is the caller's, the strings are not copied. */
static int list_strings(char *const *list, ProtobufCBinaryData **ret, size_t *ret_count)
{
	ProtobufCBinaryData *out;
	size_t n = 0;

	while (list && list[n])
		n++;
	out = calloc(n + 1, sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		out[i].data = (uint8_t *)list[i];
		out[i].len = strlen(list[i]);
	}
	*ret = out;
	*ret_count = n;
	return 0;
}

static void set_limits(struct parts *p)
{
	struct rlimit l;
	size_t n = 0;

	for (uint32_t i = 0; i < RLIM_NLIMITS; i++) {
		Mosix__Rlimit *out = &p->limits[n];

		if (getrlimit((__rlimit_resource_t)i, &l) < 0)
			continue;
		mosix__rlimit__init(out);
		out->has_resource = out->has_soft = out->has_hard = true;
		out->resource = i;
		out->soft = l.rlim_cur;
		out->hard = l.rlim_max;
		p->limit_list[n++] = out;
	}
	p->spec.rlimits = p->limit_list;
	p->spec.n_rlimits = n;
}

static void set_terminal(struct parts *p, const struct user_io *io)
{
	struct winsize w;

	if (!term_exists(&io->term))
		return;
	if (term_size(&io->term, &w)) {
		p->winsize.has_rows = p->winsize.has_cols = true;
		p->winsize.has_xpixel = p->winsize.has_ypixel = true;
		p->winsize.rows = w.ws_row;
		p->winsize.cols = w.ws_col;
		p->winsize.xpixel = w.ws_xpixel;
		p->winsize.ypixel = w.ws_ypixel;
		p->spec.winsize = &p->winsize;
	}
	if (term_modes(&io->term, &p->termios)) {
		/* What is typed in cooked mode was echoed already. */
		if (io->kind[0] == MOSIX__STDIO_KIND__STDIO_TTY && !user_io_owns_keys(io))
			p->termios.c_lflag &= (tcflag_t) ~(ECHO | ECHOE | ECHOK | ECHONL);
		p->spec.has_termios = true;
		p->spec.termios.data = (uint8_t *)&p->termios;
		p->spec.termios.len = sizeof(p->termios);
	}
}

static void set_surroundings(struct parts *p)
{
	mode_t mask = umask(0);

	umask(mask);
	p->spec.has_umask = true;
	p->spec.umask = mask;
	p->spec.has_nice = true;
	p->spec.nice = getpriority(PRIO_PROCESS, 0);
	p->spec.has_cwd = true;
	p->spec.cwd.data = (uint8_t *)p->cwd;
	p->spec.cwd.len = strlen(p->cwd);
	p->spec.ignored_signals = p->ignored;
	p->spec.n_ignored_signals = job_start_ignored(p->ignored);
}

static void set_options(struct parts *p, const struct run_opts *o, const struct user_io *io)
{
	const char *slash = strrchr(o->argv[0], '/');

	if (o->program)
		snprintf(p->program, sizeof(p->program), "%s", o->program);
	else
		find_program(o->argv[0], p->program);
	p->spec.has_program = p->program[0];
	p->spec.program.data = (uint8_t *)p->program;
	p->spec.program.len = strlen(p->program);
	p->spec.name = (char *)(o->name ? o->name : slash ? slash + 1 : o->argv[0]);
	p->spec.has_lock = p->spec.has_home_only = p->spec.has_detach = true;
	p->spec.lock = o->lock;
	p->spec.home_only = o->home;
	p->spec.detach = o->detach;
	p->spec.has_err_to_out = true;
	p->spec.err_to_out = io->err_to_out;
	p->spec.stdio = (Mosix__StdioKind *)io->kind;
	p->spec.n_stdio = 3;
	p->spec.has_background = true;
	p->spec.background = io->background;
	p->start.node = (char *)o->node;
	p->start.spec = &p->spec;
}

/* What balancing is told of the job; what is not said is not sent. */
static void set_hints(struct parts *p, const struct run_opts *o, const struct job_nodes *allowed)
{
	p->start.has_best = p->start.best = o->best;
	p->start.has_or_home = p->start.or_home = o->or_home;
	p->spec.allowed = allowed->nodes;
	p->spec.n_allowed = allowed->count;
	p->spec.has_memory_hint = o->memory != 0;
	p->spec.memory_hint = o->memory;
	p->spec.has_cpu_bound = p->spec.cpu_bound = o->cpu_bound;
	p->spec.has_io_bound = p->spec.io_bound = o->io_bound;
	p->spec.has_job_class = o->job_class != 0;
	p->spec.job_class = o->job_class;
}

static int send_error(int r, struct err *e)
{
	if (r == -EMSGSIZE || r == -ENOBUFS)
		return err_set(e, -E2BIG,
			       "arguments and environment are too long for a job (4 MiB at most)");
	return err_sys(e, r, "cannot ask mosixd to start the job");
}

int job_start_send(struct chan *c, const struct run_opts *o, const struct job_nodes *allowed,
		   const struct user_io *io, struct err *e)
{
	_cleanup_free_ ProtobufCBinaryData *argv = NULL;
	_cleanup_free_ ProtobufCBinaryData *envp = NULL;
	struct parts p = {0};
	int r;

	mosix__job_start__init(&p.start);
	mosix__job_spec__init(&p.spec);
	mosix__win_size__init(&p.winsize);
	if (!getcwd(p.cwd, sizeof(p.cwd)) || p.cwd[0] != '/')
		return err_sys(e, -(errno ? errno : ENOENT),
			       "the current directory has no name (was it removed?)");
	r = list_strings(o->argv, &argv, &p.spec.n_argv);
	if (r >= 0)
		r = list_strings(environ, &envp, &p.spec.n_envp);
	if (r < 0)
		return send_error(r, e);
	p.spec.argv = argv;
	p.spec.envp = envp;
	set_surroundings(&p);
	set_limits(&p);
	set_terminal(&p, io);
	set_options(&p, o, io);
	set_hints(&p, o, allowed);
	r = msg_send(c, MOSIX__MSG_TYPE__MSG_JOB_START, &p.start.base, -1);
	return r < 0 ? send_error(r, e) : 0;
}
