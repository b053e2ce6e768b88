/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the cluster file system: round trips, and what must be refused.
 */
#include "test/unit/harness.h"

#include "mfsfuse/wire.h"

static struct mfs_fh some_fh(void)
{
	return (struct mfs_fh){
		.mount = 0x1122334455667788,
		.kind = MFS_FH_HANDLE,
		.len = 8,
		.type = 1,
		.data = {1, 2, 3, 4, 5, 6, 7, 8},
	};
}

static struct mfs_hdr some_hdr(void)
{
	return (struct mfs_hdr){
		.len = 17,
		.op = MFS_OP_LOOKUP,
		.flags = MFS_FLAG_REPLAY,
		.xid = UINT64_MAX,
		.err = 2,
		.uid = 1000,
		.gid = 1001,
		.umask = 022,
		.file = 3,
		.a = 4,
		.b = 5,
		.c = UINT64_MAX - 6,
		.node = some_fh(),
	};
}

static void test_header(void **state)
{
	struct mfs_hdr h = some_hdr(), back;
	uint8_t buf[MFS_HDR_SIZE];

	(void)state;
	mfs_hdr_pack(&h, buf);
	assert_int_equal(mfs_hdr_unpack(buf, &back), 0);
	assert_memory_equal(&h, &back, sizeof(h));
	/* Little-endian, length first: the format does not depend on the machine. */
	assert_int_equal(buf[0], 17);
	assert_int_equal(buf[4], MFS_OP_LOOKUP);
	assert_int_equal(buf[64], 0x88);
}

static void test_header_refused(void **state)
{
	struct mfs_hdr h = some_hdr(), back = {.xid = 42};
	uint8_t buf[MFS_HDR_SIZE];

	(void)state;
	h.len = MFS_BODY_MAX + 1;
	mfs_hdr_pack(&h, buf);
	assert_int_equal(mfs_hdr_unpack(buf, &back), -EPROTO);
	h = some_hdr();
	h.node.kind = _MFS_FH_N;
	mfs_hdr_pack(&h, buf);
	assert_int_equal(mfs_hdr_unpack(buf, &back), -EPROTO);
	h = some_hdr();
	h.node.len = MFS_FH_DATA + 1;
	mfs_hdr_pack(&h, buf);
	assert_int_equal(mfs_hdr_unpack(buf, &back), -EPROTO);
	/* Two handles of one inode must not differ: no bytes behind the end. */
	h = some_hdr();
	h.node.data[8] = 1;
	mfs_hdr_pack(&h, buf);
	assert_int_equal(mfs_hdr_unpack(buf, &back), -EPROTO);
	h = some_hdr();
	h.node.kind = MFS_FH_ROOT;
	mfs_hdr_pack(&h, buf);
	assert_int_equal(mfs_hdr_unpack(buf, &back), -EPROTO);
	/* The output is untouched. */
	assert_int_equal(back.xid, 42);
}

static void test_bodies(void **state)
{
	const struct mfs_attr a = {
		.fh = some_fh(),
		.ino = 1,
		.size = UINT64_MAX,
		.blocks = 3,
		.atime = -1,
		.mtime = INT64_MIN,
		.ctime = 6,
		.atime_ns = 7,
		.mtime_ns = 999999999,
		.ctime_ns = 9,
		.mode = 0100644,
		.nlink = 11,
		.uid = 12,
		.gid = 13,
		.rdev = 14,
		.flags = MFS_ATTR_FIXED,
	};
	const struct mfs_setattr s = {.valid = 255, .mode = 1, .size = 2, .mtime = -3};
	const struct mfs_lock l = {.type = 1, .pid = 2, .start = 3, .len = 4};
	const struct mfs_statfs f = {.bsize = 1, .flag = 10};
	const struct mfs_hello h = {.version_max = 7, .session = "0123456789abcde", .resumed = 1};
	uint8_t buf[1024];
	struct mfs_out out = {.buf = buf, .cap = sizeof(buf)};
	struct mfs_in in = {.buf = buf};
	struct mfs_setattr s2;
	struct mfs_statfs f2;
	struct mfs_hello h2;
	struct mfs_attr a2;
	struct mfs_lock l2;

	(void)state;
	mfs_put_attr(&out, &a);
	assert_int_equal(out.len, MFS_ATTR_SIZE);
	mfs_put_setattr(&out, &s);
	mfs_put_lock(&out, &l);
	mfs_put_statfs(&out, &f);
	mfs_put_hello(&out, &h);
	assert_false(out.bad);
	in.len = out.len;
	mfs_get_attr(&in, &a2);
	mfs_get_setattr(&in, &s2);
	mfs_get_lock(&in, &l2);
	mfs_get_statfs(&in, &f2);
	mfs_get_hello(&in, &h2);
	assert_false(in.bad);
	assert_int_equal(in.len, 0);
	assert_memory_equal(&a, &a2, sizeof(a));
	assert_memory_equal(&s, &s2, sizeof(s));
	assert_memory_equal(&l, &l2, sizeof(l));
	assert_memory_equal(&f, &f2, sizeof(f));
	assert_memory_equal(&h, &h2, sizeof(h));
	/* Every shorter one is noticed. */
	for (size_t n = 0; n < MFS_ATTR_SIZE; n++) {
		in = (struct mfs_in){.buf = buf, .len = n};
		mfs_get_attr(&in, &a2);
		assert_true(in.bad);
	}
}

