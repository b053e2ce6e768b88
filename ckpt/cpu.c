/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and comparing CPU features. */
#include "ckpt/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fd.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CPUINFO_MAX (16u << 20)
#define NAMED_MAX 8 /* missing flags that the sentence names */

/* For the kernel, the firmware or a hypervisor: no program can use or notice them. Sorted. */
static const char *const invisible[] = {
	"acpi",
	"aperfmperf",
	"apic",
	"arat",
	"arch_capabilities",
	"arch_lbr",
	"arch_perfmon",
	"art",
	"avic",
	"bpext",
	"brs",
	"bts",
	"bus_lock_detect",
	"cat_l2",
	"cat_l3",
	"cdp_l2",
	"cdp_l3",
	"constant_tsc",
	"cpb",
	"cppc",
	"cpuid",
	"cpuid_fault",
	"dca",
	"de",
	"decodeassists",
	"ds_cpl",
	"dtes64",
	"dtherm",
	"dts",
	"epb",
	"ept",
	"ept_ad",
	"erms",
	"est",
	"extapic",
	"extd_apicid",
	"flexpriority",
	"flush_l1d",
	"flushbyasid",
	"fsrc",
	"fsrm",
	"fsrs",
	"fzrm",
	"hfi",
	"ht",
	"hw_pstate",
	"hypervisor",
	"ibpb",
	"ibpb_exit_to_user",
	"ibrs",
	"ibrs_enhanced",
	"ibs",
	"ibt",
	"ida",
	"intel_ppin",
	"intel_pt",
	"invpcid",
	"invpcid_single",
	"irperf",
	"kaiser",
	"lbrv",
	"mba",
	"mca",
	"mce",
	"md_clear",
	"monitor",
	"msr",
	"mtrr",
	"nonstop_tsc",
	"nonstop_tsc_s3",
	"nopl",
	"npt",
	"nrip_save",
	"nx",
	"osvw",
	"overflow_recov",
	"pae",
	"pat",
	"pausefilter",
	"pbe",
	"pcid",
	"pconfig",
	"pdcm",
	"pdpe1gb",
	"pebs",
	"perfctr_core",
	"perfctr_llc",
	"perfctr_nb",
	"perfmon_v2",
	"pfthreshold",
	"pge",
	"pln",
	"pse",
	"pse36",
	"pti",
	"pts",
	"rdt_a",
	"rep_good",
	"retpoline",
	"sdbg",
	"skinit",
	"smap",
	"smca",
	"smep",
	"smx",
	"split_lock_detect",
	"ss",
	"ssbd",
	"stibp",
	"succor",
	"svm",
	"svm_lock",
	"tce",
	"tm",
	"tm2",
	"tme",
	"topoext",
	"tpr_shadow",
	"tsc_adjust",
	"tsc_deadline_timer",
	"tsc_known_freq",
	"tsc_reliable",
	"tsc_scale",
	"umip",
	"v_vmsave_vmload",
	"vgif",
	"vmcb_clean",
	"vme",
	"vmmcall",
	"vmx",
	"vnmi",
	"vpid",
	"wdt",
	"x2apic",
	"x2avic",
	"xsaves",
	"xtopology",
	"xtpr",
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool visible(const char *flag)
{
	if (strncmp(flag, "cqm", 3) == 0 || strncmp(flag, "hwp", 3) == 0)
		return false;
	return !bsearch(&flag, invisible, sizeof(invisible) / sizeof(*invisible),
			sizeof(*invisible), compare);
}

/* ------------------------------------------------------------------ reading */

uint64_t cpu_xcr0(void)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (uint64_t)d << 32 | a;
#else
	return 0;
#endif
}

void cpu_done(struct cpu *c)
{
	for (size_t i = 0; i < c->flag_count; i++)
		free(c->flags[i]);
	free(c->flags);
	memset(c, 0, sizeof(*c));
}

static void remove_doubles(struct cpu *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->flag_count; i++) {
		if (n && strcmp(c->flags[n - 1], c->flags[i]) == 0)
			free(c->flags[i]);
		else
			c->flags[n++] = c->flags[i];
	}
	c->flag_count = n;
}

