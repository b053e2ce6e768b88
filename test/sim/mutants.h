/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broken rules, to see that the checker finds them. Linked with --wrap=handover_table.
 */
#ifndef MOSIX_TEST_SIM_MUTANTS_H
#define MOSIX_TEST_SIM_MUTANTS_H

#include <stddef.h>
#include <stdint.h>

#define MUTANT_NONE SIZE_MAX

extern const size_t mutant_count;

/* From now on the machines follow the tables with this rule broken. */
void mutant_choose(size_t mutant);
const char *mutant_name(size_t mutant);

#endif