static void test_no_room(void **state)
{
	uint8_t buf[16] = {0};
	struct mfs_out out = {.buf = buf, .cap = 10};

	(void)state;
	mfs_put_u64(&out, 1);
	assert_false(out.bad);
	mfs_put_u32(&out, 0xffffffff);
	assert_true(out.bad);
	assert_int_equal(out.len, 8);
	assert_int_equal(buf[8], 0);
	/* It stays bad. */
	mfs_put_bytes(&out, "x", 1);
	assert_int_equal(out.len, 8);
}

static void test_strings(void **state)
{
	static char longest[70000];
	uint8_t buf[64];
	struct mfs_out out = {.buf = buf, .cap = sizeof(buf)};
	struct mfs_in in = {.buf = buf};
	const char *s;
	size_t len;

	(void)state;
	mfs_put_string(&out, "name", 4);
	mfs_put_string(&out, "", 0);
	in.len = out.len;
	s = mfs_get_string(&in, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(s, "name", 4);
	mfs_get_string(&in, &len);
	assert_int_equal(len, 0);
	assert_false(in.bad);
	/* A length that reaches behind the end. */
	in = (struct mfs_in){.buf = (const uint8_t *)"\x05\x00name", .len = 6};
	mfs_get_string(&in, &len);
	assert_true(in.bad);
	assert_int_equal(len, 0);
	out = (struct mfs_out){.buf = buf, .cap = sizeof(buf)};
	mfs_put_string(&out, longest, sizeof(longest));
	assert_true(out.bad);
}

static void test_names(void **state)
{
	char longest[MFS_NAME_MAX + 1], name[MFS_NAME_MAX + 1];

	(void)state;
	assert_int_equal(mfs_name("a", 1, name), 0);
	assert_string_equal(name, "a");
	assert_int_equal(mfs_name("...", 3, name), 0);
	assert_int_equal(mfs_name(".a", 2, name), 0);
	assert_int_equal(mfs_name("..a", 3, name), 0);
	assert_int_equal(mfs_name("", 0, name), -EINVAL);
	assert_int_equal(mfs_name(".", 1, name), -EINVAL);
	assert_int_equal(mfs_name("..", 2, name), -EINVAL);
	assert_int_equal(mfs_name("/", 1, name), -EINVAL);
	assert_int_equal(mfs_name("a/b", 3, name), -EINVAL);
	assert_int_equal(mfs_name("a\0b", 3, name), -EINVAL);
	assert_int_equal(mfs_name("a\0", 2, name), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(mfs_name(longest, MFS_NAME_MAX, name), 0);
	assert_int_equal(strlen(name), MFS_NAME_MAX);
	assert_int_equal(mfs_name(longest, MFS_NAME_MAX + 1, name), -ENAMETOOLONG);
}

static void test_dirents(void **state)
{
	const struct mfs_dirent d = {
		.ino = 1,
		.off = INT64_MAX,
		.type = 4,
		.name = "name",
		.name_len = 4,
	};
	uint8_t buf[64];
	struct mfs_out out = {.buf = buf, .cap = sizeof(buf)};
	struct mfs_in in = {.buf = buf};
	struct mfs_dirent back;
	int n = 0;

	(void)state;
	while (mfs_put_dirent(&out, &d))
		n++;
	assert_int_equal(n, sizeof(buf) / (MFS_DIRENT_SIZE + 4));
	assert_false(out.bad);
	in.len = out.len;
	for (; n; n--) {
		assert_int_equal(mfs_get_dirent(&in, &back), 1);
		assert_int_equal(back.off, INT64_MAX);
		assert_memory_equal(back.name, "name", 4);
	}
	assert_int_equal(mfs_get_dirent(&in, &back), 0);
	for (size_t len = 1; len < MFS_DIRENT_SIZE + 4; len++) {
		in = (struct mfs_in){.buf = buf, .len = len};
		assert_int_equal(mfs_get_dirent(&in, &back), -EPROTO);
	}
}

static void test_recall(void **state)
{
	struct mfs_hdr h = {.op = MFS_OP_RECALL, .a = 1, .b = MFS_RECALL_NAME, .len = 4};
	const uint8_t body[] = "name";
	char name[MFS_NAME_MAX + 1];

	(void)state;
	assert_int_equal(mfs_recall(&h, body, name), 0);
	assert_string_equal(name, "name");
	h.b = MFS_RECALL_ALL;
	assert_int_equal(mfs_recall(&h, body, name), -EPROTO);
	h.len = 0;
	assert_int_equal(mfs_recall(&h, NULL, name), 0);
	assert_string_equal(name, "");
	h.b = MFS_RECALL_NAME;
	assert_int_equal(mfs_recall(&h, NULL, name), -EPROTO);
	h.len = 2;
	assert_int_equal(mfs_recall(&h, (const uint8_t *)"..", name), -EPROTO);
	h.b = 8;
	assert_int_equal(mfs_recall(&h, body, name), -EPROTO);
	h.b = MFS_RECALL_ALL;
	h.len = 0;
	h.a = 0;
	assert_int_equal(mfs_recall(&h, NULL, name), -EPROTO);
	h.a = 1;
	h.op = MFS_OP_RECALL + 1;
	assert_int_equal(mfs_recall(&h, NULL, name), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),  cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_bodies),  cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_names),
		cmocka_unit_test(test_dirents), cmocka_unit_test(test_recall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
