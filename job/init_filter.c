/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "can it move" filter: system calls whose effects cannot be taken to another node look as if
 * this kernel did not have them, and programs fall back to what can.
 */
#include "job/init.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(v) BPF_STMT(BPF_RET | BPF_K, (v))
/* Continue behind the next @n instructions if equal. */
#define SKIP_IF(v, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (n), 0)
#define SKIP_UNLESS(v, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), 0, (n))
/* The two-instruction form of "if this number: as if it did not exist". */
#define HIDE(nr) SKIP_UNLESS((nr), 1), RETURN(SECCOMP_RET_ERRNO | ENOSYS)

/* Numbers that every architecture shares since 2019. */
#define HIDE_COMMON                                                                      \
	HIDE(425), HIDE(426), HIDE(427),         /* io_uring_setup, _enter, _register */ \
		HIDE(444), HIDE(445), HIDE(446), /* landlock_* */                        \
		HIDE(447)                        /* memfd_secret */

/* 32-bit programs on x86-64 have numbers of their own. */
static const struct sock_filter hide_i386[] = {
	HIDE_COMMON,
	HIDE(277), /* mq_open */
	HIDE(286),
	HIDE(287),
	HIDE(288), /* add_key, request_key, keyctl */
	HIDE(336), /* perf_event_open */
	HIDE(338), /* fanotify_init */
	HIDE(357), /* bpf */
	HIDE(374), /* userfaultfd */
	RETURN(SECCOMP_RET_ALLOW),
};

static const struct sock_filter hide_native[] = {
	HIDE_COMMON,
	HIDE(SYS_mq_open),
	HIDE(SYS_add_key),
	HIDE(SYS_request_key),
	HIDE(SYS_keyctl),
	HIDE(SYS_perf_event_open),
	HIDE(SYS_fanotify_init),
	HIDE(SYS_bpf),
	HIDE(SYS_userfaultfd),
	RETURN(SECCOMP_RET_ALLOW),
};

static size_t append(struct sock_filter *to, size_t n, const struct sock_filter *what, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[n + i] = what[i];
	return n + count;
}

int init_filter(void)
{
	static const struct sock_filter head[] = {
		LOAD(arch),
		SKIP_UNLESS(AUDIT_ARCH_I386, 1 + COUNT(hide_i386)),
		LOAD(nr),
	};
	static const struct sock_filter middle[] = {
#ifdef __x86_64__
		SKIP_IF(AUDIT_ARCH_X86_64, 1),
#elif defined(__aarch64__)
		SKIP_IF(AUDIT_ARCH_AARCH64, 1),
#else
#error "which architecture does seccomp see?"
#endif
		RETURN(SECCOMP_RET_ERRNO | ENOSYS),
		LOAD(nr),
		/* x32 would be one more set of numbers for the same calls. */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
		RETURN(SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_filter f[COUNT(head) + COUNT(middle) + COUNT(hide_i386) + COUNT(hide_native)];
	struct sock_fprog prog = {.filter = f};
	size_t n = 0;

	n = append(f, n, head, COUNT(head));
	n = append(f, n, hide_i386, COUNT(hide_i386));
	n = append(f, n, middle, COUNT(middle));
	n = append(f, n, hide_native, COUNT(hide_native));
	prog.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return -errno;
	return 0;
}
