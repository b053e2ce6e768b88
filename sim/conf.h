/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is simulated: every setting is a key of a scenario file (INI) and an option of the command
 * line with the same name. Presets are scenario files that are built in.
 */
#ifndef MOSIX_SIM_CONF_H
#define MOSIX_SIM_CONF_H

#include "common/err.h"
#include "sim/dist.h"
#include <stdint.h>

#define SIM_NODES_MAX 10000u
#define SIM_JOBS_MAX 20000000u
#define SIM_HOURS_MAX 1000.0

struct range {
	double low, high;
};

enum arrivals {
	ARRIVALS_RATE,  /* Poisson, a jobs per second in the whole cluster */
	ARRIVALS_LOAD,  /* Poisson, at a rate that keeps the share a of all CPUs busy */
	ARRIVALS_BURST, /* a jobs at once every b seconds */
	ARRIVALS_ONCE,  /* a jobs at the beginning */
};

enum know_kind {
	KNOW_AUTO,  /* real for small clusters, model for large ones */
	KNOW_REAL,  /* the daemon's own gossip and membership, message by message */
	KNOW_MODEL, /* the same rules for 10,000 nodes at once; no membership protocol */
	KNOW_EXACT, /* everybody knows everything at every moment */
};

struct sim_conf {
	/* [cluster] */
	uint32_t nodes;
	struct range cpus;   /* per node, whole numbers; or the same part of one for all */
	struct range speed;  /* of each CPU; 1 is the standard CPU */
	struct range memory; /* MiB for jobs; drawn evenly on a logarithmic scale */
	double paging;       /* how much slower jobs are on a node whose memory is exceeded */
	double swap;         /* share of the memory by which it may be exceeded before OOM */
	double noise;        /* samples of the load are off by up to this share */
	/* [jobs] */
	enum arrivals arrivals;
	double arrivals_a, arrivals_b;
	struct dist length;     /* seconds on a standard CPU */
	struct dist job_memory; /* MiB */
	double grow;            /* share of its run in which a job grows to its size; 0: at once */
	double hints;           /* share of jobs whose memory need is known when they start */
	uint32_t homes;         /* jobs start from the first n nodes; 0: from all */
	double skew;            /* exponent of Zipf's law over those; 0: all alike */
	uint32_t make_units;    /* jobs of a parallel make; 0: no make */
	uint32_t make_links;    /* each links its part of the units, a last one links them */
	uint32_t make_jobs;     /* make -j */
	struct dist link_length;
	char trace[256]; /* jobs come from this file */
	/* [moves] */
	double move_fixed;     /* seconds */
	double move_bandwidth; /* MiB/s */
	double start_remote;   /* seconds that a start on another node takes longer */
	/* [gossip] */
	enum know_kind gossip;
	uint32_t window;     /* entries per message; 0: what the daemon uses */
	uint32_t candidates; /* a decision looks at the freshest so many nodes; 0: all */
	double latency;      /* seconds */
	double loss;         /* share of messages */
	/* [faults] */
	double mtbf;   /* mean seconds between crashes of one node; 0: never */
	double repair; /* mean seconds until it comes back */
	double partition_start, partition_length; /* seconds; length 0: none */
	double partition_share;                   /* of the nodes that are cut off */
	/* [ours]: settings of the balancer; negative: its defaults */
	double hysteresis, residency, near_load, home_threshold;
	/* [run] */
	double hours; /* in which jobs arrive */
	double drain; /* hours more for those that are there then; negative: all the time */
	uint64_t seed;
	uint32_t policies; /* bit n: policy n of sim/policy.h */
};

struct conf_key {
	const char *section, *name, *arg, *help;
	/* False: @text is no such value. */
	bool (*set)(struct sim_conf *c, const struct conf_key *k, const char *text);
	size_t offset;
	double min, max;
};

extern const struct conf_key conf_keys[];
extern const unsigned int conf_key_count;

void sim_conf_init(struct sim_conf *c);
/* 0, or -EINVAL with a sentence in @e. */
int sim_conf_set(struct sim_conf *c, const struct conf_key *k, const char *text, struct err *e);
/* Checks what one key alone does not tell. */
int sim_conf_check(const struct sim_conf *c, struct err *e);

/* A preset's name or a file's path. 0 or negative errno; @c is unchanged on failure. */
int sim_conf_scenario(struct sim_conf *c, const char *name, struct err *e);
/* INI text; @name for messages. */
int sim_conf_text(struct sim_conf *c, const char *name, const char *text, struct err *e);

struct preset {
	const char *name, *help, *text;
};

extern const struct preset presets[];
extern const unsigned int preset_count;

#endif
