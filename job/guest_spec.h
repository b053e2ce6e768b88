/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A job's specification, checked and turned into what container, stdio and init take.
 */
#ifndef MOSIX_JOB_GUEST_SPEC_H
#define MOSIX_JOB_GUEST_SPEC_H

#include "common/err.h"
#include "job/init.h"
#include "job/stdio_ends.h"
#include "proto/mosix.pb-c.h"

/* A NULL-terminated copy; -EINVAL if one has a NUL inside. */
int strings_from(const ProtobufCBinaryData *b, size_t n, char ***ret);
void strings_freep(char ***v);

/* JobSpec.home_mounts or mfs_mounts, each of them valid. The caller's: strings_freep(). */
int guest_spec_mounts(const ProtobufCBinaryData *list, size_t count, char ***ret, struct err *e);

/* Groups are borrowed from @spec. */
int guest_spec_init(const Mosix__JobSpec *spec, struct init_spec *ret, struct err *e);
void guest_spec_done(struct init_spec *s);

struct guest_stdio_spec {
	struct stdio_spec spec; /* points into this structure: do not copy it */
	struct winsize winsize;
	struct termios termios;
};

void guest_spec_stdio(const Mosix__JobSpec *spec, struct guest_stdio_spec *ret);

#endif
