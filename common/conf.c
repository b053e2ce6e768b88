/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mosixd.conf: a table of what may be set, filled in by inih.
 */
#include "common/conf.h"

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

static const struct key keys[] = {
	{"node", "number", set_u32, offsetof(struct conf, node), 0, 65535},
	{"node", "port", set_port, 0, 0, 0},
	{"node", "map", set_path, offsetof(struct conf, map_path), 0, 0},
	{"node", "key", set_path, offsetof(struct conf, key_path), 0, 0},
	{"guests", "max", set_u32, offsetof(struct conf, guests_max), 0, 1000000},
	{"log", "level", set_level, 0, 0, 0},
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
