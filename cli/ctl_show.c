/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl status, nodes, ps: what there is. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "cli/job_fields.h"
#include "cli/node_text.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/msg.h"
#include <inttypes.h>
#include <string.h>

static const char *text_of(const char *text)
{
	return text ? text : "";
}

/* 40201 -> "4.2.1" */
static const char *criu_text(uint32_t version, char *buf, size_t size)
{
	if (!version)
		return "-";
	snprintf(buf, size, "%u.%u.%u", version / 10000, version / 100 % 100, version % 100);
	return buf;
}

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static void put_uint(json_t *o, const char *key, uint64_t v)
{
	put(o, key, json_integer((json_int_t)v));
}

static json_t *flags_json(uint32_t flags)
{
	json_t *list = json_array();
	const char *name;

	for (unsigned int bit = 0; (name = node_flag_name(bit)); bit++)
		if (flags & 1u << bit)
			json_array_append_new(list, json_string(name));
	return list;
}

static json_t *node_json(const Mosix__NodeRow *row)
{
	const Mosix__NodeInfo *info = node_info_of(row);
	const Mosix__Load *load = node_load_of(row);
	json_t *o = json_object();
	char criu[24];

	put_uint(o, "node", row->node);
	put(o, "name", ctl_json_str(row->name));
	put(o, "address", ctl_json_str(row->address));
	put(o, "self", json_boolean(row->self));
	put(o, "up", json_boolean(row->up));
	put(o, "state", ctl_json_str(node_state_text(row)));
	put_uint(o, "incarnation", row->incarnation);
	put(o, "age_ms", row->has_age_ms ? json_integer(row->age_ms) : json_null());
	put(o, "problem", ctl_json_str(row->problem));
	put(o, "flags", flags_json(load->flags));
	put_uint(o, "load", load->load);
	put_uint(o, "runnable", load->runnable);
	put_uint(o, "speed", load->speed);
	put_uint(o, "cpus", info->cpus);
	put_uint(o, "cpus_usable", node_cpus(row));
	put_uint(o, "memory_bytes", info->memory);
	put_uint(o, "memory_usable_bytes", node_memory(row));
	put_uint(o, "memory_free_bytes", load->memory_free);
	put_uint(o, "jobs", load->jobs);
	put_uint(o, "guests", load->guests);
	put(o, "kernel", ctl_json_str(info->kernel));
	put(o, "criu", ctl_json_str(criu_text(info->criu_version, criu, sizeof(criu))));
	put(o, "version", ctl_json_str(info->version));
	return o;
}

static json_t *nodes_json(const Mosix__Reply *m)
{
	json_t *o = json_object(), *rows = json_array();

	for (size_t i = 0; i < m->n_nodes; i++)
		json_array_append_new(rows, node_json(m->nodes[i]));
	put(o, "nodes", rows);
	return o;
}

static int print_table(const struct table *t)
{
	if (t && table_print(t, stdout, ctl_width()) >= 0)
		return CTL_OK;
	fputs("mosixctl: out of memory\n", stderr);
	return CTL_FAILED;
}

static int print_nodes(struct ctl *ctl)
{
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	_cleanup_(table_freep) struct table *t = NULL;
	int r;

	r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &m);
	if (r)
		return r;
	if (ctl->json)
		return ctl_json_print(nodes_json(m));
	t = node_table(m, true);
	return print_table(t);
}

int ctl_nodes(struct ctl *ctl)
{
	if (ctl->watch)
		return ctl_watch_nodes(ctl, print_nodes);
	if (ctl->argc)
		return ctl_usage("nodes takes no argument");
	return print_nodes(ctl);
}

static const Mosix__NodeRow *self_row(const Mosix__Reply *m)
{
	for (size_t i = 0; i < m->n_nodes; i++)
		if (m->nodes[i]->self)
			return m->nodes[i];
	return NULL;
}

static size_t nodes_up(const Mosix__Reply *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_nodes; i++)
		n += m->nodes[i]->up ? 1 : 0;
	return n;
}

static json_t *status_json(const Mosix__Reply *status, const Mosix__Reply *nodes)
{
	const Mosix__NodeRow *self = self_row(nodes);
	json_t *o = json_object();

	put(o, "version", ctl_json_str(status->version));
	put_uint(o, "uptime_s", status->uptime);
	put_uint(o, "nodes", nodes->n_nodes);
	put_uint(o, "nodes_up", nodes_up(nodes));
	put(o, "self", self ? node_json(self) : json_null());
	return o;
}

