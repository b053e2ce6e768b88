/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases on delegated files. The kernel holds up whoever opens such a file for writing, or
 * truncates it, until the lease is given back; it makes no difference whether that is a local
 * process or one of our own threads. Other changes do not break a lease: for those there is the
 * watch.
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "mfsfuse/srv_object.h"
#include "mfsfuse/srv_signal.h"

/* Both are undone when a lease is given back. Which descriptor it is stands in the signal only if
 * it is not SIGIO. Without an owner the signal goes to the thread that takes the lease, and is lost
 * when that has ended. */
static bool ask_for_signal(int fd)
{
	return fcntl(fd, F_SETSIG, LEASE_SIGNAL) == 0 && fcntl(fd, F_SETOWN, getpid()) == 0;
}

bool lease_take(struct object *o)
{
	if (!ask_for_signal(o->fd))
		return false;
	o->leased = fcntl(o->fd, F_SETLEASE, F_RDLCK) == 0;
	return o->leased;
}

void lease_drop(struct object *o)
{
	fcntl(o->fd, F_SETLEASE, F_UNLCK);
	o->leased = false;
}

void lease_broken(int fd)
{
	struct object *o = NULL, *next;

	if (fd >= 0) {
		HASH_FIND(by_fd, deleg.by_fd, &fd, sizeof(fd), o);
		if (o && o->leased)
			object_recall(o, NULL);
		return;
	}
	HASH_ITER (by_fd, deleg.by_fd, o, next) {
		if (o->leased && fcntl(o->fd, F_GETLEASE) != F_RDLCK)
			object_recall(o, NULL);
	}
}
