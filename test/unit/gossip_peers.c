/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gossip_peers KEYFILE NODE ADDRESS COUNT SECONDS - nodes that do nothing but gossip with the
 * daemon NODE at ADDRESS and with each other, to see what a large cluster costs that daemon. They
 * have the numbers from 1000 on and the UDP ports from 20000 on.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/conf.h"
#include "daemon/gossip_io_priv.h"

enum { FIRST = 1000, PORT = 20000, PEERS_MAX = 1000 };

struct virtual_peer {
	struct gossip *g;
	struct sessions *s;
	struct sent sent[SENT_KEPT];
	unsigned int next;
	uint32_t number;
	int fd;
};

static struct virtual_peer peers[PEERS_MAX];
static uint32_t count;
static uint32_t target;
static struct sockaddr_in target_addr, own_addr;

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void send_body(struct virtual_peer *p, uint32_t to, const uint8_t *body, size_t len)
{
	struct sockaddr_in addr = to == target ? target_addr : own_addr;
	struct sent *kept = &p->sent[p->next++ % SENT_KEPT];
	uint8_t out[SESSION_DATAGRAM_MAX];
	int n;

	if (to != target)
		addr.sin_port = htons((uint16_t)(PORT + to - FIRST));
	memcpy(kept->body, body, len);
	kept->len = len;
	n = sessions_close(p->s, to, body, len, out, &kept->counter);
	if (n > 0)
		(void)sendto(p->fd, out, (size_t)n, 0, (struct sockaddr *)&addr, sizeof(addr));
}

static void on_send(void *arg, uint32_t to, const struct gossip_datagram *dg)
{
	uint8_t body[SESSION_BODY_MAX] = {0};
	size_t len = gossip_pack(dg, body, sizeof(body));

	send_body(arg, to, body, len);
}

/* Of peer @number; as gossip_card.c has it. */
static void send_card(struct virtual_peer *p, uint32_t number, uint32_t to)
{
	uint8_t low = (uint8_t)number, high = (uint8_t)(number >> 8);
	uint8_t body[64] = {CARD, low, high, low, high, 1};
	uint16_t port = (uint16_t)(PORT + number - FIRST);
	int n = snprintf((char *)body + 23, 16, "peer%u", number);

	memcpy(body + 11, &own_addr.sin_addr, 4);
	body[15] = (uint8_t)port;
	body[16] = (uint8_t)(port >> 8);
	body[17] = 1;
	body[22] = (uint8_t)n;
	send_body(p, to, body, 23 + (size_t)n);
}

static void on_ask(struct virtual_peer *p, const struct session_opened *o)
{
	uint32_t number = (uint32_t)o->body[1] | (uint32_t)o->body[2] << 8;

	if (number >= FIRST && number < FIRST + count)
		send_card(p, number, o->from);
}

static void take(struct virtual_peer *p, const uint8_t *in, size_t len, struct sockaddr_in *from)
{
	static struct session_opened o;
	static struct gossip_unpacked u;
	uint8_t out[SESSION_DATAGRAM_MAX];

	sessions_open(p->s, now_ms(), in, len, &o);
	if (o.hello) {
		int n = sessions_hello(p->s, &o, out);

		(void)sendto(p->fd, out, (size_t)n, 0, (struct sockaddr *)from, sizeof(*from));
	}
	if (o.verdict == SESSION_KNOWN) {
		for (unsigned int i = 0; i < SENT_KEPT; i++)
			if (p->sent[i].len && p->sent[i].counter == o.echo)
				send_body(p, o.from, p->sent[i].body, p->sent[i].len);
		send_card(p, p->number, o.from);
	} else if (o.verdict == SESSION_TAKE && o.body[0] == CARD_ASK) {
		on_ask(p, &o);
	} else if (o.verdict == SESSION_TAKE && gossip_unpack(o.body, o.len, &u) == 0) {
		u.dg.from = o.from;
		gossip_receive(p->g, now_ms(), &u.dg);
	}
}

static void receive_all(struct virtual_peer *p)
{
	uint8_t in[2000];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(p->fd, in, sizeof(in), MSG_DONTWAIT, (struct sockaddr *)&from, &len)) >
	       0)
		take(p, in, (size_t)n, &from);
}

static const struct gossip_ops peer_ops = {.send = on_send};

static void start(struct virtual_peer *p, uint32_t number, const uint8_t key[KEY_SIZE])
{
	struct sockaddr_in addr = own_addr;
	struct gossip_config c;
	struct node_facts f = {.cpus = 1000, .speed = SPEED_STANDARD, .mem_total = 1024};

	p->number = number;
	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	addr.sin_port = htons((uint16_t)(PORT + number - FIRST));
	gossip_config_init(&c, number, 1);
	p->g = gossip_new(&c, number, now_ms(), &peer_ops, p);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || !p->g ||
	    sessions_new(&p->s, key, number) < 0) {
		perror("gossip_peers");
		exit(1);
	}
	gossip_set_facts(p->g, &f);
	gossip_add(p->g, target, false, true);
	/* It knows its neighbour only; the rest it hears. */
	if (number > FIRST)
		gossip_add(p->g, number - 1, false, true);
}

static void run(int64_t end)
{
	static struct pollfd fds[PEERS_MAX];

	for (uint32_t i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
	for (int64_t step = now_ms(); step < end; step += 10) {
		/* One fiftieth of them ticks each 10 ms. */
		for (uint32_t i = (uint32_t)(step / 10 % 50); i < count; i += 50)
			gossip_tick(peers[i].g, now_ms());
		while (now_ms() < step + 10) {
			if (poll(fds, count, (int)(step + 10 - now_ms())) <= 0)
				break;
			for (uint32_t i = 0; i < count; i++)
				if (fds[i].revents)
					receive_all(&peers[i]);
		}
	}
}

int main(int argc, char **argv)
{
	uint8_t cluster[KEY_SIZE], key[KEY_SIZE];
	struct err e;

	if (argc != 6 || key_load(argv[1], cluster, &e) < 0 ||
	    key_derive(cluster, "gossip", key) < 0) {
		fprintf(stderr, "usage: gossip_peers KEYFILE NODE ADDRESS COUNT SECONDS\n");
		return 1;
	}
	target = (uint32_t)atoi(argv[2]);
	own_addr = target_addr = (struct sockaddr_in){.sin_family = AF_INET};
	inet_pton(AF_INET, argv[3], &target_addr.sin_addr);
	target_addr.sin_port = htons(CONF_PORT);
	own_addr.sin_addr = target_addr.sin_addr;
	count = (uint32_t)atoi(argv[4]);
	count = count < PEERS_MAX ? count : PEERS_MAX;
	for (uint32_t i = 0; i < count; i++)
		start(&peers[i], FIRST + i, key);
	run(now_ms() + 1000 * atoi(argv[5]));
	printf("%u alive as the last one sees it\n", gossip_alive(peers[count - 1].g));
	return 0;
}