static void print_self(const Mosix__NodeRow *row)
{
	_cleanup_free_ char *name = human_safe(row->name), *kernel = NULL, *notes = NULL;
	const Mosix__NodeInfo *info = node_info_of(row);
	const Mosix__Load *load = node_load_of(row);
	char criu[24], text[256];

	kernel = human_safe(info->kernel);
	notes = human_safe(node_notes(row, text, sizeof(text)));
	printf("Node:     %u (%s)\n", row->node, text_of(name));
	printf("Kernel:   %s, criu %s\n", text_of(kernel),
	       criu_text(info->criu_version, criu, sizeof(criu)));
	printf("CPUs:     %.4g, speed %.2f, load %u.%02u\n", node_cpus(row) / 1000.0,
	       load->speed / 10000.0, load->load / 100, load->load % 100);
	printf("Memory:   %s, %s free\n", human_bytes(node_memory(row)).s,
	       human_bytes(load->memory_free).s);
	printf("Jobs:     %u of this node, %u guests\n", load->jobs, load->guests);
	if (notes && *notes)
		printf("Notes:    %s\n", notes);
}

int ctl_status(struct ctl *ctl)
{
	_cleanup_(msg_freep) Mosix__Reply *status = NULL;
	_cleanup_(msg_freep) Mosix__Reply *nodes = NULL;
	_cleanup_free_ char *version = NULL;
	int r;

	if (ctl->argc)
		return ctl_usage("status takes no argument");
	r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_STATUS, &status);
	if (!r)
		r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &nodes);
	if (r)
		return r;
	if (ctl->json)
		return ctl_json_print(status_json(status, nodes));
	version = human_safe(status->version);
	printf("mosixd:   %s, up %s\n", text_of(version),
	       human_usec(status->uptime < UINT64_MAX / 1000000 ? status->uptime * 1000000 : 0).s);
	if (self_row(nodes))
		print_self(self_row(nodes));
	printf("Cluster:  %zu nodes, %zu up\n", nodes->n_nodes, nodes_up(nodes));
	return CTL_OK;
}

int ctl_metrics(struct ctl *ctl)
{
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	int r;

	if (ctl->argc)
		return ctl_usage("metrics takes no argument");
	r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_METRICS, &m);
	if (!r)
		fputs(text_of(m->metrics), stdout);
	return r;
}

static json_t *cwd_json(const Mosix__JobRow *row)
{
	_cleanup_free_ char *text =
		strndup(row->has_cwd ? (const char *)row->cwd.data : "", row->cwd.len);

	return ctl_json_str(text);
}

static json_t *job_json(const Mosix__JobRow *row)
{
	json_t *o = json_object();
	char user[64];

	put(o, "job", ctl_json_str(jobid_str(row->job).s));
	put(o, "pid", json_integer(row->pid));
	put_uint(o, "uid", row->uid);
	put(o, "user", ctl_json_str(user_name(row->uid, user, sizeof(user))));
	put_uint(o, "home", row->home);
	put_uint(o, "node", row->node);
	put_uint(o, "start_node", row->start_node);
	put(o, "state", ctl_json_str(row->state));
	put_uint(o, "cpu_usec", row->cpu_usec);
	put_uint(o, "rss_bytes", row->rss);
	put_uint(o, "moves", row->moves);
	put_uint(o, "started", row->started);
	put(o, "lock", json_boolean(row->lock));
	put(o, "frozen", json_boolean(row->frozen));
	put_uint(o, "used", row->used);
	put_uint(o, "demand", row->demand);
	put_uint(o, "processes", row->processes);
	put_uint(o, "net_bytes", row->net_bytes);
	put_uint(o, "net_rate", row->net_rate);
	put_uint(o, "memory_total_bytes", row->memory_total);
	put(o, "cwd", cwd_json(row));
	put(o, "name", ctl_json_str(row->name));
	put(o, "command", ctl_json_str(row->command));
	return o;
}

static json_t *jobs_json(const Mosix__Reply *m)
{
	json_t *o = json_object(), *rows = json_array();

	for (size_t i = 0; i < m->n_jobs; i++)
		json_array_append_new(rows, job_json(m->jobs[i]));
	put(o, "jobs", rows);
	return o;
}

static int bad_fields(const struct err *e)
{
	return ctl_usage("%s", e->text);
}

int ctl_ps(struct ctl *ctl)
{
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	_cleanup_(msg_freep) Mosix__Reply *nodes = NULL;
	_cleanup_(table_freep) struct table *t = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	struct job_fields f;
	struct err e = {0};
	int r;

	if (ctl->argc)
		return ctl_usage("ps takes no argument");
	if (job_fields_parse(ctl->fields ? ctl->fields
			     : ctl->wide ? JOB_FIELDS_LONG
					 : JOB_FIELDS_SHORT,
			     &f, &e) < 0 ||
	    (ctl->sort && job_rows_sort(NULL, 0, ctl->sort, &e) < 0))
		return bad_fields(&e);
	q.has_op = q.has_all = true;
	q.op = MOSIX__REQUEST_OP__OP_PS;
	q.all = ctl->all;
	r = ctl_ask(ctl, &q, NULL, NULL, &m);
	if (!r && ctl->sort)
		job_rows_sort(m->jobs, m->n_jobs, ctl->sort, &e);
	if (!r && ctl->json)
		return ctl_json_print(jobs_json(m));
	if (!r)
		r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &nodes);
	if (r)
		return r;
	t = job_table(&f, m, nodes);
	return print_table(t);
}
