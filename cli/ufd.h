/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A standard descriptor of the user's. It is shared with others (the shell, the rest of a
 * pipeline), so its flags are not ours to change; yet no read or write here may block, since
 * signals and the job's other streams must go on.
 */
#ifndef MOSIX_CLI_UFD_H
#define MOSIX_CLI_UFD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum ufd_way {
	UFD_PLAIN,  /* a regular file: does not block for long */
	UFD_NOWAIT, /* pipe, socket: RWF_NOWAIT with each call */
	UFD_OWN,    /* opened once more, with O_NONBLOCK, through /proc */
	UFD_SMALL,  /* else: little at a time, once poll() says that something fits */
};

struct ufd {
	int fd; /* the user's; -1 = not used (any more) */
	int io; /* what is read or written: fd, or our own (UFD_OWN) */
	enum ufd_way way;
	bool write;
	bool seekable; /* a regular file */
	off_t start;   /* its offset when it was taken over */
};

#define UFD_NULL ((struct ufd){.fd = -1, .io = -1})

void ufd_init(struct ufd *ret, int fd, bool write);
/* Closes ours and the user's; the number stays occupied, by /dev/null. */
void ufd_close(struct ufd *u);

/* > 0; 0 = end of file; -EAGAIN = wait for poll(); other negative: -EPIPE, -EIO, … */
ssize_t ufd_read(struct ufd *u, void *buf, size_t len);
ssize_t ufd_write(struct ufd *u, const void *buf, size_t len);

/* Moves the offset of a seekable descriptor to @used bytes behind its start, as if @got bytes had
 * never been read; does nothing if somebody else moved it. */
void ufd_give_back(const struct ufd *u, off_t got, off_t used);

#endif
