/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount.mfs: what mount(8) calls for "mount -t mfs mosix /mfs". The file system is mounted by the
 * daemon's mosix-mfs for as long as the node runs; this shows it at one more place.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/conf.h"

#define FUSE_MAGIC 0x65735546

static const char usage[] = "usage: mount.mfs mosix DIRECTORY [-fnsv] [-o OPTIONS]\n";

struct request {
	const char *target;
	bool read_only;
	bool noexec;
	bool remount;
	bool fake;
	bool verbose;
};

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* False: not known. What mount(8), fstab and systemd say to each other is not for us. */
static bool take_option(struct request *rq, const char *s)
{
	static const char *const ignored[] = {
		"rw",       "defaults", "auto",   "noauto", "user",        "nouser",
		"users",    "_netdev",  "nofail", "nosuid", "nodev",       "async",
		"relatime", "exec",     "dev",    "suid",   "allow_other",
	};

	if (strcmp(s, "ro") == 0) {
		rq->read_only = true;
		return true;
	}
	if (strcmp(s, "noexec") == 0) {
		rq->noexec = true;
		return true;
	}
	if (strcmp(s, "remount") == 0) {
		rq->remount = true;
		return true;
	}
	if (!*s || starts(s, "x-") || starts(s, "comment="))
		return true;
	/* mount -o remount gives what /proc/mounts says. */
	if (starts(s, "user_id=") || starts(s, "group_id=") || starts(s, "max_read="))
		return true;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		if (strcmp(s, ignored[i]) == 0)
			return true;
	}
	return false;
}

static int take_options(struct request *rq, char *list)
{
	char *s;

	while ((s = strsep(&list, ","))) {
		if (!take_option(rq, s)) {
			fprintf(stderr, "mount.mfs: unknown mount option '%s'\n", s);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_source(void)
{
	struct statfs fs;

	if (statfs(CONF_MFS_MOUNT, &fs) < 0 && errno == ENOTCONN) {
		fprintf(stderr, "mount.mfs: the cluster file system has failed; "
				"restart mosixd to mount it again\n");
		return -ENOTCONN;
	}
	if (statfs(CONF_MFS_MOUNT, &fs) < 0 || fs.f_type != FUSE_MAGIC) {
		fprintf(stderr, "mount.mfs: the cluster file system is not there; "
				"is mosixd running? (systemctl start mosixd)\n");
		return -ENOENT;
	}
	return 0;
}

/* The options of a bind mount are set by a second call. */
static int set_flags(const struct request *rq)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV;

	if (rq->read_only)
		flags |= MS_RDONLY;
	if (rq->noexec)
		flags |= MS_NOEXEC;
	return mount(NULL, rq->target, NULL, flags, NULL) < 0 ? -errno : 0;
}

static bool is_mounted(const char *target)
{
	struct stat source, st;

	return stat(CONF_MFS_MOUNT, &source) == 0 && stat(target, &st) == 0 &&
	       source.st_dev == st.st_dev && source.st_ino == st.st_ino;
}

static int check_target(const struct request *rq)
{
	const bool mounted = is_mounted(rq->target);

	if (rq->remount && !mounted)
		fprintf(stderr, "mount.mfs: the cluster file system is not mounted on %s\n",
			rq->target);
	else if (!rq->remount && mounted)
		fprintf(stderr, "mount.mfs: the cluster file system is already mounted on %s\n",
			rq->target);
	else
		return 0;
	return mounted ? -EBUSY : -EINVAL;
}

static int mount_it(const struct request *rq)
{
	int r = check_source();

	if (r == 0)
		r = check_target(rq);
	if (r < 0)
		return r;
	if (rq->fake)
		return 0;
	if (!rq->remount && mount(CONF_MFS_MOUNT, rq->target, NULL, MS_BIND, NULL) < 0) {
		r = -errno;
		fprintf(stderr, "mount.mfs: cannot mount on %s: %s\n", rq->target, strerror(-r));
		return r;
	}
	r = set_flags(rq);
	if (r < 0) {
		if (!rq->remount)
			umount2(rq->target, MNT_DETACH);
		fprintf(stderr, "mount.mfs: cannot set the options of %s: %s\n", rq->target,
			strerror(-r));
	} else if (rq->verbose) {
		printf("mount.mfs: the cluster file system is on %s\n", rq->target);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct request rq = {0};
	int c;

	/* mount(8) gives the options last: getopt() moves the names behind them. */
	while ((c = getopt(argc, argv, "o:fnsvt:N:")) != -1) {
		if (c == 'o' && take_options(&rq, optarg) < 0)
			return 1;
		if (c == 'f')
			rq.fake = true;
		if (c == 'v')
			rq.verbose = true;
		if (c == '?') {
			fputs(usage, stderr);
			return 1;
		}
	}
	if (argc - optind != 2) {
		fputs(usage, stderr);
		return 1;
	}
	rq.target = argv[optind + 1];
	return mount_it(&rq) == 0 ? 0 : 32;
}
