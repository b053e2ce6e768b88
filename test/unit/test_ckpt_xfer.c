/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image files from one directory into another, and receivers that get what is wrong.
 */
#include "test/unit/harness.h"

#include <endian.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "ckpt/engine.h"
#include "ckpt/images.h"
#include "ckpt/xfer.h"
#include "common/fd.h"

struct pair {
	char *from, *to;
	int from_fd, to_fd;
	struct stream *a, *b;
	struct xfer_sender *tx;
	struct xfer_receiver *rx;
};

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct pair make_pair(uint64_t max)
{
	struct pair p = {0};
	int sk[2];

	test_socketpair(sk);
	p.from = test_mkdir();
	p.to = test_mkdir();
	p.from_fd = open_dir(p.from);
	p.to_fd = open_dir(p.to);
	assert_int_equal(stream_new_plain(&p.a, sk[0]), 0);
	assert_int_equal(stream_new_plain(&p.b, sk[1]), 0);
	assert_int_equal(xfer_sender_new(&p.tx, p.a, p.from_fd), 0);
	assert_int_equal(xfer_receiver_new(&p.rx, p.b, p.to_fd, max), 0);
	return p;
}

static void drop_pair(struct pair *p)
{
	xfer_sender_free(p->tx);
	xfer_receiver_free(p->rx);
	stream_free(p->a);
	stream_free(p->b);
	close(p->from_fd);
	close(p->to_fd);
	test_rmdir(p->from);
	test_rmdir(p->to);
}

static void make_file(const char *dir, const char *name, size_t len, unsigned int seed)
{
	FILE *f = fopen(test_path(dir, name), "ae");

	assert_non_null(f);
	for (size_t i = 0; i < len; i++)
		fputc((int)((i * 31 + seed) & 0xff), f);
	assert_int_equal(fclose(f), 0);
}

static size_t file_size(const char *dir, const char *name)
{
	struct stat st;

	return stat(test_path(dir, name), &st) < 0 ? SIZE_MAX : (size_t)st.st_size;
}

/* The sender frees what it has sent, so that the content is compared with what was made. */
static void check_file(const char *dir, const char *name, size_t len, unsigned int seed)
{
	FILE *f = fopen(test_path(dir, name), "re");

	assert_non_null(f);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(fgetc(f), (int)((i * 31 + seed) & 0xff));
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
}

/* Pumps both until neither gets on; the receiver's last news. */
static int pump(struct pair *p, int *ret_sender)
{
	int r = 0, last = 0;

	for (int i = 0; i < 10000 && r >= 0 && last != XFER_GOT_ALL; i++) {
		*ret_sender = xfer_sender_pump(p->tx);
		assert_true(*ret_sender >= 0);
		r = xfer_receiver_pump(p->rx, NULL);
		if (r)
			last = r;
	}
	return last;
}

