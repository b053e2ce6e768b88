/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scenario files and the presets, which are such files. */
#include "common/cleanup.h"
#include "sim/conf.h"
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (64 << 10)
#define LINE_MAX_INI 199 /* inih passes longer ones on in pieces */

struct reader {
	struct sim_conf conf;
	struct err err;
	bool failed;
};

static const struct conf_key *find(const char *section, const char *name)
{
	for (unsigned int i = 0; i < conf_key_count; i++)
		if (!strcmp(conf_keys[i].name, name) && !strcmp(conf_keys[i].section, section))
			return &conf_keys[i];
	return NULL;
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	const struct conf_key *k = find(section, name);

	if (r->failed)
		return 0;
	if (k && !sim_conf_set(&r->conf, k, value, &r->err))
		return 1;
	if (!k)
		err_set(&r->err, 0, "there is no \"%s\" in [%s]", name, section);
	r->failed = true;
	return 0;
}

static unsigned int long_line(const char *text)
{
	unsigned int line = 1;

	for (const char *p = text; *p; line++) {
		size_t n = strcspn(p, "\n");

		if (n > LINE_MAX_INI)
			return line;
		p += n + (p[n] == '\n');
	}
	return 0;
}

int sim_conf_text(struct sim_conf *c, const char *name, const char *text, struct err *e)
{
	struct reader r = {.conf = *c};
	int line = (int)long_line(text);

	if (line)
		return err_set(e, -EINVAL, "%s:%d: the line is too long", name, line);
	line = ini_parse_string(text, on_value, &r);
	if (line < 0)
		return err_set(e, -ENOMEM, "%s: no memory", name);
	if (line > 0)
		return err_set(e, -EINVAL, "%s:%d: %s", name, line,
			       r.failed ? r.err.text : "neither [section] nor name = value");
	*c = r.conf;
	return 0;
}

static int read_file(const char *path, char **ret, struct err *e)
{
	_cleanup_file_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *text = calloc(1, FILE_SIZE_MAX + 1);
	size_t n;

	if (!text)
		return err_set(e, -ENOMEM, "%s: no memory", path);
	if (!f)
		return err_sys(e, -errno, "%s is no preset and cannot be opened as a file", path);
	n = fread(text, 1, FILE_SIZE_MAX + 1, f);
	if (ferror(f))
		return err_sys(e, -EIO, "%s cannot be read", path);
	if (n > FILE_SIZE_MAX || memchr(text, 0, n))
		return err_set(e, -EINVAL, "%s is no scenario file", path);
	*ret = steal_ptr(text);
	return 0;
}

int sim_conf_scenario(struct sim_conf *c, const char *name, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	int r;

	for (unsigned int i = 0; i < preset_count; i++)
		if (!strcmp(presets[i].name, name))
			return sim_conf_text(c, name, presets[i].text, e);
	r = read_file(name, &text, e);
	return r < 0 ? r : sim_conf_text(c, name, text, e);
}
