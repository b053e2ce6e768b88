/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fail points: what a test has asked for.
 */
#include "common/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

static int file_name(const char *name, char *ret, size_t size)
{
	int n = snprintf(ret, size, FAIL_DIR "/%s", name);

	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	for (char *p = ret + sizeof(FAIL_DIR); *p; p++)
		if (*p == '/')
			*p = '.';
	return 0;
}

/* Says that it is there by a second file. */
static void pause_while(const char *path)
{
	static const struct timespec tick = {.tv_nsec = 10 * 1000 * 1000};
	_cleanup_fd_ int fd = -1;
	char reached[272];

	snprintf(reached, sizeof(reached), "%s.reached", path);
	fd = open(reached, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	while (access(path, F_OK) == 0)
		nanosleep(&tick, NULL);
}

int fail_point(const char *name)
{
	_cleanup_free_ char *text = NULL;
	char path[256];

	if (file_name(name, path, sizeof(path)) < 0)
		return 0;
	if (file_read_at(AT_FDCWD, path, 256, &text, NULL) < 0)
		return 0;
	text[strcspn(text, " \t\n")] = '\0';
	if (strcmp(text, "error") == 0)
		return -EIO;
	if (strcmp(text, "pause") == 0) {
		pause_while(path);
	} else if (strcmp(text, "kill") == 0 || strcmp(text, "stop") == 0) {
		/* Of several processes at the same point one alone acts. */
		if (unlink(path) == 0)
			raise(*text == 'k' ? SIGKILL : SIGSTOP);
	}
	return 0;
}