static void test_round_trip(void **state)
{
	struct pair p = make_pair(1u << 30);
	const uint8_t *data;
	size_t len;
	int sent;

	(void)state;
	make_file(p.from, "inventory.img", 100, 1);
	make_file(p.from, "fifo.img", 0, 0);
	make_file(p.from, "pages-1.img", 3000000, 2);
	make_file(p.from, "criu.log", 10, 0);
	make_file(p.from, "stats-dump", 10, 0);
	assert_int_equal(xfer_sender_blob(p.tx, XFER_STATE, "blob", 4), 0);
	assert_int_equal(xfer_sender_blob(p.tx, XFER_EXTRA, "", 0), 0);
	assert_int_equal(xfer_sender_finish(p.tx), 0);
	assert_int_equal(pump(&p, &sent), XFER_GOT_ALL);
	assert_int_equal(sent, 1);
	assert_int_equal(xfer_sender_answer(p.tx, NULL), 0);
	assert_int_equal(xfer_receiver_answer(p.rx, NULL, 1000), 0);
	assert_int_equal(xfer_sender_answer(p.tx, NULL), 1);
	data = xfer_receiver_state(p.rx, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(data, "blob", 4);
	xfer_receiver_extra(p.rx, &len);
	assert_int_equal(len, 0);
	check_file(p.to, "inventory.img", 100, 1);
	check_file(p.to, "fifo.img", 0, 0);
	check_file(p.to, "pages-1.img", 3000000, 2);
	assert_true(file_size(p.to, "criu.log") == SIZE_MAX);
	assert_true(file_size(p.to, "stats-dump") == SIZE_MAX);
	assert_int_equal(xfer_sender_bytes(p.tx), 3000100);
	drop_pair(&p);
}

static void test_grows_while_sent(void **state)
{
	struct pair p = make_pair(1u << 30);
	uint8_t *big = calloc(1, ENGINE_STATE_MAX);
	size_t len;
	int sent;

	(void)state;
	assert_int_equal(xfer_sender_blob(p.tx, XFER_STATE, big, ENGINE_STATE_MAX), 0);
	assert_int_equal(xfer_sender_blob(p.tx, XFER_EXTRA, "x", 1), 0);
	make_file(p.from, "pages-7.img", 1000, 0);
	assert_int_equal(xfer_sender_look(p.tx), 0);
	assert_int_equal(pump(&p, &sent), XFER_GOT_STATE);
	assert_true(file_size(p.to, "pages-7.img") == 1000);
	for (unsigned int i = 1; i < 32; i++) {
		make_file(p.from, "pages-7.img", 256 * 100, 1000 * 31);
		make_file(p.from, "pages-8.img", 256, 0);
		assert_int_equal(xfer_sender_look(p.tx), 0);
		pump(&p, &sent);
	}
	assert_int_equal(xfer_sender_finish(p.tx), 0);
	assert_int_equal(pump(&p, &sent), XFER_GOT_ALL);
	check_file(p.to, "pages-7.img", 1000 + 31 * 25600, 0);
	check_file(p.to, "pages-8.img", 31 * 256, 0);
	xfer_receiver_state(p.rx, &len);
	assert_int_equal(len, ENGINE_STATE_MAX);
	free(big);
	drop_pair(&p);
}

static void test_refusal(void **state)
{
	struct err why = {"no room here"}, e;
	struct pair p = make_pair(1u << 30);
	int sent;

	(void)state;
	pump(&p, &sent);
	assert_int_equal(xfer_receiver_answer(p.rx, &why, 1000), 0);
	assert_int_equal(xfer_sender_answer(p.tx, &e), -EREMOTEIO);
	assert_string_equal(e.text, "no room here");
	drop_pair(&p);
}

static void test_answer_too_early(void **state)
{
	struct pair p = make_pair(1u << 30);

	(void)state;
	assert_int_equal(xfer_receiver_answer(p.rx, NULL, 1000), 0);
	assert_int_equal(xfer_sender_answer(p.tx, NULL), -EPROTO);
	drop_pair(&p);
}

static void test_limit(void **state)
{
	struct pair p = make_pair(1000);
	struct err e;

	(void)state;
	make_file(p.from, "pages-1.img", 1001, 0);
	xfer_sender_blob(p.tx, XFER_STATE, "", 0);
	assert_int_equal(xfer_sender_finish(p.tx), 0);
	assert_int_equal(xfer_sender_pump(p.tx), 1);
	assert_int_equal(xfer_receiver_pump(p.rx, &e), XFER_GOT_STATE);
	assert_int_equal(xfer_receiver_pump(p.rx, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "memory"));
	drop_pair(&p);
}

/* ------------------------------------------------------------------ hostile senders */

static void put(struct pair *p, enum xfer_kind kind, uint32_t id, const void *data, size_t len)
{
	struct xfer_head h = {.kind = kind, .id = id, .len = (uint32_t)len};
	uint8_t head[XFER_HEADER];

	xfer_head_pack(&h, head);
	assert_int_equal(stream_write_full(p->a, head, sizeof(head), 1000), 0);
	assert_int_equal(stream_write_full(p->a, data, len, 1000), 0);
}

static void put_pair(struct pair *p, enum xfer_kind kind, uint32_t id, uint64_t a, uint64_t b)
{
	uint64_t v[2] = {htole64(a), htole64(b)};

	put(p, kind, id, v, sizeof(v));
}

static void put_file(struct pair *p, uint32_t id, const char *name, const char *content)
{
	size_t len = strlen(content);

	put(p, XFER_FILE, id, name, strlen(name));
	if (len)
		put(p, XFER_DATA, id, content, len);
	put_pair(p, XFER_END, id, len, XXH3_64bits(content, len));
}

/* What the receiver says of what @fn sends after a proper beginning. */
static int says(void (*fn)(struct pair *p))
{
	struct pair p = make_pair(1u << 20);
	int r;

	put(&p, XFER_STATE, 0, "s", 1);
	put(&p, XFER_EXTRA, 0, "e", 1);
	put_file(&p, 0, "files.img", "abc");
	fn(&p);
	while ((r = xfer_receiver_pump(p.rx, NULL)) == XFER_GOT_STATE)
		;
	drop_pair(&p);
	return r;
}

static void all_good(struct pair *p)
{
	put_pair(p, XFER_DONE, 0, 1, 3);
}

static void second_state(struct pair *p)
{
	put(p, XFER_STATE, 0, "s", 1);
}

static void second_extra(struct pair *p)
{
	put(p, XFER_EXTRA, 0, "s", 1);
}

static void same_name(struct pair *p)
{
	put(p, XFER_FILE, 1, "files.img", 9);
}

static void bad_name(struct pair *p)
{
	put(p, XFER_FILE, 1, "../x.img", 8);
}

static void nul_name(struct pair *p)
{
	put(p, XFER_FILE, 1, "fs-1.img\0x", 10);
}

static void skipped_id(struct pair *p)
{
	put(p, XFER_FILE, 2, "fs-1.img", 8);
}

static void data_after_end(struct pair *p)
{
	put(p, XFER_DATA, 0, "x", 1);
}

static void data_of_none(struct pair *p)
{
	put(p, XFER_DATA, 1, "x", 1);
}

static void end_of_none(struct pair *p)
{
	put_pair(p, XFER_END, 1, 0, 0);
}

static void wrong_size(struct pair *p)
{
	put(p, XFER_FILE, 1, "fs-1.img", 8);
	put(p, XFER_DATA, 1, "x", 1);
	put_pair(p, XFER_END, 1, 2, XXH3_64bits("x", 1));
}

static void wrong_hash(struct pair *p)
{
	put(p, XFER_FILE, 1, "fs-1.img", 8);
	put(p, XFER_DATA, 1, "x", 1);
	put_pair(p, XFER_END, 1, 1, XXH3_64bits("y", 1));
}

static void done_with_open_file(struct pair *p)
{
	put(p, XFER_FILE, 1, "fs-1.img", 8);
	put_pair(p, XFER_DONE, 0, 2, 3);
}

static void done_with_wrong_count(struct pair *p)
{
	put_pair(p, XFER_DONE, 0, 2, 3);
}

static void done_with_wrong_bytes(struct pair *p)
{
	put_pair(p, XFER_DONE, 0, 1, 4);
}

static void after_done(struct pair *p)
{
	all_good(p);
	assert_int_equal(xfer_receiver_pump(p->rx, NULL), XFER_GOT_STATE);
	assert_int_equal(xfer_receiver_pump(p->rx, NULL), XFER_GOT_ALL);
	put(p, XFER_FILE, 1, "fs-1.img", 8);
}

static void an_answer(struct pair *p)
{
	put(p, XFER_OK, 0, "", 0);
}

static void a_cut(struct pair *p)
{
	p->a = stream_free(p->a);
}

static void test_hostile(void **state)
{
	static void (*const bad[])(struct pair *p) = {
		second_state, second_extra,        same_name,      bad_name,
		nul_name,     skipped_id,          data_after_end, data_of_none,
		end_of_none,  done_with_open_file, after_done,     an_answer};

	(void)state;
	assert_int_equal(says(all_good), XFER_GOT_ALL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(says(bad[i]), -EPROTO);
	assert_int_equal(says(wrong_size), -EBADMSG);
	assert_int_equal(says(wrong_hash), -EBADMSG);
	assert_int_equal(says(done_with_wrong_count), -EBADMSG);
	assert_int_equal(says(done_with_wrong_bytes), -EBADMSG);
	assert_int_equal(says(a_cut), -ECONNRESET);
}

static void test_done_without_extra(void **state)
{
	struct pair p = make_pair(1u << 20);

	(void)state;
	put(&p, XFER_STATE, 0, "s", 1);
	put_pair(&p, XFER_DONE, 0, 0, 0);
	assert_int_equal(xfer_receiver_pump(p.rx, NULL), XFER_GOT_STATE);
	assert_int_equal(xfer_receiver_pump(p.rx, NULL), -EPROTO);
	drop_pair(&p);
}

static void test_heads(void **state)
{
	uint8_t buf[XFER_HEADER];
	struct xfer_head h = {.kind = XFER_DATA, .id = 5, .len = 17}, out;

	(void)state;
	xfer_head_pack(&h, buf);
	assert_int_equal(xfer_head_unpack(buf, &out), 0);
	assert_int_equal(out.kind, XFER_DATA);
	assert_int_equal(out.id, 5);
	assert_int_equal(out.len, 17);
	for (int i = 0; i < XFER_HEADER; i++) {
		/* Every byte counts: reserved ones are zero, high ones are out of range. */
		uint8_t keep = buf[i];
		bool low = i == 0 || i == 4 || i == 5 || (i >= 8 && i <= 10);

		buf[i] = 0xff;
		if (!low)
			assert_int_equal(xfer_head_unpack(buf, &out), -EPROTO);
		buf[i] = keep;
	}
	h.kind = _XFER_KIND_MAX;
	xfer_head_pack(&h, buf);
	assert_int_equal(xfer_head_unpack(buf, &out), -EPROTO);
	h = (struct xfer_head){.kind = XFER_DATA, .len = 0};
	xfer_head_pack(&h, buf);
	assert_int_equal(xfer_head_unpack(buf, &out), -EPROTO);
	h.len = XFER_DATA_MAX + 1;
	xfer_head_pack(&h, buf);
	assert_int_equal(xfer_head_unpack(buf, &out), -EPROTO);
}

static void test_memory_directory(void **state)
{
	uint8_t *data = NULL;
	size_t len;
	int dir = images_open(1 << 20);

	(void)state;
	if (dir == -EPERM)
		skip();
	assert_true(dir >= 0);
	assert_int_equal(images_write(dir, "fs-1.img", (const uint8_t *)"abc", 3), 0);
	assert_int_equal(images_read(dir, "fs-1.img", 100, &data, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "abc", 3);
	free(data);
	data = calloc(1, 2 << 20);
	assert_int_equal(images_write(dir, "pages-1.img", data, 2 << 20), -ENOSPC);
	free(data);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_grows_while_sent),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_answer_too_early),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_done_without_extra),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_memory_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
