/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records that outlive the daemon but not the node: one file each, replaced atomically. They are
 * in /run, so that nothing of them is left when the node has booted again.
 */
#ifndef MOSIX_DAEMON_JOURNAL_H
#define MOSIX_DAEMON_JOURNAL_H

#include <protobuf-c/protobuf-c.h>

#define JOURNAL_JOBS "jobs"
#define JOURNAL_GUESTS "guests"

/* Makes the directories, 0700. */
int journal_init(void);
/* When these return 0 the record is there (or gone), whole; when negative it is as it was. */
int journal_write(const char *kind, const char *name, const ProtobufCMessage *m);
int journal_remove(const char *kind, const char *name);

/* Calls @take for every record of a kind. What cannot be read is logged and left alone. */
int journal_read(const char *kind, const ProtobufCMessageDescriptor *desc,
		 void (*take)(void *arg, void *m), void *arg);

#endif
