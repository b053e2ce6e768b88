/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lock that keeps a second mosixd out. */
#include "daemon/instance.h"

#include "common/conf.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_FILE CONF_RUN "/mosixd.lock"

int instance_lock(bool *ret_again, struct err *e)
{
	int fd, r;
	bool again;

	if (geteuid() != 0)
		return err_set(e, -EPERM, "mosixd must run as root; use: systemctl start mosixd");
	r = mkdir_p(CONF_RUN, 0755);
	if (r < 0)
		return err_sys(e, r, "Cannot make %s", CONF_RUN);
	again = access(LOCK_FILE, F_OK) == 0;
	fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, -errno, "Cannot open %s", LOCK_FILE);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		fd_close(fd);
		if (r == -EBUSY)
			return err_set(e, r,
				       "Another mosixd runs on this node already; see: "
				       "systemctl status mosixd");
		return err_sys(e, r, "Cannot lock %s", LOCK_FILE);
	}
	/* It stays open, and locked, until the process ends. */
	*ret_again = again;
	return 0;
}
