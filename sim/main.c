/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosix-sim: which policy would do how well on which cluster. */
#include "common/cleanup.h"
#include "sim/policy.h"
#include "sim/report.h"
#include "sim/run.h"
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "mosix-sim " MOSIX_VERSION;

#define OPTIONS_MAX 64
#define KEY_FIRST 1000 /* options of the settings' table */

enum { KEY_SCENARIO = 's', KEY_JSON = 'j', KEY_PLOT = 'p', KEY_WRITE = 'w' };

struct main_opts {
	struct sim_conf conf;
	const char *plots, *write_trace;
	bool json;
	bool scenario_only; /* first, the scenario; then, what changes it */
	bool bad_scenario;
	struct err err;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct main_opts *o = state->input;
	struct err e;

	if (key >= KEY_FIRST && key < KEY_FIRST + (int)conf_key_count) {
		if (!o->scenario_only &&
		    sim_conf_set(&o->conf, &conf_keys[key - KEY_FIRST], arg, &e) < 0)
			argp_error(state, "%s", e.text);
		return 0;
	}
	switch (key) {
	case KEY_SCENARIO:
		if (o->scenario_only)
			o->bad_scenario = sim_conf_scenario(&o->conf, arg, &o->err) < 0;
		else if (o->bad_scenario)
			argp_error(state, "%s", o->err.text);
		return 0;
	case KEY_JSON:
		o->json = true;
		return 0;
	case KEY_PLOT:
		o->plots = arg;
		return 0;
	case KEY_WRITE:
		o->write_trace = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "there is nothing to be done with \"%s\"", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ------------------------------------------------------------------ help */

static int group_of(const char *section)
{
	static const char *const order[] = {"cluster", "jobs", "moves", "gossip",
					    "faults",  "ours", "run"};
	int group = 1;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (!strcmp(order[i], section))
			group = (int)i + 1;
	return group;
}

static void make_options(struct argp_option *o)
{
	*o++ = (struct argp_option){
		"scenario", KEY_SCENARIO, "NAME", 0, "a preset (see below) or a file with settings",
		0};
	*o++ = (struct argp_option){"json", KEY_JSON, NULL, 0, "print JSON", 0};
	*o++ = (struct argp_option){"plot", KEY_PLOT, "DIR", 0, "write charts (SVG) to DIR", 0};
	*o++ = (struct argp_option){
		"write-trace", KEY_WRITE, "FILE", 0, "write the jobs to FILE", 0};
	for (unsigned int i = 0; i < conf_key_count; i++) {
		const struct conf_key *k = &conf_keys[i];

		*o++ = (struct argp_option){k->name, KEY_FIRST + (int)i,  k->arg, 0,
					    k->help, group_of(k->section)};
	}
	*o = (struct argp_option){0};
}

static char *more_help(int key, const char *text, void *input)
{
	char *out = NULL;
	size_t size;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	f = open_memstream(&out, &size);
	if (!f)
		return NULL;
	fprintf(f, "Scenarios:\n");
	for (unsigned int i = 0; i < preset_count; i++)
		fprintf(f, "  %-12s %s\n", presets[i].name, presets[i].help);
	fprintf(f, "\nPolicies:\n");
	for (unsigned int i = 0; i < SIM_POLICIES; i++)
		fprintf(f, "  %-13s %s\n", sim_policies[i]->name, sim_policies[i]->help);
	fprintf(f, "\nSee mosix-sim(1).");
	fclose(f);
	return out;
}

static void parse(struct main_opts *o, int argc, char **argv)
{
	struct argp_option options[OPTIONS_MAX];
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Simulate a cluster and its jobs under several policies of where jobs "
		       "run.\v",
		.help_filter = more_help,
	};

	make_options(options);
	argp_err_exit_status = 2;
	sim_conf_init(&o->conf);
	o->scenario_only = true;
	argp_parse(&argp, argc, argv, ARGP_SILENT, NULL, o);
	o->scenario_only = false;
	argp_parse(&argp, argc, argv, 0, NULL, o);
}

/* ------------------------------------------------------------------ runs */

static int run_all(const struct main_opts *o, const struct trace *t, struct report *r,
		   struct result *results, struct err *e)
{
	for (uint32_t i = 0; i < SIM_POLICIES; i++) {
		const struct sim_policy *p = sim_policies[i];
		int n;

		if (!(o->conf.policies & 1u << i))
			continue;
		n = sim_run(&o->conf, t, p, &results[r->count]);
		if (n < 0)
			return err_set(e, n, "no memory for a run of \"%s\"", p->name);
		r->count++;
	}
	return 0;
}

static int report(const struct main_opts *o, const struct report *r, struct err *e)
{
	int n = 0;

	if (o->json)
		n = report_json(r, stdout);
	else
		report_text(r, stdout);
	if (!n && (fflush(stdout) || ferror(stdout)))
		n = -EIO;
	if (n < 0)
		return err_sys(e, n, "the results cannot be written");
	return o->plots ? report_plots(r, o->plots, e) : 0;
}

static int run(const struct main_opts *o, struct err *e)
{
	struct result results[SIM_POLICIES] = {0};
	struct trace t = {0};
	struct report r = {.conf = &o->conf, .trace = &t, .results = results};
	int n = trace_make(&t, &o->conf, e);

	if (!n && o->write_trace)
		n = trace_write(&t, o->write_trace, e);
	if (!n && !t.job_count)
		n = err_set(e, -EINVAL, "no job arrives in this time");
	if (!n)
		n = run_all(o, &t, &r, results, e);
	if (!n)
		n = report(o, &r, e);
	for (uint32_t i = 0; i < r.count; i++)
		result_done(&results[i]);
	trace_done(&t);
	return n;
}

static int fail(const struct err *e, int status)
{
	fprintf(stderr, "mosix-sim: %s\n", e->text);
	return status;
}

int main(int argc, char **argv)
{
	struct main_opts o = {0};
	struct err e;

	parse(&o, argc, argv);
	if (sim_conf_check(&o.conf, &e) < 0)
		return fail(&e, 2);
	return run(&o, &e) < 0 ? fail(&e, 1) : 0;
}
