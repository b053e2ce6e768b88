/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this node is and can run. */
#include "daemon/node_info.h"

#include "ckpt/cpu.h"
#include "ckpt/criu_usable.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/msg.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define KERNEL_MAJOR 6
#define KERNEL_MINOR 7

int node_info_check_kernel(const char *release, struct err *e)
{
	unsigned int major, minor;

	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return err_set(e, -ENOTSUP, "Cannot read the kernel's version from %.64s", release);
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		return 0;
	return err_set(e, -ENOTSUP,
		       "MOSIX needs Linux %u.%u or newer, and this is %.64s: install a newer "
		       "kernel",
		       KERNEL_MAJOR, KERNEL_MINOR, release);
}

static void set_numbers(Mosix__NodeInfo *m, uint32_t node)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	long pages = sysconf(_SC_PHYS_PAGES);
	long page = sysconf(_SC_PAGESIZE);

	m->has_node = m->has_cpus = m->has_memory = true;
	m->node = node;
	m->cpus = cpus > 0 ? (uint32_t)cpus : 1;
	m->memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

static int set_texts(Mosix__NodeInfo *m, const char *name, const char *kernel)
{
	int r;

	r = file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, &m->boot_id, NULL);
	if (r < 0)
		return r;
	m->boot_id[strcspn(m->boot_id, "\n")] = '\0';
	m->name = strdup(name);
	m->kernel = strdup(kernel);
	m->version = strdup(MOSIX_VERSION);
	return m->name && m->kernel && m->version ? 0 : -ENOMEM;
}

static int set_cpu(Mosix__NodeInfo *m)
{
	struct cpu cpu;
	int r;

	r = cpu_read(&cpu);
	if (r < 0)
		return r;
	m->has_xfeatures = true;
	m->xfeatures = cpu.xfeatures;
	m->cpu_flags = cpu.flags;
	m->n_cpu_flags = cpu.flag_count;
	return 0;
}

static int set_criu(Mosix__NodeInfo *m, const char *kernel)
{
	struct err e = {0};
	uint32_t version;

	if (criu_version(&version) < 0)
		version = 0;
	m->has_criu_version = true;
	if (criu_usable(kernel, version, &e) == 0) {
		m->criu_version = version;
		return 0;
	}
	m->criu_problem = strdup(e.text);
	return m->criu_problem ? 0 : -ENOMEM;
}

int node_info_read(Mosix__NodeInfo **ret, uint32_t node, const char *name, struct err *e)
{
	Mosix__NodeInfo *m = calloc(1, sizeof(*m));
	struct utsname u;
	int r;

	if (!m || uname(&u) < 0) {
		free(m);
		return err_sys(e, -ENOMEM, "Cannot describe this node");
	}
	mosix__node_info__init(m);
	set_numbers(m, node);
	r = set_texts(m, name, u.release);
	if (r == 0)
		r = set_cpu(m);
	if (r == 0)
		r = set_criu(m, u.release);
	if (r < 0) {
		msg_free(m);
		return err_sys(e, r, "Cannot describe this node");
	}
	*ret = m;
	return 0;
}
