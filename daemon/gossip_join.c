/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The number of a node that no map names: what it had the last time, else what the seeds give it.
 * This is done before the daemon's loop runs, since the number is in everything.
 */
#include "daemon/gossip_io_priv.h"

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "daemon/config.h"
#include "daemon/mosixd.h"
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NODE_FILE CONF_STATE "/node"
#define ASK_TRIES 6
#define ASK_MS 500

/* ------------------------------------------------------------------ what is kept */

int identity_save(uint64_t identity, uint32_t number, struct err *e)
{
	struct err none;
	char text[64];
	int n = snprintf(text, sizeof(text), "%u %016" PRIx64 "\n", number, identity);
	int r = mkdir_p(CONF_STATE, 0700);

	if (r == 0)
		r = file_replace_at(AT_FDCWD, NODE_FILE, text, (size_t)n, 0600);
	return r < 0 ? err_sys(e ? e : &none, r, "Cannot write %s", NODE_FILE) : 0;
}

int identity_load(uint64_t *ret_identity, uint32_t *ret_number, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	uint64_t identity = 0;
	uint32_t number = 0;
	int r;

	r = file_read_at(AT_FDCWD, NODE_FILE, 64, &text, NULL);
	if (r < 0 && r != -ENOENT)
		return err_sys(e, r, "Cannot read %s", NODE_FILE);
	if (r == 0 &&
	    (sscanf(text, "%u %" SCNx64, &number, &identity) != 2 || number > GOSSIP_NODE_MAX))
		number = 0;
	if (!identity) {
		r = key_random((uint8_t *)&identity, sizeof(identity));
		if (r < 0)
			return err_sys(e, r, "Cannot draw an identity");
		r = identity_save(identity, number, e);
		if (r < 0)
			return r;
	}
	*ret_identity = identity;
	if (ret_number)
		*ret_number = number;
	return 0;
}

/* ------------------------------------------------------------------ own address */

static struct in_addr first_address(void)
{
	struct in_addr ret = {0};
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return ret;
	for (struct ifaddrs *i = list; i && !ret.s_addr; i = i->ifa_next) {
		struct sockaddr_in sin;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
		    i->ifa_flags & IFF_LOOPBACK)
			continue;
		memcpy(&sin, i->ifa_addr, sizeof(sin));
		ret = sin.sin_addr;
	}
	freeifaddrs(list);
	return ret;
}

/* With which this machine reaches @seed. */
static struct in_addr address_towards(const struct conf_seed *seed)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_addr = seed->addr, .sin_port = htons(seed->port)};
	const struct in_addr none = {0};
	socklen_t len = sizeof(sin);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		return none;
	return sin.sin_addr;
}

static struct in_addr own_address(const struct conf *c)
{
	struct in_addr a = {0};

	for (uint32_t i = 0; i < c->seed_count && !a.s_addr; i++)
		a = address_towards(&c->seeds[i]);
	return a.s_addr ? a : first_address();
}

/* ------------------------------------------------------------------ asking the seeds */

/* False: there is nobody but this node itself. */
static bool ask_all(int fd, struct sessions *s, const struct conf *c, uint32_t wanted,
		    uint64_t identity)
{
	bool others = false;
	uint8_t body[JOIN_ASK_SIZE] = {0}, out[SESSION_DATAGRAM_MAX];

	claim_pack(body, JOIN_ASK, wanted, identity);
	for (uint32_t i = 0; i < c->seed_count; i++) {
		struct sockaddr_in sin = {.sin_family = AF_INET,
					  .sin_addr = c->seeds[i].addr,
					  .sin_port = htons(c->seeds[i].port)};
		int len;

		if (address_towards(&c->seeds[i]).s_addr == sin.sin_addr.s_addr)
			continue;
		others = true;
		len = sessions_close(s, 0, body, sizeof(body), out, NULL);
		if (len > 0)
			(void)sendto(fd, out, (size_t)len, 0, (struct sockaddr *)&sin, sizeof(sin));
	}
	return others;
}

/* The number that an answer names; 0 = it is none, or not to this life's question. */
static uint32_t take_answer(int fd, struct sessions *s)
{
	static struct session_opened o;
	uint8_t in[SESSION_DATAGRAM_MAX + 1];
	ssize_t n = recv(fd, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC);
	uint64_t session;
	uint32_t number;

	if (n <= 0 || n > SESSION_DATAGRAM_MAX)
		return 0;
	sessions_open(s, gossip_now_ms(), in, (size_t)n, &o);
	if (o.verdict != SESSION_STRANGER || o.len < JOIN_ASK_SIZE ||
	    !claim_unpack(o.body, o.len, JOIN_ANSWER, &number, &session))
		return 0;
	return sessions_is_own(s, session) ? number : 0;
}

/* 0 = nobody answers. */
static uint32_t ask_seeds(const struct config *c, uint32_t wanted, uint64_t identity)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sessions *s = NULL;
	uint32_t number = 0;

	if (fd < 0 || sessions_new(&s, c->gossip_key, 0) < 0)
		return 0;
	for (int i = 0; i < ASK_TRIES && !number; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t end = gossip_now_ms() + ASK_MS, left;

		if (!ask_all(fd, s, &c->conf, wanted, identity))
			break;
		while (!number && (left = end - gossip_now_ms()) > 0 && poll(&p, 1, (int)left) > 0)
			number = take_answer(fd, s);
	}
	sessions_free(s);
	return number;
}

int gossip_join(const struct config *c, uint32_t *ret_number, struct in_addr *ret_addr,
		struct err *e)
{
	struct in_addr addr = own_address(&c->conf);
	uint32_t number, wanted = ntohl(addr.s_addr) & 0xffff;
	uint64_t identity;
	int r;

	*ret_addr = addr;
	if (c->conf.node) {
		*ret_number = c->conf.node;
		return 0;
	}
	r = identity_load(&identity, &number, e);
	if (r < 0)
		return r;
	if (!number && c->conf.seed_count) {
		number = ask_seeds(c, wanted, identity);
		if (!number)
			log_info("No other node answers yet: this one starts alone");
	}
	number = number ? number : wanted ? wanted : 1;
	r = identity_save(identity, number, e);
	if (r == 0)
		*ret_number = number;
	return r;
}
