/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Appends a record to a file each 100 us: its number and the time. Two copies of it, at whatever
 * nodes and for however short, would leave a number twice.
 * usage: records FILE [COUNT]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 1000000000;
	int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644) : -1;

	if (fd < 0)
		return 2;
	for (long i = 0; i < count; i++) {
		long long begin = now_us();
		char line[64];

		snprintf(line, sizeof(line), "%ld %lld\n", i, begin);
		if (write(fd, line, strlen(line)) != (ssize_t)strlen(line))
			return 1;
		if (i == 0)
			puts("started"), fflush(stdout);
		/* Not asleep: wherever it is stopped, it goes on at once. */
		while (now_us() < begin + 100)
			;
	}
	return 0;
}
