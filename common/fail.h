/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fail points, for tests: `r = FAIL_POINT("move/dumped");` is 0 and costs nothing unless the build
 * has -Dfailpoints=true. There, when the file /run/mosix-fail/move.dumped exists (a slash in the
 * name is a dot in the file's), its first word says what happens:
 *
 *	kill   SIGKILL to the calling process; the file is removed before, so that it acts once
 *	stop   SIGSTOP to the calling process; removed before
 *	pause  makes the file NAME.reached and waits until the first one is gone
 *	error  the value is -EIO as long as the file is there
 */
#ifndef MOSIX_COMMON_FAIL_H
#define MOSIX_COMMON_FAIL_H

#define FAIL_DIR "/run/mosix-fail"

int fail_point(const char *name);

#ifdef MOSIX_FAILPOINTS
#define FAIL_POINT(name) fail_point(name)
#else
static inline int fail_none(void)
{
	return 0;
}
#define FAIL_POINT(name) fail_none()
#endif

#endif
