/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A setting of a simulated cluster, by its name. */
#ifndef MOSIX_TEST_UNIT_SIM_SETTING_H
#define MOSIX_TEST_UNIT_SIM_SETTING_H

#include "test/unit/harness.h"

#include "sim/conf.h"

static inline void set(struct sim_conf *c, const char *name, const char *value)
{
	struct err e = {""};

	for (unsigned int i = 0; i < conf_key_count; i++)
		if (!strcmp(conf_keys[i].name, name)) {
			if (sim_conf_set(c, &conf_keys[i], value, &e) < 0)
				fail_msg("%s", e.text);
			return;
		}
	fail_msg("no setting %s", name);
}

#endif
