/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Draws the hand-over tables: doc/handover.md is its output. With --check FILE it compares instead.
 */
#include "policy/handover_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const head =
	"# The hand-over, as its tables say\n\n"
	"Made by `test/sim/handover_doc` from `policy/handover_{arbiter,source,destination}.c`; do "
	"not\nedit. S is the source of the move, D its destination; home is the arbiter's node. An "
	"event that\nno row of the state names is ignored. The first row that fits counts. How a "
	"daemon drives the\nmachines is said in `policy/handover.h`; that nothing goes wrong is "
	"checked by\n`test/sim/handover_check`.\n";

static void print_triggers(FILE *f, const struct handover_row *row, const char *between)
{
	const char *sep = "";

	for (unsigned int t = 0; t < TRIGGERS; t++) {
		if (!(row->triggers >> t & 1))
			continue;
		fprintf(f, "%s%s", sep, handover_trigger_name(t));
		sep = between;
	}
}

static void print_edge(FILE *f, const struct handover_table *t, size_t from, size_t to)
{
	bool any = false;

	for (size_t i = 0; i < t->row_count; i++) {
		const struct handover_row *row = &t->rows[i];

		if (!(row->states >> from & 1) || row->next != to)
			continue;
		if (any)
			fprintf(f, "\\n");
		else
			fprintf(f, "    %s --> %s: ", t->states[from].name, t->states[to].name);
		any = true;
		print_triggers(f, row, ", ");
		if (row->guard != GUARD_NONE)
			fprintf(f, " [%s]", handover_guard_name(row->guard));
	}
	if (any)
		fprintf(f, "\n");
}

static void print_diagram(FILE *f, const struct handover_table *t)
{
	fprintf(f, "```mermaid\nstateDiagram-v2\n");
	for (size_t from = 0; from < t->state_count; from++)
		for (size_t to = 0; to < t->state_count; to++)
			if (from != to)
				print_edge(f, t, from, to);
	fprintf(f, "```\n\n");
}

static void print_states(FILE *f, const struct handover_table *t)
{
	fprintf(f, "| state | |\n|---|---|\n");
	for (size_t i = 0; i < t->state_count; i++)
		fprintf(f, "| %s | %s |\n", t->states[i].name, t->states[i].about);
	fprintf(f, "\n");
}

static void print_row(FILE *f, const struct handover_table *t, const struct handover_row *row)
{
	const char *sep = "| ";

	for (size_t i = 0; i < t->state_count; i++) {
		if (!(row->states >> i & 1))
			continue;
		fprintf(f, "%s%s", sep, t->states[i].name);
		sep = ", ";
	}
	fprintf(f, " | ");
	print_triggers(f, row, ", ");
	fprintf(f, " | %s", handover_guard_name(row->guard));
	sep = " | ";
	for (size_t i = 0; i < HANDOVER_ROW_OPS && row->ops[i] != OP_END; i++) {
		fprintf(f, "%s%s", sep, handover_op_name(row->ops[i]));
		sep = "; ";
	}
	fprintf(f, "%s | %s |\n", row->ops[0] == OP_END ? " | " : "",
		row->next == HANDOVER_SAME ? "same" : t->states[row->next].name);
}

static void print_machine(FILE *f, enum handover_role role)
{
	const struct handover_table *t = handover_table(role);

	fprintf(f, "\n## %s\n\n", t->name);
	print_diagram(f, t);
	print_states(f, t);
	fprintf(f, "| in | on | if | does | then |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < t->row_count; i++)
		print_row(f, t, &t->rows[i]);
}

static int check(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "re");
	char *have = malloc(len + 2);
	size_t n = 0;
	int r = 1;

	if (f && have)
		n = fread(have, 1, len + 1, f);
	if (f && have && n == len && memcmp(have, text, len) == 0)
		r = 0;
	else
		fprintf(stderr, "%s is out of date: make it again with handover_doc > %s\n", path,
			path);
	if (f)
		fclose(f);
	free(have);
	return r;
}

int main(int argc, char **argv)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r = 0;

	if (!f)
		return 2;
	fputs(head, f);
	print_machine(f, HANDOVER_ARBITER);
	print_machine(f, HANDOVER_SOURCE);
	print_machine(f, HANDOVER_DESTINATION);
	if (fclose(f) != 0)
		return 2;
	if (argc == 3 && !strcmp(argv[1], "--check"))
		r = check(argv[2], text, len);
	else
		fputs(text, stdout);
	free(text);
	return r;
}
