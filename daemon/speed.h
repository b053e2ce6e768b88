/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast a CPU is: a fixed piece of work - sorting, multiplying, walking through memory - per
 * time of the CPU, so that neither quota nor other processes matter much.
 */
#ifndef MOSIX_DAEMON_SPEED_H
#define MOSIX_DAEMON_SPEED_H

#include <stdint.h>

#define SPEED_MIN 100u
#define SPEED_MAX 1000000u

/* SPEED_STANDARD is one piece in 0.5 ms. Takes at most 0.2 s of CPU time. */
uint32_t speed_measure(void);

#endif
