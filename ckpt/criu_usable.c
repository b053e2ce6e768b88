/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which versions of criu and Linux work together. */
#include "ckpt/criu_usable.h"

#include <errno.h>
#include <stdio.h>

#include "ckpt/criu_rpc.h"
#include "common/cleanup.h"

#define KERNEL_MIN 60700u /* PAGEMAP_SCAN, statx of mount ids */
#define CRIU_MIN 40000u
#define KERNEL_CHANGED 61600u /* from here on older versions cannot dump any INET socket */
#define CRIU_CHANGED 40200u

int criu_version(uint32_t *ret)
{
	static const struct criu_spawn plain = {.die_with_parent = true};
	_cleanup_(criu_freep) struct criu *c = NULL;
	int r;

	r = criu_spawn(&c, &plain, NULL);
	if (r < 0)
		return r;
	r = criu_ask_version(c, ret, 10000);
	return r == -ECONNRESET ? -ENOENT : r;
}

static int kernel_number(const char *kernel, uint32_t *ret)
{
	unsigned int major, minor;

	if (sscanf(kernel, "%u.%u", &major, &minor) != 2 || major > 1000 || minor > 99)
		return -EINVAL;
	*ret = major * 10000 + minor * 100;
	return 0;
}

int criu_usable(const char *kernel, uint32_t version, struct err *e)
{
	uint32_t k, need;

	if (kernel_number(kernel, &k) < 0)
		return err_set(e, -ENOTSUP, "The kernel's version \"%s\" cannot be read.", kernel);
	if (k < KERNEL_MIN)
		return err_set(e, -ENOTSUP,
			       "Jobs cannot move here: Linux %s is too old, install 6.7 or later.",
			       kernel);
	need = k >= KERNEL_CHANGED ? CRIU_CHANGED : CRIU_MIN;
	if (!version)
		return err_set(
			e, -ENOTSUP,
			"Jobs cannot move here: criu does not run; install criu %u.%u or later.",
			need / 10000, need / 100 % 100);
	if (version < need)
		return err_set(e, -ENOTSUP,
			       "Jobs cannot move here: criu %u.%u.%u does not work with Linux %s; "
			       "install criu %u.%u or later.",
			       version / 10000, version / 100 % 100, version % 100, kernel,
			       need / 10000, need / 100 % 100);
	return 0;
}
