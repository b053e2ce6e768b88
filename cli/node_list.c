/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and lists of nodes. */
#include "cli/node_list.h"
#include "common/cleanup.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 65535u

struct list {
	uint32_t *nodes;
	size_t count;
};

/* A decimal number up to NUMBER_MAX; *ret_end is behind it. */
static bool parse_number(const char *text, uint32_t *ret, const char **ret_end)
{
	uint32_t v = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		v = 10 * v + (uint32_t)(*text - '0');
		if (v > NUMBER_MAX)
			return false;
	}
	*ret = v;
	*ret_end = text;
	return true;
}

const Mosix__NodeRow *node_find(const Mosix__Reply *nodes, const char *text)
{
	const char *end = NULL;
	uint32_t number = 0;
	bool home = !strcmp(text, "home");

	if (!parse_number(text, &number, &end) || *end)
		number = 0;
	for (size_t i = 0; nodes && i < nodes->n_nodes; i++) {
		const Mosix__NodeRow *row = nodes->nodes[i];

		if (number ? row->node == number
			   : (home && row->self) || (row->name && !strcmp(row->name, text)) ||
				     (row->address && !strcmp(row->address, text)))
			return row;
	}
	return NULL;
}

static int list_add(struct list *l, uint32_t node)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->nodes[i] == node)
			return 0;
	if (l->count == NODE_LIST_MAX)
		return -E2BIG;
	l->nodes[l->count++] = node;
	return 0;
}

/* Nodes that are missing in a range may come later: they stay in the list. */
static int add_range(struct list *l, const Mosix__Reply *nodes, const char *text, struct err *e)
{
	uint32_t first, last;
	const char *end;
	size_t known = 0;
	int r = 0;

	if (!parse_number(text, &first, &end) || *end != '-' ||
	    !parse_number(end + 1, &last, &end) || *end)
		return err_set(e, -ENOENT, "there is no node '%.64s' in this cluster", text);
	if (!first || first > last)
		return err_set(e, -EINVAL,
			       "'%.64s' is no range of nodes: write FIRST-LAST, like 3-5", text);
	for (size_t i = 0; i < nodes->n_nodes; i++)
		known += nodes->nodes[i]->node >= first && nodes->nodes[i]->node <= last;
	if (!known)
		return err_set(e, -ENOENT, "there is no node within '%.64s' in this cluster", text);
	for (uint32_t n = first; n <= last && r == 0; n++)
		r = list_add(l, n);
	return r;
}

static int add_element(struct list *l, const Mosix__Reply *nodes, const char *text, struct err *e)
{
	const Mosix__NodeRow *row;
	int r;

	if (!*text)
		return err_set(e, -EINVAL,
			       "an element of the list of nodes is empty: write it like n1,3-5");
	row = node_find(nodes, text);
	r = row ? list_add(l, row->node) : add_range(l, nodes, text, e);
	if (r == -E2BIG)
		return err_set(e, r, "the list of nodes is too long at '%.64s' (%u at most)", text,
			       NODE_LIST_MAX);
	return r;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int node_list_parse(const char *text, const Mosix__Reply *nodes, uint32_t **ret, size_t *ret_count,
		    struct err *e)
{
	_cleanup_free_ uint32_t *numbers = calloc(NODE_LIST_MAX, sizeof(*numbers));
	_cleanup_free_ char *copy = strdup(text);
	struct list l = {.nodes = numbers};
	char *next = copy, *element;

	if (!numbers || !copy)
		return err_sys(e, -ENOMEM, "cannot read the list of nodes");
	while ((element = strsep(&next, ","))) {
		int r = add_element(&l, nodes, element, e);

		if (r < 0)
			return r;
	}
	qsort(numbers, l.count, sizeof(*numbers), by_number);
	*ret = steal_ptr(numbers);
	*ret_count = l.count;
	return 0;
}
