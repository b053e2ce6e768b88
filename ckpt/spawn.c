/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where helpers are. */
#include "ckpt/spawn.h"

#include <stdlib.h>

const char *spawn_dir(void)
{
	const char *dir = secure_getenv("MOSIX_LIBEXECDIR");

	return dir ? dir : MOSIX_LIBEXECDIR;
}
