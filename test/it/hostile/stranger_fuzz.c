/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nonsense for each kind of connection: well-formed messages with wild contents, the same damaged,
 * and noise; all of it from a seed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "mfsfuse/wire.h"
#include "proto/messages.h"
#include "proto/mosix.pb-c.h"
#include "test/it/hostile/stranger.h"

#define FRAME_MAX 8192
#define FRAMES 40 /* at most, per connection */
#define HEADER 8
#define TYPES 100

static uint64_t state = 1;

void random_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15u + 1;
}

static uint64_t random_u64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random_u64() >> 32) % n;
}

void random_bytes(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)random_u64();
}

size_t mutate(uint8_t *p, size_t len, size_t cap)
{
	size_t from, n;

	if (!len)
		return 0;
	for (uint32_t i = random_below(8); i > 0; i--)
		p[random_below((uint32_t)len)] ^= (uint8_t)(1u << random_below(8));
	from = random_below((uint32_t)len);
	n = random_below((uint32_t)(len - from) + 1);
	switch (random_below(4)) {
	case 0:
		return from;
	case 1:
		n = len + n > cap ? cap - len : n;
		memmove(p + from + n, p + from, len - from);
		return len + n;
	case 2:
		memmove(p + from, p + from + n, len - from - n);
		return len - n;
	default:
		return len;
	}
}

/* ------------------------------------------------------------------ protobuf */

struct out {
	uint8_t *p;
	size_t len, cap;
};

static void put(struct out *o, const void *p, size_t len)
{
	if (o->len + len > o->cap)
		return;
	memcpy(o->p + o->len, p, len);
	o->len += len;
}

static void put_varint(struct out *o, uint64_t v)
{
	uint8_t byte;

	for (; v >= 0x80; v >>= 7) {
		byte = (uint8_t)(v | 0x80);
		put(o, &byte, 1);
	}
	byte = (uint8_t)v;
	put(o, &byte, 1);
}

/* Local users may be root, who may do anything to the jobs of node 1. A peer that is not their home
 * may not. */
static uint32_t lowest_home = 2;

/* Numbers near those that mean something, and the extremes. */
static uint64_t wild_number(void)
{
	switch (random_below(6)) {
	case 0:
		return random_u64();
	case 1:
		return UINT64_MAX >> random_below(64);
	case 2: /* a job */
		return (uint64_t)(lowest_home + random_below(4)) << 32 | random_below(4);
	default:
		return random_below(70);
	}
}

static void put_wild(struct out *o, const ProtobufCMessageDescriptor *d, int depth);

static void put_chunk(struct out *o, const ProtobufCFieldDescriptor *f, int depth)
{
	static const char *const words[] = {"",     "/",      "..",     "n4",       "/bin/true",
					    "A=B",  "\xff\n", "/home",  "../../..", "%s%n",
					    "home", "nobody", "[group]"};
	uint8_t buf[FRAME_MAX];
	struct out in = {.p = buf, .cap = sizeof(buf)};

	if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth < 5) {
		put_wild(&in, f->descriptor, depth + 1);
	} else if (random_below(2)) {
		const char *w = words[random_below(sizeof(words) / sizeof(*words))];

		put(&in, w, strlen(w));
	} else {
		in.len = random_below(random_below(20) ? 40 : 3000);
		random_bytes(buf, in.len);
	}
	put_varint(o, in.len);
	put(o, buf, in.len);
}

static void put_field(struct out *o, const ProtobufCFieldDescriptor *f, int depth)
{
	uint64_t v = wild_number();

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		put_varint(o, (uint64_t)f->id << 3 | 2);
		put_chunk(o, f, depth);
		break;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		put_varint(o, (uint64_t)f->id << 3 | 1);
		put(o, &v, 8);
		break;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		put_varint(o, (uint64_t)f->id << 3 | 5);
		put(o, &v, 4);
		break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
	default:
		put_varint(o, (uint64_t)f->id << 3);
		put_varint(o, v);
	}
}

static void put_wild(struct out *o, const ProtobufCMessageDescriptor *d, int depth)
{
	for (unsigned int i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		uint32_t n = random_below(5) != 0;

		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			n *= random_below(5);
		while (n--)
			put_field(o, f, depth);
	}
}

