/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the daemon: answers, progress, errors, and a daemon that goes away or talks nonsense. */
#include <pthread.h>

#include "cli/client.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/msg.h"
#include "test/unit/harness.h"

/* What the other side does after it has read the request. */
struct daemon {
	struct chan *chan;
	pthread_t thread;
	void (*answer)(struct chan *c);
	Mosix__RequestOp asked;
};

static void *daemon_main(void *data)
{
	struct daemon *d = data;
	struct chan_frame f;
	Mosix__Request *q;

	if (chan_recv(d->chan, &f, 10000) != 1)
		return NULL;
	q = msg_unpack(&mosix__request__descriptor, f.body, f.len);
	d->asked = q ? q->op : MOSIX__REQUEST_OP__OP_NONE;
	msg_free(q);
	d->answer(d->chan);
	chan_flush(d->chan, 10000);
	d->chan = chan_free(d->chan);
	return NULL;
}

static struct chan *new_chan(int fd)
{
	struct stream *s;
	struct chan *c;

	assert_int_equal(stream_new_plain(&s, fd), 0);
	assert_int_equal(chan_new(&c, s, CHAN_FRAME_MAX, CLIENT_QUEUE_MAX), 0);
	return c;
}

static struct chan *daemon_start(struct daemon *d, void (*answer)(struct chan *c))
{
	int p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	*d = (struct daemon){.chan = new_chan(p[1]), .answer = answer};
	assert_int_equal(pthread_create(&d->thread, NULL, daemon_main, d), 0);
	return new_chan(p[0]);
}

static void reply(struct chan *c, bool more, uint32_t error, const char *text)
{
	Mosix__Reply m = MOSIX__REPLY__INIT;

	m.has_more = m.has_error = true;
	m.more = more;
	m.error = error;
	m.text = (char *)text;
	assert_int_equal(msg_send(c, MOSIX__MSG_TYPE__MSG_REPLY, &m.base, -1), 0);
}

static int ask(void (*answer)(struct chan *c), client_progress_fn *progress, void *data,
	       char *ret_text, struct err *e)
{
	Mosix__Request q = MOSIX__REQUEST__INIT;
	_cleanup_(chan_freep) struct chan *c = NULL;
	Mosix__Reply *m = NULL;
	struct daemon d;
	int r;

	c = daemon_start(&d, answer);
	q.has_op = true;
	q.op = MOSIX__REQUEST_OP__OP_PS;
	r = client_ask(c, &q, progress, data, &m, e);
	pthread_join(d.thread, NULL);
	assert_int_equal(d.asked, MOSIX__REQUEST_OP__OP_PS);
	assert_int_equal(r == 0, m != NULL);
	if (m && ret_text)
		snprintf(ret_text, ERR_MAX, "%s", m->text);
	msg_free(m);
	return r;
}

static void answer_progress(struct chan *c)
{
	reply(c, true, 0, "a");
	/* Messages of other kinds are none of a client's business. */
	assert_int_equal(chan_send(c, MOSIX__MSG_TYPE__MSG_JOB_MOVED, "", 0, -1), 0);
	reply(c, true, 0, "b");
	reply(c, false, 0, "done");
}

static bool collect(const Mosix__Reply *m, void *data)
{
	strcat(data, m->text);
	return true;
}

static bool first_only(const Mosix__Reply *m, void *data)
{
	strcat(data, m->text);
	return false;
}

static void test_progress(void **state)
{
	char seen[16] = "", text[ERR_MAX];
	struct err e = {0};

	(void)state;
	assert_int_equal(ask(answer_progress, collect, seen, text, &e), 0);
	assert_string_equal(seen, "ab");
	assert_string_equal(text, "done");
	assert_int_equal(ask(answer_progress, NULL, NULL, text, &e), 0);
	seen[0] = '\0';
	assert_int_equal(ask(answer_progress, first_only, seen, text, &e), 0);
	assert_string_equal(seen, "a");
	assert_string_equal(text, "a");
}

static void answer_refusal(struct chan *c)
{
	reply(c, false, ESRCH, "There is no job 1.2");
}

static void answer_bad_error(struct chan *c)
{
	reply(c, false, UINT32_MAX, NULL);
}

static void test_refusal(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(ask(answer_refusal, NULL, NULL, NULL, &e), -ESRCH);
	assert_string_equal(e.text, "There is no job 1.2");
	assert_int_equal(ask(answer_bad_error, NULL, NULL, NULL, &e), -EPROTO);
	assert_int_not_equal(e.text[0], 0);
}

static void answer_nothing(struct chan *c)
{
	reply(c, true, 0, "soon");
}

static void answer_nonsense(struct chan *c)
{
	chan_send(c, MOSIX__MSG_TYPE__MSG_REPLY, "\xff\xff\xff", 3, -1);
}

static void test_broken(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(ask(answer_nothing, NULL, NULL, NULL, &e), -ECONNRESET);
	assert_non_null(strstr(e.text, "went away"));
	assert_int_equal(ask(answer_nonsense, NULL, NULL, NULL, &e), -EPROTO);
}

static void test_no_daemon(void **state)
{
	struct chan *c = NULL;
	struct err e = {0};

	(void)state;
	setenv("MOSIX_CONTROL", "/nonexistent/control.sock", 1);
	assert_int_equal(client_connect(&c, &e), -ENOENT);
	assert_non_null(strstr(e.text, "systemctl start mosixd"));
	assert_null(c);
}

static void test_names(void **state)
{
	Mosix__NodeRow rows[2] = {MOSIX__NODE_ROW__INIT, MOSIX__NODE_ROW__INIT};
	Mosix__NodeRow *list[2] = {&rows[0], &rows[1]};
	Mosix__Reply m = MOSIX__REPLY__INIT;
	char buf[16];

	(void)state;
	rows[0].node = 1;
	rows[0].name = (char *)"n1";
	rows[1].node = 2;
	rows[1].name = (char *)"";
	m.nodes = list;
	m.n_nodes = 2;
	assert_string_equal(client_node_name(&m, 1, buf, sizeof(buf)), "n1");
	assert_string_equal(client_node_name(&m, 2, buf, sizeof(buf)), "2");
	assert_string_equal(client_node_name(&m, 3, buf, sizeof(buf)), "3");
	assert_string_equal(client_node_name(NULL, 4, buf, sizeof(buf)), "4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_progress), cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_broken),   cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
