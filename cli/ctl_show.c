/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl status, nodes, ps: what there is. */
#include "cli/ctl.h"
#include "cli/human.h"
#include "common/cleanup.h"
#include "common/jobid.h"
#include "common/msg.h"
#include <inttypes.h>
#include <pwd.h>

static const Mosix__NodeInfo no_info = MOSIX__NODE_INFO__INIT;
static const Mosix__Load no_load = MOSIX__LOAD__INIT;

static const Mosix__NodeInfo *info_of(const Mosix__NodeRow *row)
{
	return row->info ? row->info : &no_info;
}

static const Mosix__Load *load_of(const Mosix__NodeRow *row)
{
	return row->load ? row->load : &no_load;
}

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

static json_t *node_json(const Mosix__NodeRow *row)
{
	const Mosix__NodeInfo *info = info_of(row);
	const Mosix__Load *load = load_of(row);
	json_t *o = json_object();
	char criu[24];

	put_uint(o, "node", row->node);
	put(o, "name", ctl_json_str(row->name));
	put(o, "address", ctl_json_str(row->address));
	put(o, "self", json_boolean(row->self));
	put(o, "up", json_boolean(row->up));
	put(o, "problem", ctl_json_str(row->problem));
	put_uint(o, "load", load->load);
	put_uint(o, "cpus", info->cpus);
	put_uint(o, "memory_bytes", info->memory);
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

static const char *node_state(const Mosix__NodeRow *row)
{
	if (!row->up)
		return "down";
	return row->problem && *row->problem ? "unusable" : "up";
}

static void add_load(struct table *t, const Mosix__NodeRow *row)
{
	const Mosix__Load *load = load_of(row);

	if (row->load)
		table_add(t, "%u.%02u", load->load / 100, load->load % 100);
	else
		table_add(t, "-");
}

static void add_node(struct table *t, const Mosix__NodeRow *row)
{
	const Mosix__NodeInfo *info = info_of(row);
	const Mosix__Load *load = load_of(row);

	table_add(t, "%u", row->node);
	table_add(t, "%s%s", text_of(row->name), row->self ? "*" : "");
	table_add(t, "%s", text_of(row->address));
	table_add(t, "%s", node_state(row));
	add_load(t, row);
	if (row->info) {
		table_add(t, "%u", info->cpus);
		table_add(t, "%s", human_bytes(info->memory).s);
	} else {
		table_add(t, "-");
		table_add(t, "-");
	}
	table_add(t, "%s", row->load ? human_bytes(load->memory_free).s : "-");
	table_add(t, "%u", load->jobs);
	table_add(t, "%u", load->guests);
	table_add(t, "%s", text_of(row->problem));
}

static int print_table(const struct table *t)
{
	if (t && table_print(t, stdout, ctl_width()) >= 0)
		return CTL_OK;
	fputs("mosixctl: out of memory\n", stderr);
	return CTL_FAILED;
}

int ctl_nodes(struct ctl *ctl)
{
	static const char *const columns[] = {">NODE", "NAME",    "ADDRESS", "STATE",
					      ">LOAD", ">CPUS",   ">MEMORY", ">FREE",
					      ">JOBS", ">GUESTS", "PROBLEM", NULL};
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	_cleanup_(table_freep) struct table *t = NULL;
	int r;

	if (ctl->argc)
		return ctl_usage("nodes takes no argument");
	r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &m);
	if (r)
		return r;
	if (ctl->json)
		return ctl_json_print(nodes_json(m));
	t = table_new(columns);
	for (size_t i = 0; t && i < m->n_nodes; i++)
		add_node(t, m->nodes[i]);
	return print_table(t);
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
	_cleanup_free_ char *name = human_safe(row->name), *kernel = NULL, *problem = NULL;
	const Mosix__NodeInfo *info = info_of(row);
	const Mosix__Load *load = load_of(row);
	char criu[24];

	kernel = human_safe(info->kernel);
	problem = human_safe(row->problem);
	printf("Node:     %u (%s)\n", row->node, text_of(name));
	printf("Kernel:   %s, criu %s\n", text_of(kernel),
	       criu_text(info->criu_version, criu, sizeof(criu)));
	printf("CPUs:     %u, load %u.%02u\n", info->cpus, load->load / 100, load->load % 100);
	printf("Memory:   %s, %s free\n", human_bytes(info->memory).s,
	       human_bytes(load->memory_free).s);
	printf("Jobs:     %u of this node, %u guests\n", load->jobs, load->guests);
	if (problem && *problem)
		printf("Problem:  %s\n", problem);
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

static const char *user_name(uint32_t uid, char *buf, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		return pw->pw_name;
	snprintf(buf, size, "%u", uid);
	return buf;
}

static json_t *job_json(const Mosix__JobRow *row)
{
	json_t *o = json_object();
	char user[16];

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

static void add_job(struct table *t, const Mosix__JobRow *row, const Mosix__Reply *nodes)
{
	char user[16], node[16];

	table_add(t, "%s", jobid_str(row->job).s);
	if (row->pid)
		table_add(t, "%d", row->pid);
	else
		table_add(t, "-");
	table_add(t, "%s", user_name(row->uid, user, sizeof(user)));
	table_add(t, "%s", client_node_name(nodes, row->node, node, sizeof(node)));
	table_add(t, "%s%s", text_of(row->state), row->lock ? " (locked)" : "");
	table_add(t, "%s", human_usec(row->cpu_usec).s);
	table_add(t, "%s", human_bytes(row->rss).s);
	table_add(t, "%u", row->moves);
	table_add(t, "%s", text_of(row->command));
}

int ctl_ps(struct ctl *ctl)
{
	static const char *const columns[] = {">JOB", ">PID",    "USER",   "NODE",    "STATE",
					      ">CPU", ">MEMORY", ">MOVES", "COMMAND", NULL};
	_cleanup_(msg_freep) Mosix__Reply *m = NULL;
	_cleanup_(msg_freep) Mosix__Reply *nodes = NULL;
	_cleanup_(table_freep) struct table *t = NULL;
	Mosix__Request q = MOSIX__REQUEST__INIT;
	int r;

	if (ctl->argc)
		return ctl_usage("ps takes no argument");
	q.has_op = q.has_all = true;
	q.op = MOSIX__REQUEST_OP__OP_PS;
	q.all = ctl->all;
	r = ctl_ask(ctl, &q, NULL, NULL, &m);
	if (!r && ctl->json)
		return ctl_json_print(jobs_json(m));
	if (!r)
		r = ctl_ask_op(ctl, MOSIX__REQUEST_OP__OP_NODES, &nodes);
	if (r)
		return r;
	t = table_new(columns);
	for (size_t i = 0; t && i < m->n_jobs; i++)
		add_job(t, m->jobs[i], nodes);
	return print_table(t);
}
