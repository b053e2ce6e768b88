/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of policies. */
#include "sim/policy.h"
#include <string.h>

const struct sim_policy *const sim_policies[SIM_POLICIES] = {
	&policy_none,         &policy_random,      &policy_round_robin,
	&policy_least_loaded, &policy_two_choices, &policy_epvm,
	&policy_mosix,        &policy_mosix_best,  &policy_ours,
};

uint32_t sim_policy_mask(const char *name, size_t len)
{
	if (len == 3 && !strncmp(name, "all", 3))
		return (1u << SIM_POLICIES) - 1;
	for (uint32_t i = 0; i < SIM_POLICIES; i++)
		if (strlen(sim_policies[i]->name) == len &&
		    !strncmp(sim_policies[i]->name, name, len))
			return 1u << i;
	return 0;
}
