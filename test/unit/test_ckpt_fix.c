/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that criu wrote, put right: synthetic ones, and broken ones.
 */
#include "test/unit/harness.h"

#include <endian.h>
#include <sys/syscall.h>

#include "ckpt/image_fix.h"
#include "ckpt/images.h"
#include "ckpt/images.pb-c.h"
#include "common/msg.h"

#define MAGIC_COMMON 0x54564319u
#define MAGIC_CORE 0x55053847u
#define MAGIC_FILES 0x56303138u

struct image {
	uint8_t data[4096];
	size_t len;
};

static void add(struct image *i, const void *p, size_t len)
{
	assert_true(i->len + len <= sizeof(i->data));
	memcpy(i->data + i->len, p, len);
	i->len += len;
}

static void add32(struct image *i, uint32_t v)
{
	v = htole32(v);
	add(i, &v, sizeof(v));
}

static void start(struct image *i, uint32_t magic)
{
	i->len = 0;
	add32(i, MAGIC_COMMON);
	add32(i, magic);
}

/* A field of number 1000 that nobody here knows. */
static const uint8_t unknown[] = {0xc2, 0x3e, 0x05, 'h', 'e', 'l', 'l', 'o'};

static void add_message(struct image *i, const ProtobufCMessage *m, bool with_unknown)
{
	uint8_t buf[1024];
	size_t len = protobuf_c_message_pack(m, buf);

	add32(i, (uint32_t)(len + (with_unknown ? sizeof(unknown) : 0)));
	add(i, buf, len);
	if (with_unknown)
		add(i, unknown, sizeof(unknown));
}

struct parts {
	Image__Core core;
	Image__ThreadInfo ti;
	Image__Regs regs;
	Image__ThreadCore tc;
	Image__TaskCore task;
	Image__SignalQueue q;
	Image__Siginfo si, *si_list;
	int32_t info[32];
};

/* A thread in system call @nr that is about to return @ax. */
static void make_core(struct parts *p, uint64_t nr, int64_t ax)
{
	memset(p, 0, sizeof(*p));
	image__core__init(&p->core);
	image__thread_info__init(&p->ti);
	image__regs__init(&p->regs);
	image__thread_core__init(&p->tc);
	image__task_core__init(&p->task);
	image__signal_queue__init(&p->q);
	image__siginfo__init(&p->si);
	p->core.thread_info = &p->ti;
	p->ti.gpregs = &p->regs;
	p->core.thread_core = &p->tc;
	p->core.tc = &p->task;
	p->regs.has_ax = p->regs.has_orig_ax = p->regs.has_ip = 1;
	p->regs.ax = (uint64_t)ax;
	p->regs.orig_ax = nr;
	p->regs.ip = 0x1000;
	p->tc.has_blk_sigset = 1;
	p->si_list = &p->si;
	p->q.signals = &p->si_list;
	p->q.n_signals = 1;
	p->si.has_siginfo = 1;
	p->si.siginfo.data = (uint8_t *)p->info;
	p->si.siginfo.len = sizeof(p->info);
}

static int fix(const struct parts *p, uint8_t **ret, size_t *ret_len)
{
	struct image i;

	start(&i, MAGIC_CORE);
	add_message(&i, &p->core.base, true);
	*ret = NULL;
	return image_fix_core(i.data, i.len, ret, ret_len);
}

static int fixes(const struct parts *p)
{
	uint8_t *out;
	size_t len;
	int r = fix(p, &out, &len);

	assert_int_equal(out != NULL, r > 0);
	free(out);
	return r;
}

static void test_restarts(void **state)
{
	struct parts p;
	Image__Core *c;
	uint8_t *out;
	size_t len;

	(void)state;
	make_core(&p, SYS_epoll_wait, -EINTR);
	assert_int_equal(fix(&p, &out, &len), 1);
	c = msg_unpack(&image__core__descriptor, out + 12, len - 12);
	assert_non_null(c);
	assert_int_equal(c->thread_info->gpregs->ax, SYS_epoll_wait);
	assert_int_equal(c->thread_info->gpregs->ip, 0x1000 - 2);
	/* What is not known here came through. */
	assert_int_equal(c->base.n_unknown_fields, 1);
	assert_int_equal(c->base.unknown_fields[0].tag, 1000);
	msg_free(c);
	free(out);
}

static void test_which_calls(void **state)
{
	static const long yes[] = {SYS_poll,         SYS_nanosleep,   SYS_clock_nanosleep,
				   SYS_futex,        SYS_epoll_wait,  SYS_epoll_pwait,
				   SYS_semtimedop,   SYS_semop,       SYS_rt_sigtimedwait,
				   SYS_io_getevents, SYS_epoll_pwait2};
	static const long no[] = {SYS_read, SYS_accept, SYS_pause, SYS_connect, SYS_wait4, -1};
	struct parts p;

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		make_core(&p, (uint64_t)yes[i], -EINTR);
		assert_int_equal(fixes(&p), 1);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
		make_core(&p, (uint64_t)no[i], -EINTR);
		assert_int_equal(fixes(&p), 0);
	}
	make_core(&p, SYS_poll, -EAGAIN);
	assert_int_equal(fixes(&p), 0);
	make_core(&p, SYS_poll, 1);
	assert_int_equal(fixes(&p), 0);
	make_core(&p, SYS_poll, -EINTR);
	p.regs.has_mode = 1;
	p.regs.mode = 2;
	assert_int_equal(fixes(&p), 0);
}