/* ------------------------------------------------------------------ frames */

static void put_header(uint8_t *p, uint32_t len, uint16_t type, uint16_t flags)
{
	memcpy(p, &len, 4);
	memcpy(p + 4, &type, 2);
	memcpy(p + 6, &flags, 2);
}

/* A frame for a connection of this kind: mostly one that is permitted there. */
static size_t wild_frame(uint8_t *buf, enum conn_kind kind, enum phase phase)
{
	struct out o = {.p = buf, .len = HEADER, .cap = FRAME_MAX};
	uint16_t type;
	const struct message_info *info;

	do
		type = (uint16_t)random_below(TYPES);
	while (random_below(50) && message_check(kind, phase, type, 0) < 0);
	info = message_info(type);
	if (info && info->descriptor) {
		put_wild(&o, info->descriptor, 0);
	} else {
		o.len += random_below(200);
		random_bytes(buf + HEADER, o.len - HEADER);
	}
	if (!random_below(3))
		o.len = HEADER + mutate(buf + HEADER, o.len - HEADER, FRAME_MAX - HEADER);
	put_header(buf, (uint32_t)(o.len - HEADER), type, 0);
	if (!random_below(40))
		o.len = mutate(buf, o.len, FRAME_MAX);
	return o.len;
}

/* Takes what has come, so that nothing blocks. False at the end. */
static bool drain(struct stream *s)
{
	char buf[4096];
	ssize_t n;

	do
		n = stream_read(s, buf, sizeof(buf));
	while (n > 0);
	return n == -EAGAIN;
}

static bool say(struct stream *s, const uint8_t *buf, size_t len)
{
	return stream_write_full(s, buf, len, STEP_MS) == 0 && drain(s);
}

/* Half of the time it waits for what becomes of it, half of the time it hangs up. */
static void hang_up(struct stream *s)
{
	struct pollfd p = {.fd = stream_fd(s), .events = POLLIN};

	if (random_below(2))
		(void)poll(&p, 1, 20);
	(void)drain(s);
	stream_free(s);
}

static size_t hello_frame(uint8_t *buf, uint32_t as)
{
	Mosix__NodeInfo info = MOSIX__NODE_INFO__INIT;
	Mosix__Hello m = MOSIX__HELLO__INIT;
	size_t len;

	info.has_node = m.has_version_min = m.has_version_max = true;
	info.node = as;
	m.version_min = m.version_max = 1;
	m.info = &info;
	len = mosix__hello__pack(&m, buf + HEADER);
	put_header(buf, (uint32_t)len, MOSIX__MSG_TYPE__MSG_HELLO, 0);
	return HEADER + len;
}

void fuzz_peer(const struct target *t, unsigned int count)
{
	uint8_t buf[FRAME_MAX];

	lowest_home = 1;
	while (count--) {
		struct stream *s = dial_secure(t);
		bool good = random_below(10) != 0, ok = true;

		if (good)
			ok = say(s, buf, hello_frame(buf, t->as));
		for (uint32_t i = random_below(FRAMES); ok && i > 0; i--)
			ok = say(s, buf,
				 wild_frame(buf, CONN_FROM_PEER, good ? PHASE_OPEN : PHASE_START));
		hang_up(s);
	}
}

static enum conn_kind local_kind(const char *path)
{
	if (strstr(path, "guest.sock"))
		return CONN_FROM_GUEST;
	return strstr(path, "mfs") ? CONN_FROM_MFS : CONN_FROM_USER;
}

static bool say_with_fd(struct stream *s, uint8_t *buf, size_t len)
{
	_cleanup_fd_ int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (random_below(4))
		buf[6] |= 1;
	n = stream_write_fd(s, buf, len, fd);
	return n > 0 && ((size_t)n == len || say(s, buf + n, len - (size_t)n)) && drain(s);
}

void fuzz_local(const struct target *t, unsigned int count)
{
	enum conn_kind kind = local_kind(t->where);
	uint8_t buf[FRAME_MAX];

	while (count--) {
		struct stream *s = dial_secure(t);
		bool ok = true;

		for (uint32_t i = 0, n = random_below(FRAMES); ok && i < n; i++) {
			size_t len = wild_frame(buf, kind, i ? PHASE_OPEN : PHASE_START);

			ok = random_below(5) || !len ? say(s, buf, len) : say_with_fd(s, buf, len);
		}
		hang_up(s);
	}
}

