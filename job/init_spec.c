/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The specification of a job's main process as bytes.
 */
#include "job/init.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPEC_VERSION 2u

static void pack_string(struct packer *p, const char *s)
{
	pack_blob(p, s, strlen(s) + 1);
}

static void pack_strings(struct packer *p, const char *const *v)
{
	uint32_t n = 0;

	while (v[n])
		n++;
	pack_u32(p, n);
	for (uint32_t i = 0; i < n; i++)
		pack_string(p, v[i]);
}

void init_spec_pack(struct packer *p, const struct init_spec *s)
{
	pack_u32(p, SPEC_VERSION);
	pack_u32(p, s->uid);
	pack_u32(p, s->gid);
	pack_u32(p, (uint32_t)s->group_count);
	for (size_t i = 0; i < s->group_count; i++)
		pack_u32(p, s->groups[i]);
	pack_u32(p, s->umask);
	pack_u32(p, (uint32_t)s->limit_count);
	for (size_t i = 0; i < s->limit_count; i++) {
		pack_u32(p, s->limits[i].resource);
		pack_u64(p, s->limits[i].soft);
		pack_u64(p, s->limits[i].hard);
	}
	pack_u64(p, s->ignored);
	pack_u8(p, s->background);
	pack_string(p, s->cwd);
	pack_string(p, s->program);
	pack_strings(p, s->argv);
	pack_strings(p, s->envp);
}

static const char *unpack_string(struct unpacker *u)
{
	size_t len;
	const char *s = (const char *)unpack_blob(u, INIT_SPEC_MAX, &len);

	if (!len || s[len - 1] != '\0')
		u->failed = true;
	return u->failed ? NULL : s;
}

static const char *const *unpack_strings(struct unpacker *u)
{
	uint32_t n = unpack_u32(u);
	const char **v;

	/* Each takes at least its length and a NUL. */
	if (u->failed || n > u->len / 5) {
		u->failed = true;
		return NULL;
	}
	v = calloc((size_t)n + 1, sizeof(*v));
	for (uint32_t i = 0; v && i < n; i++)
		v[i] = unpack_string(u);
	return v;
}

static const uint32_t *unpack_groups(struct unpacker *u, size_t *ret_count)
{
	uint32_t n = unpack_u32(u), *groups;

	if (u->failed || n > INIT_GROUPS_MAX || n > u->len / 4) {
		u->failed = true;
		return NULL;
	}
	groups = calloc((size_t)n + 1, sizeof(*groups));
	for (uint32_t i = 0; groups && i < n; i++)
		groups[i] = unpack_u32(u);
	*ret_count = n;
	return groups;
}

static int unpack_all(struct unpacker *u, struct init_spec *s)
{
	if (unpack_u32(u) != SPEC_VERSION)
		return -EPROTO;
	s->uid = unpack_u32(u);
	s->gid = unpack_u32(u);
	s->groups = unpack_groups(u, &s->group_count);
	s->umask = unpack_u32(u);
	s->limit_count = unpack_u32(u);
	if (s->limit_count > INIT_LIMITS_MAX)
		return -EPROTO;
	for (size_t i = 0; i < s->limit_count; i++) {
		s->limits[i].resource = unpack_u32(u);
		s->limits[i].soft = unpack_u64(u);
		s->limits[i].hard = unpack_u64(u);
	}
	s->ignored = unpack_u64(u);
	s->background = unpack_bool(u);
	s->cwd = unpack_string(u);
	s->program = unpack_string(u);
	s->argv = unpack_strings(u);
	s->envp = unpack_strings(u);
	if (u->failed || u->len)
		return -EPROTO;
	if (!s->groups || !s->argv || !s->envp)
		return -ENOMEM;
	return s->argv[0] ? 0 : -EPROTO;
}

int init_spec_unpack(struct init_spec *ret, const uint8_t *data, size_t len)
{
	struct unpacker u = {.data = data, .len = len};
	struct init_spec s = {0};
	int r = unpack_all(&u, &s);

	if (r < 0) {
		free((void *)(uintptr_t)s.groups);
		free((void *)(uintptr_t)s.argv);
		free((void *)(uintptr_t)s.envp);
		return r;
	}
	*ret = s;
	return 0;
}
