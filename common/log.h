/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of a program (libraries are silent): one line to standard error, with the "<N>" priority
 * prefix that journald reads.
 */
#ifndef MOSIX_COMMON_LOG_H
#define MOSIX_COMMON_LOG_H

enum {
	LOG_ERR = 3,
	LOG_WARNING = 4,
	LOG_INFO = 6,
	LOG_DEBUG = 7,
};

/* Lines above it are dropped; LOG_INFO at first. */
extern int log_level;

/* One line in one write; control characters come out as '?', since texts may be a peer's. */
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_at(level, ...)                            \
	do {                                          \
		if ((level) <= log_level)             \
			log_line(level, __VA_ARGS__); \
	} while (0)

#define log_err(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
