/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job link: standard input and output, signals and job control between the deputy (home)
 * and the guest (where the job runs). The path below it may break or change at any time - the
 * job moved, a daemon restarted, a cable was cut - so every stream counts its bytes and keeps
 * what the other side has not acknowledged: no byte is lost, doubled or reordered.
 *
 * A frame is a 16-byte little-endian header, then @len bytes:
 *
 *	u8 kind; u8 stream; u16 arg; u32 len; u64 seq
 *
 * DATA   stream 0..2, seq = offset of the first byte in that stream since the job's start
 * ACK    stream 0..2, seq = all bytes before it are delivered (stdin: written to the job's pipe
 *        or terminal or kept in the guest's state; output: written to the user's descriptor)
 * EOF    stream 0..2, seq = length of the whole stream
 * HELLO  first frame on every new path, both directions: body = u64 received[3], u64 base[3]: the
 *        next byte expected in each stream; the sender goes on from there
 * BROKEN stream 1..2: the user's reader is gone (EPIPE): the guest closes its end of the pipe, so
 *        that the job gets SIGPIPE; stream 0: the job closed its standard input
 * SIGNAL arg = number, for the job's main process
 * WINSIZE body = struct winsize
 * TERMIOS body = struct termios (deputy -> guest at start; guest -> deputy never)
 * STOPPED arg = signal: the job's main process stopped (guest -> deputy: stop yourself)
 * CONT   the deputy was continued: continue the job's processes
 *
 * Flow control: a sender has at most LINK_WINDOW unacknowledged bytes per stream.
 */
#ifndef MOSIX_JOB_LINK_H
#define MOSIX_JOB_LINK_H

#include <stddef.h>
#include <stdint.h>

#define LINK_HEADER 16
#define LINK_DATA_MAX (32u << 10)
#define LINK_WINDOW (256u << 10)
#define LINK_STREAMS 3

enum link_kind {
	LINK_DATA = 1,
	LINK_ACK,
	LINK_EOF,
	LINK_HELLO,
	LINK_BROKEN,
	LINK_SIGNAL,
	LINK_WINSIZE,
	LINK_TERMIOS,
	LINK_STOPPED,
	LINK_CONT,
	_LINK_KIND_MAX,
};

struct link_frame {
	enum link_kind kind;
	uint8_t stream;
	uint16_t arg;
	uint64_t seq;
	const uint8_t *data;
	uint32_t len;
};

/* Header and body of a MSG_LINK: u64 job, u32 gen, u32 zero, then the frame. */
#define LINK_REF 16

/* Writes LINK_REF + LINK_HEADER bytes; the data is appended by the caller. */
void link_frame_pack(uint64_t job, uint32_t gen, const struct link_frame *f,
		     uint8_t ret[LINK_REF + LINK_HEADER]);
/* 0, or -EPROTO when anything is out of range. @ret->data points into @body. */
int link_frame_unpack(const uint8_t *body, size_t len, uint64_t *ret_job, uint32_t *ret_gen,
		      struct link_frame *ret);

#endif
