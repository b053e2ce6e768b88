/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The start of both file-system programs. */
#include "mfsfuse/program.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "common/log.h"

int program_start(const struct program *p, int argc, char **argv)
{
	const struct argp argp = {
		.options = p->options,
		.parser = p->parse,
		.args_doc = p->args_doc,
		.doc = p->doc,
	};
	struct err e = {0};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Buffers of requests come and go: keep them. */
	mallopt(M_MMAP_THRESHOLD, 8 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (p->start(&e) >= 0)
		return EXIT_SUCCESS;
	log_err("%s: %s", p->name, e.text);
	return EXIT_FAILURE;
}
