/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gossip's datagrams: who has no key gets nothing out of the receiver and changes nothing in it;
 * of who has it, only what is in a session is taken in, once. First byte: where a sealed datagram
 * is damaged, second: how, third: bit 0: as a hello that names the receiver's true session.
 */
#include <string.h>

#include "daemon/gossip_session.h"
#include "test/fuzz/fuzz.h"

#define LIVES 1000 /* inputs for which two daemons live */

static const uint8_t key[KEY_SIZE] = {1, 2, 3};
static struct sessions *a, *b; /* nodes 1 and 2, which know each other */
static int64_t now;
static uint64_t session_of_b;

static void open_at(struct sessions *s, const uint8_t *in, size_t len, struct session_opened *o)
{
	now += 100;
	sessions_open(s, now, in, len, o);
	fuzz_check(o->verdict == SESSION_DROP || o->len <= SESSION_BODY_MAX);
}

static void meet(void)
{
	uint8_t m[SESSION_DATAGRAM_MAX];
	struct session_opened o;
	int len;

	sessions_free(a);
	sessions_free(b);
	fuzz_check(sessions_new(&a, key, 1) == 0 && sessions_new(&b, key, 2) == 0);
	len = sessions_close(a, 2, "text", 4, m, NULL);
	for (int i = 0; i < 3; i++) {
		struct sessions *to = i % 2 ? a : b;

		fuzz_check(len > 0);
		open_at(to, m, (size_t)len, &o);
		fuzz_check(o.hello == (i < 2));
		if (o.hello)
			len = sessions_hello(to, &o, m);
		if (i == 0)
			memcpy(&session_of_b, m + 4, sizeof(session_of_b));
	}
	fuzz_check(sessions_known(a, 2) && sessions_known(b, 1));
}

/* It still hears the other node: nothing has put that into another session. */
static void check_hears(void)
{
	uint8_t m[SESSION_DATAGRAM_MAX];
	struct session_opened o;
	int len = sessions_close(a, 2, "\1good", 5, m, NULL);

	fuzz_check(len > 0);
	open_at(b, m, (size_t)len, &o);
	fuzz_check(o.verdict == SESSION_TAKE && o.from == 1 && memcmp(o.body, "\1good", 5) == 0);
	open_at(b, m, (size_t)len, &o);
	fuzz_check(o.verdict == SESSION_DROP && !o.hello);
}

static void check_refused(const uint8_t *in, size_t len)
{
	struct session_opened o;

	open_at(b, in, len, &o);
	fuzz_check(o.verdict == SESSION_DROP && !o.hello);
}

/* Node 1 itself says it. */
static void check_sealed(const uint8_t *data, size_t size)
{
	uint8_t body[SESSION_BODY_MAX], m[SESSION_DATAGRAM_MAX], at = data[0], how = data[1];
	bool true_session = data[2] & 1;
	struct session_opened o;
	int len;

	size = size - 3 < sizeof(body) ? size - 3 : sizeof(body);
	if (!size)
		return;
	memcpy(body, data + 3, size);
	if (true_session && size > 8)
		memcpy(body + 1, &session_of_b, 8);
	len = sessions_close(a, 2, body, size, m, NULL);
	fuzz_check(len > 0 && len <= SESSION_DATAGRAM_MAX);
	m[at * (unsigned int)len / 256] ^= how;
	if (how)
		check_refused(m, (size_t)len);
	m[at * (unsigned int)len / 256] ^= how;
	check_refused(m, (size_t)len - 1);
	open_at(b, m, (size_t)len, &o);
	if (body[0] == SESSION_HELLO || body[0] == SESSION_WELCOME)
		fuzz_check(o.verdict == SESSION_DROP || o.verdict == SESSION_KNOWN);
	else
		fuzz_check(o.verdict == SESSION_TAKE && o.len >= size &&
			   memcmp(o.body, body, size) == 0);
	check_refused(m, (size_t)len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int count;

	if (count++ % LIVES == 0)
		meet();
	check_refused(data, size);
	if (size >= 3)
		check_sealed(data, size);
	check_hears();
	return 0;
}
