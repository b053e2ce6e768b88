/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Can jobs move on this node? It depends on criu's version and the kernel's.
 */
#ifndef MOSIX_CKPT_CRIU_USABLE_H
#define MOSIX_CKPT_CRIU_USABLE_H

#include <stdint.h>

#include "common/err.h"

/* Starts criu and asks; 40201 = 4.2.1. -ENOENT when it is not installed. */
int criu_version(uint32_t *ret);

/* @kernel: as uname says ("6.18.44-fc"). 0, or -ENOTSUP with a sentence that says what to install.
 * @version 0: criu is not there. */
int criu_usable(const char *kernel, uint32_t version, struct err *e);

#endif
