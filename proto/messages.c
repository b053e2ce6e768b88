/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of messages.
 */
#include "proto/messages.h"

#include <errno.h>

#include "proto/mosix.pb-c.h"

#define KIB 1024u

#define PEER (1u << CONN_FROM_PEER)
#define FROM_USER (1u << CONN_FROM_USER)
#define TO_USER (1u << CONN_TO_USER)
#define FROM_GUEST (1u << CONN_FROM_GUEST)
#define TO_GUEST (1u << CONN_TO_GUEST)
#define FROM_MFS (1u << CONN_FROM_MFS)
#define TO_MFS (1u << CONN_TO_MFS)
#define LINK (1u << CONN_LINK)

/* Daemons' messages to local processes need no beginning: those have connected to it. */
#define LOCAL (TO_USER | TO_GUEST | TO_MFS | LINK)

/* Everywhere where frames of a job link pass. */
#define LINKS (LINK | FROM_USER | TO_USER | FROM_GUEST | TO_GUEST)

/* Most messages: numbers and a sentence. */
#define SMALL (64 * KIB)
/* Lists of all jobs or guests, or a JobSpec without argv and environment. */
#define LARGE (1024 * KIB)
/* A user's Request is still SMALL when it is forwarded to another node. */
#define REQUEST_MAX (SMALL - KIB)
/* A JobStart leaves room for what the daemon adds before it becomes a GuestStart. */
#define JOB_MAX (MESSAGE_MAX - LARGE)
/* LINK_REF + LINK_HEADER + LINK_DATA_MAX of job/link.h. */
#define LINK_MAX (16 + 16 + 32 * KIB)

#define D(name) &mosix__##name##__descriptor
#define RAW NULL
#define ROW(NAME, body, size, first, then)                       \
	[MOSIX__MSG_TYPE__MSG_##NAME] = {                        \
		.name = #NAME,                                   \
		.descriptor = (body),                            \
		.max = (size),                                   \
		.start = (uint16_t)((first) | ((then) & LOCAL)), \
		.open = (uint16_t)(then),                        \
	}

