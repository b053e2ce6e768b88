/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Persistent sequences. */
#include "daemon/seq.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define BLOCK 64

int seq_open(struct seq *s, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	uint64_t next = 1;
	int r;

	r = file_read_at(AT_FDCWD, path, 64, &text, NULL);
	if (r < 0 && r != -ENOENT)
		return err_sys(e, r, "Cannot read %s", path);
	if (r == 0 && (sscanf(text, "%" SCNu64, &next) != 1 || next == 0))
		return err_set(e, -EINVAL,
			       "%s does not hold a number; write one above the sequence of every "
			       "job that this node has had, such as 1000000",
			       path);
	*s = (struct seq){.path = path, .next = next, .limit = next};
	return 0;
}

static int store(const struct seq *s, uint64_t limit)
{
	_cleanup_fd_ int fd = -1;
	char text[32];
	int n, r;

	n = snprintf(text, sizeof(text), "%" PRIu64 "\n", limit);
	r = file_replace_at(AT_FDCWD, s->path, text, (size_t)n, 0600);
	if (r < 0)
		return r;
	fd = open(s->path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int seq_next(struct seq *s, uint64_t *ret)
{
	int r;

	if (s->next == s->limit) {
		r = store(s, s->limit + BLOCK);
		if (r < 0)
			return r;
		s->limit += BLOCK;
	}
	*ret = s->next++;
	return 0;
}

void seq_close(struct seq *s)
{
	/* Where it cannot be written, some numbers are left out: no harm. */
	if (s->next != s->limit)
		(void)store(s, s->next);
	s->limit = s->next;
}
