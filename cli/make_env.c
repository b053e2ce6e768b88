/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Environments for make's children. */
#include "cli/make_env.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PRELOAD "LD_PRELOAD="
#define FLAGS "MAKEFLAGS="

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static const char *value_of(char *const env[], const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

/* "LD_PRELOAD=" with those of @list that are not @own, @own in front of them if @loaded; returns
 * the end. */
static char *write_preload(char *to, const char *list, const char *own, bool loaded)
{
	size_t own_len = strlen(own);
	char *begin;

	to = begin = stpcpy(to, PRELOAD);
	if (loaded)
		to = stpcpy(to, own);
	while (*list) {
		size_t len = strcspn(list, ": ");

		if (len && (len != own_len || memcmp(list, own, len) != 0)) {
			if (to > begin)
				*to++ = ':';
			to = mempcpy(to, list, len);
		}
		list += len + (list[len] != '\0');
	}
	*to = '\0';
	return to;
}

static bool is_jobserver(const char *flag)
{
	return begins(flag, "-j") || begins(flag, "--jobserver-");
}

/* Behind " -- " are variables, which may contain anything. */
static char *write_flags(char *to, const char *flags)
{
	to = stpcpy(to, FLAGS);
	while (*flags) {
		size_t space = strspn(flags, " "), len = strcspn(flags + space, " ");

		if (len == 2 && begins(flags + space, "--"))
			return stpcpy(to, flags);
		if (!is_jobserver(flags + space))
			to = mempcpy(to, flags, space + len);
		flags += space + len;
	}
	*to = '\0';
	return to;
}

struct copy {
	char **env;
	size_t count;
	char *text; /* room for changed strings */
	const char *own;
	unsigned int how;
};

static void copy_preload(struct copy *c, const char *list)
{
	char *begin = c->text;

	c->text = write_preload(c->text, list, c->own, c->how & MAKE_ENV_LOADED) + 1;
	if (begin[strlen(PRELOAD)])
		c->env[c->count++] = begin;
}

static void copy_one(struct copy *c, char *var)
{
	if (c->own && begins(var, PRELOAD) && c->how & (MAKE_ENV_LOADED | MAKE_ENV_UNLOADED))
		return; /* was first */
	if (c->how & MAKE_ENV_CLEAN && begins(var, MAKE_ENV_PREFIX))
		return;
	if (c->how & MAKE_ENV_NO_JOBSERVER && begins(var, FLAGS)) {
		c->env[c->count++] = c->text;
		c->text = write_flags(c->text, var + strlen(FLAGS)) + 1;
		return;
	}
	c->env[c->count++] = var;
}

char **make_env_copy(char *const env[], unsigned int how)
{
	struct copy c = {.how = how, .own = value_of(env, MAKE_ENV_PRELOAD)};
	const char *list = value_of(env, "LD_PRELOAD"), *flags = value_of(env, "MAKEFLAGS");
	size_t n = 0, room = sizeof(PRELOAD) + sizeof(FLAGS) + 8;

	while (env[n])
		n++;
	room += (list ? strlen(list) : 0) + (flags ? strlen(flags) : 0);
	room += c.own ? strlen(c.own) : 0;
	c.env = malloc((n + 2) * sizeof(*c.env) + room);
	if (!c.env)
		return NULL;
	c.text = (char *)(c.env + n + 2);
	if (c.own && how & (MAKE_ENV_LOADED | MAKE_ENV_UNLOADED))
		copy_preload(&c, list ? list : "");
	for (; *env; env++)
		copy_one(&c, *env);
	c.env[c.count] = NULL;
	return c.env;
}
