/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the service manager how the daemon is; does nothing where there is none. */
#ifndef MOSIX_DAEMON_NOTIFY_H
#define MOSIX_DAEMON_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *text);

#endif
