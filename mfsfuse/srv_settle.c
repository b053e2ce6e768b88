/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers to the daemon, from the thread of its line. */
#include "mfsfuse/srv_settle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <utlist.h>

#include "common/chan.h"
#include "common/msg.h"
#include "mfsfuse/srv_deleg.h"
#include "proto/mosix.pb-c.h"

/* The daemon waits two seconds for each and then goes on. */
#define WAITING_MAX 16384u

struct settling {
	struct settling *next;
	struct chan *c; /* a line that is gone is never answered */
	uint64_t number, mark;
};

static struct settling *settling;
static unsigned int count;
static int wake = -1;

int settle_init(void)
{
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return wake < 0 ? -errno : wake;
}

static int answer(struct chan *c, uint64_t number)
{
	Mosix__MfsSettle m = MOSIX__MFS_SETTLE__INIT;

	m.has_number = true;
	m.number = number;
	return msg_send(c, MOSIX__MSG_TYPE__MSG_MFS_SETTLED, &m.base, -1);
}

int settle_begin(struct chan *c, uint64_t number)
{
	const uint64_t mark = deleg_settle();
	struct settling *s;

	if (!mark)
		return answer(c, number);
	s = count < WAITING_MAX ? malloc(sizeof(*s)) : NULL;
	if (!s)
		return 0;
	*s = (struct settling){.c = c, .number = number, .mark = mark};
	LL_PREPEND(settling, s);
	count++;
	deleg_wake(wake, true);
	/* It may have been settled before we said that we wait. */
	return settle_woken(c);
}

int settle_woken(struct chan *c)
{
	struct settling *s, *next;
	int r = 0;

	LL_FOREACH_SAFE (settling, s, next) {
		if (!deleg_is_settled(s->mark))
			continue;
		LL_DELETE(settling, s);
		count--;
		if (s->c == c && r == 0)
			r = answer(c, s->number);
		free(s);
	}
	if (!settling)
		deleg_wake(wake, false);
	return r;
}

/* ------------------------------------------------------------------ counters */

int settle_tick(struct chan *c)
{
	static uint64_t told;
	Mosix__MfsServed m = MOSIX__MFS_SERVED__INIT;
	Mosix__MfsServedRow rows[MFS_OP_END], *list[MFS_OP_END];
	uint64_t sum = 0;

	for (uint16_t op = 0; op < MFS_OP_END; op++) {
		Mosix__MfsServedRow *row = &rows[m.n_rows];
		const char *name = op_name(op);
		const uint64_t n = op_count(op);

		if (!name || !n)
			continue;
		mosix__mfs_served_row__init(row);
		row->request = (char *)(uintptr_t)name;
		row->has_count = true;
		row->count = n;
		list[m.n_rows++] = row;
		sum += n;
	}
	if (sum == told)
		return 0;
	told = sum;
	m.rows = list;
	return msg_send(c, MOSIX__MSG_TYPE__MSG_MFS_SERVED, &m.base, -1);
}
