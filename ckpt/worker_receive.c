/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The destination's image connection, and what is done to the images when all are there. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "ckpt/extra.h"
#include "ckpt/image_fix.h"
#include "ckpt/images.h"
#include "ckpt/worker_destination.h"
#include "common/cleanup.h"
#include "common/fail.h"

#define PROGRESS_STEP (32u << 20)

static int fix_image(void *arg, const char *name)
{
	struct destination *d = arg;
	_cleanup_free_ uint8_t *img = NULL, *fixed = NULL;
	size_t len, fixed_len;
	bool core = strncmp(name, "core-", 5) == 0;
	int r;

	if (!core && strcmp(name, "files.img") != 0)
		return 0;
	r = images_read(d->images, name, IMAGE_FIX_MAX, &img, &len);
	if (r < 0)
		return r;
	r = core ? image_fix_core(img, len, &fixed, &fixed_len)
		 : image_fix_files(img, len, &fixed, &fixed_len);
	if (r <= 0)
		return r;
	return images_write(d->images, name, fixed, fixed_len);
}

static int add_locks(struct destination *d)
{
	const uint8_t *extra;
	size_t len;

	extra = xfer_receiver_extra(d->rx, &len);
	return extra_add_locks(d->images, extra, len);
}

static int images_complete(struct destination *d)
{
	int r;

	d->complete = true;
	d->net_events = 0;
	FAIL_POINT("ckpt/received");
	/* The source may vote before what follows here. */
	r = xfer_receiver_answer(d->rx, NULL, WORKER_STALL_MS);
	if (r < 0)
		return err_sys(&d->err, r, "The image connection broke");
	r = images_each(d->images, fix_image, d);
	if (r == 0)
		r = add_locks(d);
	return r < 0 ? err_sys(&d->err, r, "The job's images cannot be read") : 0;
}

static int tell_progress(struct destination *d)
{
	uint64_t bytes = xfer_receiver_bytes(d->rx);

	if (bytes - d->told < PROGRESS_STEP)
		return 0;
	d->told = bytes;
	return worker_tell(d->w, ENGINE_PROGRESS, bytes, 0);
}

static int receive(struct destination *d)
{
	const uint8_t *state;
	size_t len;
	int r;

	for (;;) {
		r = xfer_receiver_pump(d->rx, &d->err);
		if (r < 0)
			return r;
		if (r == 0)
			return tell_progress(d);
		if (r == XFER_GOT_ALL)
			return images_complete(d);
		state = xfer_receiver_state(d->rx, &len);
		r = worker_tell_state(d->w, state, len);
		if (r < 0)
			return r;
	}
}

int destination_on_net(struct destination *d)
{
	int r;

	if (!d->shaken) {
		r = stream_handshake(d->net);
		if (r > 0) {
			d->net_events = r == STREAM_E_WANT_READ ? POLLIN : POLLOUT;
			return 0;
		}
		if (r < 0)
			return err_sys(&d->err, r, "The image connection was refused");
		d->shaken = true;
		d->net_events = POLLIN;
	}
	return receive(d);
}
