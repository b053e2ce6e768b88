/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the jobs wrote, and the note that it is out; the line of progress; the summary. */
#include "cli/batch.h"
#include "cli/human.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/jobid.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAW_MS 200
#define COPY_SIZE (64u << 10)

static void clear_progress(struct batch *b)
{
	if (b->progress)
		fputs("\r\033[K", stderr);
	b->progress = false;
}

void batch_say(struct batch *b, const char *fmt, ...)
{
	_cleanup_free_ char *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	safe = human_vsafe(fmt, ap);
	va_end(ap);
	clear_progress(b);
	fprintf(stderr, "mosix-batch: %s\n", safe ? safe : "out of memory");
}

void batch_progress(struct batch *b, bool now)
{
	int64_t t = clock_ms(), s = (t - b->begun) / 1000;
	size_t done = b->skipped + b->succeeded + b->failed;

	if (!b->tty || (!now && t - b->drawn < DRAW_MS))
		return;
	b->drawn = t;
	b->progress = true;
	fprintf(stderr, "\r%zu of %zu done, %u running", done, b->count, b->running);
	if (b->failed)
		fprintf(stderr, ", %zu failed", b->failed);
	fprintf(stderr, ", %d:%02d\033[K", (int)(s / 60), (int)(s % 60));
	fflush(stderr);
}

/* -------------------------------------------------------------------------- outputs */

int batch_output_init(struct batch *b, struct err *e)
{
	const char *tmp = getenv("TMPDIR"), *dir = b->opts.output;
	size_t room = sizeof(b->dir);

	if (!dir) {
		if (snprintf(b->dir, room, "%s/mosix-batch.XXXXXX", tmp && *tmp ? tmp : "/tmp") >=
			    (int)room ||
		    !mkdtemp(b->dir))
			return err_sys(e, -errno, "cannot make a directory for outputs in %s",
				       tmp && *tmp ? tmp : "/tmp");
		b->own_dir = true;
		return 0;
	}
	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "cannot make the directory %s", dir);
	if (snprintf(b->dir, room, "%s", dir) >= (int)room)
		return err_set(e, -ENAMETOOLONG, "the name of the directory %s is too long", dir);
	return 0;
}

void batch_output_path(const struct batch *b, const struct batch_line *l, const char *kind,
		       char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%zu.%s", b->dir, l->number, kind);
}

static int copy(const char *path, int to)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *buf = malloc(COPY_SIZE);
	ssize_t n;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	/* A job that could not be started has none. */
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (n = read(fd, buf, COPY_SIZE)) != 0)
		r = n < 0 ? -errno : fd_write_full(to, buf, (size_t)n);
	return r;
}

static int show(struct batch *b, const struct batch_line *l, struct err *e)
{
	char path[PATH_MAX];
	int r;

	clear_progress(b);
	fflush(NULL);
	batch_output_path(b, l, "out", path);
	r = copy(path, STDOUT_FILENO);
	unlink(path);
	if (r < 0)
		return err_sys(e, r, "cannot write the output of line %zu", l->number);
	batch_output_path(b, l, "err", path);
	/* Nobody may read it, which is no trouble. */
	(void)copy(path, STDERR_FILENO);
	unlink(path);
	return 0;
}

bool batch_ended_well(const struct batch_line *l)
{
	return !l->lost && WIFEXITED(l->status) && WEXITSTATUS(l->status) == 0;
}

/* Noted once its output is out: a line that a later run skips shows none. */
static int pass_on(struct batch *b, const struct batch_line *l, struct err *e)
{
	int r = b->own_dir ? show(b, l, e) : 0;

	return r == 0 && batch_ended_well(l) ? batch_state_add(b, l, e) : r;
}

static bool waits_for_others(const struct batch *b)
{
	return b->own_dir && b->opts.keep_order;
}

int batch_output_line(struct batch *b, struct batch_line *l, struct err *e)
{
	int r = 0;

	if (!waits_for_others(b))
		r = pass_on(b, l, e);
	while (waits_for_others(b) && r == 0 && b->shown < b->count) {
		l = &b->lines[b->shown];
		if (l->state != LINE_SKIPPED && l->state != LINE_ENDED)
			break;
		if (l->state == LINE_ENDED)
			r = pass_on(b, l, e);
		b->shown++;
	}
	return r < 0 ? r : batch_state_sync(b, e);
}

int batch_output_rest(struct batch *b, struct err *e)
{
	int r = 0;

	if (!waits_for_others(b))
		return 0;
	for (; r == 0 && b->shown < b->count; b->shown++)
		if (b->lines[b->shown].state == LINE_ENDED)
			r = pass_on(b, &b->lines[b->shown], e);
	return r < 0 ? r : batch_state_sync(b, e);
}

static void remove_outputs(const struct batch *b, const struct batch_line *l)
{
	char path[PATH_MAX];

	batch_output_path(b, l, "out", path);
	unlink(path);
	batch_output_path(b, l, "err", path);
	unlink(path);
}

void batch_output_done(struct batch *b)
{
	clear_progress(b);
	if (!b->own_dir)
		return;
	/* Only after trouble is anything left in it. */
	for (size_t i = 0; rmdir(b->dir) < 0 && errno == ENOTEMPTY && i < b->count; i++)
		if (b->lines[i].tries)
			remove_outputs(b, &b->lines[i]);
}

/* -------------------------------------------------------------------------- summary */

static json_t *failure(const struct batch_line *l)
{
	_cleanup_free_ char *text = human_safe(l->text);
	json_t *o = json_pack("{s:I, s:s, s:i, s:b}", "line", (json_int_t)l->number, "command",
			      text ? text : "", "tries", (int)l->tries, "lost", (int)l->lost);

	if (l->job)
		json_object_set_new(o, "job", json_string(jobid_str(l->job).s));
	if (!l->lost && WIFSIGNALED(l->status))
		json_object_set_new(o, "signal", json_integer(WTERMSIG(l->status)));
	else if (!l->lost)
		json_object_set_new(o, "status", json_integer(WEXITSTATUS(l->status)));
	return o;
}

static int print_json(const struct batch *b)
{
	size_t ended = b->skipped + b->succeeded + b->failed;
	json_t *failures = json_array(), *all;
	int r = 0;

	for (size_t i = 0; i < b->count; i++) {
		const struct batch_line *l = &b->lines[i];

		if (l->state == LINE_ENDED && !batch_ended_well(l))
			json_array_append_new(failures, failure(l));
	}
	all = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:o}", "lines", (json_int_t)b->count,
			"succeeded", (json_int_t)b->succeeded, "failed", (json_int_t)b->failed,
			"skipped", (json_int_t)b->skipped, "not_started",
			(json_int_t)(b->count - ended), "seconds",
			(double)(clock_ms() - b->begun) / 1e3, "failures", failures);
	if (!all || json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) < 0)
		r = -EIO;
	putchar('\n');
	json_decref(all);
	return r;
}

int batch_summary(struct batch *b, struct err *e)
{
	size_t ended = b->skipped + b->succeeded + b->failed;

	clear_progress(b);
	if (b->failed)
		batch_say(b, "%zu of %zu lines failed", b->failed, b->count);
	if (ended < b->count)
		batch_say(b, "%zu of %zu lines were not started", b->count - ended, b->count);
	if (b->opts.json && print_json(b) < 0)
		return err_sys(e, -EIO, "cannot write the summary");
	if (fflush(stdout) < 0 || ferror(stdout))
		return err_sys(e, -(errno ? errno : EIO), "cannot write to standard output");
	return 0;
}
