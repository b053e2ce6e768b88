/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of messages: complete, consistent with what others assume, and strict.
 */
#include "test/unit/harness.h"

#include "common/chan.h"
#include "job/link.h"
#include "proto/messages.h"
#include "proto/mosix.pb-c.h"

#define T(name) MOSIX__MSG_TYPE__MSG_##name

_Static_assert(MESSAGE_MAX == CHAN_FRAME_MAX, "no message may be larger than a frame");

static void test_every_type_is_there(void **state)
{
	const ProtobufCEnumDescriptor *d = &mosix__msg_type__descriptor;

	(void)state;
	for (unsigned int i = 0; i < d->n_values; i++) {
		uint16_t type = (uint16_t)d->values[i].value;
		const struct message_info *m = message_info(type);

		if (type == T(NONE)) {
			assert_null(m);
			continue;
		}
		if (!m)
			fail_msg("%s is not in the table", d->values[i].name);
		assert_string_equal(m->name, d->values[i].name + strlen("MSG_"));
		assert_string_equal(message_name(type), m->name);
		assert_true(m->max <= MESSAGE_MAX);
		/* Somebody may send it. */
		assert_true(m->start | m->open);
	}
	for (unsigned int type = 0; type <= UINT16_MAX; type++)
		if (message_info((uint16_t)type))
			assert_non_null(protobuf_c_enum_descriptor_get_value(d, (int)type));
	assert_string_equal(message_name(60000), "?");
}

static void test_sizes(void **state)
{
	uint32_t link_max = LINK_REF + LINK_HEADER + LINK_DATA_MAX;

	(void)state;
	assert_int_equal(message_info(T(LINK))->max, link_max);
	assert_int_equal(message_check(CONN_LINK, PHASE_START, T(LINK), link_max), 0);
	assert_int_equal(message_check(CONN_LINK, PHASE_OPEN, T(LINK), link_max + 1), -EMSGSIZE);
	assert_int_equal(message_check(CONN_FROM_PEER, PHASE_OPEN, T(PING), 64 << 10), 0);
	assert_int_equal(message_check(CONN_FROM_PEER, PHASE_OPEN, T(PING), (64 << 10) + 1),
			 -EMSGSIZE);
	assert_int_equal(message_check(CONN_FROM_PEER, PHASE_OPEN, T(PING), SIZE_MAX), -EMSGSIZE);
	assert_int_equal(message_check(CONN_TO_MFS, PHASE_OPEN, T(MFS_ACCEPT), 1), -EMSGSIZE);
	assert_true(message_info(T(JOB_START))->max < message_info(T(GUEST_START))->max);
}

static void test_beginnings(void **state)
{
	static const struct {
		enum conn_kind kind;
		uint16_t types[4];
	} first[] = {
		{CONN_FROM_PEER, {T(HELLO)}},
		{CONN_FROM_GUEST, {T(GUEST_HELLO)}},
		{CONN_FROM_MFS, {T(MFS_HELLO)}},
		{CONN_FROM_USER, {T(JOB_START), T(DEPUTY_HELLO), T(REQUEST)}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		for (uint16_t type = 0; type < 200; type++) {
			bool want = false;

			for (int k = 0; k < 4; k++)
				want |= type && first[i].types[k] == type;
			assert_int_equal(message_check(first[i].kind, PHASE_START, type, 0),
					 want ? 0 : -EPROTO);
			/* Only requests come again. */
			if (want && type != T(REQUEST))
				assert_int_equal(message_check(first[i].kind, PHASE_OPEN, type, 0),
						 -EPROTO);
		}
	}
}

/* What would hurt most if the wrong one could say it. */
static void test_who_may_not(void **state)
{
	static const uint16_t daemons_only[] = {
		T(MOVE_DECISION), T(GUEST_START), T(GUEST_KILL),  T(GUEST_EXITED_ACK),
		T(MOVE_PREPARE),  T(MOVE_BEGIN),  T(FORWARD),     T(HELLO),
		T(MFS_CONFIG),    T(LINK_UP),     T(JOB_STARTED),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(daemons_only) / sizeof(daemons_only[0]); i++) {
		uint16_t type = daemons_only[i];

		assert_int_equal(message_check(CONN_FROM_USER, PHASE_OPEN, type, 0), -EPROTO);
		assert_int_equal(message_check(CONN_FROM_GUEST, PHASE_OPEN, type, 0), -EPROTO);
		assert_int_equal(message_check(CONN_FROM_MFS, PHASE_OPEN, type, 0), -EPROTO);
		assert_int_equal(message_check(CONN_LINK, PHASE_OPEN, type, 0), -EPROTO);
	}
	/* A user of this node is vouched for by its daemon, never by a peer's message. */
	assert_int_equal(message_check(CONN_FROM_PEER, PHASE_OPEN, T(REQUEST), 0), -EPROTO);
	assert_int_equal(message_check(CONN_FROM_PEER, PHASE_OPEN, T(JOB_START), 0), -EPROTO);
	assert_int_equal(message_check(CONN_TO_GUEST, PHASE_START, T(GUEST_START), 0), 0);
	assert_int_equal(message_check(CONN_TO_GUEST, PHASE_OPEN, T(MOVE_DECISION), 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_is_there),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test(test_who_may_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
