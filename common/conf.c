/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosixd.conf: a table of what may be set, filled in by inih.
 */
#include "common/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fd.h"

#define FILE_SIZE_MAX (64 << 10)

struct reader {
	const char *path;
	const char *p; /* what is left of the text */
	unsigned int line;
	unsigned int seen; /* bit n: keys[n] was set */
	struct conf conf;
	struct err err; /* of the first bad line */
	unsigned int err_line;
};

struct key {
	const char *section, *name;
	int (*set)(struct reader *r, const struct key *k, const char *value);
	size_t offset;
	uint32_t min, max;
};

static int fail(struct reader *r, const char *what, const char *value)
{
	if (!r->err_line) {
		r->err_line = r->line;
		err_set(&r->err, 0, "%s:%u: %s%s%s", r->path, r->line, what, *value ? ": " : "",
			value);
	}
	return 0;
}

/* ------------------------------------------------------------------ values */

/* 1, or 0 = not a decimal number of that range. */
static int parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || v < min || v > max)
		return 0;
	*ret = (uint32_t)v;
	return 1;
}

static int set_u32(struct reader *r, const struct key *k, const char *value)
{
	uint32_t v;
	char what[96];

	if (!parse_number(value, k->min, k->max, &v)) {
		snprintf(what, sizeof(what), "%s must be a number from %u to %u", k->name, k->min,
			 k->max);
		return fail(r, what, value);
	}
	memcpy((char *)&r->conf + k->offset, &v, sizeof(v));
	return 1;
}

static int set_port(struct reader *r, const struct key *k, const char *value)
{
	uint32_t v;

	if (!parse_number(value, 1, UINT16_MAX, &v))
		return fail(r, "port must be a number from 1 to 65535", value);
	(void)k;
	r->conf.port = (uint16_t)v;
	return 1;
}

static int set_path(struct reader *r, const struct key *k, const char *value)
{
	size_t len = strlen(value);

	if (*value != '/' || len >= sizeof(r->conf.map_path))
		return fail(r, "an absolute path is needed", value);
	memcpy((char *)&r->conf + k->offset, value, len + 1);
	return 1;
}

static int set_bool(struct reader *r, const struct key *k, const char *value)
{
	bool v = !strcmp(value, "yes");
	char what[96];

	if (!v && strcmp(value, "no") != 0) {
		snprintf(what, sizeof(what), "%s must be yes or no", k->name);
		return fail(r, what, value);
	}
	memcpy((char *)&r->conf + k->offset, &v, sizeof(v));
	return 1;
}

/* "0 2 7": digits with spaces between them. */
static int set_classes(struct reader *r, const struct key *k, const char *value)
{
	uint8_t classes = 0;

	(void)k;
	for (const char *p = value; *p; p++) {
		if (*p >= '0' && *p <= '7' && (!p[1] || p[1] == ' '))
			classes |= (uint8_t)(1u << (*p - '0'));
		else if (*p != ' ')
			return fail(r, "classes must be numbers from 0 to 7", value);
	}
	r->conf.guest_classes = classes;
	return 1;
}

/* ADDRESS[:PORT]; 0 = it is not. */
static int parse_seed(char *word, struct conf_seed *ret)
{
	char *colon = strchr(word, ':');
	uint32_t port = CONF_PORT;

	if (colon) {
		*colon = '\0';
		if (!parse_number(colon + 1, 1, UINT16_MAX, &port))
			return 0;
	}
	ret->port = (uint16_t)port;
	return inet_pton(AF_INET, word, &ret->addr) == 1;
}

static int set_seeds(struct reader *r, const struct key *k, const char *value)
{
	_cleanup_free_ char *copy = strdup(value);
	char *word, *save;

	(void)k;
	if (!copy)
		return fail(r, "no memory", "");
	for (word = strtok_r(copy, ", \t", &save); word; word = strtok_r(NULL, ", \t", &save)) {
		if (r->conf.seed_count == CONF_SEEDS)
			return fail(r, "there are more than 16 seeds", "");
		if (!parse_seed(word, &r->conf.seeds[r->conf.seed_count]))
			return fail(r, "a seed is an IPv4 address, or ADDRESS:PORT", value);
		r->conf.seed_count++;
	}
	return 1;
}

static int set_level(struct reader *r, const struct key *k, const char *value)
{
	static const struct {
		const char *name;
		uint32_t level;
	} levels[] = {{"error", 3}, {"warning", 4}, {"info", 6}, {"debug", 7}};
	char number[2] = "";

	(void)k;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		number[0] = (char)('0' + levels[i].level);
		if (strcmp(value, levels[i].name) != 0 && strcmp(value, number) != 0)
			continue;
		r->conf.log_level = levels[i].level;
		return 1;
	}
	return fail(r, "level must be error, warning, info or debug", value);
}

