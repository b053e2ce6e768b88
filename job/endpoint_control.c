/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queues of control messages of an endpoint.
 */
#include "job/endpoint_priv.h"
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

static bool is_signal(uint16_t arg)
{
	return arg >= 1 && arg <= 64;
}

int control_check(enum endpoint_side from, enum link_kind kind, uint16_t arg, size_t len)
{
	bool guest = from == ENDPOINT_GUEST, ok = false;

	switch (kind) {
	case LINK_SIGNAL:
		ok = !guest && is_signal(arg & (uint16_t)~LINK_SIGNAL_GROUP) && !len;
		break;
	case LINK_WINSIZE:
		ok = !guest && len == sizeof(struct winsize);
		break;
	case LINK_TERMIOS:
		ok = !guest && len == sizeof(struct termios);
		break;
	case LINK_GROUND:
		ok = !guest && arg <= 1 && !len;
		break;
	case LINK_CONT:
		ok = !guest && !len;
		break;
	case LINK_STOPPED:
		ok = guest && is_signal(arg) && !len;
		break;
	case LINK_ENDED:
		ok = guest && !len;
		break;
	case LINK_DATA:
	case LINK_ACK:
	case LINK_EOF:
	case LINK_HELLO:
	case LINK_BROKEN:
	case _LINK_KIND_MAX:
		break;
	}
	static_assert(sizeof(struct termios) <= ENDPOINT_CONTROL_DATA, "termios");
	return ok ? 0 : -EINVAL;
}

struct control *control_slot(struct control_queue *q, uint64_t seq)
{
	return &q->messages[seq % ENDPOINT_CONTROL_QUEUE];
}

int control_append(struct control_queue *q, enum link_kind kind, uint16_t arg, const void *data,
		   size_t len)
{
	struct control *c;

	if (q->last - q->done >= ENDPOINT_CONTROL_QUEUE)
		return -ENOBUFS;
	c = control_slot(q, ++q->last);
	*c = (struct control){.kind = kind, .arg = arg, .len = (uint32_t)len};
	if (len)
		memcpy(c->data, data, len);
	return 0;
}
