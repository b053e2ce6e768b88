/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This node's load. */
#include "daemon/load.h"

#include "daemon/balance.h"
#include "daemon/mosixd.h"
#include "daemon/nodes.h"
#include "daemon/sample.h"
#include "policy/load.h"

void load_from_facts(const struct node_facts *f, Mosix__Load *ret)
{
	ret->has_load = ret->has_memory_free = ret->has_guests = ret->has_jobs = true;
	ret->has_cpus = ret->has_speed = ret->has_runnable = ret->has_memory_total = true;
	ret->has_flags = ret->has_classes = ret->has_cpu_class = true;
	ret->load = load_index(f);
	ret->memory_free = (uint64_t)f->mem_free << 20;
	ret->guests = f->guests;
	ret->jobs = f->jobs;
	ret->cpus = f->cpus;
	ret->speed = f->speed;
	ret->runnable = f->runnable;
	ret->memory_total = (uint64_t)f->mem_total << 20;
	ret->flags = f->flags;
	ret->classes = f->classes;
	ret->cpu_class = f->cpu_class;
}

void load_facts(struct mosixd *d, uint32_t to, struct node_facts *ret)
{
	*ret = *sample_facts(d);
	ret->runnable = balance_tell_tasks(d, to);
}

void load_fill(struct mosixd *d, uint32_t to, Mosix__Load *ret)
{
	struct node_facts f;

	load_facts(d, to, &f);
	load_from_facts(&f, ret);
}

void load_tell(struct mosixd *d, uint32_t node)
{
	Mosix__Load load = MOSIX__LOAD__INIT;
	Mosix__Ping m = MOSIX__PING__INIT;

	load_fill(d, node, &load);
	m.load = &load;
	(void)node_send(d, node, MOSIX__MSG_TYPE__MSG_PING, &m.base);
}

void load_copy(Mosix__Load *to, const Mosix__Load *from)
{
	mosix__load__init(to);
	to->has_load = to->has_memory_free = to->has_guests = to->has_jobs = true;
	to->has_cpus = to->has_speed = to->has_runnable = to->has_memory_total = true;
	to->has_flags = to->has_classes = to->has_cpu_class = true;
	to->load = from->load;
	to->memory_free = from->memory_free;
	to->guests = from->guests;
	to->jobs = from->jobs;
	to->cpus = from->cpus;
	to->speed = from->speed;
	to->runnable = from->runnable;
	to->memory_total = from->memory_total;
	to->flags = from->flags;
	to->classes = from->classes;
	to->cpu_class = from->cpu_class;
}
