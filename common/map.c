/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosix.map: the table of nodes. Names are looked up in /etc/hosts and never by DNS, so that
 * reading the map cannot block the daemon.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"

#define FILE_SIZE_MAX (1 << 20)
#define NODES_MAX 65535
#define NAME_SIZE sizeof(((struct map_node *)0)->name)
#define BLANKS " \t\r"

struct parser {
	const char *path;
	unsigned int line;
	char *hosts; /* the text of /etc/hosts, or NULL */
	struct map map;
	uint32_t size;
	struct err *e;
};

void map_done(struct map *m)
{
	free(m->nodes);
	*m = (struct map){0};
}

static void parser_done(struct parser *p)
{
	free(p->hosts);
	map_done(&p->map);
}

static int fail(const struct parser *p, const char *what, const char *word)
{
	return err_set(p->e, -EINVAL, "%s:%u: %s%s%s", p->path, p->line, what, word ? ": " : "",
		       word ? word : "");
}

/* ------------------------------------------------------------------ words */

/* Cuts the next word off; NULL at the end of the line or where a comment starts. */
static char *next_word(char **text)
{
	char *p = *text + strspn(*text, BLANKS);
	size_t len = strcspn(p, BLANKS "#");

	if (len == 0)
		return NULL;
	*text = p + len;
	if (p[len] == '#' || p[len] == '\0')
		*text = p + len + strlen(p + len);
	else
		*text = p + len + 1;
	p[len] = '\0';
	return p;
}

static int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (!*text || strlen(text) > 10)
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	if (v < min || v > max)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

/* Letters, digits, '.', '-', '_', and not only digits: those are node numbers. */
static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= NAME_SIZE || strspn(name, "0123456789") == len)
		return false;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
			return false;
	return true;
}

/* ------------------------------------------------------------------ /etc/hosts */

/* Goes through the IPv4 lines: by @name (any of a line's) or by @addr (gives the first name). */
static bool hosts_find(const struct parser *p, const char *name, struct in_addr *addr,
		       char ret_name[NAME_SIZE])
{
	_cleanup_free_ char *text = p->hosts ? strdup(p->hosts) : NULL;
	char *save, *line;

	if (!text)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *word = next_word(&line), *first = NULL;
		struct in_addr a;

		if (!word || inet_pton(AF_INET, word, &a) != 1)
			continue;
		while ((word = next_word(&line))) {
			first = first ? first : word;
			if (!name || strcmp(word, name) != 0)
				continue;
			*addr = a;
			return true;
		}
		if (!name && first && a.s_addr == addr->s_addr && name_ok(first)) {
			strcpy(ret_name, first);
			return true;
		}
	}
	return false;
}

/* ------------------------------------------------------------------ lines */

static int reserve(struct parser *p, uint32_t more)
{
	uint32_t size = p->size ? p->size : 16;
	struct map_node *nodes;

	if (more > NODES_MAX - p->map.count)
		return fail(p, "there are more than 65535 nodes", NULL);
	while (size < p->map.count + more)
		size *= 2;
	if (size == p->size)
		return 0;
	nodes = realloc(p->map.nodes, size * sizeof(*nodes));
	if (!nodes)
		return err_set(p->e, -ENOMEM, "no memory to read %s", p->path);
	p->map.nodes = nodes;
	p->size = size;
	return 0;
}

static int set_name(const struct parser *p, struct map_node *n, const char *prefix, bool alone)
{
	char text[NAME_SIZE + 16];

	if (!prefix) {
		hosts_find(p, NULL, &n->addr, n->name);
		return 0;
	}
	if (alone)
		snprintf(text, sizeof(text), "%s", prefix);
	else
		snprintf(text, sizeof(text), "%s%u", prefix, n->number);
	if (!name_ok(text))
		return fail(p, "not a name for a node", text);
	strcpy(n->name, text);
	return 0;
}

