/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packing and unpacking of the cluster file system's frames. Nothing here trusts its input.
 */
#include "mfsfuse/wire.h"

#include <assert.h>
#include <errno.h>

static_assert(sizeof(struct mfs_fh) == MFS_FH_SIZE, "a handle has no holes");

/* ------------------------------------------------------------------ cursors */

void mfs_put_bytes(struct mfs_out *o, const void *p, size_t len)
{
	if (o->bad || len > o->cap - o->len) {
		o->bad = true;
		return;
	}
	if (len)
		memcpy(o->buf + o->len, p, len);
	o->len += len;
}

static void put_u16(struct mfs_out *o, uint16_t v)
{
	v = htole16(v);
	mfs_put_bytes(o, &v, sizeof(v));
}

void mfs_put_u32(struct mfs_out *o, uint32_t v)
{
	v = htole32(v);
	mfs_put_bytes(o, &v, sizeof(v));
}

void mfs_put_u64(struct mfs_out *o, uint64_t v)
{
	v = htole64(v);
	mfs_put_bytes(o, &v, sizeof(v));
}

static void put_i64(struct mfs_out *o, int64_t v)
{
	mfs_put_u64(o, (uint64_t)v);
}

void mfs_put_string(struct mfs_out *o, const char *s, size_t len)
{
	if (len > UINT16_MAX) {
		o->bad = true;
		return;
	}
	put_u16(o, (uint16_t)len);
	mfs_put_bytes(o, s, len);
}

void mfs_get_bytes(struct mfs_in *in, void *p, size_t len)
{
	if (in->bad || len > in->len) {
		in->bad = true;
		memset(p, 0, len);
		return;
	}
	memcpy(p, in->buf, len);
	in->buf += len;
	in->len -= len;
}

static uint16_t get_u16(struct mfs_in *in)
{
	uint16_t v;

	mfs_get_bytes(in, &v, sizeof(v));
	return le16toh(v);
}

uint32_t mfs_get_u32(struct mfs_in *in)
{
	uint32_t v;

	mfs_get_bytes(in, &v, sizeof(v));
	return le32toh(v);
}

uint64_t mfs_get_u64(struct mfs_in *in)
{
	uint64_t v;

	mfs_get_bytes(in, &v, sizeof(v));
	return le64toh(v);
}

static int64_t get_i64(struct mfs_in *in)
{
	return (int64_t)mfs_get_u64(in);
}

const char *mfs_get_string(struct mfs_in *in, size_t *ret_len)
{
	const char *s;
	size_t len = get_u16(in);

	if (in->bad || len > in->len) {
		in->bad = true;
		*ret_len = 0;
		return "";
	}
	s = (const char *)in->buf;
	in->buf += len;
	in->len -= len;
	*ret_len = len;
	return s;
}

/* ------------------------------------------------------------------ handles, headers */

void mfs_put_fh(struct mfs_out *o, const struct mfs_fh *fh)
{
	const uint8_t kind_len[2] = {fh->kind, fh->len};

	mfs_put_u64(o, fh->mount);
	mfs_put_bytes(o, kind_len, sizeof(kind_len));
	put_u16(o, fh->type);
	mfs_put_u32(o, 0);
	mfs_put_bytes(o, fh->data, sizeof(fh->data));
}

static bool fh_canonical(const struct mfs_fh *fh)
{
	if (fh->kind >= _MFS_FH_N || fh->len > MFS_FH_DATA || fh->pad)
		return false;
	for (size_t i = fh->len; i < MFS_FH_DATA; i++) {
		if (fh->data[i])
			return false;
	}
	return fh->kind != MFS_FH_ROOT || (!fh->mount && !fh->len && !fh->type);
}

void mfs_get_fh(struct mfs_in *in, struct mfs_fh *fh)
{
	uint8_t kind_len[2];

	fh->mount = mfs_get_u64(in);
	mfs_get_bytes(in, kind_len, sizeof(kind_len));
	fh->kind = kind_len[0];
	fh->len = kind_len[1];
	fh->type = get_u16(in);
	fh->pad = mfs_get_u32(in);
	mfs_get_bytes(in, fh->data, sizeof(fh->data));
	if (!in->bad && !fh_canonical(fh))
		in->bad = true;
	if (in->bad)
		*fh = (struct mfs_fh){0};
}