static void test_pending_signal(void **state)
{
	struct parts p;

	(void)state;
	/* A handler will run: the program must see EINTR. */
	make_core(&p, SYS_poll, -EINTR);
	p.info[0] = 10;
	p.tc.signals_p = &p.q;
	assert_int_equal(fixes(&p), 0);
	p.tc.blk_sigset = 1u << 9;
	assert_int_equal(fixes(&p), 1);
	p.tc.signals_p = NULL;
	p.task.signals_s = &p.q;
	assert_int_equal(fixes(&p), 1);
	p.tc.blk_sigset = ~(1ull << 9);
	assert_int_equal(fixes(&p), 0);
	/* What is no signal does not count. */
	p.info[0] = 65;
	assert_int_equal(fixes(&p), 1);
	p.info[0] = -1;
	assert_int_equal(fixes(&p), 1);
	p.info[0] = 10;
	p.si.siginfo.len = 3;
	assert_int_equal(fixes(&p), 1);
}

static void test_parts_missing(void **state)
{
	struct parts p;

	(void)state;
	make_core(&p, SYS_poll, -EINTR);
	p.core.thread_core = NULL;
	p.core.tc = NULL;
	assert_int_equal(fixes(&p), 1);
	p.core.thread_info = NULL; /* a zombie */
	assert_int_equal(fixes(&p), 0);
	make_core(&p, SYS_poll, -EINTR);
	p.ti.gpregs = NULL;
	assert_int_equal(fixes(&p), 0);
	make_core(&p, SYS_poll, -EINTR);
	p.regs.has_ip = 0;
	assert_int_equal(fixes(&p), 0);
}

static void test_timerfd(void **state)
{
	Image__File f = IMAGE__FILE__INIT, other = IMAGE__FILE__INIT, *g;
	Image__Timerfd t = IMAGE__TIMERFD__INIT;
	struct image i;
	uint8_t *out;
	size_t len, first;

	(void)state;
	f.tfd = &t;
	t.has_ticks = t.has_vsec = t.has_vnsec = t.has_isec = t.has_insec = 1;
	t.ticks = 3;
	t.insec = 5000;
	start(&i, MAGIC_FILES);
	add_message(&i, &other.base, true);
	first = i.len;
	add_message(&i, &f.base, true);
	assert_int_equal(image_fix_files(i.data, i.len, &out, &len), 1);
	assert_memory_equal(out, i.data, first);
	g = msg_unpack(&image__file__descriptor, out + first + 4, len - first - 4);
	assert_non_null(g);
	assert_int_equal(g->tfd->vsec, 0);
	assert_int_equal(g->tfd->vnsec, 5000);
	assert_int_equal(g->tfd->ticks, 3);
	assert_int_equal(g->base.n_unknown_fields, 1);
	msg_free(g);
	free(out);
	/* Armed, not expired, or no periodic one: nothing to do. */
	t.vnsec = 1;
	start(&i, MAGIC_FILES);
	add_message(&i, &f.base, false);
	t.vnsec = 0;
	t.ticks = 0;
	add_message(&i, &f.base, false);
	t.ticks = 3;
	t.insec = 0;
	add_message(&i, &f.base, false);
	assert_int_equal(image_fix_files(i.data, i.len, &out, &len), 0);
}

static void test_broken_images(void **state)
{
	struct parts p;
	struct image i;
	uint8_t *out = NULL;
	size_t len = 7;

	(void)state;
	make_core(&p, SYS_poll, -EINTR);
	start(&i, MAGIC_CORE);
	add_message(&i, &p.core.base, true);
	/* Cut anywhere but between entries. */
	for (size_t n = 0; n < i.len; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, i.data, n);
		if (n == 8)
			assert_int_equal(image_fix_core(copy, n, &out, &len), 0);
		else
			assert_int_equal(image_fix_core(copy, n, &out, &len), -EBADMSG);
		free(copy);
	}
	assert_int_equal(image_fix_files(i.data, i.len, &out, &len), -EBADMSG);
	memset(i.data + 8, 0xff, 4); /* a huge entry */
	assert_int_equal(image_fix_core(i.data, i.len, &out, &len), -EBADMSG);
	start(&i, MAGIC_CORE);
	add32(&i, 4);
	add32(&i, 0xffffffff); /* no message */
	assert_int_equal(image_fix_core(i.data, i.len, &out, &len), -EBADMSG);
	assert_int_equal(image_fix_core(i.data, (size_t)IMAGE_FIX_MAX + 1, &out, &len), -EFBIG);
	assert_null(out);
	assert_int_equal(len, 7);
}

static void test_names(void **state)
{
	static const char *const good[] = {"core-1.img",
					   "pages-12.img",
					   "files.img",
					   "pagemap-shmem-7.img",
					   "tmpfs-dev-73.tar.gz.img",
					   "ghost-file-1f.img",
					   "signal-p-3.img",
					   "inventory.img"};
	static const char *const bad[] = {"",
					  ".img",
					  "core-1",
					  "core-.img",
					  "core-1.img.img",
					  "../core-1.img",
					  "core-1/../x.img",
					  "core-../1.img",
					  "Core-1.img",
					  "criu.log",
					  "stats-dump",
					  "corex-1.img",
					  "core-1.tar.gz.img",
					  "core-1 .img",
					  "core-123456789012345678901.img",
					  "pages-000000000000000000000000000000000000000.img"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(images_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(images_name_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restarts),       cmocka_unit_test(test_which_calls),
		cmocka_unit_test(test_pending_signal), cmocka_unit_test(test_parts_missing),
		cmocka_unit_test(test_timerfd),        cmocka_unit_test(test_broken_images),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