static int add_nodes(struct parser *p, uint32_t number, struct in_addr addr, uint32_t count,
		     const char *prefix)
{
	uint32_t first = ntohl(addr.s_addr);
	int r;

	if (number > NODES_MAX - (count - 1))
		return fail(p, "node numbers end at 65535", NULL);
	if (first > UINT32_MAX - (count - 1))
		return fail(p, "the addresses run over the end", NULL);
	r = reserve(p, count);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		struct map_node *n = &p->map.nodes[p->map.count++];

		*n = (struct map_node){.number = number + i, .line = p->line};
		n->addr.s_addr = htonl(first + i);
		r = set_name(p, n, prefix, count == 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_line(struct parser *p, char *line)
{
	char *number = next_word(&line), *host, *count, *prefix;
	uint32_t n, c;
	struct in_addr a;

	if (!number)
		return 0;
	host = next_word(&line);
	count = next_word(&line);
	prefix = next_word(&line);
	if (!host || !count)
		return fail(p, "needed: STARTING-NUMBER ADDRESS COUNT [NAME]", NULL);
	if (next_word(&line))
		return fail(p, "there are more than four columns", NULL);
	if (parse_u32(number, 1, NODES_MAX, &n) < 0)
		return fail(p, "not a node number (1 to 65535)", number);
	if (parse_u32(count, 1, NODES_MAX, &c) < 0)
		return fail(p, "not a count (1 to 65535)", count);
	if (inet_pton(AF_INET, host, &a) != 1 && !hosts_find(p, host, &a, NULL))
		return fail(p, "neither an IPv4 address nor a name in /etc/hosts", host);
	if (prefix && strlen(prefix) >= NAME_SIZE)
		return fail(p, "the name is too long", NULL);
	return add_nodes(p, n, a, c, prefix);
}

/* ------------------------------------------------------------------ the whole */

static int by_number(const void *a, const void *b)
{
	const struct map_node *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int by_addr(const void *a, const void *b)
{
	const struct map_node *x = a, *y = b;

	return memcmp(&x->addr, &y->addr, sizeof(x->addr));
}

static int by_name(const void *a, const void *b)
{
	const struct map_node *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Sorts; two nodes that are equal (*ret_other is the one of the earlier line), or NULL. Nodes
 * without a name are never equal by it. */
static const struct map_node *find_twice(struct map *m, int (*cmp)(const void *, const void *),
					 const struct map_node **ret_other)
{
	if (m->count)
		qsort(m->nodes, m->count, sizeof(*m->nodes), cmp);
	for (uint32_t i = 1; i < m->count; i++) {
		const struct map_node *a = &m->nodes[i - 1], *b = &m->nodes[i];

		if (cmp(a, b) != 0 || (cmp == by_name && !b->name[0]))
			continue;
		*ret_other = a->line < b->line ? a : b;
		return a->line < b->line ? b : a;
	}
	return NULL;
}

static int fail_twice(const struct parser *p, const struct map_node *n,
		      const struct map_node *other, const char *what, const char *value)
{
	return err_set(p->e, -EINVAL, "%s:%u: two nodes have the %s %s (the other: line %u)",
		       p->path, n->line, what, value, other->line);
}

static int check(struct parser *p)
{
	const struct map_node *n, *other;
	char addr[INET_ADDRSTRLEN];

	if (!p->map.count)
		return err_set(p->e, -EINVAL, "%s: there is no node in the map", p->path);
	n = find_twice(&p->map, by_addr, &other);
	if (n)
		return fail_twice(p, n, other, "address",
				  inet_ntop(AF_INET, &n->addr, addr, sizeof(addr)));
	n = find_twice(&p->map, by_name, &other);
	if (n)
		return fail_twice(p, n, other, "name", n->name);
	/* Last, since this is the order in which they stay. */
	n = find_twice(&p->map, by_number, &other);
	if (n)
		return err_set(p->e, -EINVAL, "%s:%u: node %u is there already, by line %u",
			       p->path, n->line, n->number, other->line);
	return 0;
}

int map_load(struct map *ret, const char *path, struct err *e)
{
	_cleanup_(parser_done) struct parser p = {.path = path, .e = e};
	_cleanup_free_ char *text = NULL;
	char *rest, *line;
	size_t len;
	int r;

	r = file_read_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, &len);
	if (r < 0)
		return err_sys(e, r, "cannot read the map %s", path);
	if (strlen(text) != len)
		return err_set(e, -EINVAL, "%s is not a text file", path);
	/* Without it the map has fewer names, and hosts must be addresses. */
	(void)file_read_at(AT_FDCWD, "/etc/hosts", FILE_SIZE_MAX, &p.hosts, NULL);
	for (rest = text; (line = strsep(&rest, "\n"));) {
		p.line++;
		r = parse_line(&p, line);
		if (r < 0)
			return r;
	}
	r = check(&p);
	if (r < 0)
		return r;
	*ret = p.map;
	p.map = (struct map){0};
	return 0;
}

const struct map_node *map_by_number(const struct map *m, uint32_t number)
{
	struct map_node key = {.number = number};

	if (!m->count)
		return NULL;
	return bsearch(&key, m->nodes, m->count, sizeof(key), by_number);
}

const struct map_node *map_by_text(const struct map *m, const char *text)
{
	struct in_addr a;
	uint32_t number;
	bool is_addr = inet_pton(AF_INET, text, &a) == 1;

	if (parse_u32(text, 1, NODES_MAX, &number) == 0)
		return map_by_number(m, number);
	for (uint32_t i = 0; i < m->count && *text; i++) {
		const struct map_node *n = &m->nodes[i];

		if (strcmp(n->name, text) == 0 || (is_addr && n->addr.s_addr == a.s_addr))
			return n;
	}
	return NULL;
}
