/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl: the options of its subcommands, in any place behind them. */
#include "cli/ctl.h"
#include <stddef.h>
#include <string.h>

static const struct option {
	char letter;
	const char *name;
	const char *arg; /* NULL: it is a switch */
	size_t offset;   /* in struct ctl, of a bool or a const char * */
	const char *text;
} options[] = {
	{'j', "json", NULL, offsetof(struct ctl, json), "for programs (all that show something)"},
	{'a', "all", NULL, offsetof(struct ctl, all), "ps, top, bring: jobs of all users (root)"},
	{'l', "long", NULL, offsetof(struct ctl, wide), "ps: many columns"},
	{'o', "fields", "FIELDS", offsetof(struct ctl, fields),
	 "ps, top: these columns, like job,node,pcpu"},
	{'s', "sort", "FIELD", offsetof(struct ctl, sort),
	 "ps, top: by this one; -FIELD: highest first"},
	{'w', "watch", NULL, offsetof(struct ctl, watch), "nodes: again and again, until q"},
	{'d', "delay", "SECONDS", offsetof(struct ctl, delay), "top, mon: time between pictures"},
	{'b', "batch", NULL, offsetof(struct ctl, batch), "top: print, for scripts"},
	{'n', "count", "N", offsetof(struct ctl, count), "top: print so many times"},
	{'A', "ascii", NULL, offsetof(struct ctl, ascii), "top, mon: no other characters"},
	{'q', "quiet", NULL, offsetof(struct ctl, quiet), "print nothing when it worked"},
	{'W', "no-wait", NULL, offsetof(struct ctl, no_wait),
	 "drain, expel, bring: do not wait for the jobs"},
	{'f', "file", "FILE", offsetof(struct ctl, file), "keygen: where to write the key"},
};

#define OPTIONS (sizeof(options) / sizeof(*options))

/* Arguments that are left to take. */
struct args {
	char **next;
	int count;
};

void ctl_print_options(FILE *out)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *o = &options[i];
		int n = fprintf(out, "  -%c, --%s%s%s", o->letter, o->name, o->arg ? " " : "",
				o->arg ? o->arg : "");

		fprintf(out, "%*s%s\n", n < 24 ? 24 - n : 3, "", o->text);
	}
	fputs("  -?, --help            this list, also behind a command\n"
	      "  -V, --version         the version of this program\n",
	      out);
}

static const struct option *find_letter(const struct subcommand *sub, char letter)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].letter == letter && strchr(sub->options, letter))
			return &options[i];
	return NULL;
}

static const struct option *find_name(const struct subcommand *sub, const char *name, size_t len)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strlen(options[i].name) == len && !memcmp(options[i].name, name, len) &&
		    strchr(sub->options, options[i].letter))
			return &options[i];
	return NULL;
}

/* @value: what stands right behind the option, NULL if nothing does. */
static int set(struct ctl *ctl, const struct option *o, const char *value, struct args *a)
{
	char *field = (char *)ctl + o->offset;

	if (!o->arg) {
		*(bool *)field = true;
		return 0;
	}
	if (!value && a->count) {
		value = *a->next++;
		a->count--;
	}
	if (!value)
		return ctl_usage("--%s needs a %s", o->name,
				 strcmp(o->arg, "FILE") ? "value" : "file name");
	*(const char **)field = value;
	return 0;
}

static int unknown(const struct subcommand *sub, const char *arg)
{
	return ctl_usage("%s does not know the option '%s'", sub->name, arg);
}

static int take_long(struct ctl *ctl, const struct subcommand *sub, const char *arg, struct args *a)
{
	const char *equals = strchr(arg, '=');
	const struct option *o;

	o = find_name(sub, arg + 2, equals ? (size_t)(equals - arg) - 2 : strlen(arg + 2));
	if (!o || (equals && !o->arg))
		return unknown(sub, arg);
	return set(ctl, o, equals ? equals + 1 : NULL, a);
}

/* One letter or several; the value of the last one may follow at once. */
static int take_letters(struct ctl *ctl, const struct subcommand *sub, const char *arg,
			struct args *a)
{
	for (const char *p = arg + 1; *p; p++) {
		const struct option *o = find_letter(sub, *p);

		if (!o)
			return unknown(sub, arg);
		if (o->arg)
			return set(ctl, o, p[1] ? p + 1 : NULL, a);
		set(ctl, o, NULL, a);
	}
	return 0;
}

int ctl_take_options(struct ctl *ctl, const struct subcommand *sub, int argc, char **argv)
{
	struct args a = {.next = argv, .count = argc};
	bool only_args = false;
	int r = 0;

	while (a.count && !r) {
		char *arg = *a.next++;

		a.count--;
		if (!only_args && !strcmp(arg, "--"))
			only_args = true;
		else if (!only_args && !strncmp(arg, "--", 2))
			r = take_long(ctl, sub, arg, &a);
		else if (!only_args && arg[0] == '-' && arg[1] && sub->run != ctl_kill)
			r = take_letters(ctl, sub, arg, &a);
		else
			ctl->argv[ctl->argc++] = arg;
	}
	return r;
}
