/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Message bodies of every type: what is understood must pack and be understood again the same.
 * First byte: type; second: kind of connection and phase.
 */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/msg.h"
#include "proto/messages.h"
#include "test/fuzz/fuzz.h"

static void check_body(const ProtobufCMessageDescriptor *d, const uint8_t *body, size_t len)
{
	_cleanup_(msg_freep) ProtobufCMessage *m = msg_unpack(d, body, len);
	_cleanup_(msg_freep) ProtobufCMessage *again = NULL;
	_cleanup_free_ uint8_t *one = NULL, *two = NULL;
	size_t one_len, two_len;

	if (!m)
		return;
	fuzz_check(msg_pack(m, &one, &one_len) == 0);
	again = msg_unpack(d, one, one_len);
	/* Packing may have made it longer than the budget knew, never wrong. */
	if (!again)
		return;
	fuzz_check(msg_pack(again, &two, &two_len) == 0);
	fuzz_check(one_len == two_len && memcmp(one, two, one_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct message_info *info;
	enum conn_kind kind;
	enum phase phase;
	int r;

	if (size < 2)
		return 0;
	info = message_info(data[0]);
	kind = (enum conn_kind)(data[1] % (CONN_LINK + 1));
	phase = data[1] & 0x80 ? PHASE_OPEN : PHASE_START;
	r = message_check(kind, phase, data[0], size - 2);
	fuzz_check(r == 0 || r == -EPROTO || r == -EMSGSIZE);
	fuzz_check(r != 0 || (info && size - 2 <= info->max));
	if (info && info->descriptor)
		check_body(info->descriptor, data + 2, size - 2);
	return 0;
}
