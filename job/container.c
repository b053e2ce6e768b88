/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mounts of a job's container, as the guest process keeps them.
 */
#include "job/container.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/jobid.h"
#include "job/mounts.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int container_private(struct err *e)
{
	int r;

	r = mkdir_p(CONF_JOB_DIR, 0755);
	if (r < 0)
		return err_sys(e, r, "cannot create %s", CONF_JOB_DIR);
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, -errno, "cannot create a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(e, -errno, "cannot detach the mount namespace from the host's");
	/* Its own tmpfs: the directories vanish with the process, too. */
	if (mount("mosix-job", CONF_JOB_DIR, "tmpfs", MS_NOSUID, "mode=0700") < 0 ||
	    mount(NULL, CONF_JOB_DIR, NULL, MS_PRIVATE, NULL) < 0)
		return err_sys(e, -errno, "cannot mount a tmpfs on %s", CONF_JOB_DIR);
	return 0;
}

static int path_join(char **ret, const char *a, const char *b)
{
	return asprintf(ret, "%s%s", a, b) < 0 ? -ENOMEM : 0;
}

/* Remembers a mount of the job; @key and @source are copied. */
static int container_add(struct container *c, const char *key, const char *point,
			 const char *source)
{
	struct engine_mount *mounts, *m;

	mounts = reallocarray(c->mounts, c->mount_count + 1, sizeof(*mounts));
	if (!mounts)
		return -ENOMEM;
	c->mounts = mounts;
	m = &mounts[c->mount_count++];
	*m = (struct engine_mount){strdup(key), strdup(point), strdup(source)};
	return m->key && m->mountpoint && m->source ? 0 : -ENOMEM;
}

/* An empty directory, or file. */
static int make_target(const char *path, bool dir)
{
	_cleanup_free_ char *parent = NULL;
	_cleanup_fd_ int fd = -1;

	if (dir)
		return mkdir_p(path, 0755);
	parent = strdup(path);
	if (!parent)
		return -ENOMEM;
	*strrchr(parent, '/') = '\0';
	if (mkdir_p(parent, 0755) < 0)
		return -errno;
	fd = open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : 0;
}

/*
 * A bind of its own that takes no part in what is mounted on @source later, at the new @target. Its
 * flags are the same on every node, whatever carries the tree there: criu sets those of "/" again
 * after a move, and in a user namespace it may not take one away. Jobs lose nothing by them: they
 * have no_new_privs and a /dev of their own. The source is looked up once, it may be far away.
 */
static int bind_private(const char *source, const char *target)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RELATIME,
		.attr_clr = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME,
		.propagation = MS_PRIVATE,
	};
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = make_target(target, S_ISDIR(st.st_mode));
	if (r < 0)
		return r;
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ||
	    move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* @source bound into the job at @point, under the key KIND@point. */
static int build_bind(struct container *c, const char *kind, const char *source, const char *point,
		      struct err *e)
{
	_cleanup_free_ char *target = NULL, *key = NULL;
	int r;

	/* Side by side: one below another could not be bound once more without it. */
	if (path_join(&key, kind, point) < 0 ||
	    asprintf(&target, "%s/ext/bind.%zu", c->dir, c->mount_count) < 0)
		return -ENOMEM;
	r = bind_private(source, target);
	if (r >= 0)
		r = container_add(c, key, point, target);
	return r < 0 ? err_sys(e, r, "cannot bind %s, the job's %s", source, point) : 0;
}

static int build_binds(struct container *c, const char *tree, const char *const *home,
		       const char *const *mfs, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && home[i]; i++) {
		_cleanup_free_ char *source = NULL;

		r = path_join(&source, !strcmp(tree, "/") ? "" : tree, home[i]);
		if (r >= 0)
			r = build_bind(c, "home", source, home[i], e);
	}
	for (size_t i = 0; r >= 0 && mfs[i]; i++)
		r = build_bind(c, "mfs", CONF_MFS_MOUNT, mfs[i], e);
	return r;
}

static int dev_node(const char *dev, const char *name, unsigned int major, unsigned int minor)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dev, name);
	if (mknod(path, S_IFCHR | 0666, makedev(major, minor)) < 0 || chmod(path, 0666) < 0)
		return -errno;
	return 0;
}

static int dev_link(const char *dev, const char *name, const char *to)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dev, name);
	return symlink(to, path) < 0 ? -errno : 0;
}

static int dev_dir(const char *dev, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dev, name);
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

