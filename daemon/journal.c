/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal's files. */
#include "daemon/journal.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/msg.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX (1u << 20)

static int open_kind(const char *kind)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), CONF_RUN "/%s", kind);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int journal_init(void)
{
	int r = mkdir_p(CONF_RUN "/" JOURNAL_JOBS, 0700);

	return r < 0 ? r : mkdir_p(CONF_RUN "/" JOURNAL_GUESTS, 0700);
}

int journal_write(const char *kind, const char *name, const ProtobufCMessage *m)
{
	_cleanup_free_ uint8_t *buf = NULL;
	_cleanup_fd_ int dir = open_kind(kind);
	size_t len;
	int r;

	if (dir < 0)
		return dir;
	r = msg_pack(m, &buf, &len);
	if (r < 0)
		return r;
	return file_replace_at(dir, name, buf, len, 0600);
}

int journal_remove(const char *kind, const char *name)
{
	_cleanup_fd_ int dir = open_kind(kind);

	if (dir < 0)
		return dir;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static void read_one(int dir, const char *kind, const char *name,
		     const ProtobufCMessageDescriptor *desc, void (*take)(void *arg, void *m),
		     void *arg)
{
	_cleanup_(msg_freep) void *m = NULL;
	_cleanup_free_ char *buf = NULL;
	size_t len;
	int r;

	r = file_read_at(dir, name, RECORD_MAX, &buf, &len);
	if (r == 0)
		m = msg_unpack(desc, buf, len);
	if (m)
		take(arg, m);
	else
		log_err("%s/%s/%s: this record cannot be read (%s)", CONF_RUN, kind, name,
			r < 0 ? strerror(-r) : "damaged");
}

int journal_read(const char *kind, const ProtobufCMessageDescriptor *desc,
		 void (*take)(void *arg, void *m), void *arg)
{
	_cleanup_dir_ DIR *d = NULL;
	struct dirent *e;
	int fd;

	fd = open_kind(kind);
	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return -errno;
	}
	while ((e = readdir(d))) {
		/* Names are numbers; anything else is a file that was not finished. */
		if (e->d_name[0] == '.')
			continue;
		if (strstr(e->d_name, ".tmp"))
			(void)unlinkat(fd, e->d_name, 0);
		else
			read_one(fd, kind, e->d_name, desc, take, arg);
	}
	return 0;
}
