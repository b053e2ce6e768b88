/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of names, of which only hashes are kept: it may say of a name that it is in when it is not,
 * never the other way round. A set that has become too large has everything in it.
 */
#ifndef MOSIX_MFSFUSE_SRV_NAMESET_H
#define MOSIX_MFSFUSE_SRV_NAMESET_H

#include <stdbool.h>
#include <stdint.h>

struct nameset {
	uint32_t *slots; /* 0 = free */
	uint32_t size, used;
	bool all;
};

void nameset_add(struct nameset *s, const char *name);
bool nameset_has(const struct nameset *s, const char *name);
/* Takes it out, too. */
bool nameset_take(struct nameset *s, const char *name);
void nameset_clear(struct nameset *s);

#endif
