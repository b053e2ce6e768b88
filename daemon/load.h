/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This node's load, as told to the peers with each Ping. Plain numbers for now. */
#ifndef MOSIX_DAEMON_LOAD_H
#define MOSIX_DAEMON_LOAD_H

#include "proto/mosix.pb-c.h"

struct mosixd;

void load_fill(struct mosixd *d, Mosix__Load *ret);
/* Takes the numbers alone, not what the message holds beside them. */
void load_copy(Mosix__Load *to, const Mosix__Load *from);

#endif
