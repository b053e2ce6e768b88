/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The delegated subtree of control groups. */
#include "daemon/cgroups.h"

#include "common/cgroup.h"
#include "daemon/mosixd.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OWN_GROUP "/main"

static int make_group(const struct mosixd *d, const char *name, struct err *e)
{
	char path[CGROUP_PATH_MAX + 16];
	int r;

	snprintf(path, sizeof(path), "%s/%s", d->cgroup, name);
	/* An empty one may have been killed: see cgroup_fork(). */
	(void)rmdir(path);
	r = cgroup_create(path);
	return r < 0 && r != -EEXIST ? err_sys(e, r, "Cannot make the control group %s", path) : 0;
}

static void cut_end(char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	if (len >= n && strcmp(path + len - n, end) == 0)
		path[len - n] = '\0';
}

int cgroups_init(struct mosixd *d, struct err *e)
{
	char path[CGROUP_PATH_MAX + 16];
	int r;

	r = cgroup_self(d->cgroup, sizeof(d->cgroup));
	if (r == 0)
		r = cgroup_name_of(getpid(), d->cgroup_name, sizeof(d->cgroup_name));
	if (r < 0)
		return err_sys(e, r,
			       "Cannot find my control group; MOSIX needs control groups v2 at "
			       "/sys/fs/cgroup");
	cut_end(d->cgroup, OWN_GROUP);
	cut_end(d->cgroup_name, OWN_GROUP);
	cut_end(d->cgroup_name, "/");
	r = make_group(d, "main", e);
	if (r == 0)
		r = make_group(d, "guests", e);
	if (r == 0)
		r = make_group(d, "jobs", e);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s" OWN_GROUP, d->cgroup);
	r = cgroup_enter(path, 0);
	return r < 0 ? err_sys(e, r, "Cannot enter the control group %s", path) : 0;
}
