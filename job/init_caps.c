/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities of a job whose user is root, over what its user namespace owns: what the work on
 * files and processes takes is kept. Without the rest it cannot change its mounts, and so what
 * hides the node's switches in /proc from it.
 */
#include "job/init.h"
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (1ULL << (cap))

static const uint64_t kept =
	BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |
	BIT(CAP_FSETID) | BIT(CAP_KILL) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETPCAP) |
	BIT(CAP_IPC_LOCK) | BIT(CAP_IPC_OWNER) | BIT(CAP_SYS_CHROOT) | BIT(CAP_SYS_PTRACE) |
	BIT(CAP_SYS_NICE) | BIT(CAP_SYS_RESOURCE) | BIT(CAP_LEASE) | BIT(CAP_SETFCAP);

int init_caps(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {0};

	for (unsigned long cap = 0; cap < 64; cap++)
		if (!(kept & BIT(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
		    errno != EINVAL) /* the kernel has fewer */
			return -errno;
	for (int i = 0; i < 2; i++)
		d[i].permitted = d[i].effective = (uint32_t)(kept >> (32 * i));
	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}