/* "127.0.0.1:9251" or "off". */
static int set_listen(struct reader *r, const struct key *k, const char *value)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	const char *colon = strchr(value, ':');
	char address[INET_ADDRSTRLEN] = "";
	uint32_t port = 0;

	(void)k;
	if (colon && (size_t)(colon - value) < sizeof(address))
		memcpy(address, value, (size_t)(colon - value));
	if (strcmp(value, "off") != 0 &&
	    (!colon || !parse_number(colon + 1, 1, UINT16_MAX, &port) ||
	     inet_pton(AF_INET, address, &at.sin_addr) != 1))
		return fail(r, "listen must be off or ADDRESS:PORT, like 127.0.0.1:9251", value);
	at.sin_port = htons((uint16_t)port);
	r->conf.metrics_listen = at;
	return 1;
}

static const struct key keys[] = {
	{"node", "number", set_u32, offsetof(struct conf, node), 0, 65535},
	{"node", "port", set_port, 0, 0, 0},
	{"node", "map", set_path, offsetof(struct conf, map_path), 0, 0},
	{"node", "key", set_path, offsetof(struct conf, key_path), 0, 0},
	{"guests", "max", set_u32, offsetof(struct conf, guests_max), 0, 1000000},
	{"guests", "classes", set_classes, 0, 0, 0},
	{"guests", "owner_first", set_bool, offsetof(struct conf, owner_first), 0, 0},
	{"balance", "enabled", set_bool, offsetof(struct conf, balance), 0, 0},
	{"balance", "home_threshold", set_u32, offsetof(struct conf, home_threshold), 0, 100000},
	{"balance", "residency", set_u32, offsetof(struct conf, residency), 0, 86400},
	{"balance", "hysteresis", set_u32, offsetof(struct conf, hysteresis), 0, 10000},
	{"balance", "memory_reserve", set_u32, offsetof(struct conf, memory_reserve), 0, 16777216},
	{"cluster", "seeds", set_seeds, 0, 0, 0},
	{"cluster", "mesh", set_u32, offsetof(struct conf, mesh), 2, 65535},
	{"cluster", "grace", set_u32, offsetof(struct conf, grace), 1, 86400},
	{"log", "level", set_level, 0, 0, 0},
	{"metrics", "listen", set_listen, 0, 0, 0},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* ------------------------------------------------------------------ inih */

/* In the manner of fgets(). inih would pass a long line on in pieces: refuse it. */
static char *next_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	size_t len;

	if (!*r->p)
		return NULL;
	r->line++;
	len = strcspn(r->p, "\n");
	if (len + 2 > (size_t)size) {
		fail(r, "the line is too long", "");
		return NULL;
	}
	memcpy(buf, r->p, len);
	buf[len] = '\0';
	r->p += len + (r->p[len] == '\n');
	return buf;
}

static int set_value(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(section, keys[i].section) != 0 || strcmp(name, keys[i].name) != 0)
			continue;
		if (r->seen & 1u << i)
			return fail(r, "this is set a second time", name);
		r->seen |= 1u << i;
		return keys[i].set(r, &keys[i], value);
	}
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(section, keys[i].section) == 0)
			return fail(r, "unknown key", name);
	return fail(r, *section ? "unknown section" : "a [section] is needed before",
		    *section ? section : name);
}

void conf_init(struct conf *c)
{
	*c = (struct conf){
		.port = CONF_PORT,
		.guests_max = 100,
		.guest_classes = 0xff,
		.balance = true,
		.home_threshold = 50,
		.residency = CONF_DEFAULT,
		.hysteresis = CONF_DEFAULT,
		.memory_reserve = CONF_DEFAULT,
		.mesh = 16,
		.grace = 120,
		.log_level = 6,
		.map_path = CONF_MAP,
		.key_path = CONF_KEY,
	};
}

int conf_load(struct conf *c, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct reader r = {.path = path};
	size_t len;
	int line;

	line = file_read_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, &len);
	if (line < 0)
		return err_sys(e, line, "cannot read %s", path);
	if (strlen(text) != len)
		return err_set(e, -EINVAL, "%s is not a text file", path);
	conf_init(&r.conf);
	r.p = text;
	line = ini_parse_stream(next_line, &r, set_value, &r);
	if (line < 0)
		return err_set(e, -ENOMEM, "no memory to read %s", path);
	if (line > 0 && (!r.err_line || (unsigned int)line < r.err_line))
		return err_set(e, -EINVAL, "%s:%d: neither [section] nor key = value", path, line);
	if (r.err_line)
		return err_set(e, -EINVAL, "%s", r.err.text);
	*c = r.conf;
	return 0;
}
