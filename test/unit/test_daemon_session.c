/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sealed datagrams and their sessions: what is forged, replayed, cut or of another key. */
#include "daemon/gossip_session.h"
#include "test/unit/harness.h"

static const uint8_t key[KEY_SIZE] = {1, 2, 3};
static const uint8_t other_key[KEY_SIZE] = {1, 2, 4};

struct mail {
	uint8_t bytes[SESSION_DATAGRAM_MAX];
	size_t len;
};

static struct sessions *life(uint32_t number)
{
	struct sessions *s;

	assert_int_equal(sessions_new(&s, key, number), 0);
	return s;
}

static struct mail from_to(struct sessions *from, uint32_t to, const char *text)
{
	struct mail m;
	int len = sessions_close(from, to, text, strlen(text) + 1, m.bytes, NULL);

	assert_true(len > 0);
	m.len = (size_t)len;
	return m;
}

static int64_t now = 1000;

static struct session_opened open_mail(struct sessions *s, const struct mail *m)
{
	struct session_opened o;

	now += 100;
	sessions_open(s, now, m->bytes, m->len, &o);
	return o;
}

static struct mail hello(struct sessions *s, const struct session_opened *o)
{
	struct mail m;
	int len = sessions_hello(s, o, m.bytes);

	assert_true(len > 0);
	m.len = (size_t)len;
	return m;
}

/* A writes to B for the first time: both know each other's session afterwards. */
static void meet(struct sessions *a, uint32_t to_b, struct sessions *b)
{
	struct mail m = from_to(a, to_b, "shorttext");
	struct session_opened o = open_mail(b, &m);
	struct mail welcome, back;

	assert_int_equal(o.verdict, SESSION_STRANGER);
	assert_true(o.hello);
	welcome = hello(b, &o);
	/* No answer is longer than what it answers. */
	assert_true(welcome.len <= m.len);
	o = open_mail(a, &welcome);
	assert_int_equal(o.verdict, SESSION_KNOWN);
	assert_true(o.hello);
	back = hello(a, &o);
	assert_true(back.len <= welcome.len);
	o = open_mail(b, &back);
	assert_int_equal(o.verdict, SESSION_KNOWN);
	assert_false(o.hello);
}

static void test_meeting(void **state)
{
	struct sessions *a = life(1), *b = life(2);
	struct session_opened o;
	struct mail m;

	(void)state;
	meet(a, 2, b);
	m = from_to(a, 2, "what counts");
	o = open_mail(b, &m);
	assert_int_equal(o.verdict, SESSION_TAKE);
	assert_int_equal(o.from, 1);
	assert_string_equal((char *)o.body, "what counts");
	m = from_to(b, 1, "and back");
	assert_int_equal(open_mail(a, &m).verdict, SESSION_TAKE);
	sessions_free(a);
	sessions_free(b);
}

/* Through an address whose node's number is not known yet. */
static void test_seed(void **state)
{
	struct sessions *a = life(1), *b = life(2);

	(void)state;
	meet(a, 0, b);
	assert_true(sessions_known(a, 2));
	assert_true(sessions_known(b, 1));
	sessions_free(a);
	sessions_free(b);
}

static void test_replayed(void **state)
{
	struct sessions *a = life(1), *b = life(2);
	struct mail kept[200], m;

	(void)state;
	meet(a, 2, b);
	for (int i = 0; i < 200; i++)
		kept[i] = from_to(a, 2, "text");
	/* Some of them out of order. */
	for (int i = 0; i < 200; i++)
		assert_int_equal(open_mail(b, &kept[i ^ 1]).verdict, SESSION_TAKE);
	for (int i = 0; i < 200; i++)
		assert_int_equal(open_mail(b, &kept[i]).verdict, SESSION_DROP);
	m = from_to(a, 2, "text");
	assert_int_equal(open_mail(b, &m).verdict, SESSION_TAKE);
	sessions_free(a);
	sessions_free(b);
}

