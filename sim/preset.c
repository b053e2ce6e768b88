/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scenarios that are built in. */
#include "sim/conf.h"

const struct preset presets[] = {
	{"opportunity", "CPU and memory, mostly small jobs, as in the paper on opportunity cost",
	 "[cluster]\nnodes = 32\ncpus = 1\nspeed = 0.5-2\nmemory = 256M-2G\n"
	 "[jobs]\narrivals = load:0.7\nlength = bpareto:1,0.5,1000\n"
	 "job-memory = bpareto:1,4M,256M\nhints = 1\n"
	 "[run]\nhours = 3\n"},
	{"compile", "14 nodes, a parallel make started on one of them",
	 "[cluster]\nnodes = 14\ncpus = 2\nspeed = 0.8-1.5\nmemory = 4G\n"
	 "[jobs]\nmake-units = 2500\nmake-links = 12\nmake-jobs = 40\n"
	 "length = bpareto:1.5,0.7,10\nlink-length = uniform:0.5,2\n"
	 "job-memory = uniform:40M,300M\n"},
	{"memory", "jobs that grow beyond what one node has",
	 "[cluster]\nnodes = 24\ncpus = 2\nmemory = 1G-4G\n"
	 "[jobs]\narrivals = load:0.45\nlength = bpareto:1.1,5,600\n"
	 "job-memory = bpareto:0.8,32M,900M\ngrow = 0.5\nhints = 0\nhomes = 12\n"
	 "[run]\nhours = 1\n"},
	{"herd", "bursts of 50 jobs from four nodes",
	 "[cluster]\nnodes = 32\ncpus = 1\n"
	 "[jobs]\narrivals = burst:50,60\nlength = uniform:10,20\njob-memory = fixed:32M\n"
	 "homes = 4\n[run]\nhours = 0.5\n"},
	{"pingpong", "one endless job per node, noise in the samples: nothing should move",
	 "[cluster]\nnodes = 8\ncpus = 1\nnoise = 0.2\n"
	 "[jobs]\narrivals = once:8\nlength = fixed:300\njob-memory = fixed:64M\n"
	 "[run]\nhours = 0.1\n"},
	{"churn", "nodes that crash and come back, messages that are lost",
	 "[cluster]\nnodes = 64\ncpus = 2\n"
	 "[jobs]\narrivals = load:0.6\nlength = bpareto:1,0.5,1000\n"
	 "[gossip]\nloss = 0.02\n[faults]\nmtbf = 7200\nrepair = 180\n[run]\nhours = 1\n"},
	{"partition", "half of the nodes cut off for a minute",
	 "[cluster]\nnodes = 32\ncpus = 1\n"
	 "[jobs]\narrivals = load:0.6\nlength = bpareto:1,0.5,1000\nhomes = 8\n"
	 "[faults]\npartition = 600,60\n[run]\nhours = 0.5\n"},
	{"large", "10,000 nodes for an hour",
	 "[cluster]\nnodes = 10000\ncpus = 1-4\nspeed = 0.5-2\nmemory = 4G-32G\n"
	 "[jobs]\narrivals = load:0.6\nlength = bpareto:1,10,3600\n"
	 "job-memory = bpareto:1,16M,2G\nskew = 0.5\n"
	 "[run]\nhours = 1\ndrain = 0\npolicy = ours\n"},
};

const unsigned int preset_count = sizeof(presets) / sizeof(presets[0]);
