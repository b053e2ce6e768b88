/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of nodes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "common/key.h"
#include "mfsfuse/cli.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct peer *peers[NODE_MAX + 1];
static bool named[NODE_MAX + 1];
static uint32_t highest;
static uint8_t key[KEY_SIZE];
static bool have_key;

struct peer *peer_find(uint32_t number)
{
	struct peer *p;

	if (number > NODE_MAX)
		return NULL;
	pthread_rwlock_rdlock(&lock);
	p = peers[number];
	pthread_rwlock_unlock(&lock);
	return p;
}

struct peer *peer_after(uint32_t number)
{
	struct peer *p = NULL;

	pthread_rwlock_rdlock(&lock);
	for (uint32_t n = number + 1; n <= highest && !p; n++) {
		if (peers[n] && peers[n]->listed)
			p = peers[n];
	}
	pthread_rwlock_unlock(&lock);
	return p;
}

struct peer *peer_by_name(const char *name)
{
	struct peer *p = NULL;

	pthread_rwlock_rdlock(&lock);
	for (uint32_t n = 1; n <= highest && !p; n++) {
		if (peers[n] && peers[n]->listed && strcmp(peers[n]->name, name) == 0)
			p = peers[n];
	}
	pthread_rwlock_unlock(&lock);
	return p;
}

void peers_each(void (*fn)(struct peer *p))
{
	for (uint32_t n = 1; n <= highest; n++) {
		struct peer *p = peer_find(n);

		if (p)
			fn(p);
	}
}

static struct peer *peer_new(uint32_t number)
{
	struct peer *p = calloc(1, sizeof(*p));
	pthread_t t;

	if (!p)
		return NULL;
	p->number = number;
	p->down_since = cli_now_ms();
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->cond, NULL);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake < 0 || pthread_create(&t, NULL, peer_thread, p) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

struct peer *peer_get(uint32_t number)
{
	struct peer *p = peer_find(number);

	if (p || number == 0 || number > NODE_MAX)
		return p;
	p = peer_new(number);
	if (!p)
		return NULL;
	pthread_rwlock_wrlock(&lock);
	peers[number] = p;
	if (number > highest)
		highest = number;
	pthread_rwlock_unlock(&lock);
	return p;
}

static bool same_addr(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

int peer_configure(const struct node_config *c)
{
	struct peer *p;

	if (c->number == 0 || c->number > NODE_MAX)
		return -EINVAL;
	p = peer_get(c->number);
	if (!p)
		return -ENOMEM;
	pthread_rwlock_wrlock(&lock);
	pthread_mutex_lock(&p->lock);
	if (p->stream && (p->self != c->self || !same_addr(&p->addr, &c->addr)))
		p->broken = true;
	p->addr = c->addr;
	p->self = c->self;
	p->listed = true;
	snprintf(p->name, sizeof(p->name), "%s", c->name);
	pthread_mutex_unlock(&p->lock);
	named[c->number] = true;
	if (c->self)
		cli.self = c->number;
	pthread_rwlock_unlock(&lock);
	peer_kick(p);
	return 0;
}

void peers_sweep(void)
{
	pthread_rwlock_wrlock(&lock);
	for (uint32_t n = 1; n <= highest; n++) {
		if (peers[n] && !named[n])
			peers[n]->listed = false;
		named[n] = false;
	}
	pthread_rwlock_unlock(&lock);
}

void peers_set_key(const uint8_t new_key[KEY_SIZE])
{
	pthread_rwlock_wrlock(&lock);
	memcpy(key, new_key, KEY_SIZE);
	have_key = true;
	pthread_rwlock_unlock(&lock);
}

bool peers_key(uint8_t ret[KEY_SIZE])
{
	bool have;

	pthread_rwlock_rdlock(&lock);
	memcpy(ret, key, KEY_SIZE);
	have = have_key;
	pthread_rwlock_unlock(&lock);
	return have;
}