/* What was recorded in an earlier life of either counts in no later one. */
static void test_lives(void **state)
{
	struct sessions *a = life(1), *b = life(2), *a2, *b2;
	struct mail first, old, m, welcome, welcome_again;
	struct session_opened o;

	(void)state;
	first = from_to(a, 2, "first");
	o = open_mail(b, &first);
	welcome = hello(b, &o);
	o = open_mail(a, &welcome);
	assert_int_equal(o.verdict, SESSION_KNOWN);
	m = hello(a, &o);
	assert_int_equal(open_mail(b, &m).verdict, SESSION_KNOWN);
	/* A hello counts once. */
	assert_int_equal(open_mail(a, &welcome).verdict, SESSION_DROP);
	assert_int_equal(open_mail(b, &m).verdict, SESSION_DROP);
	old = from_to(a, 2, "old");

	b2 = life(2);
	assert_int_equal(open_mail(b2, &old).verdict, SESSION_STRANGER);
	assert_false(sessions_known(b2, 1));
	/* A learns the new session by a hello to what it sent, and not by the recorded one. */
	m = from_to(a, 2, "to the new one");
	o = open_mail(b2, &m);
	assert_int_equal(o.verdict, SESSION_STRANGER);
	welcome_again = hello(b2, &o);
	assert_int_equal(open_mail(a, &welcome).verdict, SESSION_DROP);
	o = open_mail(a, &welcome_again);
	assert_int_equal(o.verdict, SESSION_KNOWN);
	assert_int_equal(open_mail(a, &welcome).verdict, SESSION_DROP);
	m = hello(a, &o);
	assert_int_equal(open_mail(b2, &m).verdict, SESSION_KNOWN);
	m = from_to(a, 2, "known by now");
	assert_int_equal(open_mail(b2, &m).verdict, SESSION_TAKE);

	a2 = life(1);
	meet(a2, 2, b2);
	assert_int_equal(open_mail(b2, &m).verdict, SESSION_STRANGER);
	m = from_to(a2, 2, "now");
	assert_int_equal(open_mail(b2, &m).verdict, SESSION_TAKE);
	sessions_free(a);
	sessions_free(b);
	sessions_free(a2);
	sessions_free(b2);
}

static void test_changed(void **state)
{
	struct sessions *a = life(1), *b = life(2);
	struct mail m, bad;

	(void)state;
	meet(a, 2, b);
	m = from_to(a, 2, "every byte of it counts");
	for (size_t i = 0; i < m.len; i++) {
		bad = m;
		bad.bytes[i] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(open_mail(b, &bad).verdict, SESSION_DROP);
	}
	for (size_t len = 0; len < m.len; len++) {
		bad = m;
		bad.len = len;
		assert_int_equal(open_mail(b, &bad).verdict, SESSION_DROP);
	}
	assert_int_equal(open_mail(b, &m).verdict, SESSION_TAKE);
	sessions_free(a);
	sessions_free(b);
}

static void test_other_key(void **state)
{
	struct sessions *a, *b = life(2);
	struct session_opened o;
	struct mail m;

	(void)state;
	assert_int_equal(sessions_new(&a, other_key, 1), 0);
	m = from_to(a, 2, "let me in");
	o = open_mail(b, &m);
	assert_int_equal(o.verdict, SESSION_DROP);
	assert_false(o.hello);
	sessions_free(a);
	sessions_free(b);
}

/* A flood of recorded datagrams gets few answers. */
static void test_hellos_are_few(void **state)
{
	struct sessions *a = life(1), *b = life(2);
	struct session_opened o;
	unsigned int hellos = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct mail m = from_to(a, 2, "knock");

		sessions_open(b, now + i / 10, m.bytes, m.len, &o);
		hellos += o.hello;
	}
	assert_in_range(hellos, 1, 25);
	sessions_free(a);
	sessions_free(b);
}

/* Its own datagrams do not come back to a node as news. */
static void test_mirrored(void **state)
{
	struct sessions *a = life(1), *b = life(2);
	struct mail m;

	(void)state;
	meet(a, 2, b);
	m = from_to(a, 2, "mirror");
	assert_int_equal(open_mail(a, &m).verdict, SESSION_DROP);
	sessions_free(a);
	sessions_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meeting),        cmocka_unit_test(test_seed),
		cmocka_unit_test(test_replayed),       cmocka_unit_test(test_lives),
		cmocka_unit_test(test_changed),        cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_hellos_are_few), cmocka_unit_test(test_mirrored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
