/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration, map and key. */
#include "daemon/config.h"

#include "daemon/gossip_io.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <unistd.h>

void config_done(struct config *c)
{
	map_done(&c->map);
	explicit_bzero(c, sizeof(*c));
}

const struct map_node *config_self(const struct config *c)
{
	return &c->own;
}

static const struct map_node *find_address(const struct map *m, struct in_addr addr)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (m->nodes[i].addr.s_addr == addr.s_addr)
			return &m->nodes[i];
	return NULL;
}

/* The node in the map whose address is one of this machine's; NULL = none. */
static int find_self(const struct map *m, const struct map_node **ret, struct err *e)
{
	const struct map_node *found = NULL;
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return err_sys(e, -errno, "Cannot list this machine's addresses");
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		const struct map_node *n;
		struct sockaddr_in sin;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&sin, i->ifa_addr, sizeof(sin));
		n = find_address(m, sin.sin_addr);
		if (n && (!found || n->number < found->number))
			found = n;
	}
	freeifaddrs(list);
	*ret = found;
	return 0;
}

/* A machine that no map names. */
static int join(struct config *c, struct err *e)
{
	const struct map_node *other;
	int r;

	c->own = (struct map_node){.number = c->conf.node};
	if (gethostname(c->own.name, sizeof(c->own.name) - 1) < 0)
		c->own.name[0] = '\0';
	r = gossip_join(c, &c->own.number, &c->own.addr, e);
	if (r < 0)
		return r;
	c->self = c->own.number;
	c->fixed = c->conf.node != 0;
	other = map_by_number(&c->map, c->self);
	if (!other)
		return 0;
	return err_set(e, -EEXIST,
		       "%s: this machine was node %u, which is now another one's number: "
		       "remove " CONF_STATE "/node, or add this machine to the map",
		       c->conf.map_path, c->self);
}

static int choose_self(struct config *c, struct err *e)
{
	const struct map_node *n = map_by_number(&c->map, c->conf.node);
	int r = 0;

	if (!c->conf.node)
		r = find_self(&c->map, &n, e);
	if (r < 0)
		return r;
	if (n) {
		c->own = *n;
		c->self = n->number;
		c->fixed = true;
		return 0;
	}
	if (c->conf.seed_count)
		return join(c, e);
	if (c->conf.node)
		return err_set(e, -ENOENT, "%s: node %u, this machine, is not in the map",
			       c->conf.map_path, c->conf.node);
	return err_set(e, -ENOENT,
		       "%s: none of this machine's addresses is in the map; add it, or set "
		       "[node] number or [cluster] seeds in " CONF_FILE,
		       c->conf.map_path);
}

/* Where there are seeds there need not be a map; but one that was named must be there. */
static int load_map(struct config *c, struct err *e)
{
	int r = map_load(&c->map, c->conf.map_path, e);

	return r == -ENOENT && c->conf.seed_count && !strcmp(c->conf.map_path, CONF_MAP) ? 0 : r;
}

static int load_key(struct config *c, struct err *e)
{
	uint8_t key[KEY_SIZE];
	int r;

	r = key_load(c->conf.key_path, key, e);
	if (r < 0)
		return r;
	r = key_derive(key, "peer", c->peer_key);
	if (r == 0)
		r = key_derive(key, "mfs", c->mfs_key);
	if (r == 0)
		r = key_derive(key, "gossip", c->gossip_key);
	explicit_bzero(key, sizeof(key));
	if (r < 0)
		return err_sys(e, r, "%s: cannot derive keys", c->conf.key_path);
	return 0;
}

static int load_all(struct config *c, const char *path, struct err *e)
{
	int r;

	conf_init(&c->conf);
	r = conf_load(&c->conf, path, e);
	/* Nothing needs to be set; but a file that was named must be there. */
	if (r < 0 && (r != -ENOENT || strcmp(path, CONF_FILE) != 0))
		return r;
	r = load_map(c, e);
	if (r == 0)
		r = load_key(c, e);
	if (r == 0)
		r = choose_self(c, e);
	return r;
}

int config_load(struct config *ret, const char *path, struct err *e)
{
	struct config c = {0};
	int r;

	r = load_all(&c, path, e);
	if (r < 0) {
		config_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

int config_check_reload(const struct config *old, const struct config *new, struct err *e)
{
	if (old->self != new->self)
		return err_set(e, -EINVAL,
			       "This node would become number %u instead of %u; that takes a "
			       "restart of all its jobs: stop them and restart mosixd",
			       new->self, old->self);
	if (old->conf.port != new->conf.port)
		return err_set(e, -EINVAL,
			       "The port would change from %u to %u; that takes effect only when "
			       "mosixd is restarted",
			       old->conf.port, new->conf.port);
	return 0;
}