void mfs_hdr_pack(const struct mfs_hdr *h, uint8_t ret[MFS_HDR_SIZE])
{
	struct mfs_out o = {.buf = ret, .cap = MFS_HDR_SIZE};

	mfs_put_u32(&o, h->len);
	put_u16(&o, h->op);
	put_u16(&o, h->flags);
	mfs_put_u64(&o, h->xid);
	mfs_put_u32(&o, h->err);
	mfs_put_u32(&o, h->uid);
	mfs_put_u32(&o, h->gid);
	mfs_put_u32(&o, h->umask);
	mfs_put_u64(&o, h->file);
	mfs_put_u64(&o, h->a);
	mfs_put_u64(&o, h->b);
	mfs_put_u64(&o, h->c);
	mfs_put_fh(&o, &h->node);
	assert(!o.bad && o.len == MFS_HDR_SIZE);
}

int mfs_hdr_unpack(const uint8_t buf[MFS_HDR_SIZE], struct mfs_hdr *ret)
{
	struct mfs_in in = {.buf = buf, .len = MFS_HDR_SIZE};
	struct mfs_hdr h;

	h.len = mfs_get_u32(&in);
	h.op = get_u16(&in);
	h.flags = get_u16(&in);
	h.xid = mfs_get_u64(&in);
	h.err = mfs_get_u32(&in);
	h.uid = mfs_get_u32(&in);
	h.gid = mfs_get_u32(&in);
	h.umask = mfs_get_u32(&in);
	h.file = mfs_get_u64(&in);
	h.a = mfs_get_u64(&in);
	h.b = mfs_get_u64(&in);
	h.c = mfs_get_u64(&in);
	mfs_get_fh(&in, &h.node);
	if (in.bad || h.len > MFS_BODY_MAX)
		return -EPROTO;
	*ret = h;
	return 0;
}

/* ------------------------------------------------------------------ bodies */

void mfs_put_attr(struct mfs_out *o, const struct mfs_attr *a)
{
	mfs_put_fh(o, &a->fh);
	mfs_put_u64(o, a->ino);
	mfs_put_u64(o, a->size);
	mfs_put_u64(o, a->blocks);
	put_i64(o, a->atime);
	put_i64(o, a->mtime);
	put_i64(o, a->ctime);
	mfs_put_u32(o, a->atime_ns);
	mfs_put_u32(o, a->mtime_ns);
	mfs_put_u32(o, a->ctime_ns);
	mfs_put_u32(o, a->mode);
	mfs_put_u32(o, a->nlink);
	mfs_put_u32(o, a->uid);
	mfs_put_u32(o, a->gid);
	mfs_put_u32(o, a->rdev);
	mfs_put_u32(o, a->flags);
	mfs_put_u64(o, 0);
	mfs_put_u64(o, 0);
	mfs_put_u32(o, 0);
}

void mfs_get_attr(struct mfs_in *in, struct mfs_attr *a)
{
	mfs_get_fh(in, &a->fh);
	a->ino = mfs_get_u64(in);
	a->size = mfs_get_u64(in);
	a->blocks = mfs_get_u64(in);
	a->atime = get_i64(in);
	a->mtime = get_i64(in);
	a->ctime = get_i64(in);
	a->atime_ns = mfs_get_u32(in);
	a->mtime_ns = mfs_get_u32(in);
	a->ctime_ns = mfs_get_u32(in);
	a->mode = mfs_get_u32(in);
	a->nlink = mfs_get_u32(in);
	a->uid = mfs_get_u32(in);
	a->gid = mfs_get_u32(in);
	a->rdev = mfs_get_u32(in);
	a->flags = mfs_get_u32(in);
	mfs_get_u64(in);
	mfs_get_u64(in);
	mfs_get_u32(in);
}

void mfs_put_setattr(struct mfs_out *o, const struct mfs_setattr *s)
{
	mfs_put_u32(o, s->valid);
	mfs_put_u32(o, s->mode);
	mfs_put_u32(o, s->uid);
	mfs_put_u32(o, s->gid);
	mfs_put_u64(o, s->size);
	put_i64(o, s->atime);
	put_i64(o, s->mtime);
	mfs_put_u32(o, s->atime_ns);
	mfs_put_u32(o, s->mtime_ns);
}