/* clang-format off */
static const struct message_info table[] = {
	/*  type              body              max          first       then */
	ROW(HELLO,            D(hello),         SMALL,       PEER,       0),
	ROW(PING,             D(ping),          SMALL,       0,          PEER),
	ROW(FORWARD,          D(forward),       SMALL,       0,          PEER),
	ROW(FORWARD_REPLY,    D(reply),         LARGE,       0,          PEER),

	ROW(GUEST_START,      D(guest_start),   MESSAGE_MAX, 0,          PEER | TO_GUEST),
	ROW(GUEST_STARTED,    D(guest_started), SMALL,       0,          PEER | FROM_GUEST),
	ROW(GUEST_EXITED,     D(guest_exited),  SMALL,       0,          PEER | FROM_GUEST),
	ROW(GUEST_EXITED_ACK, D(guest_ref),     SMALL,       0,          PEER | TO_GUEST),
	ROW(GUEST_SIGNAL,     D(guest_signal),  SMALL,       0,          PEER | TO_GUEST),
	ROW(GUEST_SIGNALLED,  D(guest_signal),  SMALL,       0,          PEER | FROM_GUEST),
	ROW(GUEST_KILL,       D(guest_ref),     SMALL,       0,          PEER | TO_GUEST),
	ROW(GUEST_STATS,      D(guest_stats),   SMALL,       0,          PEER | FROM_GUEST),
	ROW(GUEST_CHECK,      D(guest_check),   SMALL,       0,          PEER | TO_GUEST),
	ROW(GUEST_CHECKED,    D(guest_checked), SMALL,       0,          PEER | FROM_GUEST),
	ROW(GUEST_LIST,       D(guest_list),    LARGE,       0,          PEER),
	ROW(GUEST_HELLO,      D(guest_hello),   SMALL,       FROM_GUEST, 0),
	ROW(GUEST_ASSIGN,     D(guest_assign),  SMALL,       0,          TO_GUEST),
	ROW(GUEST_LOOK,       D(guest_ref),     SMALL,       0,          TO_GUEST),
	ROW(GUEST_NET,        D(guest_net),     SMALL,       0,          TO_GUEST),
	ROW(GUEST_CONTROL,    D(guest_control), SMALL,       0,          PEER),

	ROW(MOVE_PREPARE,     D(move_prepare),  LARGE,       0,          PEER | TO_GUEST),
	ROW(MOVE_PREPARED,    D(move_prepared), SMALL,       0,          PEER | FROM_GUEST),
	ROW(MOVE_BEGIN,       D(move_begin),    SMALL,       0,          PEER | TO_GUEST),
	ROW(MOVE_DUMPED,      D(move_ref),      SMALL,       0,          PEER | FROM_GUEST),
	ROW(MOVE_READY,       D(move_ref),      SMALL,       0,          PEER | FROM_GUEST),
	ROW(MOVE_FAILED,      D(move_failed),   SMALL,       0,          PEER | FROM_GUEST),
	ROW(MOVE_DECISION,    D(move_decision), SMALL,       0,          PEER | TO_GUEST),
	ROW(MOVE_FINISHED,    D(move_ref),      SMALL,       0,          PEER | FROM_GUEST),
	ROW(MOVE_QUERY,       D(move_ref),      SMALL,       0,          PEER | FROM_GUEST),
	ROW(MOVE_PROGRESS,    D(move_progress), SMALL,       0,          PEER | FROM_GUEST),
	ROW(MOVE_BULK,        D(move_ref),      SMALL,       0,          TO_GUEST),
	ROW(MOVE_ASK,         D(move_ask),      SMALL,       0,          PEER),
	ROW(MOVE_ASKED,       D(move_asked),    SMALL,       0,          PEER),

	ROW(LINK,             RAW,              LINK_MAX,    0,          PEER | LINKS),
	ROW(LINK_UP,          D(link_up),       SMALL,       0,          PEER | TO_USER | TO_GUEST),
	ROW(LINK_DOWN,        D(guest_ref),     SMALL,       0,          PEER | TO_USER | TO_GUEST),

	ROW(JOB_START,        D(job_start),     JOB_MAX,     FROM_USER,  0),
	ROW(JOB_STARTED,      D(job_started),   SMALL,       0,          TO_USER),
	ROW(JOB_ENDED,        D(job_ended),     SMALL,       0,          TO_USER),
	ROW(JOB_ENDED_ACK,    D(guest_ref),     SMALL,       0,          FROM_USER),
	ROW(DEPUTY_HELLO,     D(deputy_hello),  SMALL,       FROM_USER,  0),
	ROW(JOB_SIGNAL,       D(guest_signal),  SMALL,       0,          FROM_USER),
	ROW(JOB_MOVED,        D(job_moved),     SMALL,       0,          TO_USER),
	ROW(REQUEST,          D(request),       REQUEST_MAX, FROM_USER,  FROM_USER),
	ROW(REPLY,            D(reply),         MESSAGE_MAX, 0,          TO_USER),

	ROW(MFS_CONFIG,       D(mfs_config),    MESSAGE_MAX, 0,          TO_MFS),
	ROW(MFS_ACCEPT,       RAW,              0,           0,          TO_MFS),
	ROW(MFS_HELLO,        D(mfs_hello),     SMALL,       FROM_MFS,   0),
	ROW(MFS_USAGE,        D(mfs_usage),     SMALL,       0,          FROM_MFS),
	ROW(MFS_SETTLE,       D(mfs_settle),    SMALL,       0,          TO_MFS),
	ROW(MFS_SETTLED,      D(mfs_settle),    SMALL,       0,          FROM_MFS),
	ROW(MFS_SERVED,       D(mfs_served),    SMALL,       0,          FROM_MFS),
};
/* clang-format on */

const struct message_info *message_info(uint16_t type)
{
	if (type >= sizeof(table) / sizeof(table[0]) || !table[type].name)
		return NULL;
	return &table[type];
}

const char *message_name(uint16_t type)
{
	const struct message_info *m = message_info(type);

	return m ? m->name : "?";
}

int message_check(enum conn_kind kind, enum phase phase, uint16_t type, size_t len)
{
	const struct message_info *m = message_info(type);

	if (!m || !((phase == PHASE_START ? m->start : m->open) & 1u << kind))
		return -EPROTO;
	return len > m->max ? -EMSGSIZE : 0;
}
