/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines on standard error.
 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 1024

int log_level = LOG_INFO;

void log_line(int level, const char *fmt, ...)
{
	int saved = errno;
	char line[LINE_SIZE];
	size_t head, len;
	va_list ap;

	head = (size_t)snprintf(line, sizeof(line), "<%d>", level);
	errno = saved; /* for %m */
	va_start(ap, fmt);
	vsnprintf(line + head, sizeof(line) - head - 1, fmt, ap);
	va_end(ap);
	len = strlen(line);
	for (size_t i = head; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = '?';
	line[len++] = '\n';
	/* A log that cannot be written is nothing to fail for. */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = saved;
	errno = saved;
}
