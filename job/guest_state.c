/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What travels with the job besides its images: the guest's end of the job link, what waits in
 * pipes and terminal, what is known of the main process.
 */
#include "common/cleanup.h"
#include "job/guest.h"
#include <errno.h>
#include <stdlib.h>

#define STATE_MAGIC 0x4a58534d /* "MSXJ" */
#define STATE_VERSION 2u

int guest_state_pack(struct guest *g, uint8_t **ret, size_t *ret_len)
{
	_cleanup_free_ uint8_t *link = NULL;
	struct packer p = {0};
	size_t len;
	int r;

	r = endpoint_pack(g->ep, &link, &len);
	if (r < 0)
		return r;
	pack_u32(&p, STATE_MAGIC);
	pack_u32(&p, STATE_VERSION);
	pack_u64(&p, g->job);
	pack_u32(&p, g->state_serial);
	pack_u64(&p, g->signal_seq);
	pack_u8(&p, g->stopped);
	pack_u64(&p, g->max_rss);
	pack_blob(&p, link, len);
	r = stdio_pack(&g->stdio, &p);
	if (r >= 0 && p.failed)
		r = -ENOMEM;
	if (r >= 0 && p.len > ENGINE_STATE_MAX)
		r = -EFBIG;
	if (r < 0) {
		free(p.data);
		return r;
	}
	*ret = p.data;
	*ret_len = p.len;
	return 0;
}

int guest_state_unpack(struct guest *g, const uint8_t *data, size_t len, struct err *e)
{
	_cleanup_(endpoint_freep) struct endpoint *ep = NULL;
	struct unpacker u = {.data = data, .len = len};
	uint32_t magic = unpack_u32(&u), version = unpack_u32(&u), serial;
	uint64_t job = unpack_u64(&u), signal_seq, max_rss;
	const uint8_t *link;
	size_t link_len;
	bool stopped;
	int r;

	serial = unpack_u32(&u);
	signal_seq = unpack_u64(&u);
	stopped = unpack_bool(&u);
	max_rss = unpack_u64(&u);
	link = unpack_blob(&u, ENGINE_STATE_MAX, &link_len);
	if (u.failed || magic != STATE_MAGIC || version != STATE_VERSION || job != g->job)
		return err_set(e, -EPROTO,
			       "the source sent a state that this version of MOSIX does not know");
	r = endpoint_unpack(&ep, link, link_len);
	if (r < 0)
		return err_sys(e, r, "the source sent a bad state of the job link");
	r = stdio_restore(&g->stdio, &u, &g->container, g->spec->uid, g->move.inherit,
			  &g->move.inherit_count, e);
	if (r < 0)
		return r;
	endpoint_free(g->ep);
	g->ep = steal_ptr(ep);
	g->state_serial = serial;
	g->signal_seq = signal_seq;
	g->stopped = stopped;
	g->max_rss = max_rss;
	return 0;
}
