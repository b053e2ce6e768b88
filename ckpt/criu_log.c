/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first error in criu's log is the cause; what follows are its consequences. */
#include "ckpt/criu_log.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_LEN 300

static const struct {
	const char *pattern;
	const char *advice;
} advices[] = {
	{"Can't lookup mount", "a file is open on a mount that is not the job's: close it"},
	{"Connected TCP socket", "the job has an open TCP connection: close it and try again"},
	{"In-flight connection", "a connection waits to be accepted: try again"},
	{"half of stream unix", "the job is connected to a process outside of it"},
	{"name-less external socket", "the job is connected to a process outside of it"},
	{"ghost file", "a deleted file that is still open is too large: close it"},
	{"outside of its pid namespace", "a process belongs to a session outside of the job"},
	{"Unable to freeze cgroup", "a process does not react: try again later"},
	{"already traced", "a debugger or strace is attached: end it"},
	{"Unable to interrupt", "a debugger or strace is attached: end it"},
	{"anon_inode:", "the job uses a kernel object that cannot move"},
	{"Zombies with threads", "a process ended its main thread and goes on without it"},
	{"Zombie thread", "a process ended its main thread and goes on without it"},
	{"No space left on device", "there is not enough memory for the images"},
	{"Cannot allocate memory", "there is not enough memory"},
	{"has bad size", "a file in use changed: it must be the same on every node"},
	{"has bad build-ID", "a program or library in use changed: restart the job"},
	{"Address already in use", "a port that the job uses is taken on the other node"},
	{"Cannot assign requested address", "the job uses an address that the other node lacks"},
};

/* Complaints that criu makes on success, too. */
static const char *const noise[] = {
	"RLIMIT_NOFILE",
	"Dumping FAILED",
	"Restoring FAILED",
	"RPC client reported script error",
};

static bool is_noise(const char *line)
{
	for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++) {
		if (strstr(line, noise[i]))
			return true;
	}
	return false;
}

static const char *advice_for(const char *text)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++) {
		if (strstr(text, advices[i].pattern))
			return advices[i].advice;
	}
	return NULL;
}

/* "(00.01)  12: Error (criu/x.c:9): mnt: text" -> "mnt: text" */
static const char *message_of(const char *line)
{
	const char *p = strstr(line, "Error (");

	if (!p)
		return NULL;
	p = strstr(p, "): ");
	return p ? p + 3 : NULL;
}

static void copy_clean(char *to, size_t size, const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		unsigned char c = (unsigned char)from[i];

		if (c != '\n')
			to[n++] = isprint(c) ? (char)c : '?';
	}
	while (n && (to[n - 1] == ' ' || to[n - 1] == '.'))
		n--;
	to[n] = '\0';
}

static void find_error(const char *log, char *ret, size_t size)
{
	char line[LINE_MAX_LEN];

	for (const char *p = log; *p;) {
		const char *end = strchrnul(p, '\n');
		const char *msg;

		copy_clean(line, sizeof(line), p, (size_t)(end - p));
		msg = message_of(line);
		if (msg && !is_noise(msg)) {
			snprintf(ret, size, "%s", msg);
			return;
		}
		p = *end ? end + 1 : end;
	}
}

void criu_log_sentence(const char *log, const char *errmsg, const char *what, struct err *e)
{
	char text[LINE_MAX_LEN] = "";
	const char *advice;

	if (log)
		find_error(log, text, sizeof(text));
	if (!*text && errmsg && !is_noise(errmsg))
		copy_clean(text, sizeof(text), errmsg, strlen(errmsg));
	if (!*text) {
		err_set(e, -EIO, "%s and gave no reason.", what);
		return;
	}
	advice = advice_for(text);
	if (advice)
		err_set(e, -EIO, "%s: %s (criu: %s).", what, advice, text);
	else
		err_set(e, -EIO, "%s (criu: %s).", what, text);
}
