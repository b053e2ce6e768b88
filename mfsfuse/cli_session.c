/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection to the kernel. What the kernel and the first process on it have agreed upon in
 * INIT is kept; a later process lets libfuse hear the same INIT once more, without the answer
 * going anywhere, and asks the kernel to send again what the earlier one has not answered.
 */
#include "mfsfuse/cli_session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "mfsfuse/cli_deleg.h"
#include "mfsfuse/cli_kept.h"

#define KEPT_FUSE_FD 4
#define KEPT_STATE_FD 5
#define THREADS 16

static int fuse_fd = -1;
static _Thread_local uint64_t unique;

/* INIT was received and not answered yet: this long. */
static uint32_t init_pending;
/* libfuse hears the INIT of long ago. */
static bool mute;

uint64_t request_number(void)
{
	return unique & ~FUSE_UNIQUE_RESEND;
}

bool request_is_resent(void)
{
	return unique & FUSE_UNIQUE_RESEND;
}

/* ------------------------------------------------------------------ between libfuse and kernel */

/* If this process is killed while the kernel copies a request to pages that are not there yet, the
 * kernel ends the request with EIO instead of keeping it for the next process. */
static void touch_pages(uint8_t *buf, size_t len)
{
	static _Thread_local const uint8_t *touched;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (touched == buf)
		return;
	for (size_t at = 0; at < len; at += page)
		*(volatile uint8_t *)(buf + at) = 0;
	touched = buf;
}

static ssize_t io_read(int fd, void *buf, size_t len, void *data)
{
	const struct fuse_in_header *h = buf;
	ssize_t n;

	(void)data;
	touch_pages(buf, len);
	n = read(fd, buf, len);
	if (n < (ssize_t)sizeof(*h))
		return n;
	unique = h->unique;
	if (h->opcode == FUSE_INIT && n <= STATE_INIT_MAX) {
		memcpy(state_head()->init, buf, (size_t)n);
		init_pending = (uint32_t)n;
	}
	return n;
}

static ssize_t io_writev(int fd, struct iovec *v, int count, void *data)
{
	ssize_t n = 0;

	(void)data;
	if (mute) {
		for (int i = 0; i < count; i++)
			n += (ssize_t)v[i].iov_len;
		return n;
	}
	n = writev(fd, v, count);
	if (init_pending && n > 0) {
		state_head()->init_len = init_pending;
		init_pending = 0;
	}
	return n;
}

/* ------------------------------------------------------------------ opening */

int session_open(bool kept, struct err *e)
{
	int state_fd = kept ? KEPT_STATE_FD : memfd_create("mosix-mfs", MFD_CLOEXEC);
	int r;

	fuse_fd = kept ? KEPT_FUSE_FD : open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse_fd < 0)
		return err_sys(e, -errno, "cannot open /dev/fuse; is the module loaded?");
	if (state_fd < 0 || fd_set_cloexec(state_fd, true) < 0 || fd_set_cloexec(fuse_fd, true) < 0)
		return err_sys(e, -errno, "cannot have the memory for open files");
	r = state_open(state_fd);
	return r < 0 ? err_sys(e, r, "cannot use the memory for open files") : 0;
}

bool session_is_resumed(void)
{
	return state_head()->init_len != 0;
}

/* What a client that was killed for good has left: nobody can use it, and nothing mounts over
 * it. */
static void drop_dead_mount(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOTCONN)
		umount2(path, MNT_DETACH);
}

static int mount_it(const char *path, struct err *e)
{
	char options[128];

	drop_dead_mount(path);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "cannot make %s", path);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,max_read=%u", fuse_fd,
		 MFS_DATA_MAX);
	if (mount("mosix", path, "fuse.mfs", MS_NOSUID | MS_NODEV, options) < 0)
		return err_sys(e, -errno, "cannot mount on %s", path);
	return 0;
}

/* ------------------------------------------------------------------ going on */

static void repeat_init(void)
{
	struct state_head *h = state_head();
	struct fuse_buf buf = {.size = h->init_len, .mem = h->init};

	mute = true;
	fuse_session_process_buf(cli.se, &buf);
	mute = false;
}

static int ask_again(struct err *e)
{
	const struct fuse_out_header h = {.len = sizeof(h), .error = FUSE_NOTIFY_RESEND};

	/* Before Linux 6.9 what the earlier process had received would hang for ever. */
	if (write(fuse_fd, &h, sizeof(h)) < 0)
		return err_sys(e, -errno, "the kernel does not repeat its requests");
	return 0;
}

static int go_on(struct err *e)
{
	int r = inodes_restore();

	if (r == 0)
		r = kept_restore();
	if (r == 0)
		r = files_restore();
	if (r < 0)
		return err_sys(e, r, "cannot restore what is open");
	inodes_sweep();
	repeat_init();
	r = ask_again(e);
	if (r == 0)
		log_info("going on where an earlier process has ended");
	return r;
}

int session_start(const char *mountpoint, struct err *e)
{
	static const struct fuse_custom_io io = {.read = io_read, .writev = io_writev};
	char name[] = "mosix-mfs", flag[] = "-o", max_read[32];
	char *argv[] = {name, flag, max_read, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	const bool resumed = session_is_resumed();
	int r;

	snprintf(max_read, sizeof(max_read), "max_read=%u", MFS_DATA_MAX);
	cli.se = fuse_session_new(&args, &cli_ops, sizeof(cli_ops), NULL);
	fuse_opt_free_args(&args);
	if (!cli.se || fuse_session_custom_io(cli.se, &io, sizeof(io), fuse_fd) != 0)
		return err_set(e, -EIO, "cannot make a FUSE session");
	r = resumed ? go_on(e) : mount_it(mountpoint, e);
	if (r == 0)
		deleg_take_over();
	if (r < 0 && resumed)
		/* Ends it for all that wait. */
		umount2(mountpoint, MNT_FORCE | MNT_DETACH);
	return r;
}

int session_run(void)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r;

	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, THREADS);
	fuse_loop_cfg_set_idle_threads(config, THREADS);
	r = fuse_session_loop_mt(cli.se, config);
	fuse_loop_cfg_destroy(config);
	return r;
}
