/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the cluster file system: whatever the bytes are, what is read lies within them, names
 * are single components, and a header that is accepted packs to the same bytes again.
 */
#include <errno.h>
#include <string.h>

#include "mfsfuse/wire.h"
#include "test/fuzz/fuzz.h"

static void check_name(const char *p, size_t len)
{
	char name[MFS_NAME_MAX + 1];
	int r = mfs_name(p, len, name);

	if (r < 0) {
		fuzz_check(r == -EINVAL || r == -ENAMETOOLONG);
		return;
	}
	fuzz_check(strlen(name) == len && len > 0 && len <= MFS_NAME_MAX);
	fuzz_check(!strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

static void check_header(const uint8_t *data)
{
	uint8_t back[MFS_HDR_SIZE];
	struct mfs_hdr h;

	if (mfs_hdr_unpack(data, &h) < 0)
		return;
	fuzz_check(h.len <= MFS_BODY_MAX && h.node.kind < _MFS_FH_N);
	mfs_hdr_pack(&h, back);
	fuzz_check(memcmp(back, data, sizeof(back)) == 0);
}

static void check_recall(const uint8_t *data, size_t size)
{
	char name[MFS_NAME_MAX + 1];
	struct mfs_hdr h;

	if (mfs_hdr_unpack(data, &h) < 0 || h.len > size - MFS_HDR_SIZE)
		return;
	if (mfs_recall(&h, data + MFS_HDR_SIZE, name) < 0)
		return;
	fuzz_check(h.a && h.op == MFS_OP_RECALL);
	fuzz_check(!(h.b & MFS_RECALL_NAME) == !*name && strlen(name) == h.len);
	fuzz_check(!strchr(name, '/') && strcmp(name, "..") != 0);
}

static void check_dirents(const uint8_t *data, size_t size)
{
	struct mfs_in in = {.buf = data, .len = size};
	struct mfs_dirent d;

	while (mfs_get_dirent(&in, &d) > 0) {
		fuzz_check((const uint8_t *)d.name >= data);
		fuzz_check((const uint8_t *)d.name + d.name_len <= data + size);
		fuzz_check(d.name_len > 0 && d.name_len <= MFS_NAME_MAX);
	}
}

/* In the order in which the operations have them. */
static void check_bodies(const uint8_t *data, size_t size)
{
	struct mfs_in in = {.buf = data, .len = size};
	struct mfs_setattr s;
	struct mfs_statfs f;
	struct mfs_hello h;
	struct mfs_attr a;
	struct mfs_lock l;
	struct mfs_fh fh;

	for (int i = 0; i < 8 && !in.bad; i++) {
		const char *p;
		size_t len;

		mfs_get_fh(&in, &fh);
		fuzz_check(fh.kind < _MFS_FH_N && fh.len <= MFS_FH_DATA && !fh.pad);
		p = mfs_get_string(&in, &len);
		fuzz_check(!len || (const uint8_t *)p + len <= data + size);
		check_name(p, len);
	}
	in = (struct mfs_in){.buf = data, .len = size};
	mfs_get_attr(&in, &a);
	mfs_get_setattr(&in, &s);
	mfs_get_statfs(&in, &f);
	mfs_get_lock(&in, &l);
	mfs_get_hello(&in, &h);
	fuzz_check(in.bad || in.buf + in.len == data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_name((const char *)data, size);
	check_dirents(data, size);
	check_bodies(data, size);
	if (size >= MFS_HDR_SIZE) {
		check_header(data);
		check_recall(data, size);
	}
	return 0;
}
