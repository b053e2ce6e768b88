/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This node's load. */
#include "daemon/load.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "daemon/guests.h"
#include "daemon/jobs.h"
#include "daemon/mosixd.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Tasks that run or are ready to, this one not counted. */
static unsigned int runnable_tasks(void)
{
	_cleanup_free_ char *text = NULL;
	unsigned int n;
	size_t len;

	if (file_read_at(AT_FDCWD, "/proc/loadavg", 256, &text, &len) < 0 ||
	    sscanf(text, "%*s %*s %*s %u/", &n) != 1 || n == 0)
		return 0;
	return n - 1;
}

static uint64_t memory_available(void)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long kib;
	const char *line;
	size_t len;

	if (file_read_at(AT_FDCWD, "/proc/meminfo", 16384, &text, &len) < 0)
		return 0;
	line = strstr(text, "MemAvailable:");
	if (!line || sscanf(line, "MemAvailable: %llu kB", &kib) != 1)
		return 0;
	return (uint64_t)kib << 10;
}

void load_fill(struct mosixd *d, Mosix__Load *ret)
{
	unsigned int cpus = d->info->cpus ? d->info->cpus : 1;

	ret->has_load = ret->has_memory_free = ret->has_guests = ret->has_jobs = true;
	ret->load = 100 * runnable_tasks() / cpus;
	ret->memory_free = memory_available();
	ret->guests = guests_count_foreign(d);
	ret->jobs = jobs_count(d);
}

void load_copy(Mosix__Load *to, const Mosix__Load *from)
{
	mosix__load__init(to);
	to->has_load = to->has_memory_free = to->has_guests = to->has_jobs = true;
	to->load = from->load;
	to->memory_free = from->memory_free;
	to->guests = from->guests;
	to->jobs = from->jobs;
}
