/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the service manager how the daemon is; does nothing where there is none. */
#ifndef MOSIX_DAEMON_NOTIFY_H
#define MOSIX_DAEMON_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *text);

/* Descriptors that the service manager keeps over a restart of the daemon, or its death. */
void notify_keep(const char *name, int fd);
void notify_drop(const char *name);
/* Those that an earlier daemon left: @take owns the descriptor. Once, at the start. */
void notify_kept(void (*take)(void *data, const char *name, int fd), void *data);

#endif
