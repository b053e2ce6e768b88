/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the lines. */
#include "cli/batch.h"
#include "common/cleanup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <xxhash.h>

/* How often a text has come so far. */
struct seen {
	uint64_t text;
	uint64_t times;
	UT_hash_handle hh;
};

static struct seen *see(struct seen **table, uint64_t text)
{
	struct seen *s;

	HASH_FIND(hh, *table, &text, sizeof(text), s);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->text = text;
	HASH_ADD(hh, *table, text, sizeof(s->text), s);
	return s;
}

/* Lines may move in the file: one is known again by its text, equal ones by their order. */
static int set_hashes(struct batch *b)
{
	struct seen *table = NULL, *s, *tmp;
	int r = 0;

	for (size_t i = 0; i < b->count && r == 0; i++) {
		struct batch_line *l = &b->lines[i];

		s = see(&table, XXH3_64bits(l->text, strlen(l->text)));
		if (s)
			l->hash = XXH3_64bits_withSeed(l->text, strlen(l->text), s->times++);
		else
			r = -ENOMEM;
	}
	HASH_ITER (hh, table, s, tmp) {
		HASH_DEL(table, s);
		free(s);
	}
	return r;
}

static bool is_empty(const char *text)
{
	text += strspn(text, " \t\r");
	return !*text || *text == '#';
}

static int add_line(struct batch *b, size_t *room, const char *text, size_t number)
{
	if (b->count == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct batch_line *lines = reallocarray(b->lines, more, sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		b->lines = lines;
		*room = more;
	}
	b->lines[b->count] = (struct batch_line){.text = strdup(text), .number = number};
	return b->lines[b->count].text ? (int)(b->count++, 0) : -ENOMEM;
}

int batch_read(struct batch *b, FILE *f, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0, room = 0, number = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&text, &size, f)) >= 0) {
		if (++number > BATCH_LINES_MAX)
			return err_set(e, -E2BIG, "there are more than %u lines", BATCH_LINES_MAX);
		if (memchr(text, '\0', (size_t)n))
			return err_set(e, -EINVAL, "line %zu is no text (it has a NUL in it)",
				       number);
		if (n && text[n - 1] == '\n')
			text[n - 1] = '\0';
		if (!is_empty(text))
			r = add_line(b, &room, text, number);
	}
	if (r == 0 && ferror(f))
		r = -errno;
	if (r == 0)
		r = set_hashes(b);
	return r < 0 ? err_sys(e, r, "cannot read the lines") : 0;
}

void batch_free_lines(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		free(b->lines[i].text);
	free(b->lines);
}