/* ------------------------------------------------------------------ files */

static size_t wild_request(uint8_t *buf)
{
	static const char *const names[] = {"etc", "passwd", "..", ".", "", "a/b", "home", "srv"};
	struct mfs_out o = {.buf = buf + MFS_HDR_SIZE, .cap = 4000};
	struct mfs_hdr h = {.op = (uint16_t)random_below(MFS_OP_END), .uid = 1002, .gid = 1002};

	h.flags = (uint16_t)(random_below(8) ? 0 : random_below(4));
	h.xid = random_below(30);
	h.umask = (uint32_t)wild_number();
	h.file = random_below(6);
	h.a = wild_number();
	h.b = random_below(4) ? random_below(5000) : wild_number();
	h.c = wild_number();
	if (random_below(3) == 0) {
		h.node.kind = (uint8_t)random_below(_MFS_FH_N);
		h.node.mount = wild_number();
		h.node.len = (uint8_t)random_below(20);
		random_bytes(h.node.data, h.node.len);
	}
	for (uint32_t i = random_below(4); i > 0; i--) {
		const char *name = names[random_below(sizeof(names) / sizeof(*names))];

		if (random_below(2))
			mfs_put_string(&o, name, strlen(name));
		else
			mfs_put_bytes(&o, name, strlen(name));
		if (!random_below(4))
			mfs_put_fh(&o, &h.node);
	}
	h.len = (uint32_t)o.len;
	mfs_hdr_pack(&h, buf);
	if (!random_below(3))
		(void)mutate(buf + 8, MFS_HDR_SIZE - 8 + o.len, MFS_HDR_SIZE - 8 + o.len);
	return MFS_HDR_SIZE + o.len;
}

static size_t mfs_hello_request(uint8_t *buf)
{
	struct mfs_out o = {.buf = buf + MFS_HDR_SIZE, .cap = 1000};
	struct mfs_hello hello = {.version_min = 1, .version_max = 1, .node = 3};
	struct mfs_hdr h = {.op = MFS_OP_HELLO, .xid = 1};

	random_bytes(hello.session, sizeof(hello.session));
	mfs_put_hello(&o, &hello);
	h.len = (uint32_t)o.len;
	mfs_hdr_pack(&h, buf);
	return MFS_HDR_SIZE + o.len;
}

void fuzz_mfs(const struct target *t, unsigned int count)
{
	uint8_t buf[FRAME_MAX];

	while (count--) {
		struct stream *s = dial_secure(t);
		bool ok = true;

		if (random_below(10))
			ok = say(s, buf, mfs_hello_request(buf));
		for (uint32_t i = random_below(FRAMES); ok && i > 0; i--)
			ok = say(s, buf, wild_request(buf));
		hang_up(s);
	}
}

/* ------------------------------------------------------------------ before the handshake */

/* What a client with the right key says first. */
static size_t client_hello(const struct target *t, uint8_t *buf, size_t cap)
{
	struct stream *s;
	uint8_t key[KEY_SIZE];
	int sk[2];
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sk) < 0 ||
	    key_derive(t->cluster, "peer", key) < 0 ||
	    stream_new_tls(&s, sk[0], false, "peer", key) < 0)
		die("cannot make a client's first words");
	(void)stream_handshake(s);
	n = recv(sk[1], buf, cap, 0);
	stream_free(s);
	close(sk[1]);
	return n > 0 ? (size_t)n : 0;
}

void fuzz_handshake(const struct target *t, unsigned int count)
{
	uint8_t buf[FRAME_MAX];

	while (count--) {
		int fd = dial(t);
		size_t len, got;

		if (random_below(3)) {
			len = client_hello(t, buf, 4000);
			len = mutate(buf, len, sizeof(buf));
		} else {
			len = random_below(2000);
			random_bytes(buf, len);
		}
		/* It may be closed already. */
		(void)send(fd, buf, len, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		if (!fd_is_closed(fd, &got))
			die("a connection was kept");
	}
}
