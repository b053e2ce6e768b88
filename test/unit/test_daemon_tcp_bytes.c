/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of TCP connections, counted by control group: those of this very process, over loopback.
 * Both ends are in the same group, so each byte counts as sent and as received.
 */
#include "test/unit/harness.h"

#include "common/cgroup.h"
#include "common/fd.h"
#include "daemon/tcp_bytes.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1u << 20)
#define OTHERS 200u

struct pair {
	int client, server;
};

/* SYN and FIN count as one byte each. */
static void assert_about(uint64_t got, uint64_t want)
{
	if (got < want || got > want + 16)
		fail_msg("%llu bytes, not %llu", (unsigned long long)got, (unsigned long long)want);
}

static uint64_t own_group(void)
{
	char path[512];
	struct stat st;

	if (cgroup_self(path, sizeof(path)) < 0 || stat(path, &st) < 0)
		return 0;
	return st.st_ino;
}

static struct pair connect_pair(int family)
{
	union {
		struct sockaddr s;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {.s.sa_family = (sa_family_t)family};
	socklen_t len = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pair p;

	if (family == AF_INET)
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.v6.sin6_addr = in6addr_loopback;
	assert_int_equal(bind(listener, &a.s, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &a.s, &len), 0);
	p.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(p.client, &a.s, len), 0);
	p.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(p.server >= 0);
	close(listener);
	return p;
}

static void send_bytes(const struct pair *p, size_t bytes)
{
	static char buf[65536];

	for (; bytes; bytes -= sizeof(buf)) {
		assert_int_equal(fd_write_full(p->client, buf, sizeof(buf)), 0);
		assert_int_equal(fd_read_full(p->server, buf, sizeof(buf)), 0);
	}
}

static void close_pair(const struct pair *p)
{
	close(p->client);
	close(p->server);
}

static uint64_t look(struct tcp_bytes *t, bool old)
{
	struct tcp_group g[2] = {{.id = own_group(), .old = old}, {.id = UINT64_MAX}};

	assert_int_equal(tcp_bytes_look(t, g, 2), 0);
	assert_int_equal(g[0].id == UINT64_MAX ? g[0].bytes : g[1].bytes, 0);
	return g[0].id == UINT64_MAX ? g[1].bytes : g[0].bytes;
}

/* The last word on a socket comes a little after it is closed. */
static uint64_t look_until(struct tcp_bytes *t, uint64_t bytes)
{
	uint64_t sum = 0;

	for (int i = 0; i < 1000 && sum < bytes; i++) {
		sum += look(t, false);
		if (sum < bytes)
			usleep(1000);
	}
	return sum;
}

static int open_or_skip(void **state)
{
	struct tcp_group g[1] = {{.id = own_group()}};
	struct tcp_bytes *t;

	/* No v2 groups, or a kernel that does not tell. */
	if (!g[0].id || tcp_bytes_new(&t) < 0)
		return 0;
	if (tcp_bytes_look(t, g, 1) < 0) {
		tcp_bytes_free(t);
		return 0;
	}
	*state = t;
	return 0;
}

static int close_it(void **state)
{
	tcp_bytes_free(*state);
	return 0;
}

static void count_one(struct tcp_bytes *t, int family)
{
	struct pair p = connect_pair(family);

	send_bytes(&p, MIB);
	assert_about(look(t, false), 2 * MIB);
	assert_int_equal(look(t, false), 0);
	send_bytes(&p, 3 * MIB);
	assert_about(look(t, false), 6 * MIB);
	/* What comes between the last look and the end. */
	send_bytes(&p, 2 * MIB);
	close_pair(&p);
	assert_about(look_until(t, 4 * MIB), 4 * MIB);
}

static void test_counts(void **state)
{
	if (!*state)
		skip();
	count_one(*state, AF_INET);
	count_one(*state, AF_INET6);
}

/* An earlier daemon has counted what is there. */
static void test_old(void **state)
{
	struct pair p;

	if (!*state)
		skip();
	p = connect_pair(AF_INET);
	send_bytes(&p, MIB);
	assert_int_equal(look(*state, true), 0);
	send_bytes(&p, MIB);
	assert_about(look(*state, false), 2 * MIB);
	close_pair(&p);
}

/* It does not look as long as nobody has a connection, and notices when somebody makes one. */
static void test_after_quiet(void **state)
{
	struct pair p;

	if (!*state)
		skip();
	for (int i = 0; i < 5; i++)
		assert_int_equal(look(*state, false), 0);
	p = connect_pair(AF_INET);
	send_bytes(&p, MIB);
	assert_about(look(*state, false), 2 * MIB);
	close_pair(&p);
}

/* So many that the kernel is not asked for them alone. */
static void test_many_groups(void **state)
{
	struct tcp_group g[OTHERS + 1] = {{.id = own_group()}};
	uint64_t sum = 0, own = 0;
	struct pair p;

	if (!*state)
		skip();
	p = connect_pair(AF_INET);
	send_bytes(&p, MIB);
	for (unsigned int i = 1; i <= OTHERS; i++)
		g[i].id = UINT64_MAX - i;
	assert_int_equal(tcp_bytes_look(*state, g, OTHERS + 1), 0);
	for (unsigned int i = 0; i <= OTHERS; i++) {
		sum += g[i].bytes;
		own += g[i].id == own_group() ? g[i].bytes : 0;
	}
	assert_about(own, 2 * MIB);
	assert_int_equal(sum, own);
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts, open_or_skip, close_it),
		cmocka_unit_test_setup_teardown(test_old, open_or_skip, close_it),
		cmocka_unit_test_setup_teardown(test_after_quiet, open_or_skip, close_it),
		cmocka_unit_test_setup_teardown(test_many_groups, open_or_skip, close_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
