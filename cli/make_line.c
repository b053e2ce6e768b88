/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a line of a recipe as far as needed: which programs it names. What it does not understand
 * is taken for a job, or for a make if that word is in it: both work for every line.
 */
#include "cli/make_line.h"
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 256
#define PATTERN_MAX 1024

static const char *const shells[] = {"sh", "bash", "dash", "ksh", "mksh", "zsh", "ash", NULL};
static const char *const makes[] = {"make", "gmake", "mosix-make", NULL};
/* Words behind which a command comes. */
static const char *const keywords[] = {"if", "then", "elif", "else", "while",   "until", "do",
				       "!",  "time", "exec", "{",    "command", NULL};
/* Cheap, and mostly about files at home. */
static const char *const light[] = {
	":",      ".",          "[",       "ar",   "basename", "cat",   "cd",     "chmod", "cmp",
	"cp",     "dirname",    "done",    "echo", "esac",     "exit",  "export", "false", "fi",
	"gcc-ar", "gcc-ranlib", "install", "ln",   "mkdir",    "mv",    "printf", "pwd",   "ranlib",
	"return", "rm",         "rmdir",   "set",  "shift",    "sleep", "test",   "touch", "trap",
	"true",   "umask",      "unset",   "wait", "}",        NULL,
};

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The text that a shell is to run; NULL if it is no shell, or one that runs something else. */
static const char *script_of(char *const argv[])
{
	if (!argv[0] || !is_one_of(base_of(argv[0]), shells))
		return NULL;
	for (size_t i = 1; argv[i] && argv[i][0] == '-'; i++) {
		const char *flags = argv[i] + 1;

		/* "-ec", "-euo pipefail -c" */
		if (flags[0] != '-' && flags[0] && flags[strlen(flags) - 1] == 'o' && argv[i + 1])
			i++;
		else if (flags[0] != '-' && strchr(flags, 'c'))
			return argv[i + 1];
	}
	return NULL;
}

/* ------------------------------------------------------------------------ words of a script */

struct words {
	const char *at;
	char word[WORD_MAX]; /* without quotes, cut where it is too long */
	bool begins;         /* a command may begin with it */
	bool odd;            /* there is something that this scanner does not follow */
};

static void put(struct words *w, size_t *len, char c)
{
	if (*len + 1 < sizeof(w->word))
		w->word[(*len)++] = c;
	w->word[*len] = '\0';
}

/* @w->at is behind an opening quote. */
static void skip_quoted(struct words *w, size_t *len, char quote)
{
	while (*w->at && *w->at != quote) {
		if (quote == '"' && *w->at == '\\' && w->at[1])
			w->at++;
		else if (quote == '"' && (*w->at == '`' || (*w->at == '$' && w->at[1] == '(')))
			w->odd = true;
		put(w, len, *w->at++);
	}
	if (*w->at)
		w->at++;
}

static void read_word(struct words *w)
{
	size_t len = 0;

	w->word[0] = '\0';
	while (*w->at && !strchr(" \t\n;&|()<>", *w->at)) {
		char c = *w->at++;

		if (c == '\'' || c == '"')
			skip_quoted(w, &len, c);
		else if (c == '`' || (c == '$' && *w->at == '('))
			w->odd = true;
		else if (c == '\\' && *w->at)
			put(w, &len, *w->at++);
		else
			put(w, &len, c);
	}
}

/* ">file", "2>&1", "<<EOF": nothing of that is a command. */
static void skip_redirection(struct words *w)
{
	char first = *w->at;

	while (*w->at == '<' || *w->at == '>' || *w->at == '&' || *w->at == '|')
		w->at++;
	w->odd |= first == '<' && w->at[-1] == '<'; /* a here document is text */
	w->at += strspn(w->at, " \t");
	read_word(w);
}

/* The next word, in or out of a command's beginning; false at the end. */
static bool next_word(struct words *w)
{
	for (;;) {
		char c = *w->at;

		if (!c)
			return false;
		if (c == '\\' && w->at[1] == '\n') {
			w->at += 2;
		} else if (c == ' ' || c == '\t') {
			w->at++;
		} else if (strchr("\n;&|()", c)) {
			w->begins = true;
			w->at++;
		} else if (c == '<' || c == '>') {
			skip_redirection(w);
		} else if (c == '#') {
			w->at += strcspn(w->at, "\n");
		} else {
			read_word(w);
			return true;
		}
	}
}

static bool is_assignment(const char *word)
{
	size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	return n && word[n] == '=';
}

/* The next word that names a program; false at the end. */
static bool next_command(struct words *w)
{
	while (next_word(w)) {
		bool begins = w->begins;

		w->begins = false;
		if (!begins)
			continue;
		if (is_one_of(w->word, keywords) || is_assignment(w->word)) {
			w->begins = true;
			continue;
		}
		/* "for x in words", "case word in": what follows is no command. */
		if (!strcmp(w->word, "for") || !strcmp(w->word, "case"))
			continue;
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------------------- decisions */

static bool matches(const char *text, const char *patterns)
{
	char glob[PATTERN_MAX + 2];

	while (patterns && *patterns) {
		size_t len = strcspn(patterns, "\n");

		if (len && len < PATTERN_MAX) {
			snprintf(glob, sizeof(glob), "*%.*s*", (int)len, patterns);
			if (fnmatch(glob, text, 0) == 0)
				return true;
		}
		patterns += len + (patterns[len] == '\n');
	}
	return false;
}

static bool any_matches(char *const argv[], const char *patterns)
{
	for (; *argv; argv++)
		if (matches(*argv, patterns))
			return true;
	return false;
}

/* Also where the scanner would not see that it is a command: "env A=b make", "nice make". */
static bool names_make(const char *script)
{
	struct words w = {.at = script, .begins = true};

	while (next_word(&w))
		if (is_one_of(base_of(w.word), makes))
			return true;
	return false;
}

static bool is_light(const char *script)
{
	struct words w = {.at = script, .begins = true};

	while (next_command(&w))
		if (!is_one_of(base_of(w.word), light))
			return false;
	return !w.odd;
}

enum make_line make_line_kind(char *const argv[], const char *patterns)
{
	const char *script = script_of(argv);

	if (script ? names_make(script) : argv[0] && is_one_of(base_of(argv[0]), makes))
		return MAKE_LINE_MAKE;
	if (script ? is_light(script) : argv[0] && is_one_of(base_of(argv[0]), light))
		return MAKE_LINE_LIGHT;
	if (patterns && (script ? matches(script, patterns) : any_matches(argv, patterns)))
		return MAKE_LINE_LOCAL;
	return MAKE_LINE_JOB;
}

void make_line_name(char *const argv[], char *ret, size_t size)
{
	const char *script = script_of(argv);
	struct words w = {.at = script ? script : "", .begins = true};

	snprintf(ret, size, "%s", base_of(argv[0]));
	while (script && next_command(&w)) {
		snprintf(ret, size, "%s", base_of(w.word));
		if (!is_one_of(base_of(w.word), light))
			return;
	}
}