static int split(struct cpu *ret, const char *line, size_t len)
{
	_cleanup_free_ char *copy = strndup(line, len);
	char *save = NULL;

	ret->flags = calloc(CPU_FLAGS_MAX, sizeof(*ret->flags));
	if (!copy || !ret->flags)
		return -ENOMEM;
	for (char *p = strtok_r(copy, " \t", &save); p; p = strtok_r(NULL, " \t", &save)) {
		if (ret->flag_count == CPU_FLAGS_MAX)
			return -EBADMSG;
		ret->flags[ret->flag_count] = strdup(p);
		if (!ret->flags[ret->flag_count])
			return -ENOMEM;
		ret->flag_count++;
	}
	qsort(ret->flags, ret->flag_count, sizeof(*ret->flags), compare);
	remove_doubles(ret);
	return 0;
}

static bool has_flag(const struct cpu *c, const char *flag)
{
	return bsearch(&flag, c->flags, c->flag_count, sizeof(*c->flags), compare);
}

static void intersect(struct cpu *c, const struct cpu *with)
{
	size_t n = 0;

	for (size_t i = 0; i < c->flag_count; i++) {
		if (has_flag(with, c->flags[i]))
			c->flags[n++] = c->flags[i];
		else
			free(c->flags[i]);
	}
	c->flag_count = n;
}

/* The next "flags : …" line at or after @p: its value, and the length. */
static const char *find_flags(const char *p, size_t *ret_len)
{
	while (p) {
		if (strncmp(p, "flags\t", 6) == 0 && strchr(p, ':')) {
			p = strchr(p, ':') + 1;
			*ret_len = strcspn(p, "\n");
			return p;
		}
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return NULL;
}

int cpu_parse(struct cpu *ret, const char *cpuinfo)
{
	struct cpu all = {0};
	const char *first, *p;
	size_t first_len, len;
	int r;

	first = find_flags(cpuinfo, &first_len);
	if (!first)
		return -EBADMSG;
	r = split(&all, first, first_len);
	p = find_flags(first + first_len, &len);
	for (; r == 0 && p; p = find_flags(p + len, &len)) {
		struct cpu one = {0};

		if (len == first_len && memcmp(p, first, len) == 0)
			continue;
		r = split(&one, p, len);
		if (r == 0)
			intersect(&all, &one);
		cpu_done(&one);
	}
	if (r < 0) {
		cpu_done(&all);
		return r;
	}
	*ret = all;
	return 0;
}

int cpu_read(struct cpu *ret)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = file_read_at(AT_FDCWD, "/proc/cpuinfo", CPUINFO_MAX, &text, NULL);
	if (r < 0)
		return r;
	r = cpu_parse(ret, text);
	if (r == 0)
		ret->xfeatures = cpu_xcr0();
	return r;
}

/* ------------------------------------------------------------------ comparing */

static size_t list_missing(const struct cpu *from, const struct cpu *to, char *list, size_t size)
{
	size_t missing = 0, len = 0;

	*list = '\0';
	for (size_t i = 0; i < from->flag_count; i++) {
		const char *f = from->flags[i];

		if (!visible(f) || has_flag(to, f))
			continue;
		if (missing < NAMED_MAX && len < size)
			len += (size_t)snprintf(list + len, size - len, "%s%.32s",
						missing ? ", " : "", f);
		missing++;
	}
	return missing;
}

bool cpu_subset(const struct cpu *from, const struct cpu *to, const char *name, struct err *e)
{
	uint64_t features = from->xfeatures & ~to->xfeatures;
	char list[NAMED_MAX * 40];
	size_t missing;

	missing = list_missing(from, to, list, sizeof(list));
	if (missing > NAMED_MAX) {
		err_set(e, -ENOTSUP,
			"The CPU of node %s lacks %zu features that the job may use (%s, ...): "
			"choose "
			"another node.",
			name, missing, list);
		return false;
	}
	if (missing) {
		err_set(e, -ENOTSUP,
			"The CPU of node %s lacks features that the job may use (%s): choose "
			"another "
			"node.",
			name, list);
		return false;
	}
	if (features) {
		err_set(e, -ENOTSUP,
			"Node %s does not save all CPU registers that the job may use (XCR0 lacks "
			"0x%llx): choose another node.",
			name, (unsigned long long)features);
		return false;
	}
	return true;
}
