/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What criu loses, put right in its image files before the restore.
 */
#ifndef MOSIX_CKPT_IMAGE_FIX_H
#define MOSIX_CKPT_IMAGE_FIX_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_FIX_MAX (64u << 20) /* the largest image that is looked at, bytes */

/*
 * core-*.img: a thread that waited in poll(), nanosleep(), futex() … would return EINTR, which
 * breaks programs that do not expect it. Makes it enter the call again, unless a signal waits that
 * would have interrupted it anyway.
 *
 * Returns the number of threads changed; then *ret is a new image, the caller's. 0: *ret is left
 * alone. -EBADMSG: not an image of that kind; -ENOMEM; -EFBIG.
 */
int image_fix_core(const uint8_t *img, size_t len, uint8_t **ret, size_t *ret_len);

/*
 * files.img: a periodic timerfd that has expired and was not read comes back disarmed. Arms it
 * for one interval. Returns as image_fix_core().
 */
int image_fix_files(const uint8_t *img, size_t len, uint8_t **ret, size_t *ret_len);

/*
 * filelocks.img (or none: @len 0): adds entries. 0, then *ret is a new image, the caller's; or
 * -EBADMSG, -ENOMEM.
 */
int image_add_locks(const uint8_t *img, size_t len, const ProtobufCBinaryData *entries,
		    size_t count, uint8_t **ret, size_t *ret_len);

#endif
