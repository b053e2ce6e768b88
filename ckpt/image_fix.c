/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes entries; unknown fields and entries that need no change stay as they are. */
#include "ckpt/image_fix.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "ckpt/image.h"
#include "ckpt/images.pb-c.h"
#include "common/cleanup.h"
#include "common/msg.h"

#define MODE_COMPAT 2u
#define SYSCALL_INSN 2 /* bytes of the `syscall` instruction */

struct buffer {
	uint8_t *data;
	size_t len, size;
};

static int buffer_add(struct buffer *b, const void *data, size_t len)
{
	if (b->len + len > b->size) {
		size_t size = (b->len + len) * 2;
		uint8_t *p = realloc(b->data, size);

		if (!p)
			return -ENOMEM;
		b->data = p;
		b->size = size;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

static int buffer_add_entry(struct buffer *b, const void *data, size_t len)
{
	uint32_t size = htole32((uint32_t)len);
	int r;

	r = buffer_add(b, &size, sizeof(size));
	return r < 0 ? r : buffer_add(b, data, len);
}

/* The calls that Linux resumes by itself after a freeze, but with state that criu cannot save. */
static bool restartable(uint64_t nr)
{
	switch (nr) {
	case SYS_poll:
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_futex:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_io_getevents:
	case SYS_rt_sigtimedwait:
		return true;
	default:
		return false;
	}
}

static bool signal_waits(const Image__SignalQueue *q, uint64_t blocked)
{
	for (size_t i = 0; q && i < q->n_signals; i++) {
		const Image__Siginfo *s = q->signals[i];
		int32_t signo;

		if (!s->has_siginfo || s->siginfo.len < sizeof(signo))
			continue;
		memcpy(&signo, s->siginfo.data, sizeof(signo));
		if (signo >= 1 && signo <= 64 && !(blocked >> (signo - 1) & 1))
			return true;
	}
	return false;
}

static bool fix_core(ProtobufCMessage *m)
{
	Image__Core *core = (Image__Core *)m;
	Image__Regs *regs = core->thread_info ? core->thread_info->gpregs : NULL;
	uint64_t blocked = core->thread_core ? core->thread_core->blk_sigset : 0;

	if (!regs || !regs->has_ax || !regs->has_orig_ax || !regs->has_ip)
		return false;
	if (regs->has_mode && regs->mode == MODE_COMPAT)
		return false;
	if (regs->ax != (uint64_t)-EINTR || !restartable(regs->orig_ax))
		return false;
	if (core->thread_core && signal_waits(core->thread_core->signals_p, blocked))
		return false;
	if (core->tc && signal_waits(core->tc->signals_s, blocked))
		return false;
	regs->ax = regs->orig_ax;
	regs->ip -= SYSCALL_INSN;
	return true;
}

static bool fix_file(ProtobufCMessage *m)
{
	Image__Timerfd *t = ((Image__File *)m)->tfd;

	if (!t || !t->ticks || t->vsec || t->vnsec || (!t->isec && !t->insec))
		return false;
	t->has_vsec = t->has_vnsec = 1;
	t->vsec = t->isec;
	t->vnsec = t->insec;
	return true;
}

typedef bool (*fix_fn)(ProtobufCMessage *m);

/* Appends the entry, changed if it has to be. 1 = changed, 0, or negative. */
static int fix_entry(const ProtobufCMessageDescriptor *d, fix_fn fix, const uint8_t *entry,
		     size_t len, struct buffer *out)
{
	_cleanup_free_ uint8_t *packed = NULL;
	ProtobufCMessage *m;
	size_t packed_len;
	int r;

	if (len > CHAN_FRAME_MAX)
		return buffer_add_entry(out, entry, len); /* as full of signals as a queue can be */
	m = msg_unpack(d, entry, len);
	if (!m)
		return -EBADMSG;
	if (!fix(m)) {
		msg_free(m);
		return buffer_add_entry(out, entry, len);
	}
	r = msg_pack(m, &packed, &packed_len);
	msg_free(m);
	if (r == 0)
		r = buffer_add_entry(out, packed, packed_len);
	return r < 0 ? r : 1;
}

static int fix_entries(const ProtobufCMessageDescriptor *d, fix_fn fix, const uint8_t *img,
		       size_t len, struct buffer *out)
{
	size_t pos = IMAGE_HEADER, size;
	const uint8_t *entry;
	int r, changed = 0;

	r = buffer_add(out, img, IMAGE_HEADER);
	while (r >= 0 && (r = image_next(img, len, &pos, &entry, &size)) > 0) {
		r = fix_entry(d, fix, entry, size, out);
		changed += r > 0;
	}
	return r < 0 ? r : changed;
}

static int fix_image(uint32_t magic, const ProtobufCMessageDescriptor *d, fix_fn fix,
		     const uint8_t *img, size_t len, uint8_t **ret, size_t *ret_len)
{
	struct buffer out = {0};
	int r;

	if (len > IMAGE_FIX_MAX)
		return -EFBIG;
	r = image_check(img, len, magic);
	if (r < 0)
		return r;
	r = fix_entries(d, fix, img, len, &out);
	if (r <= 0) {
		free(out.data);
		return r;
	}
	*ret = out.data;
	*ret_len = out.len;
	return r;
}

int image_fix_core(const uint8_t *img, size_t len, uint8_t **ret, size_t *ret_len)
{
	return fix_image(IMAGE_MAGIC_CORE, &image__core__descriptor, fix_core, img, len, ret,
			 ret_len);
}

int image_fix_files(const uint8_t *img, size_t len, uint8_t **ret, size_t *ret_len)
{
	return fix_image(IMAGE_MAGIC_FILES, &image__file__descriptor, fix_file, img, len, ret,
			 ret_len);
}

/* ------------------------------------------------------------------ locks */

int image_add_locks(const uint8_t *img, size_t len, const ProtobufCBinaryData *entries,
		    size_t count, uint8_t **ret, size_t *ret_len)
{
	const uint32_t head[2] = {htole32(IMAGE_MAGIC_COMMON), htole32(IMAGE_MAGIC_FILE_LOCKS)};
	struct buffer b = {0};
	int r;

	r = len ? image_check(img, len, IMAGE_MAGIC_FILE_LOCKS) : 0;
	if (r == 0)
		r = len ? buffer_add(&b, img, len) : buffer_add(&b, head, sizeof(head));
	for (size_t i = 0; r == 0 && i < count; i++)
		r = buffer_add_entry(&b, entries[i].data, entries[i].len);
	if (r < 0) {
		free(b.data);
		return r;
	}
	*ret = b.data;
	*ret_len = b.len;
	return 0;
}
