/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Image files in memory. */
#include "ckpt/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ckpt/shm.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/limits.h"

/* criu's names: one of these, then for some a number or "-shmem" and a number. */
static const char *const names[] = {
	"apparmor",
	"bpfmap-data",
	"bpfmap-file",
	"cgroup",
	"core",
	"cpuinfo",
	"creds",
	"eventfd",
	"eventpoll",
	"eventpoll-tfd",
	"ext-files",
	"fanotify",
	"fanotify-mark",
	"fdinfo",
	"fifo",
	"fifo-data",
	"filelocks",
	"files",
	"fs",
	"ghost-file",
	"ids",
	"inetsk",
	"inotify",
	"inotify-wd",
	"inventory",
	"ipcns-msg",
	"ipcns-sem",
	"ipcns-shm",
	"ipcns-var",
	"itimers",
	"memfd",
	"mm",
	"mountpoints",
	"netlinksk",
	"netns",
	"ns-files",
	"packetsk",
	"pagemap",
	"pagemap-shmem",
	"pages",
	"pages-shmem",
	"pidfd",
	"pidns",
	"pipes",
	"pipes-data",
	"posix-timers",
	"pstree",
	"reg-files",
	"remap-fpath",
	"rlimit",
	"seccomp",
	"sigacts",
	"signal-p",
	"signal-s",
	"signalfd",
	"sk-queues",
	"tcp-stream",
	"timens",
	"timerfd",
	"tmpfs-dev",
	"tmpfs",
	"tty",
	"tty-data",
	"tty-info",
	"unixsk",
	"userns",
	"utsns",
	"vmas",
};

static int set_option(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

int images_open(uint64_t size)
{
	_cleanup_fd_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char text[32];
	int dir, r;

	if (fs < 0)
		return -errno;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)size);
	r = set_option(fs, "size", text);
	if (r == 0)
		r = set_option(fs, "mode", "0700");
	if (r < 0)
		return r;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	dir = fsmount(fs, FSMOUNT_CLOEXEC,
		      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return dir < 0 ? -errno : dir;
}

uint64_t images_memory(void)
{
	_cleanup_free_ char *text = NULL;
	uint64_t total = UINT64_MAX, free;
	unsigned long long kib;
	struct limits limits;
	char *p;

	if (file_read_at(AT_FDCWD, "/proc/meminfo", 64 << 10, &text, NULL) < 0)
		return 0;
	p = strstr(text, "MemAvailable:");
	if (!p || sscanf(p, "MemAvailable: %llu", &kib) != 1)
		return 0;
	free = kib * 1024;
	if (limits_find(&limits, "") == 0)
		limits_memory(&limits, &total, &free);
	return free / 10 * 9;
}

uint64_t images_used(int dir)
{
	struct statfs st;

	if (fstatfs(dir, &st) < 0)
		return 0;
	return (uint64_t)(st.f_blocks - st.f_bfree) * (uint64_t)st.f_bsize;
}

static bool is_number(const char *s, size_t len)
{
	return len >= 1 && len <= 20 && strspn(s, "0123456789abcdef") >= len;
}

static bool known_name(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		if (len < n || memcmp(name, names[i], n) != 0)
			continue;
		if (len == n || (name[n] == '-' && is_number(name + n + 1, len - n - 1)))
			return true;
	}
	return false;
}

static bool ends_in(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && memcmp(name + len - n, suffix, n) == 0;
}

bool images_name_ok(const char *name)
{
	size_t len = strnlen(name, IMAGE_NAME_MAX);

	if (strcmp(name, SHM_IMAGE) == 0)
		return true;

	if (len == IMAGE_NAME_MAX || !ends_in(name, len, ".img"))
		return false;
	len -= strlen(".img");
	if (strncmp(name, "tmpfs-", 6) == 0 && ends_in(name, len, ".tar.gz"))
		len -= strlen(".tar.gz");
	return known_name(name, len);
}

int images_read(int dir, const char *name, size_t max, uint8_t **ret, size_t *ret_len)
{
	return file_read_at(dir, name, max, (char **)ret, ret_len);
}

int images_write(int dir, const char *name, const uint8_t *data, size_t len)
{
	_cleanup_fd_ int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	return fd_write_full(fd, data, len);
}

int images_each(int dir, int (*fn)(void *arg, const char *name), void *arg)
{
	_cleanup_dir_ DIR *d = NULL;
	struct dirent *e;
	int fd, r = 0;

	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return -errno;
	}
	while (r == 0 && (e = readdir(d))) {
		if (images_name_ok(e->d_name))
			r = fn(arg, e->d_name);
	}
	return r;
}