static int fill_dev(const char *dev)
{
	int r = dev_node(dev, "null", 1, 3);

	r = r < 0 ? r : dev_node(dev, "zero", 1, 5);
	r = r < 0 ? r : dev_node(dev, "full", 1, 7);
	r = r < 0 ? r : dev_node(dev, "random", 1, 8);
	r = r < 0 ? r : dev_node(dev, "urandom", 1, 9);
	r = r < 0 ? r : dev_node(dev, "tty", 5, 0);
	r = r < 0 ? r : dev_link(dev, "fd", "/proc/self/fd");
	r = r < 0 ? r : dev_link(dev, "stdin", "fd/0");
	r = r < 0 ? r : dev_link(dev, "stdout", "fd/1");
	r = r < 0 ? r : dev_link(dev, "stderr", "fd/2");
	r = r < 0 ? r : dev_link(dev, "ptmx", "pts/ptmx");
	r = r < 0 ? r : dev_dir(dev, "pts");
	r = r < 0 ? r : dev_dir(dev, "shm");
	return r;
}

/* What the home node's /etc/resolv.conf may be a link to: name servers are of the node that asks.
 */
static void copy_resolver(const char *run)
{
	static const char *const names[] = {
		"/systemd/resolve/stub-resolv.conf",
		"/systemd/resolve/resolv.conf",
		"/NetworkManager/resolv.conf",
		"/resolvconf/resolv.conf",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		_cleanup_free_ char *text = NULL, *from = NULL, *to = NULL;
		size_t len;

		if (path_join(&from, "/run", names[i]) < 0 || path_join(&to, run, names[i]) < 0 ||
		    file_read_at(AT_FDCWD, from, 1u << 16, &text, &len) < 0)
			continue;
		*strrchr(to, '/') = '\0';
		(void)mkdir_p(to, 0755);
		to[strlen(to)] = '/';
		(void)file_replace_at(AT_FDCWD, to, text, len, 0644);
	}
}

static int fill_run(const char *run)
{
	static const struct init_state none;
	_cleanup_free_ char *path = NULL;

	copy_resolver(run);
	if (path_join(&path, run, "/" INIT_STATE_NAME) < 0)
		return -ENOMEM;
	return file_replace_at(AT_FDCWD, path, &none, sizeof(none), 0600);
}

/* The mounts that each node has of its own. @fill puts into it what a job expects to find. */
static int build_own(struct container *c, const char *key, const char *point, const char *type,
		     unsigned long flags, const char *options, int (*fill)(const char *path),
		     struct err *e)
{
	_cleanup_free_ char *target = NULL;
	int r;

	if (asprintf(&target, "%s/ext/%s", c->dir, key) < 0)
		return -ENOMEM;
	r = mkdir_p(target, 0755);
	if (r >= 0 && (mount(type, target, type, flags, options) < 0 ||
		       mount(NULL, target, NULL, MS_PRIVATE, NULL) < 0))
		r = -errno;
	if (r >= 0 && fill)
		r = fill(target);
	if (r >= 0)
		r = container_add(c, key, point, target);
	return r < 0 ? err_sys(e, r, "cannot make %s for the job", point) : 0;
}

static int build_all(struct container *c, const char *tree, const char *const *home,
		     const char *const *mfs, struct err *e)
{
	char pts[64];
	int r;

	r = bind_private(tree, c->root);
	if (r < 0)
		return err_sys(e, r, "cannot bind %s, the home node's tree", tree);
	r = build_binds(c, tree, home, mfs, e);
	if (r < 0)
		return r;
	snprintf(pts, sizeof(pts), "newinstance,ptmxmode=0666,mode=0620,gid=%d",
		 CONTAINER_TTY_GROUP);
	r = build_own(c, "sys", "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL,
		      NULL, e);
	r = r < 0 ? r
		  : build_own(c, "run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755",
			      fill_run, e);
	r = r < 0 ? r : build_own(c, "dev", "/dev", "tmpfs", MS_NOSUID, "mode=0755", fill_dev, e);
	r = r < 0 ? r
		  : build_own(c, "pts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, pts, NULL, e);
	return r < 0 ? r
		     : build_own(c, ENGINE_SHM_KEY, "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
				 "mode=1777", NULL, e);
}

int container_build(struct container *ret, uint64_t job, uint32_t gen, const char *tree,
		    const char *const *home, const char *const *mfs, struct err *e)
{
	struct container c = {0};
	int r;

	if (asprintf(&c.dir, "%s/%s.%u", CONF_JOB_DIR, jobid_str(job).s, gen) < 0 ||
	    path_join(&c.root, c.dir, "/root") < 0)
		return -ENOMEM;
	r = build_all(&c, tree, home, mfs, e);
	if (r < 0) {
		container_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

void container_done(struct container *c)
{
	while (c->mount_count) {
		struct engine_mount *m = &c->mounts[--c->mount_count];

		if (m->source)
			(void)umount2(m->source, MNT_DETACH);
		free((char *)m->key);
		free((char *)m->mountpoint);
		free((char *)m->source);
	}
	if (c->root)
		(void)umount2(c->root, MNT_DETACH);
	free(c->mounts);
	free(c->root);
	free(c->dir);
	*c = (struct container){0};
}

int container_open_state(const struct container *c, int flags)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (path_join(&path, c->dir, "/ext/run/" INIT_STATE_NAME) < 0)
		return -ENOMEM;
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}
