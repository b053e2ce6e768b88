/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of the kernel's that a node full of jobs would meet. */
#ifndef MOSIX_DAEMON_KERNEL_LIMITS_H
#define MOSIX_DAEMON_KERNEL_LIMITS_H

/* Raises what is too low; what is higher already stays. Failures are logged: fewer jobs will do. */
void kernel_limits_raise(void);

#endif
