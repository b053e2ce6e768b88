/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Columns about nodes. */
#include "cli/node_text.h"
#include "policy/facts.h"
#include <stdlib.h>
#include <string.h>

static const Mosix__NodeInfo no_info = MOSIX__NODE_INFO__INIT;
static const Mosix__Load no_load = MOSIX__LOAD__INIT;

const Mosix__NodeInfo *node_info_of(const Mosix__NodeRow *row)
{
	return row->info ? row->info : &no_info;
}

const Mosix__Load *node_load_of(const Mosix__NodeRow *row)
{
	return row->load ? row->load : &no_load;
}

bool node_is_there(const Mosix__NodeRow *row)
{
	if (!row->state || !*row->state)
		return row->up;
	return !strcmp(row->state, "alive") || !strcmp(row->state, "suspect");
}

const char *node_state_text(const Mosix__NodeRow *row)
{
	if (!row->state || !*row->state)
		return row->up ? "alive" : "dead";
	if (!row->up && !strcmp(row->state, "alive"))
		return "unlinked";
	return row->state;
}

const char *node_flag_name(unsigned int bit)
{
	static const char *const names[] = {"no guests",  "draining",     "no moves", "owner busy",
					    "memory low", "no balancing", "full"};

	return bit < sizeof(names) / sizeof(*names) ? names[bit] : NULL;
}

const char *node_notes(const Mosix__NodeRow *row, char *buf, size_t size)
{
	const char *problem = row->problem ? row->problem : "", *name;
	uint32_t flags = node_load_of(row)->flags;
	size_t n = 0;

	buf[0] = '\0';
	/* Takes nothing is more than takes no guests, and full says why. */
	if (flags & (NODE_DRAINING | NODE_FULL))
		flags &= ~(uint32_t)NODE_NO_GUESTS;
	for (unsigned int bit = 0; (name = node_flag_name(bit)); bit++)
		if (flags & 1u << bit && n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", name);
	if (*problem && n < size)
		snprintf(buf + n, size - n, "%s%s", n ? "; " : "", problem);
	return buf;
}

uint32_t node_cpus(const Mosix__NodeRow *row)
{
	const Mosix__Load *load = node_load_of(row);

	return load->cpus ? load->cpus : 1000 * node_info_of(row)->cpus;
}

uint64_t node_memory(const Mosix__NodeRow *row)
{
	const Mosix__Load *load = node_load_of(row);

	return load->memory_total ? load->memory_total : node_info_of(row)->memory;
}

static void add_hundredths(struct table *t, bool known, uint32_t v, uint32_t one)
{
	if (!known)
		table_add(t, "-");
	else if (v % one)
		table_add(t, "%.2f", v / (double)one);
	else
		table_add(t, "%u", v / one);
}

static void add_bytes(struct table *t, uint64_t bytes)
{
	table_add(t, "%s", bytes ? human_bytes(bytes).s : "-");
}

const char *node_short_state(const Mosix__NodeRow *row)
{
	uint32_t flags = node_load_of(row)->flags;
	const char *state = node_state_text(row);

	if (!flags || strcmp(state, "alive") != 0)
		return state;
	if (flags & NODE_DRAINING)
		return "draining";
	for (unsigned int bit = 0; node_flag_name(bit); bit++)
		if (flags & 1u << bit)
			return node_flag_name(bit);
	return state;
}

static void add_load(struct table *t, const Mosix__NodeRow *row)
{
	const Mosix__Load *load = node_load_of(row);

	if (row->load)
		table_add(t, "%u.%02u", load->load / 100, load->load % 100);
	else
		table_add(t, "-");
	add_hundredths(t, load->speed, load->speed, 10000);
	add_hundredths(t, node_cpus(row), node_cpus(row), 1000);
	add_bytes(t, node_memory(row));
	table_add(t, "%s", row->load ? human_bytes(load->memory_free).s : "-");
}

static void add_count(struct table *t, const Mosix__NodeRow *row, uint32_t count)
{
	if (row->load)
		table_add(t, "%u", count);
	else
		table_add(t, "-");
}

static void add_node(struct table *t, const Mosix__NodeRow *row, bool wide)
{
	char notes[256];

	table_add(t, "%u", row->node);
	table_add(t, "%s%s", row->name ? row->name : "", row->self ? "*" : "");
	if (wide)
		table_add(t, "%s", row->address ? row->address : "");
	table_add(t, "%s", wide ? node_state_text(row) : node_short_state(row));
	add_load(t, row);
	if (wide)
		add_count(t, row, node_load_of(row)->jobs);
	add_count(t, row, node_load_of(row)->guests);
	if (row->has_age_ms)
		table_add(t, "%u.%u s", row->age_ms / 1000, row->age_ms % 1000 / 100);
	else
		table_add(t, "-");
	table_add(t, "%s", node_notes(row, notes, sizeof(notes)));
}

struct table *node_table(const Mosix__Reply *nodes, bool wide)
{
	static const char *const all[] = {">NODE",   "NAME",  "ADDRESS", "STATE", ">LOAD",
					  ">SPEED",  ">CPUS", ">MEMORY", ">FREE", ">JOBS",
					  ">GUESTS", ">AGE",  "NOTES",   NULL};
	static const char *const some[] = {">NODE",   "NAME",  "STATE",   ">LOAD",
					   ">SPEED",  ">CPUS", ">MEMORY", ">FREE",
					   ">GUESTS", ">AGE",  "NOTES",   NULL};
	struct table *t = table_new(wide ? all : some);

	for (size_t i = 0; t && i < nodes->n_nodes; i++)
		add_node(t, nodes->nodes[i], wide);
	return t;
}
