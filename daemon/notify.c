/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications to the service manager. */
#include "daemon/notify.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void notify_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
}

void notify_keep(const char *name, int fd)
{
	char text[128];

	/* Not to be dropped because poll() finds something wrong with it. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

void notify_drop(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void notify_kept(void (*take)(void *data, const char *name, int fd), void *data)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < n; i++) {
		take(data, names[i], SD_LISTEN_FDS_START + i);
		free(names[i]);
	}
	free(names);
}
#else
void notify_ready(void)
{
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}

void notify_status(const char *text)
{
	(void)text;
}

void notify_keep(const char *name, int fd)
{
	(void)name;
	(void)fd;
}

void notify_drop(const char *name)
{
	(void)name;
}

void notify_kept(void (*take)(void *data, const char *name, int fd), void *data)
{
	(void)take;
	(void)data;
}
#endif
