/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be shown of a job: the columns of mosixctl ps, top and mon, and what they sort by.
 */
#ifndef MOSIX_CLI_JOB_FIELDS_H
#define MOSIX_CLI_JOB_FIELDS_H

#include "cli/human.h"
#include "common/err.h"
#include "proto/mosix.pb-c.h"
#include <stdbool.h>
#include <stddef.h>

#define JOB_FIELDS_MAX TABLE_COLS_MAX

#define JOB_FIELDS_SHORT "job,pid,user,node,state,cpu,rss,moves,command"
#define JOB_FIELDS_LONG                                                                        \
	"job,pid,user,home,start,node,state,pcpu,pmem,rss,demand,procs,cpu,elapsed,moves,cwd," \
	"command"
#define JOB_FIELDS_TOP "job,pid,user,start,node,state,pcpu,pmem,rss,demand,cpu,moves,command"

struct job_field;

struct job_fields {
	const struct job_field *list[JOB_FIELDS_MAX];
	const char *columns[JOB_FIELDS_MAX + 1]; /* for table_new() */
	size_t count;
};

/* "job,node,pcpu"; -EINVAL with a sentence that names the bad one, and all that there are. */
int job_fields_parse(const char *text, struct job_fields *ret, struct err *e);

/* By a field's name, "-" before it: the highest first. -EINVAL with a sentence. */
int job_rows_sort(Mosix__JobRow **rows, size_t count, const char *by, struct err *e);

/* All rows, in their order; NULL when out of memory. Columns of @f must outlive it. */
struct table *job_table(const struct job_fields *f, const Mosix__Reply *jobs,
			const Mosix__Reply *nodes);

/* By a passwd file that is read once; the number in @buf if there is none. */
const char *user_name(uint32_t uid, char *buf, size_t size);
/* "running", "frozen, locked" */
const char *job_state_text(const Mosix__JobRow *row, char *buf, size_t size);

#endif
