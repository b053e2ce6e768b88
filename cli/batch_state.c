/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file of --state: a first line that says what it is, then one line for each that has ended
 * well, "HASH NUMBER JOB". Each is written by one write() at the end of the file; what a crash left
 * of a last one counts for nothing.
 */
#include "cli/batch.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/jobid.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <uthash.h>

#define HEADER "mosix-batch state 1\n"
#define STATE_MAX (1u << 30)

struct done {
	uint64_t hash;
	bool found;
	UT_hash_handle hh;
};

static int add_done(struct done **table, const char *line)
{
	struct done *d;
	uint64_t hash;

	if (sscanf(line, "%16" SCNx64 " ", &hash) != 1)
		return -EBADMSG;
	HASH_FIND(hh, *table, &hash, sizeof(hash), d);
	if (d)
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->hash = hash;
	HASH_ADD(hh, *table, hash, sizeof(d->hash), d);
	return 0;
}

/* @text: the whole file, of which *ret_good bytes are as they should be. */
static int parse(struct done **table, char *text, size_t *ret_good)
{
	char *line = text + strlen(HEADER), *end;
	int r = 0;

	while (r == 0 && (end = strchr(line, '\n'))) {
		*end = '\0';
		r = add_done(table, line);
		line = end + 1;
	}
	*ret_good = (size_t)(line - text);
	return r;
}

static size_t mark(struct batch *b, struct done *table)
{
	struct done *d, *tmp;
	size_t gone = 0;

	for (size_t i = 0; i < b->count; i++) {
		struct batch_line *l = &b->lines[i];

		HASH_FIND(hh, table, &l->hash, sizeof(l->hash), d);
		if (!d)
			continue;
		d->found = true;
		l->state = LINE_SKIPPED;
		b->skipped++;
	}
	HASH_ITER (hh, table, d, tmp) {
		gone += !d->found;
		HASH_DEL(table, d);
		free(d);
	}
	return gone;
}

static int begin_file(int fd)
{
	if (ftruncate(fd, 0) < 0)
		return -errno;
	return fd_write_full(fd, HEADER, strlen(HEADER));
}

static int read_file(struct batch *b, int fd, size_t *ret_gone)
{
	_cleanup_free_ char *text = NULL;
	struct done *table = NULL;
	char path[32];
	size_t len, good;
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = file_read_at(AT_FDCWD, path, STATE_MAX, &text, &len);
	if (r < 0)
		return r;
	/* Also when we were killed while we wrote just that. */
	if (len < strlen(HEADER) && !strncmp(text, HEADER, len))
		return begin_file(fd);
	if (strncmp(text, HEADER, strlen(HEADER)) != 0)
		return -EBADMSG;
	r = parse(&table, text, &good);
	*ret_gone = mark(b, table);
	if (r == 0 && good < len && ftruncate(fd, (off_t)good) < 0)
		r = -errno;
	return r;
}

int batch_state_open(struct batch *b, size_t *ret_gone, struct err *e)
{
	const char *path = b->opts.state;
	_cleanup_fd_ int fd = -1;
	int r;

	*ret_gone = 0;
	if (!path)
		return 0;
	fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_CREAT, 0666);
	if (fd < 0)
		return err_sys(e, -errno, "cannot open the state file %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, -EBUSY, "another mosix-batch uses the state file %s", path);
	r = read_file(b, fd, ret_gone);
	if (r == -EBADMSG)
		return err_set(e, r, "%s is no state file of mosix-batch; name another one", path);
	if (r < 0)
		return err_sys(e, r, "cannot read the state file %s", path);
	b->state_fd = steal_fd(&fd);
	return 0;
}

static int cannot_write(const struct batch *b, struct err *e)
{
	return err_sys(e, -(errno ? errno : ENOSPC), "cannot write the state file %s",
		       b->opts.state);
}

int batch_state_add(struct batch *b, const struct batch_line *l, struct err *e)
{
	char text[64];
	int n;

	if (b->state_fd < 0)
		return 0;
	n = snprintf(text, sizeof(text), "%016" PRIx64 " %zu %s\n", l->hash, l->number,
		     jobid_str(l->job).s);
	errno = 0;
	return write(b->state_fd, text, (size_t)n) == n ? 0 : cannot_write(b, e);
}

int batch_state_sync(struct batch *b, struct err *e)
{
	return b->state_fd < 0 || fdatasync(b->state_fd) == 0 ? 0 : cannot_write(b, e);
}
