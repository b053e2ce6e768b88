/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What went wrong inside criu, from its log, as a sentence for people.
 */
#ifndef MOSIX_CKPT_CRIU_LOG_H
#define MOSIX_CKPT_CRIU_LOG_H

#include "common/err.h"

/* @log: criu's log (NUL-terminated); @errmsg: of its answer, used when the log has no error.
 * Writes one sentence that starts with @what ("criu could not save the job"). */
void criu_log_sentence(const char *log, const char *errmsg, const char *what, struct err *e);

#endif