void mfs_get_setattr(struct mfs_in *in, struct mfs_setattr *s)
{
	s->valid = mfs_get_u32(in);
	s->mode = mfs_get_u32(in);
	s->uid = mfs_get_u32(in);
	s->gid = mfs_get_u32(in);
	s->size = mfs_get_u64(in);
	s->atime = get_i64(in);
	s->mtime = get_i64(in);
	s->atime_ns = mfs_get_u32(in);
	s->mtime_ns = mfs_get_u32(in);
}

void mfs_put_statfs(struct mfs_out *o, const struct mfs_statfs *s)
{
	const uint64_t v[] = {s->bsize, s->frsize, s->blocks, s->bfree,   s->bavail,
			      s->files, s->ffree,  s->favail, s->namemax, s->flag};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		mfs_put_u64(o, v[i]);
}

void mfs_get_statfs(struct mfs_in *in, struct mfs_statfs *s)
{
	uint64_t *v[] = {&s->bsize, &s->frsize, &s->blocks, &s->bfree,   &s->bavail,
			 &s->files, &s->ffree,  &s->favail, &s->namemax, &s->flag};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		*v[i] = mfs_get_u64(in);
}

void mfs_put_lock(struct mfs_out *o, const struct mfs_lock *l)
{
	mfs_put_u32(o, l->type);
	mfs_put_u32(o, l->pid);
	mfs_put_u64(o, l->start);
	mfs_put_u64(o, l->len);
}

void mfs_get_lock(struct mfs_in *in, struct mfs_lock *l)
{
	l->type = mfs_get_u32(in);
	l->pid = mfs_get_u32(in);
	l->start = mfs_get_u64(in);
	l->len = mfs_get_u64(in);
}

void mfs_put_hello(struct mfs_out *o, const struct mfs_hello *h)
{
	mfs_put_u32(o, h->version_min);
	mfs_put_u32(o, h->version_max);
	mfs_put_u64(o, h->features);
	mfs_put_u64(o, h->epoch);
	mfs_put_bytes(o, h->session, sizeof(h->session));
	mfs_put_u32(o, h->node);
	mfs_put_u32(o, h->resumed);
}

void mfs_get_hello(struct mfs_in *in, struct mfs_hello *h)
{
	h->version_min = mfs_get_u32(in);
	h->version_max = mfs_get_u32(in);
	h->features = mfs_get_u64(in);
	h->epoch = mfs_get_u64(in);
	mfs_get_bytes(in, h->session, sizeof(h->session));
	h->node = mfs_get_u32(in);
	h->resumed = mfs_get_u32(in);
}

int mfs_name(const char *p, size_t len, char *ret)
{
	if (len > MFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (len == 0 || memchr(p, '/', len) || memchr(p, '\0', len))
		return -EINVAL;
	if (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')))
		return -EINVAL;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return 0;
}

int mfs_recall(const struct mfs_hdr *h, const uint8_t *body, char *ret_name)
{
	const uint64_t all = MFS_RECALL_NAME | MFS_RECALL_ATTR | MFS_RECALL_ALL;

	*ret_name = '\0';
	if (h->op != MFS_OP_RECALL || !h->a || !h->b || h->b & ~all)
		return -EPROTO;
	if (!(h->b & MFS_RECALL_NAME))
		return h->len ? -EPROTO : 0;
	return mfs_name((const char *)body, h->len, ret_name) < 0 ? -EPROTO : 0;
}

bool mfs_put_dirent(struct mfs_out *o, const struct mfs_dirent *d)
{
	if (o->bad || MFS_DIRENT_SIZE + d->name_len > o->cap - o->len)
		return false;
	mfs_put_u64(o, d->ino);
	mfs_put_u64(o, d->off);
	put_u16(o, d->name_len);
	mfs_put_bytes(o, &d->type, 1);
	mfs_put_bytes(o, d->name, d->name_len);
	return true;
}

int mfs_get_dirent(struct mfs_in *in, struct mfs_dirent *ret)
{
	struct mfs_dirent d;

	if (in->len == 0 && !in->bad)
		return 0;
	d.ino = mfs_get_u64(in);
	d.off = mfs_get_u64(in);
	d.name_len = get_u16(in);
	mfs_get_bytes(in, &d.type, 1);
	if (in->bad || d.name_len == 0 || d.name_len > MFS_NAME_MAX || d.name_len > in->len)
		return -EPROTO;
	d.name = (const char *)in->buf;
	in->buf += d.name_len;
	in->len -= d.name_len;
	*ret = d;
	return 1;
}
