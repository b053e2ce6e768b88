/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The job link: standard input and output, terminal, signals and job control between the deputy
 * (home) and the guest (where the job runs). The path below it may break or change at any time -
 * the job moved, a daemon restarted, a cable was cut - so every stream counts its bytes, control
 * messages are numbered, and a sender keeps what the other side has not acknowledged: nothing is
 * lost, doubled or reordered. job/endpoint.h does all of that for both ends.
 *
 * A path carries frames of type MSG_LINK on a chan (common/chan.h), direct or through daemons.
 * Such a frame is a 16-byte reference (u64 job, u32 gen, u32 zero), a 16-byte header, @len bytes:
 *
 *	u8 kind; u8 stream; u16 arg; u32 len; u64 seq		(all little-endian)
 *
 * DATA   seq = offset of the first byte in that stream since the job's start
 * ACK    seq = all bytes before it are delivered (input: written to the job's pipe or terminal,
 *        so part of the guest's state; output: written to the user's descriptor).
 *        arg = LINK_ACK_EOF: its end is delivered too. stream LINK_CONTROL: seq = number of the
 *        last control message that was acted upon
 * EOF    seq = length of the whole stream. arg = LINK_EOF_BROKEN: the answer to BROKEN
 * HELLO  first frame on every path, both directions; until it is there other frames are ignored.
 *        body = u64 received[LINK_STREAMS + 1]: the next byte expected in each stream that the
 *        peer sends (0 for the others), and the last control number received; it goes on there
 * BROKEN the stream's receiver is gone (the user's reader: EPIPE; the job closed its input);
 *        the sender drops what it has and behaves like a pipe without a reader.
 *        seq = all bytes before it were read, as far as the receiver knows
 *
 * Control messages, seq = 1, 2, … in each direction:
 * SIGNAL arg = number, for the job's main process; with LINK_SIGNAL_GROUP for its process group
 *        (what a terminal sends that is not the job's)
 * WINSIZE body = struct winsize
 * TERMIOS body = struct termios (deputy -> guest)
 * STOPPED arg = signal: the job's main process stopped (guest -> deputy: stop yourself)
 * CONT   the deputy was continued: continue the job's processes
 * GROUND arg = 1: the deputy's group has the user's terminal, 0: another one has it, so that the
 *        job reads its own no more than a program in the background could
 * ENDED  arg = status as wait(2) gives it: the job's main process ended; its last output may still
 *        be on its way (guest -> deputy)
 *
 * Flow control: a sender has at most LINK_WINDOW unacknowledged bytes per stream.
 */
#ifndef MOSIX_JOB_LINK_H
#define MOSIX_JOB_LINK_H

#include <stddef.h>
#include <stdint.h>

#define LINK_HEADER 16
#define LINK_REF 16
#define LINK_DATA_MAX (32u << 10)
#define LINK_BODY_MAX (LINK_REF + LINK_HEADER + LINK_DATA_MAX)
#define LINK_WINDOW (256u << 10)
#define LINK_ACK_EOF 1u
#define LINK_EOF_BROKEN 1u
#define LINK_SIGNAL_GROUP 0x100u

/* The three pipes, for those of the job's standard descriptors that are STDIO_PIPE, and the two
 * directions of its terminal, if any of them is STDIO_TTY. */
enum link_stream {
	LINK_IN,      /* deputy -> guest */
	LINK_OUT,     /* guest -> deputy */
	LINK_ERR,     /* guest -> deputy */
	LINK_TTY_IN,  /* deputy -> guest: what is typed */
	LINK_TTY_OUT, /* guest -> deputy: what is shown */
	LINK_STREAMS,
	LINK_CONTROL = LINK_STREAMS,
};

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
	LINK_ENDED,
	LINK_GROUND,
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

/* Writes LINK_REF + LINK_HEADER bytes; the data is appended by the caller. */
void link_frame_pack(uint64_t job, uint32_t gen, const struct link_frame *f,
		     uint8_t ret[LINK_REF + LINK_HEADER]);
/* 0, or -EPROTO when anything is out of range. @ret->data points into @body. */
int link_frame_unpack(const uint8_t *body, size_t len, uint64_t *ret_job, uint32_t *ret_gen,
		      struct link_frame *ret);

#endif
