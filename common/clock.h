/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time for deadlines. */
#ifndef MOSIX_COMMON_CLOCK_H
#define MOSIX_COMMON_CLOCK_H

#include <stdint.h>

/* Monotonic milliseconds. */
int64_t clock_ms(void);

#endif
